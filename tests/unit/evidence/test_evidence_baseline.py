"""The audit of baseline tables: one fault at a time in a small correct table."""

from __future__ import annotations

import pandas as pd
import pytest

from hccbayes.evidence import alarms, audit, reproduce_p
from hccbayes.evidence.baseline_relations import coincidence

SIZES = {"treated": 40, "control": 50}


def factor(variable, counts, *, p="", smd="", analysis_set="unadjusted", sizes=None):
    """Return one row a level and arm; `counts` is {level: (treated, control)}."""
    sizes = sizes or SIZES
    return [
        {
            "study": "A",
            "variable": variable,
            "level": level,
            "kind": "count",
            "analysis_set": analysis_set,
            "arm": arm,
            "arm_total": str(sizes[arm]),
            "count": str(count),
            "percent": f"{100 * float(count) / sizes[arm]:.1f}",
            "p": p,
            "smd": smd,
        }
        for level, pair in counts.items()
        for arm, count in zip(("treated", "control"), pair, strict=True)
    ]


def table(*factors, **changes):
    frame = pd.DataFrame([row for rows in factors for row in rows]).fillna("")
    for (line, column), text in changes.pop("cells", {}).items():
        frame.loc[line - 1, column] = text
    return frame


SEX = factor("sex", {"Male": (30, 41), "Female": (10, 9)}, p="0.419", smd="0.171")
ECOG = factor("ecog", {"0": (20, 30), "1": (18, 15), "2": (2, 5)}, p="0.290", smd="0.339")


def found(frame):
    return audit(frame, kind="baseline")


def raised(frame):
    return list(alarms(found(frame))["check"])


def test_a_correct_table_raises_nothing():
    assert raised(table(SEX, ECOG)) == []


def test_which_test_gives_the_p():
    # R: Pearson 0.4187511 of 30/10 and 41/9, corrected 0.5832, Fisher 0.4468; ECOG Pearson 0.28969.
    rows = reproduce_p(table(SEX, ECOG))
    by_name = rows.set_index("variable")
    assert by_name.loc["sex", "fits"] == "pearson"
    assert by_name.loc["sex", "pearson"] == pytest.approx(0.4187511, abs=5e-8)
    assert by_name.loc["ecog", "fits"] == "pearson"
    note = found(table(SEX, ECOG)).set_index("check").loc["tests_used", "message"]
    assert "one test gives all 2 p values: pearson" in note


def test_p_that_no_test_gives():
    frame = table(factor("sex", {"Male": (30, 41), "Female": (10, 9)}, p="0.042"))
    assert raised(frame) == ["p_not_reproduced"]


def test_p_that_is_cut_off_is_counted_as_fitting():
    # Pearson's p is 0.41875: cut to two digits it is 0.41, rounded 0.42.
    frame = table(factor("sex", {"Male": (30, 41), "Female": (10, 9)}, p="0.41"))
    assert raised(frame) == []


def test_percentages():
    frame = table(SEX, cells={(1, "percent"): "57.0"})
    hit = alarms(found(frame))
    assert list(hit["check"]) == ["percent_of_count"]
    assert hit["expected"].iloc[0] == "75.0"
    thirds = factor("hbv", {"yes": (20, 25), "no": (10, 5)}, sizes={"treated": 30, "control": 30})
    cut = table(thirds, cells={(1, "percent"): "66.6"})
    assert raised(cut) == []
    assert "percent_cut_off" in set(found(cut)["check"])


def test_count_above_its_total():
    assert "count_above_total" in raised(table(SEX, cells={(1, "count"): "41"}))


def test_levels_that_add_up_to_more_than_the_arm():
    frame = table(SEX, cells={(3, "count"): "12", (3, "percent"): "30.0", (3, "p"): ""})
    assert "levels_sum" in raised(frame)


def test_missing_values_are_a_note():
    frame = table(factor("sex", {"Male": (30, 41), "Female": (8, 9)}))
    assert raised(frame) == []
    assert list(found(frame)["check"]) == ["levels_sum"]


def test_overall_column_is_the_sum():
    rows = factor("sex", {"Male": (30, 41), "Female": (10, 9)})
    whole = [row | {"arm": "overall", "arm_total": "90"} for row in rows[::2]]
    whole[0] |= {"count": "71", "percent": "78.9"}
    whole[1] |= {"count": "18", "percent": "20.0"}
    assert raised(table(rows, whole)) == ["arms_sum"]


def test_smd_names_the_row_it_was_taken_from():
    wrong = factor("sex", {"Male": (30, 41), "Female": (10, 9)}, smd="0.339")
    hit = alarms(found(table(wrong, ECOG)))
    assert list(hit["check"]) == ["smd_not_reproduced"]
    assert "ecog" in hit["message"].iloc[0]
    assert hit["expected"].iloc[0] == "0.171"


def test_weighted_smd_may_use_either_spread():
    before = factor("sex", {"Male": (30, 41), "Female": (10, 9)})
    sizes = {"treated": 40.0, "control": 50.0}
    # Shares 0.8 and 0.88: 0.2195 with their own spread, 0.1954 with that before weighting.
    for smd, alarm in (("0.220", []), ("0.195", []), ("0.300", ["smd_not_reproduced"])):
        after = factor("sex", {"Male": ("32.0", "44.0"), "Female": ("8.0", "6.0")},
                       smd=smd, analysis_set="weighted", sizes=sizes)  # fmt: skip
        assert raised(table(before, after)) == alarm


def test_weighted_totals_far_from_the_patients():
    before = factor("sex", {"Male": (30, 41), "Female": (10, 9)})
    light = factor("sex", {"Male": ("21.0", "41.0"), "Female": ("8.0", "9.0")},
                   analysis_set="weighted", sizes={"treated": 29.0, "control": 50.0})  # fmt: skip
    assert raised(table(before, light)) == ["weighted_total"]


def test_matched_patients_are_some_of_all():
    part = factor("sex", {"Male": (20, 15), "Female": (10, 15)}, analysis_set="matched",
                  sizes={"treated": 30, "control": 30})  # fmt: skip
    hit = alarms(found(table(SEX, part)))
    assert list(hit["check"]) == ["subset_above_whole"]
    assert hit["expected"].iloc[0] == "at most 9"


def test_vascular_invasion_implies_stage_c():
    stage = factor("bclc", {"B": (27, 29), "C": (13, 21)})
    invasion = factor("pvtt", {"Present": (14, 20), "Absent": (26, 30)})
    assert raised(table(stage, invasion)) == ["implied_level"]
    spread = factor("extrahepatic_met", {"Present": (5, 8), "Absent": (35, 42)})
    fewer = factor("pvtt", {"Present": (10, 20), "Absent": (30, 30)})
    notes = found(table(stage, fewer, spread))
    overlap = notes.loc[notes["check"] == "implied_overlap", "expected"]
    assert list(overlap) == ["at least 2", "at least 7"]


def test_identical_rows_with_different_p_are_inconsistent():
    copy = factor("hbv", {"Absent": (10, 9), "Present": (30, 41)}, p="0.447")
    hit = alarms(found(table(SEX, copy)))
    assert list(hit["check"]) == ["identical_rows"]
    assert hit["severity"].iloc[0] == "inconsistent"


def test_identical_rows_with_the_same_p_are_judged_by_chance():
    copy = factor("hbv", {"Absent": (10, 9), "Present": (30, 41)}, p="0.419")
    # One pair of rows, chance 2/91 times a hypergeometric 0.17: below 0.01. Six rows are 15 pairs.
    assert raised(table(SEX, copy)) == ["identical_rows"]
    others = [factor(name, {"a": (12 + i, 25), "b": (28 - i, 25)}) for i, name in enumerate("wxyz")]
    hit = found(table(SEX, copy, *others))
    assert list(hit.loc[hit["check"] == "identical_rows", "severity"]) == ["note"]


def test_chance_of_identical_rows_by_hand():
    # Two of three patients: level sizes 0..3 equally likely, split hypergeometric, two orders.
    # Level 1 with one treated and none of the control: C(1,1) C(1,0)... = P(1 of the 1 is treated).
    counts = [(1, 0), (1, 1)]
    assert coincidence(counts) == pytest.approx(2 * (2 / 3) / 4, rel=1e-12)


def test_quartiles_sex_and_repeated_rows():
    quartiles = {
        "study": "A", "variable": "ggt", "level": "", "kind": "median_iqr", "arm": "control",
        "analysis_set": "unadjusted", "arm_total": "50",
        "median": "159.4", "q1": "176.8", "q3": "336.4",
    }  # fmt: skip
    assert raised(table(SEX, [quartiles])) == ["quartiles_disordered"]
    swapped = factor("sex", {"Female": (30, 41), "Male": (10, 9)})
    assert raised(table(swapped)) == ["sex_labels"]
    assert raised(table(SEX, SEX[:1])) == ["row_twice"]


def test_means_are_tested_within_rounding():
    def age(p, sd="12"):
        return [
            {
                "study": "A", "variable": "age", "level": "", "kind": "mean_sd", "arm": arm,
                "analysis_set": "unadjusted", "arm_total": str(size),
                "mean": mean, "sd": sd, "p": p,
            }
            for arm, size, mean in (("treated", 40, "55"), ("control", 50, "49"))
        ]  # fmt: skip

    # Differences from 5 to 7 years with SD 11.5 to 12.5: t from 1.89 to 2.87.
    assert list(found(table(age("0.020")))["check"]) == []
    notes = found(table(age("0.300")))
    assert list(notes["check"]) == ["p_not_from_means"]
    assert list(notes["severity"]) == ["note"]
