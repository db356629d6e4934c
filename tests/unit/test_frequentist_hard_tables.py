"""What the tables of the frequentist layer say where there is nothing to count, fit or pool."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hccbayes.errors import InputError
from hccbayes.frequentist import (
    adverse_event_table,
    compare_baseline,
    pool_hazard_ratios,
    response_table,
    subgroup_hazard_ratios,
)
from hccbayes.frequentist.identifiability import NotEstimableError
from hccbayes.frequentist.logistic import logistic_regression
from hccbayes.frequentist.piecewise_exponential import piecewise_exponential_mle
from hccbayes.frequentist.pooled_effects import BEYOND, METHOD_LABELS
from hccbayes.frequentist.proportions import compare_proportions
from hccbayes.frequentist.score_weights import estimated_weights
from hccbayes.frequentist.screening import screened_cox
from hccbayes.frequentist.standardized_cox import standardized_cox
from hccbayes.frequentist.stepwise_score import stepwise_score

ARM = [1, 1, 1, 0, 0, 0]
DOUBLED = pd.DataFrame([[1, 2]] * 6, columns=["v", "v"])


def baseline(values, arm=ARM, **options):
    return compare_baseline(pd.DataFrame({"v": values}), arm, **options)


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ([1.5] * 6, "not estimable: the same for every patient"),
        (["a"] * 6, "not estimable: the same for every patient"),
        ([1.5] * 3 + [2.5] * 3, "SMD infinite: the arms differ and neither varies"),
    ],
)
def test_baseline_without_variation(values, note):
    first = baseline(values).iloc[1]
    assert note in first["note"]


def test_baseline_of_an_arm_of_one():
    first = baseline([1.5, 2.5, 3.5, 4, 5, 6], [1, 0, 0, 0, 0, 0]).iloc[1]
    assert "an arm of one patient has no variance" in first["note"]
    assert 0 < first["p_value"] < 1


def test_baseline_leaves_out_levels_nobody_has():
    levels = pd.Categorical(list("aabbaa"), categories=list("abc"))
    assert baseline(levels)["level"].tolist() == ["", "a", "b"]


def test_baseline_takes_numbers_and_text_as_levels():
    mixed = pd.Series([10, "b", 2, "a", 2, "a"], dtype=object)
    assert baseline(mixed)["level"].tolist() == ["", "10", "2", "a", "b"]


@pytest.mark.parametrize(
    ("frame", "arm", "message"),
    [
        (pd.DataFrame({"v": [np.nan] + [1.5] * 5}), ARM, r"column v: has missing.*\(row 0\)"),
        (pd.DataFrame({"v": [np.inf] + [1.5] * 5}), ARM, "column v: has infinite values"),
        (pd.DataFrame({"v": [1.5] * 6}), [1] * 6, "control arm: has no patient"),
        (pd.DataFrame({"v": [1.5] * 6}), list("tttccc"), "treatment: must be plain numbers"),
        (pd.DataFrame({"v": [1.5] * 6}), [np.nan] + ARM[1:], r"treatment: must be 1.*\(row 0\)"),
        (pd.DataFrame({"v": []}), [], "treated arm: has no patient"),
        (pd.DataFrame(index=range(6)), ARM, "columns: there is none"),
        (DOUBLED, ARM, "column v: stands in the data twice"),
    ],
)
def test_baseline_refuses(frame, arm, message):
    with pytest.raises(InputError, match=message):
        compare_baseline(frame, arm)


@pytest.mark.parametrize(("count", "whom"), [(0, "no patient"), (5, "every patient")])
def test_proportions_without_variation(count, whom):
    """R: ``fisher.test`` has p of 1, ``chisq.test`` NaN."""
    found = compare_proportions((count, 5), (count, 5))
    assert found["fisher_p"] == 1
    assert math.isnan(found["pearson_p"])
    assert math.isnan(found["p_value"])
    assert f"tests not estimable: {whom}" in found["note"]
    assert found["lower"] < 0 < found["upper"]


@pytest.mark.parametrize(
    "treated", [(0, 0), (-1, 5), (6, 5), (1.5, 5), (np.nan, 5), ("a", 5), (np.inf, np.inf)]
)
def test_proportions_refuse(treated):
    with pytest.raises(InputError, match="treated: needs a count from 0 to its total"):
        compare_proportions(treated, (1, 5))


@pytest.mark.parametrize(
    ("responses", "arm", "message"),
    [
        ([None] * 6, ARM, "column r: has missing values"),
        (["CR"] * 6, [1] * 6, "control arm: has no patient"),
        (["XX"] * 6, ARM, "column r: unknown responses XX"),
        (["CR"] * 6, list("tttccc"), "treatment: must be plain numbers"),
        ([], [], "treated arm: has no patient"),
    ],
)
def test_responses_refuse(responses, arm, message):
    with pytest.raises(InputError, match=message):
        response_table(pd.DataFrame({"r": responses, "treatment": arm}), "r")


def test_responders_are_a_list():
    frame = pd.DataFrame({"r": ["CR"] * 6, "treatment": ARM})
    with pytest.raises(InputError, match="responders ORR: must be a list of labels"):
        response_table(frame, "r", responders={"ORR": "CR"})


@pytest.mark.parametrize("response", ["PD", "CR"])
def test_responses_that_are_all_alike(response):
    table = response_table(pd.DataFrame({"r": [response] * 6, "treatment": ARM}), "r")
    assert table["note"].str.contains("tests not estimable").all()


@pytest.mark.parametrize(
    ("grades", "message"),
    [
        ([np.nan] * 6, "column r: has missing values"),
        ([-1] * 6, "column r: unknown grades -1"),
        ([6] * 6, "column r: unknown grades 6"),
        (["bad"] * 6, "column r: unknown grades bad"),
    ],
)
def test_adverse_events_refuse(grades, message):
    with pytest.raises(InputError, match=message):
        adverse_event_table(pd.DataFrame({"r": grades, "treatment": ARM}), ["r"])


def test_adverse_events_nobody_has():
    table = adverse_event_table(pd.DataFrame({"r": [0] * 6, "treatment": ARM}), ["r"])
    assert table["note"].str.startswith("tests not estimable: no patient").all()


def cohort(**changes):
    columns = {
        "entry": [0.0] * 8,
        "time": [1.0, 2, 3, 4, 5, 6, 7, 8],
        "event": [1, 1, 0, 1, 1, 1, 0, 1],
        "treatment": [1, 0, 0, 1, 0, 1, 1, 0],
        "x": [1, 1, 0, 0, 1, 0, 1, 0],
    }
    return pd.DataFrame(columns | changes)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"event": [0] * 8}, "no event among the treated and the controls"),
        ({"event": [0, 1, 0, 0, 1, 0, 0, 1]}, "no event among the treated"),
        ({"treatment": [1] * 8}, "no control patient"),
        ({"x": [3] * 8}, "no interaction test: fewer than two levels"),
        ({"x": [1, 0, 0, 1, 0, 1, 1, 0]}, "not estimable: no (?:control|treated) patient"),
        ({"time": [5.0] * 8, "event": [1] * 8}, ""),
    ],
)
def test_subgroups_say_what_is_missing(changes, note):
    table = subgroup_hazard_ratios(cohort(**changes), ["x"])
    assert table["note"].str.contains(note).any()
    without = table["hr"].isna()
    assert (table.loc[without, "note"] != "").all()
    assert np.isfinite(table.loc[~without, ["hr", "lower", "upper"]]).all(axis=None)
    first = table[table["covariate"] == "x"].iloc[0]
    assert math.isfinite(first["interaction_p"]) or first["note"]


WRONG_COHORTS = [
    ({"time": ["a"] * 8}, "column time: must hold numbers"),
    ({"time": [np.nan] * 8}, "column time: has missing values"),
    ({"time": [np.inf] + [1.0] * 7}, "start and stop must be finite"),
    ({"entry": [2.0] + [0.0] * 7}, "need 0 <= start < stop"),
    ({"event": [2] + [1] * 7}, "event must be 0 or 1"),
]


@pytest.mark.parametrize(
    ("changes", "message"), [*WRONG_COHORTS, ({"treatment": [2] * 8}, "treated: one 0 or 1 a row")]
)
def test_subgroups_refuse(changes, message):
    with pytest.raises(InputError, match=message):
        subgroup_hazard_ratios(cohort(**changes), ["x"])


def test_subgroups_of_nobody():
    with pytest.raises(InputError, match="there is no patient"):
        subgroup_hazard_ratios(cohort().astype(float).iloc[:0], ["x"])


def screened(frame, **terms):
    design = frame[["treatment", "x"]].assign(**terms)
    names = {name: [name] for name in design}
    return screened_cox(frame, design, names, dict.fromkeys(design, ""), p_enter=1.0)


@pytest.mark.parametrize(
    ("changes", "note"),
    [
        ({"event": [0] * 8}, "not estimable: event: no event"),
        ({"treatment": [1] * 8}, "not estimable: term treatment: is constant"),
        ({"event": [0, 1, 0, 0, 1, 0, 0, 1]}, "term treatment: has no finite log hazard ratio"),
    ],
)
def test_screening_says_what_is_missing(changes, note):
    found = screened(cohort(**changes))
    for table in (found.univariable, found.multivariable):
        own = table.set_index("term").loc["treatment"]
        assert math.isnan(own["hr"])
        assert note in own["note"]


def test_screening_of_collinear_covariates():
    frame = cohort()
    found = screened(frame, twice=2 * frame["x"])
    assert found.univariable["hr"].notna().all()
    assert found.multivariable["note"].str.contains("term twice: .*combination").all()


@pytest.mark.parametrize(("changes", "message"), WRONG_COHORTS)
def test_screening_refuses(changes, message):
    with pytest.raises(InputError, match=message):
        screened(cohort(**changes))


def test_screening_refuses_a_term_of_text():
    with pytest.raises(InputError, match="term x: is no number"):
        screened(cohort(), x=list("abababab"))


COLUMNS = pd.DataFrame({"x": [1.0, 2, 3, 4, 5, 6], "z": [1.0, 0, 1, 0, 0, 1]})
TREATMENT = [1, 0, 1, 0, 1, 0]
UNDETERMINED = [
    (COLUMNS.assign(z=3.0), TREATMENT, "term z: is constant"),
    (COLUMNS.assign(z=2 * COLUMNS["x"]), TREATMENT, "term z: is constant, or a combination"),
]
SEPARATED = (COLUMNS, [0, 0, 0, 1, 1, 1], "has no finite log odds ratio")


@pytest.mark.parametrize(("columns", "treatment", "message"), [*UNDETERMINED, SEPARATED])
def test_scores_that_are_not_determined(columns, treatment, message):
    with pytest.raises(NotEstimableError, match=message):
        logistic_regression(columns, treatment)
    found = stepwise_score(columns, treatment, {name: [name] for name in columns})
    # A forward search may stop before it comes to the term that is not determined.
    assert message in found.note or not found.terms["kept"].any()


def test_firth_has_a_score_under_separation():
    found = logistic_regression(*SEPARATED[:2], penalty="firth")
    assert found.converged
    assert np.isfinite(found.coef).all()


@pytest.mark.parametrize(
    ("columns", "treatment", "message"),
    [
        (COLUMNS.assign(z=np.nan), TREATMENT, "term z: has missing or infinite values"),
        (COLUMNS.assign(z=np.inf), TREATMENT, "term z: has missing or infinite values"),
        (COLUMNS.assign(z="a"), TREATMENT, "term z: is no number"),
        (COLUMNS, [1] * 6, "treatment: one 0 or 1 a patient is needed, and both"),
        (COLUMNS, [np.nan, 0, 1, 0, 1, 0], "treatment: one 0 or 1"),
        (COLUMNS, list("abcdef"), "treatment: must be plain numbers"),
        (COLUMNS, [1, 0], "treatment: one 0 or 1"),
        (COLUMNS.iloc[:0], [], "treatment: one 0 or 1"),
    ],
)
def test_scores_refuse(columns, treatment, message):
    with pytest.raises(InputError, match=message):
        logistic_regression(columns, treatment)


EVENTS = np.array([[1, 0], [0, 1], [1, 0], [0, 1]])
EXPOSURE = np.array([[1, 0], [2, 1], [0.5, 0], [2, 2]])


@pytest.mark.parametrize(
    ("events", "exposure", "design", "message"),
    [
        ([[0, 0], [1, 0], [0, 0], [0, 1]], EXPOSURE + 0.1, [1, 0, 1, 0], "no finite log hazard"),
        (EVENTS, EXPOSURE, [1] * 4, "column 1 is constant"),
        (EVENTS, -EXPOSURE, [1, 0, 0, 1], "exposure: must be finite and at least 0"),
        (EVENTS, EXPOSURE * np.nan, [1, 0, 0, 1], "exposure: must be finite and at least 0"),
        (0 * EVENTS, EXPOSURE, [1, 0, 0, 1], "no event: there is nothing to fit"),
        (EVENTS + 1, EXPOSURE, [1, 0, 0, 1], "an event without exposure"),
        ([["a"]], [["b"]], [1], "events: must be plain numbers"),
        (EVENTS, EXPOSURE, list("abcd"), "design: must be plain numbers"),
        (EVENTS[:0], EXPOSURE[:0], [], "no event"),
    ],
)
def test_piecewise_exponential_refuses(events, exposure, design, message):
    with pytest.raises(InputError, match=message):
        piecewise_exponential_mle(events, exposure, design)


@pytest.mark.parametrize(
    ("score", "message"),
    [
        ([1.0] + [0.5] * 5, r"score: must lie strictly between 0 and 1 \(row 0\)"),
        ([np.nan] + [0.5] * 5, r"score: must lie strictly between 0 and 1 \(row 0\)"),
        (list("abcdef"), "score: must be plain numbers"),
    ],
)
def test_weights_of_a_score_refuse(score, message):
    with pytest.raises(InputError, match=message):
        estimated_weights(COLUMNS, score, TREATMENT, "ate")


@pytest.mark.parametrize(
    "population", [[0.0] * 8, [-1.0] * 8, [np.nan] * 8, [1.0], list("abcdefgh")]
)
def test_standardization_refuses_a_population(population):
    frame = cohort()
    follow_up = (frame["entry"], frame["time"], frame["event"])
    with pytest.raises(InputError, match="population: "):
        standardized_cox(frame[["treatment"]], *follow_up, population=population)


def pooled(effects, errors, labels=None):
    names = labels or [f"study {place}" for place in range(len(effects))]
    return pool_hazard_ratios(pd.DataFrame({"study": names, "log_hr": effects, "se": errors}))


@pytest.mark.parametrize(
    ("effects", "errors"),
    [
        ([-0.5], [0.2]),
        ([-0.5] * 2, [0.2] * 2),
        ([0.0] * 3, [0.2] * 3),
        ([-20.0, 20.0, 0.0], [0.01] * 3),
        ([-0.5, 0.1], [1e-8, 0.3]),
        ([0.0, 1.0, 2.0], [1e-3, 1e3, 1.0]),
    ],
)
def test_pooled_rows_are_numbers_or_carry_a_note(effects, errors):
    found = pooled(effects, errors)
    numbers = ["se", "lower", "upper", "p_value", "hr", "hr_lower", "hr_upper", "tau_squared"]
    for _, row in found.pooled.iterrows():
        finite = bool(np.isfinite(row[numbers].astype(float)).all())
        wide = row["upper"] > row["lower"]
        predicted = math.isfinite(row["prediction_lower"])
        assert finite and wide or row["note"]
        assert predicted or row["method"] == "fixed_effect" or row["note"]
    infinite = np.isinf(found.studies["hr_upper"])
    assert (found.studies.loc[infinite, "note"] == BEYOND).all()


def test_huge_heterogeneity():
    """R's ``rma`` of effects -20, 20 and 0 with variance v: tau2 = 400 - v by every estimator."""
    found = pooled([-20.0, 20.0, 0.0], [0.01] * 3).pooled.set_index(["method", "interval_kind"])
    for method in set(METHOD_LABELS) - {"fixed_effect"}:
        row = found.loc[(method, "wald")]
        assert row["tau_squared"] == pytest.approx(400 - 1e-4, rel=1e-9)
        assert row["se"] == pytest.approx(math.sqrt(400 / 3), rel=1e-9)


@pytest.mark.parametrize(
    ("effects", "errors", "message"),
    [
        ([], [], "there is none"),
        ([-0.5, 0.1], [0.0, 0.2], r"column se: must be positive .*\(row study 0\)"),
        ([-0.5, 0.1], [0.2, -0.2], r"column se: must be positive .*\(row study 1\)"),
        ([-0.5, 0.1], [1e-200, 0.2], "column se: must be positive"),
        ([-0.5, 0.1], [0.2, 1e200], "column se: must be positive"),
        ([-0.5, 0.1], [np.nan, 0.2], "column se: must be positive"),
        ([np.nan, 0.1], [0.2, 0.2], r"column log_hr: must be finite.*\(row study 0\)"),
        ([np.inf, 0.1], [0.2, 0.2], "column log_hr: must be finite"),
        ([1e308, -1e308], [1.0, 1.0], "column log_hr: must be finite"),
        (["a", "b"], [1.0, 1.0], "column log_hr: must be finite"),
    ],
)
def test_pooling_refuses(effects, errors, message):
    with pytest.raises(InputError, match=message):
        pooled(effects, errors)


@pytest.mark.parametrize(
    ("labels", "message"),
    [(["a", "a"], "names a study twice"), (["a", None], "a study without a name")],
)
def test_pooling_needs_names(labels, message):
    with pytest.raises(InputError, match=message):
        pooled([-0.5, 0.1], [0.2, 0.2], labels)
