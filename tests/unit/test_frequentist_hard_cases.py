"""What the frequentist layer answers where the data determine little, or nothing.

A table of cohorts and functions states each outcome. No outcome is a bare ``nan``, a limit of no
width, a standard error of 0 without a word, or an error of NumPy's: either the function refuses and
says why, or what is missing from its answer carries a note.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from hccbayes.errors import InputError
from hccbayes.frequentist.concordance import concordance
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.firth_cox import firth_cox
from hccbayes.frequentist.fleming_harrington import fleming_harrington, weighted_fleming_harrington
from hccbayes.frequentist.follow_up import median_follow_up
from hccbayes.frequentist.frailty import frailty_cox
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival, survival_at
from hccbayes.frequentist.logrank import logrank
from hccbayes.frequentist.max_combo import max_combo
from hccbayes.frequentist.nelson_aalen import nelson_aalen
from hccbayes.frequentist.observed_expected import (
    observed_expected_hazard_ratio,
    peto_hazard_ratio,
)
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.frequentist.restricted_mean import restricted_mean, weighted_restricted_mean
from hccbayes.frequentist.restricted_mean_contrast import restricted_mean_contrast
from hccbayes.frequentist.robust_cox import robust_cox
from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.frequentist.weighted_cox import weighted_cox
from hccbayes.frequentist.weighted_curves import weighted_kaplan_meier
from hccbayes.frequentist.weighted_logrank import weighted_logrank


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cohort:
    """Eight patients in whom nothing is wrong, unless a case changes it."""

    start: Any = (0,) * 8
    stop: Any = (1, 2, 3, 4, 5, 6, 7, 8)
    event: Any = (1, 1, 0, 1, 1, 1, 0, 1)
    arm: Any = (1, 0, 0, 1, 0, 1, 1, 0)
    covariate: Any = None
    strata: Any = None
    cluster: Any = None
    weights: Any = (1.0,) * 8
    horizon: Any = 4.0

    @property
    def follow_up(self) -> tuple[Any, Any, Any]:
        """Return start, stop and event."""
        return tuple(np.asarray(part) for part in (self.start, self.stop, self.event))

    @property
    def design(self) -> pd.DataFrame:
        """Return the terms of a Cox model."""
        columns = {"treatment": self.arm, "covariate": self.covariate}
        return pd.DataFrame({name: own for name, own in columns.items() if own is not None})

    @property
    def centers(self) -> Any:
        """Return the cluster of each row, each its own where there are none."""
        return np.arange(len(self.stop)) if self.cluster is None else np.asarray(self.cluster)


CURVES: Mapping[str, Callable[[Cohort], Any]] = {
    "km": lambda c: kaplan_meier(*c.follow_up),
    "median": lambda c: median_survival(kaplan_meier(*c.follow_up)),
    "at": lambda c: survival_at(kaplan_meier(*c.follow_up), [c.horizon]),
    "quantiles": lambda c: survival_quantiles(kaplan_meier(*c.follow_up)),
    "aalen": lambda c: nelson_aalen(*c.follow_up),
    "follow_up": lambda c: median_follow_up(*c.follow_up),
    "rmst": lambda c: restricted_mean(*c.follow_up, c.horizon),
    "km_w": lambda c: weighted_kaplan_meier(*c.follow_up, c.weights, cluster=c.cluster),
    "rmst_w": lambda c: weighted_restricted_mean(
        *c.follow_up, c.weights, c.horizon, cluster=c.cluster
    )[0],
}
ARMS: Mapping[str, Callable[[Cohort], Any]] = {
    "rmst_diff": lambda c: restricted_mean_contrast(*c.follow_up, c.arm, c.horizon),
    "rmst_diff_w": lambda c: restricted_mean_contrast(
        *c.follow_up, c.arm, c.horizon, weights=c.weights, cluster=c.cluster
    ),
    "logrank": lambda c: logrank(*c.follow_up, c.arm, strata=c.strata),
    "logrank_w": lambda c: weighted_logrank(
        *c.follow_up, c.arm, c.weights, strata=c.strata, cluster=c.cluster
    ),
    "early": lambda c: fleming_harrington(*c.follow_up, c.arm, rho=1, strata=c.strata),
    "late": lambda c: fleming_harrington(*c.follow_up, c.arm, gamma=1, strata=c.strata),
    "early_w": lambda c: weighted_fleming_harrington(
        *c.follow_up, c.arm, c.weights, rho=1, strata=c.strata, cluster=c.cluster
    ),
    "max_combo": lambda c: max_combo(*c.follow_up, c.arm, strata=c.strata),
    "oe": lambda c: observed_expected_hazard_ratio(*c.follow_up, c.arm, strata=c.strata),
    "peto": lambda c: peto_hazard_ratio(*c.follow_up, c.arm, strata=c.strata),
}
MODELS: Mapping[str, Callable[[Cohort], Any]] = {
    "cox": lambda c: cox(c.design, *c.follow_up, strata=c.strata),
    "robust": lambda c: robust_cox(c.design, *c.follow_up, strata=c.strata, cluster=c.cluster),
    "cox_w": lambda c: weighted_cox(
        c.design, *c.follow_up, c.weights, strata=c.strata, cluster=c.cluster
    ),
    "firth": lambda c: firth_cox(c.design, *c.follow_up, strata=c.strata),
    "frailty": lambda c: frailty_cox(c.design, *c.follow_up, c.centers, strata=c.strata),
    "ph": lambda c: proportional_hazards_test(c.design, *c.follow_up, strata=c.strata),
    "c": lambda c: concordance(
        c.arm, *c.follow_up, strata=c.strata, weights=c.weights, cluster=c.cluster
    ),
}
FUNCTIONS = {**CURVES, **ARMS, **MODELS}
WEIGHTED = {"km_w", "rmst_w", "rmst_diff_w", "logrank_w", "early_w", "cox_w", "c"}
CLUSTERED = {"km_w", "rmst_w", "rmst_diff_w", "logrank_w", "early_w", "robust", "cox_w", "c"}
STRATIFIED = {*ARMS, *MODELS} - {"rmst_diff", "rmst_diff_w"}

EIGHT = {"zeros": (0,) * 8, "ones": (1,) * 8, "fives": (5.0,) * 8}
ANSWERED = ""
NOTHING = "nothing to test"
NO_TELLING = "no event tells the arms apart.*nothing to test"
CONSTANT = "term .*: is constant, or a combination"
INFINITE = "term treatment: has no finite log hazard ratio.*separation"
NO_EVENT = "event: no event"
NOT_YET = "~no event so far"
GONE = "~everybody at risk had the event"
NO_VARIATION = "~hold no variation of events"
NOT_REACHED = "~not reached: survival is still"
NO_LOWER = "~no lower limit: the curve falls to 0"
NO_UPPER = "~upper limit not reached"
NO_PAIR = "no pair of patients is comparable"
NO_CHANGE = "~too few times at which the term varies"

# A case: the cohort, then outcomes by functions. A text is the message of a NotEstimableError, with
# "!" before it that of an InputError, with "~" that of a note beside the answer; none is an answer
# without a note.
Outcomes = Mapping[str, str]
CASES: Mapping[str, tuple[Cohort, Outcomes]] = {
    "nothing is wrong": (
        Cohort(),
        {
            "km km_w": GONE,
            "aalen": NOT_YET,
            "at rmst rmst_w": ANSWERED,
            "median quantiles follow_up": NO_UPPER,
            **{name: ANSWERED for name in (*ARMS, *MODELS) if name not in ("frailty",)},
            "frailty": "~differ by no more than chance",
        },
    ),
    "no event among the treated": (
        Cohort(event=(0, 1, 0, 0, 1, 0, 0, 1)),
        {
            "rmst_diff rmst_diff_w": "~treated arm: .* its mean as known",
            "logrank logrank_w early early_w late max_combo peto firth c": ANSWERED,
            "oe": "event: no event in the treated arm",
            "cox robust cox_w frailty ph": INFINITE,
        },
    ),
    "no event among the controls": (
        Cohort(event=(1, 0, 0, 1, 0, 1, 1, 0)),
        {
            "rmst_diff rmst_diff_w": "~control arm: .* its mean as known",
            "logrank logrank_w early early_w late max_combo peto firth": ANSWERED,
            "oe": "event: no event in the control arm",
            "cox robust cox_w frailty ph": INFINITE,
        },
    ),
    "all censored": (
        Cohort(event=EIGHT["zeros"]),
        {
            "km km_w aalen at": NOT_YET,
            "median quantiles": NOT_REACHED,
            "follow_up": NO_UPPER,
            "rmst rmst_w": NO_VARIATION,
            "rmst_diff rmst_diff_w": "no variation of events.*nothing to test",
            "logrank logrank_w early early_w late oe peto": NO_TELLING,
            "max_combo": "has both arms at risk",
            "cox robust cox_w firth frailty ph": NO_EVENT,
            "c": NO_PAIR,
        },
    ),
    "every patient has the event": (
        Cohort(event=EIGHT["ones"]),
        {"follow_up": "event: every patient had the event", "km km_w": GONE, "cox firth": ANSWERED},
    ),
    "no control": (
        Cohort(arm=EIGHT["ones"]),
        {
            "rmst_diff rmst_diff_w": "treated: the control arm has no patient",
            "logrank logrank_w early early_w late oe peto": f"the control arm.*{NOTHING}",
            "max_combo": "has both arms at risk",
            "cox robust cox_w firth frailty ph": CONSTANT,
            "c": "~no variation to judge by",
        },
    ),
    "no treated patient": (
        Cohort(arm=EIGHT["zeros"]),
        {
            "rmst_diff rmst_diff_w": "treated: the treated arm has no patient",
            "logrank logrank_w early early_w late oe peto": f"the treated arm.*{NOTHING}",
            "max_combo": "has both arms at risk",
            "cox robust cox_w firth frailty ph": CONSTANT,
        },
    ),
    "a single patient, who dies": (
        Cohort(start=[0], stop=[5], event=[1], arm=[1], weights=[1.0]),
        {
            "km km_w": GONE,
            "median quantiles": NO_LOWER,
            "at aalen": NOT_YET,
            "follow_up": "every patient had the event",
            "rmst rmst_w": NO_VARIATION,
            "rmst_diff rmst_diff_w": "control arm has no patient",
            "logrank logrank_w early early_w late oe peto": NOTHING,
            "max_combo": "has both arms at risk",
            "cox robust cox_w firth ph": CONSTANT,
            "frailty": "one cluster tells nothing",
            "c": NO_PAIR,
        },
    ),
    "a single patient, who is censored": (
        Cohort(start=[0], stop=[5], event=[0], arm=[1], weights=[1.0]),
        {
            "km km_w aalen at": NOT_YET,
            "median quantiles": NOT_REACHED,
            "follow_up": NO_LOWER,
            "rmst rmst_w": NO_VARIATION,
            "logrank logrank_w early early_w late oe peto": NOTHING,
            "cox robust cox_w firth ph": NO_EVENT,
            "c": NO_PAIR,
        },
    ),
    "one patient an arm": (
        Cohort(start=[0, 0], stop=[3, 5], event=[1, 1], arm=[1, 0], weights=[1.0, 1.0]),
        {
            "logrank logrank_w early early_w oe peto firth": ANSWERED,
            "late": NO_TELLING,
            "max_combo": r"\(0.0, 1.0\), \(1.0, 1.0\)",
            "cox robust cox_w frailty ph": INFINITE,
            "rmst_diff": "no variation of events before the horizon in either arm",
            "c": "~no variation to judge by",
        },
    ),
    "one patient at risk at the last event": (
        Cohort(
            start=[0, 0, 3, 0],
            stop=[1, 2, 4, 2],
            event=[1, 1, 1, 0],
            arm=[1, 0, 1, 0],
            weights=[1.0] * 4,
        ),
        {
            "km km_w": GONE,
            "logrank logrank_w early early_w oe peto firth": ANSWERED,
            "cox robust cox_w frailty ph": INFINITE,
            "c": "~Wald limits beyond 0 or 1",
        },
    ),
    "all die at one time": (
        Cohort(stop=EIGHT["fives"], event=EIGHT["ones"]),
        {
            "km km_w": GONE,
            "median quantiles": NO_LOWER,
            "aalen": NOT_YET,
            "rmst rmst_w": NO_VARIATION,
            "logrank logrank_w early early_w late oe peto": NO_TELLING,
            "max_combo": "survived by somebody",
            "cox firth": ANSWERED,
            "robust cox_w": "term treatment: no robust variance: every score residual is 0",
            "ph": NO_CHANGE,
            "c": NO_PAIR,
        },
    ),
    "all leave at one time": (
        Cohort(stop=EIGHT["fives"]),
        {
            "cox robust cox_w firth c logrank logrank_w early early_w oe peto": ANSWERED,
            "km km_w": NOT_YET,
            "median quantiles": NO_UPPER,
            "follow_up": NOT_REACHED,
            "late": NO_TELLING,
            "ph": NO_CHANGE,
        },
    ),
    "all leave at time 0": (
        Cohort(stop=EIGHT["zeros"]),
        {
            "cox firth logrank": ANSWERED,
            "rmst rmst_w rmst_diff rmst_diff_w": "4 months lie beyond the follow-up of 0",
        },
    ),
    "an arm that dies at time 0": (
        Cohort(stop=(0, 3, 5, 0, 6, 0, 0, 8), event=(1, 1, 0, 1, 1, 1, 1, 1)),
        {"rmst_diff rmst_diff_w": "~no ratio: in one arm nobody lives beyond time 0"},
    ),
    "collinear covariates": (
        Cohort(covariate=(2, 0, 0, 2, 0, 2, 2, 0)),
        {"cox robust cox_w firth frailty ph": "term covariate: .*combination of the terms"},
    ),
    "a constant covariate": (
        Cohort(covariate=(3,) * 8),
        {"cox robust cox_w firth frailty ph": "term covariate: is constant"},
    ),
    "every stratum has one arm": (
        Cohort(strata=("t", "c", "c", "t", "c", "t", "t", "c")),
        {
            "logrank logrank_w early early_w late oe peto": NO_TELLING,
            "max_combo": "has both arms at risk",
            "cox robust cox_w firth frailty ph": CONSTANT,
            "c": "~no variation to judge by",
        },
    ),
    "one cluster of all": (
        Cohort(cluster=("a",) * 8),
        {
            "km_w": "~clusters do not differ",
            "rmst_w": NO_VARIATION,
            "rmst_diff_w": "no variation of events",
            "logrank_w early_w robust cox_w": "cluster: 1 clusters cannot give the variance",
            "frailty": "cluster: one cluster tells nothing",
            "c": "~no variation to judge by",
        },
    ),
    "huge weights": (
        Cohort(weights=(1e300,) * 8),
        dict.fromkeys(WEIGHTED, r"!weights: the largest is 1e\+300; divide them by it"),
    ),
    "tiny weights": (
        Cohort(weights=(1e-300,) * 8),
        dict.fromkeys(WEIGHTED, "!weights: the largest is 1e-300; divide them by it"),
    ),
    "one weight above all": (
        Cohort(weights=(1e12, *(1,) * 7)),
        {"rmst_w rmst_diff_w logrank_w early_w cox_w c": ANSWERED, "km_w": GONE},
    ),
    "no weight": (
        Cohort(weights=EIGHT["zeros"]),
        dict.fromkeys(WEIGHTED, "!weights: are all 0"),
    ),
    "no weight among the treated": (
        Cohort(weights=(0, 1, 1, 0, 1, 0, 0, 1)),
        {
            "rmst_diff_w": "weights: nobody of the curve has a weight",
            "logrank_w early_w": f"the treated arm has no patient; {NOTHING}",
            "cox_w": CONSTANT,
            "c": "~no variation to judge by",
        },
    ),
    "a negative weight": (
        Cohort(weights=(-1, *(1,) * 7)),
        dict.fromkeys(WEIGHTED, "!weights: must be finite and at least 0"),
    ),
    "a missing weight": (
        Cohort(weights=(np.nan, *(1,) * 7)),
        dict.fromkeys(WEIGHTED, "!weights: must be finite and at least 0"),
    ),
    "weights of text": (
        Cohort(weights=("a",) * 8),
        dict.fromkeys(WEIGHTED, "!weights: must be plain numbers"),
    ),
    "a missing time": (
        Cohort(stop=(np.nan, 2, 3, 4, 5, 6, 7, 8)),
        dict.fromkeys(FUNCTIONS, "!start and stop must be finite"),
    ),
    "an infinite time": (
        Cohort(stop=(np.inf, 2, 3, 4, 5, 6, 7, 8)),
        dict.fromkeys(FUNCTIONS, "!start and stop must be finite"),
    ),
    "a negative time": (
        Cohort(stop=(-1, 2, 3, 4, 5, 6, 7, 8)),
        dict.fromkeys(FUNCTIONS, "!need 0 <= start < stop"),
    ),
    "entry at exit": (
        Cohort(start=(1, *(0,) * 7)),
        dict.fromkeys(FUNCTIONS, "!need 0 <= start < stop"),
    ),
    "an event of 2": (
        Cohort(event=(2, 1, 0, 1, 1, 1, 0, 1)),
        dict.fromkeys(FUNCTIONS, "!event must be 0 or 1"),
    ),
    "a missing event": (
        Cohort(event=(np.nan, 1, 0, 1, 1, 1, 0, 1)),
        dict.fromkeys(FUNCTIONS, "!event must be 0 or 1"),
    ),
    "nobody": (
        Cohort(start=[], stop=[], event=[], arm=[], weights=[]),
        {
            " ".join({*FUNCTIONS} - {"rmst_diff", "rmst_diff_w"}): "!of one positive length",
            "rmst_diff rmst_diff_w": "treated: the treated arm has no patient",
        },
    ),
    "a missing arm": (
        Cohort(arm=(np.nan, 0, 0, 1, 0, 1, 1, 0)),
        dict.fromkeys(ARMS, r"!treated: one 0 or 1 a row is needed \(row 0\)"),
    ),
    "an arm of 2": (
        Cohort(arm=(1, 0, 2, 1, 0, 1, 1, 0)),
        dict.fromkeys(ARMS, r"!treated: one 0 or 1 a row is needed \(row 2\)"),
    ),
    "arms of text": (
        Cohort(arm=tuple("tcctcttc")),
        {
            " ".join(ARMS): "!treated: one 0 or 1 a row is needed",
            "c": "!score: must be plain numbers",
        },
    ),
    "a missing covariate": (
        Cohort(covariate=(np.nan, *(1,) * 7)),
        {"cox robust cox_w firth frailty ph": "!term covariate: has missing or infinite values"},
    ),
    "a missing stratum": (
        Cohort(strata=(None, *"aaabbbb")),
        dict.fromkeys(STRATIFIED, r"!strata: missing values are not a stratum \(row 0\)"),
    ),
    "a missing cluster": (
        Cohort(cluster=(None, *"aaabbbb")),
        dict.fromkeys(CLUSTERED, r"!cluster: missing values are not a .* \(row 0\)"),
    ),
    "a horizon beyond follow-up": (
        Cohort(horizon=99, event=(1, 1, 0, 1, 1, 1, 0, 0)),
        {
            "at": "!times: the curve ends at 8 months; not known: 99",
            "rmst rmst_w rmst_diff rmst_diff_w": "horizon: 99 months lie beyond the follow-up",
        },
    ),
    "a horizon before the first event": (
        Cohort(horizon=0.5),
        {"rmst rmst_w": NO_VARIATION, "rmst_diff rmst_diff_w": "no variation of events"},
    ),
    **{
        f"a horizon of {value!r}": (
            Cohort(horizon=value),
            {"rmst rmst_w rmst_diff rmst_diff_w": "!horizon: must be above 0 and finite"},
        )
        for value in (0, -3, np.nan, np.inf, "a")
    },
    "a time to be read that is text": (
        Cohort(horizon="a"),
        {"at": "!times: must be plain numbers"},
    ),
}

SWEEP = [
    pytest.param(FUNCTIONS[name], cohort, outcome, id=f"{case}-{name}")
    for case, (cohort, outcomes) in CASES.items()
    for name, outcome in sorted(
        (name, outcome) for names, outcome in outcomes.items() for name in names.split()
    )
]


@pytest.mark.parametrize(("function", "cohort", "outcome"), SWEEP)
def test_outcome(function, cohort, outcome):
    if outcome and not outcome.startswith("~"):
        message = outcome.removeprefix("!")
        with pytest.raises(InputError, match=message) as refused:
            function(cohort)
        assert isinstance(refused.value, NotEstimableError) == (not outcome.startswith("!"))
        return
    found = function(cohort)
    notes = list(notes_of(found))
    assert list(bare(found)) == []
    if outcome:
        assert any(re.search(outcome.removeprefix("~"), note) for note in notes), notes
    else:
        assert not any(notes)


def test_every_function_meets_every_kind_of_case():
    """Each function has a case it answers and, where it can be, one it refuses and one it notes."""
    met = {name: set() for name in FUNCTIONS}
    for _, outcomes in CASES.values():
        for names, outcome in outcomes.items():
            for name in names.split():
                met[name].add({"": "answer", "!": "input", "~": "note"}.get(outcome[:1], "none"))
    assert all("input" in kinds for kinds in met.values())
    assert all(kinds & {"answer", "note"} for kinds in met.values())


def test_survfit_of_one_patient():
    """R's ``survfit(Surv(5, 1) ~ 1)``: survival 0, std.err NaN, limits NA; median 5, limits NA."""
    curve = kaplan_meier([0], [5], [1])
    last = curve.iloc[-1]
    assert last["survival"] == 0
    assert np.isnan([last["standard_error"], last["lower"], last["upper"]]).all()
    found = median_survival(curve)
    assert found.estimate == 5
    assert not np.isfinite([found.lower, found.upper]).any()


def test_survdiff_with_a_stratum_of_one_arm():
    """R's ``survdiff(Surv(1:8, event) ~ arm + strata(g))``: 1/17, stratum 2 adding to O and E."""
    arm, strata = [1, 0, 0, 1, 1, 1, 1, 1], [1, 1, 1, 1, 2, 2, 2, 2]
    found = logrank(*Cohort().follow_up, arm, strata=strata)
    assert found.chi2 == pytest.approx(1 / 17, rel=1e-12)
    assert found.observed == {"treated": 5, "control": 1}
    assert found.expected["control"] == pytest.approx(7 / 6, rel=1e-12)
    one_stratum = [part[:4] for part in Cohort().follow_up]
    assert found.chi2 == pytest.approx(logrank(*one_stratum, arm[:4]).chi2, rel=1e-12)


def test_survdiff_without_an_event_in_an_arm():
    """R's ``survdiff``: chisq 1.74226804124 (169/97)."""
    cohort = Cohort(event=(0, 1, 0, 0, 1, 0, 0, 1))
    assert logrank(*cohort.follow_up, cohort.arm).chi2 == pytest.approx(169 / 97, rel=1e-12)


def test_coxph_where_all_die_at_one_time():
    """R's ``coxph``: coefficient 0, se 0.7071, and a robust se of 0 with z of NaN, refused here."""
    cohort = Cohort(stop=EIGHT["fives"], event=EIGHT["ones"])
    found = cox(cohort.design, *cohort.follow_up)
    assert found.coef[0] == pytest.approx(0, abs=1e-12)
    assert found.se[0] == pytest.approx(np.sqrt(0.5), rel=1e-12)


def test_firth_of_one_pair():
    """One event against one survivor: the penalized likelihood p^1.5 (1 - p)^0.5 has p of 3/4."""
    found = firth_cox(pd.DataFrame({"treatment": [1, 0]}), [0, 0], [3, 5], [1, 1])
    assert found.coef[0] == pytest.approx(np.log(3), rel=1e-8)
    assert found.se[0] == pytest.approx(1 / np.sqrt(3 / 16), rel=1e-8)
    # At no effect p is 1/2.
    ratio = 2 * (1.5 * np.log(0.75 / 0.5) + 0.5 * np.log(0.25 / 0.5))
    assert found.p_value[0] == pytest.approx(chi2.sf(ratio, 1), rel=1e-8)


@pytest.mark.parametrize("scale", [1e-90, 1e-3, 1e90])
def test_the_scale_of_weights_is_nothing(scale):
    weights = np.array([1.0, 2, 1, 3, 1, 1, 2, 1])
    cohort = Cohort()
    one, other = (
        weighted_logrank(*cohort.follow_up, cohort.arm, own) for own in (weights, weights * scale)
    )
    assert other.chi2 == pytest.approx(one.chi2, rel=1e-12)
    one, other = (
        concordance(cohort.arm, *cohort.follow_up, weights=own)
        for own in (weights, weights * scale)
    )
    assert other.standard_error == pytest.approx(one.standard_error, rel=1e-12)


@pytest.mark.parametrize("prob", [0, 1, np.nan, "a", None])
@pytest.mark.parametrize(
    "function",
    [kaplan_meier, nelson_aalen, median_follow_up, peto_hazard_ratio, firth_cox, concordance],
)
def test_a_probability_is_within_0_and_1(function, prob):
    cohort = Cohort()
    arguments = {
        peto_hazard_ratio: (*cohort.follow_up, cohort.arm),
        firth_cox: (cohort.design, *cohort.follow_up),
        concordance: (cohort.arm, *cohort.follow_up),
    }
    with pytest.raises(InputError, match="prob: must lie between 0 and 1"):
        function(*arguments.get(function, cohort.follow_up), prob=prob)


def test_terms_that_a_stratum_does_not_tell_apart():
    """Schoenfeld residuals need the mean information of both terms; here it is singular."""
    design = pd.DataFrame({"a": [1, 0, 1, 0, 0, 0, 0, 0], "b": [1, 0, 1, 0, 1, 0, 1, 0]})
    found = proportional_hazards_test(
        design,
        np.zeros(8),
        [1, 2, 3, 4, 1, 2, 3, 4],
        [0, 1, 1, 1, 0, 1, 1, 1],
        strata=list("AAAABBBB"),
    )
    assert "a, b are not told apart in stratum A" in found.reason
    assert "a does not vary in stratum B" in found.reason
    assert found.residuals.loc[:2, ["a", "b"]].isna().all(axis=None)
    assert found.residuals.loc[3:, "b"].notna().all()


def bare(found: Any) -> Iterator[str]:
    """Yield what is not finite, or claims certainty, in a result without a word beside it."""
    if isinstance(found, pd.DataFrame):
        for _, row in found.iterrows():
            yield from bare_row(row.to_dict())
    elif dataclasses.is_dataclass(found):
        own = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
        yield from bare_row(own)
        for value in own.values():
            # The parts of a contrast are explained by the contrast.
            yield from () if own.get("reason") else bare(value)


def bare_row(row: Mapping[str, Any]) -> Iterator[str]:
    if row.get("note") or row.get("reason"):
        return
    for name, value in row.items():
        if isinstance(value, float | np.ndarray) and not np.isfinite(value).all():
            yield f"{name} is {value}"
        if name in ("standard_error", "se", "variance") and np.any(np.asarray(value) == 0):
            yield f"{name} is 0"
        if name == "p_value" and np.any(np.asarray(value) == 0):
            yield "p is 0"
    if "lower" in row and np.any(np.asarray(row["lower"]) == np.asarray(row["upper"])):
        yield f"limits of no width at {row['lower']}"


def notes_of(found: Any) -> Iterator[str]:
    """Yield the notes and reasons of a result and its parts."""
    if isinstance(found, pd.DataFrame):
        for name in ("note", "reason"):
            yield from found.get(name, [])
    elif dataclasses.is_dataclass(found):
        yield getattr(found, "reason", "")
        for field in dataclasses.fields(found):
            yield from notes_of(getattr(found, field.name))
