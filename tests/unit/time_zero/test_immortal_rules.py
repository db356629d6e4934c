"""Rules of a study: what they are checked for, and what a very large study would find."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from hccbayes import evidence
from hccbayes.cohort import read_cohort
from hccbayes.errors import InputError
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival
from hccbayes.roles import ArmRole, Roles
from hccbayes.time_zero.immortal_cohort import immortal_rules_of
from hccbayes.time_zero.immortal_limit import limit_of
from hccbayes.time_zero.immortal_rules import ImmortalRules, limit_of_rules, pooled_median

LU = {"treated": 141, "control": 26, "window": (0.0, 3.0)}
LARGE = 200_000


def study(rules: ImmortalRules, hazard_ratio: float, seed: int) -> tuple[np.ndarray, ...]:
    """Return end, death, treated of one large study, drawn patient by patient from its story.

    Another way than the package's: an exponential time before and, for those who live to the
    start, another one after it.
    """
    rng = np.random.default_rng(seed)
    mechanism = rules.mechanism(hazard_ratio)
    rate, share = mechanism.hazard[0], rules.intention(mechanism)
    meant = rng.random(LARGE) < share
    start = rng.uniform(*rules.window, LARGE)
    death = rng.exponential(1 / rate, LARGE)
    lives = meant & (death > start)
    death[lives] = start[lives] + rng.exponential(1 / (hazard_ratio * rate), lives.sum())
    end = death
    if rules.administrative is not None:
        end = np.minimum(death, rng.uniform(*rules.administrative, LARGE))
    treated = meant & (end > start + rules.further_months)
    kept = end > rules.required_months
    if rules.early_deaths == "excluded":
        kept &= treated | ~meant
    return end[kept], (death == end)[kept], treated[kept]


SETTINGS = [
    {},
    {"administrative": (2.0, 40.0)},
    {"further_months": 0.7, "administrative": (6.0, 64.0)},
    {"required_months": 2.0, "early_deaths": "excluded"},
    {"required_months": 3.45, "administrative": (3.0, 30.0)},
]


@pytest.mark.parametrize("hazard_ratio", [1.0, 0.5, 1.6])
@pytest.mark.parametrize("setting", SETTINGS)
def test_limits_agree_with_a_large_study(setting, hazard_ratio):
    """Cox ratio, exponential fit, share and medians, for every rule and under an effect."""
    rules = ImmortalRules(**LU, median=15.0, intended_share=0.8, **setting)
    limit = limit_of(rules.mechanism(hazard_ratio), 0.8)
    end, death, treated = study(rules, hazard_ratio, seed=31)
    zero = np.zeros(end.size)
    fit = cox(pd.DataFrame({"treatment": treated.astype(float)}), zero, end, death)
    assert abs(fit.coef[0] - math.log(limit.hazard_ratio)) < 4 * fit.se[0]
    rates = [death[arm].sum() / end[arm].sum() for arm in (treated, ~treated)]
    assert abs(math.log(rates[0] / rates[1] / limit.exponential_ratio)) < 4 * fit.se[0]
    assert abs(treated.mean() - limit.treated_share) < 4 * math.sqrt(0.25 / end.size)
    for arm, median in ((treated, limit.median_treated), (~treated, limit.median_control)):
        found = median_survival(kaplan_meier(zero[arm], end[arm], death[arm], prob=0.9999))
        # Where the curve stays above one half, both are infinite.
        assert found.lower <= median <= found.upper


def test_hazards_by_interval():
    """Two equal hazards are one; a median is where half are dead."""
    one = ImmortalRules(**LU, hazard=(0.05,))
    two = ImmortalRules(**LU, hazard=(0.05, 0.05), cuts=(4.0,))
    assert limit_of_rules(two).hazard_ratio == pytest.approx(limit_of_rules(one).hazard_ratio)
    steep = ImmortalRules(**LU, hazard=(0.02, 0.1), cuts=(3.0,))
    assert steep.common_median == pytest.approx(3.0 + (math.log(2.0) - 0.06) / 0.1)
    assert limit_of_rules(steep).hazard_ratio > limit_of_rules(one).hazard_ratio


@pytest.mark.parametrize("early_deaths", ["control", "excluded"])
@pytest.mark.parametrize("hazard_ratio", [1.0, 0.7, 2.0])
def test_printed_share_and_pooled_survival_are_held(early_deaths, hazard_ratio):
    rules = ImmortalRules(
        **LU, median=15.0, early_deaths=early_deaths, further_months=0.5, required_months=1.0
    )
    limit = limit_of_rules(rules, hazard_ratio)
    assert limit.treated_share == pytest.approx(141 / 167, abs=1e-9)
    assert limit.median_pooled == pytest.approx(limit_of_rules(rules).median_pooled, abs=1e-5)


def test_same_requirement_of_both_arms_is_no_immortal_time():
    """Both arms live 15 weeks: no ratio, but medians longer by those weeks."""
    weeks = 15 * 7 / 30.4375
    rules = ImmortalRules(
        treated=169,
        control=253,
        window=(weeks, weeks),
        early_deaths="excluded",
        required_months=weeks,
        median=12.0,
    )
    limit = limit_of_rules(rules)
    assert limit.hazard_ratio == pytest.approx(1.0, abs=1e-9)
    assert limit.median_treated == pytest.approx(12.0 + weeks, abs=1e-8)
    assert limit.median_control == pytest.approx(12.0 + weeks, abs=1e-8)
    # Asked of the treated alone it is.
    assert limit_of_rules(replace(rules, required_months=0.0)).hazard_ratio < 0.9


def test_pooled_median():
    assert pooled_median(9.0, 9.0, 0.3) == 9.0
    median = pooled_median(15.0, 4.5, 141 / 167)
    mixed = 141 / 167 * 2 ** (-median / 15.0) + 26 / 167 * 2 ** (-median / 4.5)
    assert mixed == pytest.approx(0.5, abs=1e-12)
    assert ImmortalRules(**LU, arm_medians=(15.0, 4.5)).common_median == median


@pytest.fixture(scope="module")
def null_cohort():
    roles = Roles(
        id="patient_id",
        time="os_months",
        event="death",
        arm=ArmRole(
            column="arm", treated="TACE + targeted + PD-(L)1", control="targeted + PD-(L)1"
        ),
        time_unit="months",
        time_zero="start of treatment",
    )
    return read_cohort("synthetic:lu2025_immortal_null", roles)


def test_rules_of_a_cohort(null_cohort):
    """Survival is the cohort's; the end of follow-up is near the (6, 64) of its making."""
    rules = immortal_rules_of(null_cohort, (0.0, 3.0))
    frame = null_cohort.frame
    assert (rules.treated, rules.control) == (141, 26)
    curve = kaplan_meier(frame["entry"], frame["time"], frame["event"])
    found = median_survival(curve).estimate
    assert limit_of_rules(rules).median_pooled == pytest.approx(found, abs=1e-6)
    assert rules.administrative == pytest.approx((6.0, 64.0), abs=12.0)


def test_rules_of_a_cohort_that_required_follow_up(null_cohort):
    """The median from time zero is shorter than that of those who were let in."""
    rules = immortal_rules_of(null_cohort, (0.0, 3.0), required_months=2.0)
    plain = immortal_rules_of(null_cohort, (0.0, 3.0))
    assert rules.common_median == pytest.approx(plain.common_median - 2.0, abs=1e-6)


def test_rules_of_a_cohort_with_delayed_entry(null_cohort):
    late = replace(null_cohort, frame=null_cohort.frame.assign(entry=0.5))
    with pytest.raises(InputError, match="column entry"):
        immortal_rules_of(late, (0.0, 3.0))


def test_every_mistake_is_named_at_once():
    with pytest.raises(InputError) as caught:
        ImmortalRules(
            treated=0,
            control="26",
            window=(3.0, 0.0),
            early_deaths="lost",
            further_months=-1.0,
            required_months="two",
            median=-15.0,
            arm_medians=(15.0,),
            administrative=(64.0, 6.0),
            intended_share=1.0,
        )
    assert [problem.where for problem in caught.value.problems] == [
        "treated",
        "control",
        "window",
        "early_deaths",
        "further_months",
        "required_months",
        "median and arm_medians",
        "median",
        "arm_medians",
        "administrative",
        "intended_share",
    ]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "median: is needed, or hazard, or arm_medians"),
        ({"median": "15"}, "must be a positive number, not '15'"),
        ({"hazard": (0.1, 0.2)}, "needs 1 numbers"),
        ({"hazard": (0.1, 0.2), "cuts": (-1.0,)}, "cuts: must be a positive number"),
        ({"hazard": "0.1"}, "hazard: needs a list of numbers"),
        ({"median": 15.0, "cuts": (3.0,)}, "cuts: belong to hazard"),
        ({"median": 15.0, "administrative": (0.0, 0.0)}, "leaves nobody any follow-up"),
        ({"median": 15.0, "administrative": (0.0, 1.0), "window": (2, 3)}, "nobody lives"),
        ({"median": 15.0, "window": (-1.0, 3.0)}, "starts 1 months before time zero"),
        ({"median": 15.0, "window": "0-3"}, "needs two numbers"),
        ({"median": 15.0, "administrative": (1.0, 5.0), "required_months": 5.0}, "so much"),
    ],
)
def test_messages(fields, message):
    with pytest.raises(InputError, match=message):
        ImmortalRules(**(LU | fields))


def test_a_share_that_cannot_be_reached():
    r"""At the most :math:`(1 - e^{-x}) / x` live to a start uniform on 0-3, x = 3 log 2 / 4.5."""
    x = 3 * math.log(2.0) / 4.5
    most = f"{-math.expm1(-x) / x:.3f}"
    with pytest.raises(InputError, match=f"cannot be reached: if all were meant .* {most}"):
        ImmortalRules(treated=141, control=26, window=(0.0, 3.0), median=4.5)


def test_rules_of_the_printed_study():
    """Lu 2025 as printed: sizes and medians of the unadjusted overall survival."""
    outcomes = evidence.table("outcomes", usable_only=False)
    rows = outcomes[
        (outcomes["study"] == "Lu2025")
        & (outcomes["endpoint"] == "OS")
        & (outcomes["analysis_set"] == "unadjusted")
    ].set_index("arm")
    medians = tuple(float(rows.loc[arm, "printed_median"]) for arm in ("treated", "control"))
    assert medians == (15.0, 4.5)
    rules = ImmortalRules(**LU, arm_medians=medians, administrative=(6.0, 64.0))
    limit = limit_of_rules(rules)
    assert rules.common_median == pytest.approx(12.36, abs=0.01)
    assert limit.median_pooled == pytest.approx(rules.common_median, abs=1e-8)
    assert limit.hazard_ratio == pytest.approx(0.452, abs=1e-3)
