"""The audit of hazard ratios: one fault at a time, and none where there is none."""

from __future__ import annotations

import math

import pandas as pd
import pytest
from scipy.stats import norm

from hccbayes.evidence import audit

GOOD = {
    "study": "A",
    "endpoint": "OS",
    "analysis_set": "matched",
    "covariate": "treatment",
    "term": "treatment",
    "adjusted": "no",
    "n_treated": "150",
    "n_control": "150",
    "events_treated": "80",
    "events_control": "95",
    "hr": "0.70",
    "lower": "0.52",
    "upper": "0.94",
    "p": "0.019",
    "interval_prob": "0.95",
}


def findings(**changes):
    found = audit(pd.DataFrame([GOOD | changes]), kind="hazard_ratios")
    return found[found["severity"] != "note"]


def checks(**changes):
    return list(findings(**changes)["check"])


def test_a_consistent_row_raises_nothing():
    assert checks() == []


@pytest.mark.parametrize("prob", [0.90, 0.95, 0.99])
@pytest.mark.parametrize("se", [0.16, 0.3, 0.6])
@pytest.mark.parametrize("log_hr", [-1.2, -0.3, 0.0, 0.5])
@pytest.mark.parametrize("digits", [2, 3])
def test_rounding_alone_raises_nothing(prob, se, log_hr, digits):
    z = norm.ppf(0.5 + prob / 2)
    ends = [f"{math.exp(log_hr + sign * z * se):.{digits}f}" for sign in (0, -1, 1)]
    p = 2 * norm.sf(abs(log_hr) / se)
    changes = dict(zip(("hr", "lower", "upper"), ends, strict=True))
    changes["p"] = "<0.001" if p < 0.0005 else f"{p:.3f}"
    assert checks(interval_prob=f"{prob:.2f}", **changes) == []


def test_hazard_ratio_outside_of_its_interval():
    found = findings(hr="0.40", p="")
    assert list(found["check"]) == ["hr_outside_interval", "interval_asymmetric"]
    assert found["severity"].iloc[0] == "impossible"


def test_asymmetric_interval_says_what_would_fit():
    found = findings(hr="2.845", lower="2.524", upper="5.311", p="", n_treated="", n_control="",
                     events_treated="", events_control="")  # fmt: skip
    assert list(found["check"]) == ["interval_asymmetric"]
    # 2.845^2 / 5.311 = 1.5240 and 2.845^2 / 2.524 = 3.2068
    assert "lower limit 1.524" in found["expected"].iloc[0]
    assert "upper limit 3.207" in found["expected"].iloc[0]


def test_wrong_level_is_an_inconsistent_p():
    # The 90% interval of the same fit, declared as 95%: z is too large by 1.96 / 1.645.
    se = math.log(0.94 / 0.52) / (2 * norm.ppf(0.975))
    z = norm.ppf(0.95)
    narrow = [f"{math.exp(math.log(0.7) + sign * z * se):.3f}" for sign in (-1, 1)]
    honest = {"hr": "0.700", "lower": narrow[0], "upper": narrow[1], "p": "0.018"}
    honest |= {"events_treated": "90", "events_control": "95"}
    assert checks(interval_prob="0.90", **honest) == []
    assert checks(interval_prob="0.95", **honest) == ["se_below_floor", "p_against_interval"]


def test_one_sided_p_is_named():
    found = findings(hr="0.91", lower="0.69", upper="1.21", interval_prob="0.90", p="0.290")
    assert list(found["check"]) == ["p_against_interval"]
    assert "one-sided" in found["message"].iloc[0]


def test_p_that_repeats_the_hazard_ratio_is_named():
    found = findings(hr="0.611", lower="0.219", upper="1.703", p="0.611")
    assert "repeats the hazard ratio" in found["message"].iloc[0]


def test_likelihood_ratio_p_is_a_note_and_no_alarm():
    # Wald z 3.00 with |log HR| 0.9: a likelihood ratio z may lie up to 0.45 away.
    row = GOOD | {"hr": "0.4066", "lower": "0.2259", "upper": "0.7318", "p": "0.0006"}
    found = audit(pd.DataFrame([row]), kind="hazard_ratios")
    assert list(found["check"]) == ["p_not_wald"]
    assert list(found["severity"]) == ["note"]


def test_se_below_the_floor_of_two_arms():
    found = findings(hr="0.36", lower="0.28", upper="0.46", p="<0.001",
                     events_treated="68", events_control="194")  # fmt: skip
    assert list(found["check"]) == ["se_below_floor"]
    assert "0.141" in found["message"].iloc[0]


def test_se_exactly_at_the_floor_is_possible():
    floor = math.sqrt(1 / 68 + 1 / 194)
    ends = {
        name: f"{math.exp(-1.0 + sign * norm.ppf(0.975) * floor):.4f}"
        for name, sign in (("hr", 0), ("lower", -1), ("upper", 1))
    }
    events = {"events_treated": "68", "events_control": "194", "n_treated": "169"}
    assert checks(**ends, **events, p="") == []


def test_floor_of_a_covariate_uses_events_patients_or_a_bound():
    narrow = {"hr": "0.965", "lower": "0.772", "upper": "1.206", "p": "", "term": "covariate"}
    narrow |= {"covariate": "cirrhosis", "events_treated": "", "events_control": ""}
    narrow |= {"n_treated": "75", "n_control": "74"}
    # SE 0.1138 against 2 / sqrt(149) = 0.1638.
    assert checks(**narrow, coding="binary") == ["se_below_floor"]
    assert checks(**narrow, coding="continuous") == []
    assert checks(**narrow, coding="binary", analysis_set="weighted") == []
    many = narrow | {"n_treated": "400", "n_control": "400"}
    assert checks(**many, coding="binary") == []
    assert checks(**many, coding="binary", events_at_most="97") == ["se_below_floor"]


def test_notes_say_how_many_events_an_interval_needs():
    row = GOOD | {"events_treated": "", "events_control": ""}
    found = audit(pd.DataFrame([row]), kind="hazard_ratios")
    # The widest interval that rounds to this one: log(0.945 / 0.515) / 3.92 = 0.1549, 4 / SE^2.
    assert list(found["check"]) == ["events_implied"]
    assert found["expected"].iloc[0] == "at least 167"


def test_notes_bound_the_se_by_p_where_there_is_no_interval():
    row = GOOD | {"hr": "0.43", "lower": "", "upper": "", "p": "<0.001"}
    found = audit(pd.DataFrame([row]), kind="hazard_ratios")
    # log(0.425) / 3.2905
    assert found["expected"].iloc[0] == "SE at most 0.260"


def test_direction_against_medians_heeds_who_is_on_top():
    medians = {"median_treated": "4.4", "median_control": "6.8"}
    rows = [GOOD | medians, GOOD | medians | {"numerator": "control"}]
    named = [list(audit(pd.DataFrame([row]), kind="hazard_ratios")["check"]) for row in rows]
    assert named == [["direction_against_medians"], []]


def test_one_contrast_with_two_values():
    rows = [GOOD, GOOD | {"lower": "0.51", "hr": "0.69"}, GOOD | {"adjusted": "yes", "hr": "0.71"}]
    found = audit(pd.DataFrame(rows), kind="hazard_ratios")
    assert list(found.loc[found["check"] == "printed_twice", "row"]) == [2]


def test_rows_without_a_covariate_are_not_compared():
    rows = pd.DataFrame([GOOD, GOOD | {"hr": "0.71"}]).drop(columns=["covariate", "term"])
    assert "printed_twice" not in set(audit(rows, kind="hazard_ratios")["check"])


def test_shared_controls_and_repeated_p():
    arms = {"treated_label": "A + B", "control_label": "B"}
    rows = [GOOD | arms, GOOD | arms | {"treated_label": "A + B + C", "n_treated": "160"}]
    rows.append(GOOD | {"analysis_set": "unadjusted"})
    found = audit(pd.DataFrame(rows), kind="hazard_ratios")
    assert list(found.loc[found["check"] == "shared_control", "row"]) == [2]
    assert set(found.loc[found["check"] == "p_repeated", "printed"]) == {"0.019"}
