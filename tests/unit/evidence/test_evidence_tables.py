"""The shipped tables: complete, oriented, repaired, and honest about it."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

from hccbayes import evidence
from hccbayes.errors import InputError
from hccbayes.evidence.tables import package_file

PRINTED = [name for name, spec in evidence.TABLES.items() if spec.repairs]


@pytest.mark.parametrize("name", list(evidence.TABLES))
def test_every_table_is_valid_and_not_empty(name):
    frame = evidence.table(name, usable_only=False)
    assert len(frame) == len(evidence.printed_cells(name))
    assert len(evidence.table(name)) <= len(frame)


@pytest.mark.parametrize("name", PRINTED)
def test_left_out_rows_have_a_reason(name):
    frame = evidence.table(name, usable_only=False)
    assert (frame.loc[frame["use"] != "yes", "reason"] != "").all()
    assert not (evidence.table(name)["use"] == "no").any()
    assert len(evidence.table(name)) == (frame["use"] != "no").sum()


def test_returned_frames_are_copies():
    frame = evidence.table("studies")
    frame["study"] = "changed"
    assert evidence.table("studies").loc[0, "study"] != "changed"


def test_unknown_table_names_the_known_ones():
    with pytest.raises(InputError, match="hazard_ratios, baseline"):
        evidence.table("hazards")


def test_every_study_has_a_citation_and_the_cohorts_a_doi():
    studies = evidence.studies().set_index("study")
    assert (studies["citation"] != "").all()
    papers = studies[studies["role"].isin(["cohort", "review"])]
    assert list(papers.index) == ["Lu2025", "Chen2025", "Lin2023", "Sun2025", "Fu2024"]
    assert papers["doi"].str.fullmatch(r"10\.\d{4,9}/\S+").all()


def test_a_doi_was_seen_in_print_or_is_not_there():
    studies = evidence.studies()
    given = studies["doi"] != ""
    assert (studies["doi_seen_in"] != "").all()
    assert not studies.loc[given, "doi_seen_in"].str.startswith(("not verified", "none")).any()
    assert studies.loc[~given, "doi_seen_in"].str.startswith(("not verified: ", "none: ")).all()
    assert studies.loc[given, "doi"].str.fullmatch(r"10\.\d{4,9}/\S+").all()
    assert studies.loc[given, "doi"].is_unique
    assert given.sum() == 24


def test_arms_of_one_study_have_one_role_in_every_table():
    """Meyer2013 has no arm that is more treated than the other; its role must not change."""
    roles = {}
    for name in ("outcomes", "responses"):
        frame = evidence.table(name, usable_only=False)
        for row in frame[frame["study"] == "Meyer2013"].to_dict("records"):
            roles.setdefault(row["arm_label"], set()).add(row["arm"])
    assert roles == {"TAE": {"treated"}, "sTACE": {"control"}}
    ratios = evidence.select(evidence.table("hazard_ratios"), study="Meyer2013")
    assert set(ratios["treated_label"]) == {"TAE"}
    assert set(ratios["use"]) == {"caution"}
    assert ratios["reason"].str.contains("direction").all()


def test_effects_are_treated_over_control():
    rows = evidence.select(evidence.table("hazard_ratios"), study="Lin2023", endpoint="OS")
    treatment = rows[(rows["term"] == "treatment") & (rows["adjusted"] == "yes")].iloc[0]
    assert treatment["printed_hr"] == "2.009"
    # 1 / 2.009, 1 / 3.029, 1 / 1.332
    ends = treatment[["hr", "lower", "upper"]].astype(float)
    assert list(ends) == pytest.approx([0.49776, 0.33014, 0.75075], abs=1e-5)
    covariate = rows[rows["covariate"] == "apf"].iloc[0]
    assert covariate["hr"] == float(covariate["printed_hr"])


def test_standard_error_uses_the_level_of_its_own_interval():
    rows = evidence.select(evidence.table("hazard_ratios"), study="Park2019", endpoint="OS")
    row = rows.iloc[0]
    assert row["interval_prob"] == 0.90
    # (log 1.21 - log 0.69) / (2 * 1.6448536)
    assert row["se"] == pytest.approx(math.log(1.21 / 0.69) / (2 * 1.6448536), rel=1e-7)


def test_effects_lie_in_their_intervals_and_benefit_is_below_one():
    rows = evidence.table("hazard_ratios")
    rows = rows[rows["se"].notna()]
    assert (rows["lower"] <= rows["hr"]).all()
    assert (rows["hr"] <= rows["upper"]).all()
    assert np.allclose(np.exp(rows["log_hr"]), rows["hr"], rtol=1e-12)


def test_repairs_are_applied_and_the_print_is_kept():
    rows = evidence.table("hazard_ratios")
    repaired = rows[rows["use"] == "repaired"].set_index("printed_upper")
    assert repaired.loc["1.1.674", "upper"] == 1.674
    assert repaired.loc["3.032", "upper"] == 2.933
    assert repaired.loc["1.162", "upper"] == 2.162
    surgery = repaired.loc["5.311"]
    assert surgery["printed_lower"] == "2.524"
    assert surgery["upper"] == pytest.approx(1 / 1.524, rel=1e-12)


def test_labels_are_repaired():
    baseline = evidence.table("baseline")
    sex = baseline[(baseline["study"] == "Chen2025") & (baseline["variable"] == "sex")]
    assert dict(zip(sex["printed_level"], sex["level"], strict=True)) == {
        "Female": "Male",
        "Male": "Female",
    }


def test_rates_that_are_numbers_at_risk_are_no_survival():
    rates = evidence.select(evidence.table("survival_rates"), study="Sun2025", endpoint="OS")
    surgery = rates[(rates["arm"] == "treated") & (rates["analysis_set"] == "unadjusted")]
    assert list(surgery["at_risk"]) == [48, 19, 12]
    assert surgery["percent"].isna().all()
    assert list(surgery["printed_percent"]) == ["80.0", "31.7", "20.0"]


def test_medians_beyond_follow_up_are_infinite():
    outcomes = evidence.select(evidence.table("outcomes"), study="Chen2025", endpoint="OS")
    row = outcomes[(outcomes["arm"] == "treated") & (outcomes["analysis_set"] == "unadjusted")]
    assert row[["median", "median_lower", "median_upper"]].iloc[0].tolist() == [26.0, 18.4, np.inf]


def test_flags_are_those_of_the_audit():
    rows = evidence.table("hazard_ratios", usable_only=False)
    found = evidence.audit(
        evidence.printed_cells("hazard_ratios"), kind="hazard_ratios", unreadable="report"
    )
    flagged = set(evidence.alarms(found)["row"] - 1)
    assert set(rows.index[rows["flags"] != ""]) == flagged


def test_minimum_events_follow_from_the_standard_error():
    rows = evidence.table("hazard_ratios")
    known = rows[rows["min_events"].notna()]
    assert (known["min_events"] >= 4 / known["se"] ** 2).all()
    assert (known["min_events"] < 4 / known["se"] ** 2 + 1).all()
    assert (rows.loc[rows["coding"] == "continuous", "min_events"]).isna().all()


def test_select_names_the_known_ones():
    rows = evidence.table("hazard_ratios")
    with pytest.raises(InputError, match=r"unknown study 'Lu2024'.*Chen2025"):
        evidence.select(rows, study="Lu2024")
    with pytest.raises(InputError, match=r"unknown endpoint 'DFS'.*OS"):
        evidence.select(rows, endpoint="DFS")
    with pytest.raises(InputError, match="not a column"):
        evidence.select(evidence.studies(), endpoint="OS")


def test_audit_targets_name_known_inconsistencies_and_tables():
    targets = package_file("audit_targets")
    assert set(targets["id"]) <= set(evidence.table("inconsistencies")["id"])
    assert set(targets["table"]) <= set(evidence.TABLES)


@pytest.mark.parametrize("name", [*evidence.TABLES, "audit_targets"])
def test_no_working_material_is_named(name):
    text = package_file(name).to_csv(index=False)
    assert not re.search(r"\w+_[0-9a-f]{12,}|\.txt|\bseed\b", text)
