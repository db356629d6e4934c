"""The tables of a cohort paper: rules by hand, toy cohorts, and a word for every empty number."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import hccbayes as hb
from hccbayes.errors import InputError
from hccbayes.frequentist.adverse_events import NOT_GRADED, adverse_event_table
from hccbayes.frequentist.baseline_comparison import compare_baseline
from hccbayes.frequentist.choice_of_test import counts_test, looks_normal, values_test
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.proportions import compare_proportions
from hccbayes.frequentist.response import response_table
from hccbayes.frequentist.screening import NO_INTERACTION, null_log_likelihood, screened_cox
from hccbayes.frequentist.stepwise_score import stepwise_score
from hccbayes.frequentist.subgroups import ONE_LEVEL, subgroup_hazard_ratios

MODELS = Path(__file__).resolve().parents[2] / "models"
NORMAL = stats.norm.ppf((np.arange(20) + 0.5) / 20)
SKEWED = stats.expon.ppf((np.arange(20) + 0.5) / 20)


def survival_frame(n: int = 120, seed: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    treatment = np.arange(n) % 2
    time = rng.exponential(12 + 8 * treatment)
    return pd.DataFrame(
        {
            "entry": 0.0,
            "time": time,
            "event": (rng.random(n) < 0.75).astype(int),
            "treatment": treatment.astype(float),
            "stage": rng.choice(["A", "B", "C"], n),
            "age": rng.normal(58, 9, n),
        }
    )


def test_pearson_where_every_expected_count_is_five():
    # N (ad - bc)^2 / (product of margins) = 80 (10 20 - 20 30)^2 / (30 50 40 40) = 16/3
    test = counts_test(np.array([[10, 20], [30, 20]]))
    assert test.name == "Pearson chi-square"
    assert test.p_value == pytest.approx(math.erfc(math.sqrt(16 / 3 / 2)), rel=1e-12)


def test_yates_where_one_is_below_five_and_patients_are_many():
    # Expected 3.5 in the first row; 50 (|19 - 144| - 25)^2 / (7 43 25 25).
    test = counts_test(np.array([[1, 6], [24, 19]]))
    assert test.name == "Yates-corrected chi-square"
    chi2 = 50 * 100**2 / (7 * 43 * 25 * 25)
    assert test.p_value == pytest.approx(math.erfc(math.sqrt(chi2 / 2)), rel=1e-12)


def test_fisher_where_patients_are_few():
    # Tables with margins 4: 1, 16, 36, 16, 1 of 70; as unlikely as 3 of 4: 34 of 70.
    test = counts_test(np.array([[3, 1], [1, 3]]))
    assert (test.name, test.p_value) == ("Fisher exact", pytest.approx(34 / 70))
    rare = counts_test(np.array([[0, 1], [100, 99]]))
    assert (rare.name, rare.p_value) == ("Fisher exact", pytest.approx(1.0))


@pytest.mark.parametrize(
    ("counts", "name"),
    [
        # Two of ten expected counts below 5 are a fifth, two of six are more.
        ([[20, 21], [30, 31], [15, 14], [12, 15], [4, 5]], "Pearson chi-square"),
        ([[20, 21], [30, 31], [4, 5]], "Fisher exact"),
        ([[20, 21], [30, 31], [1, 0]], "Fisher exact"),
        ([[2, 2], [2, 2], [30, 31]], "Fisher exact"),
        ([[20, 21], [30, 31], [0, 0]], "Pearson chi-square"),
    ],
)
def test_larger_tables_follow_cochran(counts, name):
    assert counts_test(np.array(counts)).name == name


def test_a_table_too_large_to_enumerate_is_pearson_with_a_word():
    counts = np.array([[9, 8], [7, 9], [8, 7], [9, 9], [7, 8], [8, 9], [9, 7], [1, 0]])
    test = counts_test(counts)
    assert test.name == "Pearson chi-square"
    assert "too many tables" in test.note


@pytest.mark.parametrize(
    ("counts", "word"),
    [([[5, 6]], "the same"), ([[5, 6], [0, 0]], "the same"), ([[5, 0], [6, 0]], "no patient")],
)
def test_counts_that_cannot_differ_say_so(counts, word):
    test = counts_test(np.array(counts))
    assert test.name == ""
    assert math.isnan(test.p_value)
    assert test.note.startswith("not estimable")
    assert word in test.note


def test_normal_numbers_get_a_t_test():
    treated, control = NORMAL, 1.5 * NORMAL[:12] + 1.0
    welch, student = (values_test(treated, control, t_test=name) for name in ("welch", "student"))
    assert (welch.name, student.name) == ("Welch t", "Student t")
    for test, same in ((welch, False), (student, True)):
        expected = stats.ttest_ind(treated, control, equal_var=same).pvalue
        assert test.p_value == pytest.approx(expected, rel=1e-10)


def test_skewed_or_few_numbers_are_ranked():
    assert looks_normal(NORMAL)
    assert not looks_normal(SKEWED)
    assert not looks_normal(NORMAL[:2])
    assert not looks_normal(np.ones(9))
    assert values_test(SKEWED, NORMAL).name == "Mann-Whitney"
    # Ranks 1, 2 against 3, 4: U = 0, mean 2, variance 2 2 5 / 12.
    few = values_test(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    z = 2 / math.sqrt(20 / 12)
    assert few.p_value == pytest.approx(math.erfc(z / math.sqrt(2)), rel=1e-12)
    assert values_test(np.ones(4), np.ones(3)).note.endswith("the same for every patient")
    with pytest.raises(InputError, match="choose from welch, student"):
        values_test(NORMAL, NORMAL, t_test="z")  # type: ignore[arg-type]


def test_baseline_table_names_its_tests():
    frame = pd.DataFrame(
        {
            "sex": ["f", "m", "m", "m", "f", "f", "f", "m"],
            "ecog": [0, 0, 1, 1, 0, 1, 1, 2],
            "age": [50.0, 52.0, 54.0, 56.0, 60.0, 61.0, 65.0, 70.0],
            "site": "one",
        }
    )
    table = compare_baseline(frame, [1, 1, 1, 1, 0, 0, 0, 0])
    first = table[table["test"] != ""].set_index("variable")
    assert first["test"].to_dict() == {
        "sex": "Fisher exact",
        "ecog": "Fisher exact",
        "age": "Welch t",
    }
    assert first.loc["sex", "p_value"] == pytest.approx(34 / 70)
    # Shares 1/4 and 3/4: 0.5 / sqrt(3/16).
    assert first.loc["sex", "smd"] == pytest.approx(0.5 / math.sqrt(3 / 16))
    # Means 53 and 64; variances 20/3 and (16 + 9 + 1 + 36)/3.
    assert first.loc["age", "smd"] == pytest.approx(11 / math.sqrt((20 / 3 + 62 / 3) / 2))
    assert first.loc["age", "treated"] == "53.0 (2.6)"
    levels = table[table["variable"] == "ecog"]
    assert levels["level"].tolist() == ["0", "1", "2"]
    assert levels["control"].tolist() == ["1 (25.0%)", "2 (50.0%)", "1 (25.0%)"]
    constant = table[table["variable"] == "site"].iloc[0]
    assert constant["note"] == "not estimable: the same for every patient"
    assert constant["smd"] == 0
    assert table.loc[0, ["treated", "control"]].tolist() == ["4", "4"]


def test_baseline_table_shows_quartiles_where_ranks_are_tested():
    frame = pd.DataFrame({"afp": np.concatenate([SKEWED, 2 * SKEWED])})
    row = compare_baseline(frame, np.repeat([1, 0], 20)).iloc[1]
    assert (row["test"], row["shown"]) == ("Mann-Whitney", "median [quartiles]")
    low, middle, high = np.quantile(SKEWED, (0.25, 0.5, 0.75))
    assert row["treated"] == f"{middle:.1f} [{low:.1f}, {high:.1f}]"


def test_baseline_table_refuses_what_it_cannot_count():
    frame = pd.DataFrame({"age": [50.0, np.nan, 60.0, 61.0]})
    with pytest.raises(InputError, match="column age: has missing values"):
        compare_baseline(frame, [1, 1, 0, 0])
    with pytest.raises(InputError, match="column stage: is not in the data; there are age"):
        compare_baseline(frame.fillna(1.0), [1, 1, 0, 0], counted=["stage"])
    with pytest.raises(InputError, match="one a row is needed: 4"):
        compare_baseline(frame.fillna(1.0), [1, 1, 0])
    with pytest.raises(InputError, match="no number"):
        compare_baseline(pd.DataFrame({"sex": ["f", "m", "f", "m"]}), [1, 1, 0, 0], counted=[])
    apart = compare_baseline(pd.DataFrame({"sex": ["f", "f", "m", "m"]}), [1, 1, 0, 0])
    assert "SMD infinite" in apart.loc[1, "note"]


# Newcombe 1998, Statistics in Medicine 17:873, table II, method 10.
@pytest.mark.parametrize(
    ("treated", "control", "lower", "upper"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
        ((10, 10), (0, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_limits_are_the_printed_ones(treated, control, lower, upper):
    found = compare_proportions(treated, control)
    assert found["lower"] == pytest.approx(lower, abs=5.1e-5)
    assert found["upper"] == pytest.approx(upper, abs=5.1e-5)


def test_newcombe_limits_by_hand():
    # Wilson limits of 1/2 with n = 4: 1/2 -+ z sqrt(1/16 + z^2/64) / (1 + z^2/4); the same in both
    # arms, so that the limits are -+ sqrt(2) times the half width.
    z2 = stats.norm.ppf(0.95) ** 2
    half = math.sqrt(z2 * (1 / 16 + z2 / 64)) / (1 + z2 / 4)
    found = compare_proportions((2, 4), (2, 4), prob=0.9)
    assert found["upper"] == pytest.approx(math.sqrt(2) * half, rel=1e-12)
    assert found["lower"] == pytest.approx(-math.sqrt(2) * half, rel=1e-12)
    assert found["risk_difference"] == 0
    assert found["fisher_p"] == pytest.approx(1.0)


def test_all_three_tests_are_named_and_one_is_chosen():
    found = compare_proportions((79, 169), (58, 253))
    table = np.array([[79, 58], [90, 195]])
    assert found["test"] == "Pearson chi-square"
    assert found["p_value"] == found["pearson_p"]
    assert found["pearson_p"] == pytest.approx(stats.chi2_contingency(table, False).pvalue)
    assert found["yates_p"] == pytest.approx(stats.chi2_contingency(table, True).pvalue)
    assert found["fisher_p"] == pytest.approx(stats.fisher_exact(table).pvalue)
    assert found["treated_percent"] == pytest.approx(7900 / 169)


def test_impossible_counts_are_refused():
    with pytest.raises(InputError, match="treated: needs a count"):
        compare_proportions((5, 4), (1, 4))
    with pytest.raises(InputError, match="control: needs a count"):
        compare_proportions((0, 4), (0, 0))
    with pytest.raises(InputError, match="between 0 and 1"):
        compare_proportions((1, 4), (1, 4), prob=95)


@pytest.fixture
def responses() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "best": ["CR", "PR", "SD", "PD", "NE", "PR", "SD", "PD", "PD"],
            "treatment": [1, 1, 1, 1, 1, 0, 0, 0, 0],
        }
    )


def test_response_rates_keep_everyone_in_the_denominator(responses):
    table = response_table(responses, "best").set_index("rate")
    assert table.loc["ORR", ["treated_n", "treated_total"]].tolist() == [2, 5]
    assert table.loc["ORR", ["control_n", "control_total"]].tolist() == [1, 4]
    assert table.loc["DCR", ["treated_n", "control_n"]].tolist() == [3, 2]
    assert table.loc["ORR", "failures"] == "NE, PD, SD"
    assert table.loc["DCR", "responders"] == "CR, PR, SD"
    assert table.loc["ORR", "risk_difference"] == pytest.approx(0.4 - 0.25)
    assert (table["test"] == "Fisher exact").all()


def test_response_of_another_scale(responses):
    frame = responses.assign(best=["yes"] * 3 + ["no"] * 6)
    table = response_table(frame, "best", responders={"ORR": ["yes"]})
    assert table["treated_n"].tolist() == [3]
    nobody = response_table(responses.assign(best="PD"), "best")
    assert nobody["note"].str.contains("no patient of either arm").all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"best": "partial"}, {}, "unknown responses partial; known are CR, NE, PD, PR, SD"),
        ({"best": None}, {}, "has missing values"),
        ({"best": "not applicable"}, {}, "not applicable to some patients"),
        ({"best": "no"}, {"responders": {"ORR": ["yes"]}}, "none of the responders yes"),
        ({}, {"responders": {"ORR": []}}, "names no label"),
        ({}, {"responders": {}}, "names no rate"),
        ({}, {"arm": "group"}, "column group: is not in the data"),
    ],
)
def test_wrong_responses_are_named(responses, change, options, message):
    with pytest.raises(InputError, match=message):
        response_table(responses.assign(**change), "best", **options)


def test_adverse_events_by_grade():
    frame = pd.DataFrame(
        {
            "treatment": [1, 1, 1, 0, 0],
            "rash": ["none", "1-2", "3-4", "none", "3-4"],
            "fever": ["any", "none", "any", "none", "none"],
            "neuropathy": "none",
            "bleeding": [5, 3, 0, 1, 0],
        }
    )
    table = adverse_event_table(frame, ["rash", "fever", "neuropathy", "bleeding"])
    rows = table.set_index(["event", "grade"])
    counts = ["treated_n", "treated_total", "control_n", "control_total"]
    assert rows.loc[("rash", "any"), counts].tolist() == [2, 3, 1, 2]
    assert rows.loc[("rash", "3-4"), counts].tolist() == [1, 3, 1, 2]
    assert rows.loc[("fever", "any"), counts].tolist() == [2, 3, 0, 2]
    assert rows.loc[("fever", "3-4"), "note"] == NOT_GRADED
    assert rows.loc[("fever", "3-4"), counts].isna().all()
    assert rows.loc[("bleeding", "3-5"), counts].tolist() == [2, 3, 0, 2]
    empty = rows.loc[("neuropathy", "any")]
    assert empty["note"].startswith("tests not estimable: no patient of either arm has it")
    # R's fisher.test, where chisq.test has NaN.
    assert empty["fisher_p"] == 1
    assert np.isnan([empty["pearson_p"], empty["yates_p"], empty["p_value"]]).all()
    assert empty["risk_difference"] == 0
    assert empty["lower"] < 0 < empty["upper"]
    with pytest.raises(InputError, match="unknown grades severe; known are none, no, 0, 1"):
        adverse_event_table(frame.assign(rash="severe"), ["rash"])
    with pytest.raises(InputError, match="name each event once"):
        adverse_event_table(frame, ["rash", "rash"])


def test_log_likelihood_without_terms_by_hand():
    # Four deaths one after another: risk sets of 4, 3, 2, 1.
    found = null_log_likelihood(*(pd.Series(own) for own in ([0] * 4, [1, 2, 3, 4], [1] * 4)))
    assert found == pytest.approx(-math.log(24), rel=1e-14)


@pytest.fixture
def screened():
    frame = survival_frame()
    design = pd.DataFrame(
        {
            "treatment": frame["treatment"],
            "age": frame["age"],
            "stage[T.B]": (frame["stage"] == "B").astype(float),
            "stage[T.C]": (frame["stage"] == "C").astype(float),
        }
    )
    covariates = {
        "treatment": ["treatment"],
        "age": ["age"],
        "stage": ["stage[T.B]", "stage[T.C]"],
    }
    return frame, design, covariates, {term: term for term in design}


def test_screening_enters_what_is_below_the_limit(screened):
    frame, design, covariates, contrasts = screened
    follow_up = (frame["entry"], frame["time"], frame["event"])
    found = screened_cox(*screened, p_enter=1.0)
    rows = found.univariable.set_index("term")
    alone = cox(design[["age"]], *follow_up)
    assert rows.loc["age", "hr"] == pytest.approx(math.exp(alone.coef[0]), rel=1e-10)
    assert rows.loc["age", "upper"] == pytest.approx(math.exp(alone.upper[0]), rel=1e-10)
    z = alone.coef[0] / alone.se[0]
    assert rows.loc["age", "entry_p"] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=1e-10)
    both = cox(design[["stage[T.B]", "stage[T.C]"]], *follow_up)
    statistic = 2 * (both.log_likelihood - null_log_likelihood(*follow_up))
    joint = stats.chi2.sf(statistic, 2)
    assert rows.loc["stage[T.C]", "entry_p"] == pytest.approx(joint, rel=1e-10)
    together = cox(design, *follow_up)
    assert found.multivariable["term"].tolist() == list(together.terms)
    assert found.multivariable["hr"].tolist() == pytest.approx(np.exp(together.coef).tolist())
    none = screened_cox(frame, design, covariates, contrasts, p_enter=1e-12)
    assert none.multivariable["term"].tolist() == ["treatment"]
    assert none.univariable.set_index("term")["enters"].to_dict() == {
        "treatment": True,
        "age": False,
        "stage[T.B]": False,
        "stage[T.C]": False,
    }


def test_a_factor_enters_whole_and_at_its_own_limit(screened):
    rows = screened_cox(*screened, p_enter=1.0).univariable.set_index("term")
    limit = float(rows.loc["stage[T.B]", "entry_p"])
    just = screened_cox(*screened, p_enter=limit * 1.0001).multivariable["covariate"]
    assert (just == "stage").sum() == 2
    assert "stage" not in set(screened_cox(*screened, p_enter=limit).multivariable["covariate"])


def test_screening_says_what_it_cannot_do(screened):
    frame, design, covariates, contrasts = screened
    # Every death at an event is that of the youngest at risk: no finite hazard ratio.
    perfect = design.assign(age=frame["time"].rank(ascending=False))
    all_dead = frame.assign(event=1)
    found = screened_cox(all_dead, perfect, covariates, contrasts, p_enter=1.0)
    row = found.univariable.set_index("term").loc["age"]
    assert row["note"].startswith("not estimable")
    assert not row["enters"]
    assert "age" not in set(found.multivariable["covariate"])
    product = {**covariates, "age:stage": ["age"]}
    rows = screened_cox(frame, design, product, contrasts).univariable.set_index("covariate")
    assert rows.loc["age:stage", "note"] == NO_INTERACTION
    nobody = screened_cox(frame.assign(event=0), design, covariates, contrasts)
    assert nobody.multivariable["note"].str.contains("no event").all()
    with pytest.raises(InputError, match="p_enter: must lie above 0"):
        screened_cox(*screened, p_enter=0)
    with pytest.raises(InputError, match="must hold `treatment`"):
        screened_cox(frame, design, {"age": ["age"]}, contrasts)
    with pytest.raises(InputError, match="unknown terms weight"):
        screened_cox(frame, design, {**covariates, "weight": ["weight"]}, contrasts)


def test_subgroups_are_cox_models_of_their_patients():
    frame = survival_frame()
    table = subgroup_hazard_ratios(frame, ["stage", "age"])
    rows = table.set_index(["covariate", "level"])
    for level in "ABC":
        own = frame[frame["stage"] == level]
        fit = cox(own[["treatment"]], own["entry"], own["time"], own["event"])
        row = rows.loc[("stage", level)]
        assert row["hr"] == pytest.approx(math.exp(fit.coef[0]), rel=1e-10)
        assert row["lower"] == pytest.approx(math.exp(fit.lower[0]), rel=1e-10)
        treated = own[own["treatment"] == 1]
        assert row["treated_n"] == len(treated)
        assert row["treated_events"] == treated["event"].sum()
    median = frame["age"].median()
    assert (
        rows.loc[("age", f"above {median:g}"), "control_n"]
        == ((frame["age"] > median) & (frame["treatment"] == 0)).sum()
    )
    for covariate in ("stage", "age"):
        p_values = table.loc[table["covariate"] == covariate, "interaction_p"]
        assert p_values.notna().tolist() == [True] + [False] * (len(p_values) - 1)


def test_interaction_of_two_levels_is_the_likelihood_ratio():
    frame = survival_frame().assign(site=lambda own: np.where(own["stage"] == "A", "x", "y"))
    found = subgroup_hazard_ratios(frame, ["site"]).loc[1, "interaction_p"]
    site = (frame["site"] == "y").astype(float).rename("site")
    main = pd.concat([frame["treatment"], site], axis=1)
    whole = main.assign(product=frame["treatment"] * site)
    fits = [cox(own, frame["entry"], frame["time"], frame["event"]) for own in (main, whole)]
    statistic = 2 * (fits[1].log_likelihood - fits[0].log_likelihood)
    assert found == pytest.approx(stats.chi2.sf(statistic, 1), rel=1e-9)


def test_levels_that_are_copies_do_not_interact():
    frame = survival_frame(60)
    twice = pd.concat([frame.assign(site="x"), frame.assign(site="y")], ignore_index=True)
    rows = subgroup_hazard_ratios(twice, ["site"]).iloc[1:]
    assert rows["hr"].iloc[0] == rows["hr"].iloc[1]
    # The statistic is 0 up to the rounding of two log-likelihoods of order 500.
    assert rows["interaction_p"].iloc[0] > 1 - 1e-5


def test_subgroups_that_cannot_be_estimated_say_why():
    frame = survival_frame()
    frame.loc[frame.index[:6], "stage"] = "one arm"
    frame.loc[frame.index[:6], "treatment"] = 1.0
    frame.loc[frame.index[6:16], "stage"] = "no event"
    quiet = frame.index[6:16][frame.loc[frame.index[6:16], "treatment"] == 0]
    frame.loc[quiet, "event"] = 0
    frame.loc[frame.index[6:16].difference(quiet), "event"] = 1
    rows = subgroup_hazard_ratios(frame, ["stage"]).set_index("level")
    assert rows.loc["one arm", "note"] == "not estimable: no control patient"
    assert rows.loc["no event", "note"] == "not estimable: no event among the controls"
    assert rows.loc[["one arm", "no event"], "hr"].isna().all()
    assert rows.loc["A", "note"] == "interaction without the level no event, one arm"
    assert 0 < rows.loc["A", "interaction_p"] < 1
    alone = subgroup_hazard_ratios(frame.assign(stage="A"), ["stage"]).iloc[1]
    assert alone["note"] == ONE_LEVEL
    silent = subgroup_hazard_ratios(frame.assign(event=0), ["stage"])
    assert silent["note"].str.contains("no event among the treated and the controls").any()
    assert silent.loc[silent["hr"].isna(), "note"].ne("").all()
    # Treated patients outlive all controls of the only risk sets: a finite ratio does not exist.
    apart = frame.assign(
        time=np.where(frame["treatment"] == 1, 100.0, 1.0) + frame.index / 1000, event=1
    )
    assert "separation" in subgroup_hazard_ratios(apart, []).loc[0, "note"]


def test_a_score_that_separates_says_so():
    columns = pd.DataFrame({"age": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})
    found = stepwise_score(columns, [0, 0, 0, 1, 1, 1], {"age": ["age"]})
    assert found.note.startswith("not estimable")
    assert found.terms.empty


def test_workflow_puts_a_score_without_maximum_into_words():
    """Response is `not applicable` to every resected patient and to nobody else."""
    spec = hb.AnalysisSpec.from_toml(MODELS / "sun2025_os.toml").with_values(
        ["propensity.formula='objective_response'"]
    )
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    found = hb.frequentist.conventional_analysis(cohort, spec)
    assert found.propensity is not None
    assert found.propensity.empty
    assert any(note.startswith("propensity: not estimable") for note in found.notes)
    with pytest.raises(InputError, match=r"take it out of the \[propensity\] formula"):
        hb.frequentist.conventional_analysis(cohort, spec, response="objective_response")


def test_workflow_refuses_a_response_that_some_patients_cannot_have():
    spec = hb.AnalysisSpec.from_toml(MODELS / "sun2025_os.toml").with_values(
        ["data.covariates=['objective_response']"]
    )
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    with pytest.raises(InputError, match="not applicable to some patients"):
        hb.frequentist.conventional_analysis(cohort, spec, response="objective_response")


@pytest.fixture(scope="module")
def sun():
    spec = hb.AnalysisSpec.from_toml(MODELS / "sun2025_os.toml").with_values(
        ["data.covariates=['age_years', 'alt_40_or_above']", "propensity.formula='alt_40_or_above'"]
    )
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    return cohort, spec, hb.frequentist.conventional_analysis(cohort, spec, p_enter=0.1)


def test_workflow_puts_the_tables_together(sun):
    cohort, spec, found = sun
    assert isinstance(found, hb.frequentist.ConventionalAnalysis)
    assert {"age_years", "hepatic_t_stage"} <= set(found.baseline["variable"])
    overall = found.subgroups.iloc[0]
    crude = found.univariable.set_index("term").loc["treatment"]
    assert overall["hr"] == pytest.approx(crude["hr"], rel=1e-12)
    assert overall["treated_n"] + overall["control_n"] == 119
    entered = set(found.univariable.loc[found.univariable["enters"], "covariate"])
    assert entered == set(found.multivariable["covariate"])
    assert found.propensity is not None
    assert found.response is None
    assert found.adverse_events is None
    text = " ".join(found.notes)
    for words in ("not patients", "p below 0.1", "not advised", "SMD", "AIC"):
        assert words in text


def test_no_number_is_empty_without_a_word(sun):
    found = sun[2]
    for table, number in (
        (found.univariable, "hr"),
        (found.multivariable, "hr"),
        (found.subgroups, "hr"),
    ):
        assert table.loc[table[number].isna(), "note"].ne("").all()
    first = found.baseline[
        found.baseline["level"].eq("") & found.baseline["variable"].ne("patients")
    ]
    assert first["p_value"].notna().all()


def test_workflow_reads_response_and_events_named_in_the_model_file():
    named = ["ae_rash", "ae_sensory_neuropathy", "best_response"]
    spec = hb.AnalysisSpec.from_toml(MODELS / "chen2025_os.toml").with_values(
        [f"data.covariates={named}", "hazard.formula='treatment + child_pugh'"]
    )
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    found = hb.frequentist.conventional_analysis(
        cohort, spec, response="best_response", adverse_events=named[:2]
    )
    # Printed in table 2 of the study: 79 of 169 and 58 of 253; neuropathy 41 and 0.
    rate = found.response.set_index("rate").loc["ORR"]
    assert rate[["treated_n", "control_n"]].tolist() == [79, 58]
    event = found.adverse_events.set_index(["event", "grade"]).loc[("ae_sensory_neuropathy", "any")]
    assert event[["treated_n", "control_n"]].tolist() == [41, 0]
    assert set(found.baseline["variable"]) == {"patients", "child_pugh"}
    assert found.propensity is None
    assert any("centers are not in these models" in note for note in found.notes)
    with pytest.raises(InputError, match=r"column ae_fever: .* list it in \[data\] covariates"):
        hb.frequentist.conventional_analysis(cohort, spec, adverse_events=["ae_fever"])
    after = spec.with_values(["hazard.formula='treatment + best_response'"])
    with pytest.raises(InputError, match="column best_response: comes after time zero"):
        hb.frequentist.conventional_analysis(cohort, after, response="best_response")


def test_workflow_without_covariates_and_with_a_constant_one(sun):
    cohort, spec, _ = sun
    bare = spec.with_values(["hazard.formula='treatment'"])
    found = hb.frequentist.conventional_analysis(cohort, bare)
    assert found.multivariable["term"].tolist() == ["treatment"]
    assert found.subgroups["covariate"].tolist() == ["all patients"]
    frame = hb.synthetic.load("sun2025").assign(hepatic_t_stage="II")
    with pytest.raises(InputError, match="hepatic_t_stage: has the same value 'II'"):
        hb.read_cohort(frame, spec.roles)
    flat = replace(cohort, frame=cohort.frame.assign(hepatic_t_stage=1.0))
    with pytest.raises(InputError, match="is the same for every patient; remove it"):
        hb.frequentist.conventional_analysis(flat, spec)


def test_public_names_of_the_layer():
    assert set(hb.frequentist.__all__) == set(dir(hb.frequentist))
    for name in hb.frequentist.__all__:
        assert callable(getattr(hb.frequentist, name))
    with pytest.raises(AttributeError, match="no attribute 'cox_model'"):
        _ = hb.frequentist.cox_model
