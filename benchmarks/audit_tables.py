"""Correct tables to audit: simulated studies, analyzed and printed as papers print them.

Every number is computed from patients and then rounded, so that whatever an audit finds in them is
a false alarm. Tests, digits, interval levels and conventions differ from study to study.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from lifelines import CoxPHFitter, KaplanMeierFitter
from lifelines.exceptions import ConvergenceError
from lifelines.statistics import logrank_test
from lifelines.utils import median_survival_times
from scipy import stats

from audit_studies import FACTORS, Study

SETS = ("unadjusted", "matched", "weighted")


def print_p(p: float) -> str:
    """Return a p value as journals print it."""
    return "<0.001" if p < 0.0005 else ">0.999" if p > 0.9995 else f"{p:.3f}"


def baseline_table(study: Study) -> pd.DataFrame:
    """Return the baseline table of all three analysis sets."""
    rows: list[dict[str, str]] = []
    for name in SETS:
        own = study.patients
        own = own[own["matched"]] if name == "matched" else own
        if own["treated"].nunique() < 2 or own["treated"].value_counts().min() < 5:
            continue
        weight = own["weight"] if name == "weighted" else pd.Series(1.0, own.index)
        for variable in [*FACTORS, "bclc"]:
            rows += _factor_rows(study, name, own, weight, variable)
        if name != "weighted":
            for variable, kind in (("age", "mean_sd"), ("size_cm", "median_iqr")):
                rows += _measurement_rows(study, name, own, variable, kind)
    return pd.DataFrame(rows).fillna("")


def _factor_rows(
    study: Study, analysis_set: str, own: pd.DataFrame, weight: pd.Series, variable: str
) -> list[dict[str, str]]:
    levels = sorted(own[variable].unique())
    weighted = analysis_set == "weighted"
    sums = np.array(
        [
            [weight[(own[variable] == level) & (own["treated"] == arm)].sum() for arm in (1, 0)]
            for level in levels
        ]
    )
    totals = sums.sum(axis=0)
    p = "" if weighted else print_p(factor_p(sums.round().astype(int), study.test))
    smd = f"{factor_smd(sums):.3f}"
    return [
        {
            "study": study.name,
            "variable": variable,
            "level": level,
            "kind": "count",
            "analysis_set": analysis_set,
            "arm": arm,
            "arm_total": f"{totals[place]:.1f}" if weighted else f"{totals[place]:.0f}",
            "count": f"{sums[row, place]:.1f}" if weighted else f"{sums[row, place]:.0f}",
            "percent": f"{100 * sums[row, place] / totals[place]:.{study.percent_digits}f}",
            "p": p,
            "smd": smd,
        }
        for row, level in enumerate(levels)
        for place, arm in enumerate(("treated", "control"))
    ]


def factor_p(counts: np.ndarray, test: str) -> float:
    """Return the p of a study's test, from SciPy alone."""
    if len(counts) == 1:
        return 1.0
    expected = stats.contingency.expected_freq(counts)
    if test == "minimum_expected_count":
        test = "fisher" if expected.min() < 5 else "pearson"
    if test == "fisher" and counts.shape == (2, 2):
        return float(stats.fisher_exact(counts).pvalue)
    correct = test == "yates"
    return float(stats.chi2_contingency(counts, correction=correct).pvalue)


def factor_smd(sums: np.ndarray) -> float:
    """Return the multinomial standardized difference, with a pseudo-inverse as tableone does."""
    one, two = (sums[:, place] / sums[:, place].sum() for place in (0, 1))
    if len(sums) == 1:
        return 0.0
    spread = [np.diag(p[1:]) - np.outer(p[1:], p[1:]) for p in (one, two)]
    difference = (one - two)[1:]
    return float(np.sqrt(difference @ np.linalg.pinv(sum(spread) / 2) @ difference))


def _measurement_rows(
    study: Study, analysis_set: str, own: pd.DataFrame, variable: str, kind: str
) -> list[dict[str, str]]:
    arms = {arm: own.loc[own["treated"] == code, variable] for arm, code in _ARMS.items()}
    p = stats.ttest_ind(*arms.values(), equal_var=study.test == "pearson").pvalue
    if kind == "median_iqr":
        p = stats.mannwhitneyu(*arms.values()).pvalue
    rows = []
    for arm, values in arms.items():
        row = {
            "study": study.name,
            "variable": variable,
            "level": "",
            "kind": kind,
            "analysis_set": analysis_set,
            "arm": arm,
            "arm_total": str(len(values)),
            "p": print_p(p),
        }
        if kind == "mean_sd":
            row |= {"mean": f"{values.mean():.1f}", "sd": f"{values.std():.1f}"}
            pooled = np.sqrt(np.mean([one.var() for one in arms.values()]))
            difference = abs(arms["treated"].mean() - arms["control"].mean())
            row["smd"] = f"{difference / pooled:.3f}"
        else:
            low, median, high = values.quantile([0.25, 0.5, 0.75])
            row |= {"median": f"{median:.1f}", "q1": f"{low:.1f}", "q3": f"{high:.1f}"}
        rows.append(row)
    return rows


_ARMS = {"treated": 1, "control": 0}


def hazard_ratio_table(study: Study) -> pd.DataFrame:
    """Return univariable and multivariable Cox regression of the whole and the matched sample."""
    rows = []
    for name in ("unadjusted", "matched"):
        own = study.patients
        own = own[own["matched"]] if name == "matched" else own
        data = pd.DataFrame(
            {
                "months": own["months"],
                "death": own["death"],
                "treatment": own["treated"],
                "pvtt": (own["pvtt"] == "Present").astype(int),
                "child_pugh": (own["child_pugh"] == "B").astype(int),
                "age": own["age"],
            }
        )
        deaths = data.groupby("treatment")["death"].sum()
        if len(deaths) < 2 or deaths.min() < 5:
            continue
        models = [["treatment"], ["pvtt"], ["age"], ["treatment", "pvtt", "child_pugh", "age"]]
        for terms in models:
            events_by_level = [data.groupby(term)["death"].sum().min() for term in terms[:3]]
            if min(events_by_level[: len(terms)]) < 3 and terms != ["age"]:
                continue
            rows += _cox_rows(study, name, data, terms, deaths)
    return pd.DataFrame(rows)


def _cox_rows(
    study: Study, analysis_set: str, data: pd.DataFrame, terms: list[str], deaths: pd.Series
) -> list[dict[str, str]]:
    frame = data[["months", "death", *terms]]
    if any(frame[term].nunique() < 2 for term in terms):
        return []
    try:
        fit = CoxPHFitter().fit(frame, "months", "death")
    except ConvergenceError:  # a paper would not print this model either
        return []
    z = stats.norm.ppf(0.5 + study.interval_prob / 2)
    digits = study.ratio_digits
    rows = []
    for term in terms:
        beta, se = fit.params_[term], fit.standard_errors_[term]
        values = {"hr": beta, "lower": beta - z * se, "upper": beta + z * se}
        arms = data["treatment"].value_counts()
        rows.append(
            {
                "study": study.name,
                "endpoint": "OS",
                "analysis_set": analysis_set,
                "adjusted": "yes" if len(terms) > 1 else "no",
                "term": "treatment" if term == "treatment" else "covariate",
                "covariate": term,
                "coding": "continuous" if term == "age" else "binary",
                "n_treated": str(arms[1]),
                "n_control": str(arms[0]),
                "events_treated": str(deaths[1]),
                "events_control": str(deaths[0]),
                "interval_prob": f"{study.interval_prob:.2f}",
                **{name: f"{np.exp(value):.{digits}f}" for name, value in values.items()},
                "p": print_p(cox_p(study, frame, fit, term)),
            }
        )
    return rows


def cox_p(study: Study, frame: pd.DataFrame, fit: CoxPHFitter, term: str) -> float:
    """Return the p a study prints: Wald, likelihood ratio, or log-rank where there is one term."""
    terms = [name for name in frame if name not in {"months", "death"}]
    if study.p_kind == "wald" or (len(terms) == 1 and frame[term].nunique() > 2):
        return float(fit.summary.loc[term, "p"])
    if len(terms) == 1 and study.p_kind == "log_rank":
        one, two = (frame[frame[term] == code] for code in (0, 1))
        test = logrank_test(one["months"], two["months"], one["death"], two["death"])
        return float(test.p_value)
    if len(terms) == 1:
        return float(fit.log_likelihood_ratio_test().p_value)
    rest = CoxPHFitter().fit(frame.drop(columns=term), "months", "death")
    return float(stats.chi2.sf(2 * (fit.log_likelihood_ - rest.log_likelihood_), 1))


def survival_tables(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return Kaplan-Meier rates at 6, 12 and 24 months, and medians with their limits."""
    rates, medians = [], []
    for arm, code in _ARMS.items():
        own = study.patients[study.patients["treated"] == code]
        curve = KaplanMeierFitter().fit(own["months"], own["death"])
        median = curve.median_survival_time_
        low, high = median_survival_times(curve.confidence_interval_).to_numpy().ravel()
        base = {"study": study.name, "endpoint": "OS", "analysis_set": "unadjusted", "arm": arm}
        texts = [_time(value) for value in (median, low, high)]
        for month in (6, 12, 24):
            if month < own["months"].max():
                percent = 100 * float(curve.predict(month))
                rates.append(
                    base
                    | {"n": str(len(own)), "month": str(month), "median": texts[0]}
                    | {"percent": f"{percent:.{max(1, study.percent_digits)}f}"}
                )
        deaths = int(own["death"].sum())
        medians.append(
            base
            | {"n": str(len(own)), "events": str(deaths), "source": study.name}
            | {"events_percent": f"{100 * deaths / len(own):.{study.percent_digits}f}"}
            | dict(zip(("median", "median_lower", "median_upper"), texts, strict=True))
        )
    return pd.DataFrame(rates), pd.DataFrame(medians)


def _time(value: float) -> str:
    return f"{value:.1f}" if np.isfinite(value) else "NA"


def event_table(study: Study, rng: np.random.Generator) -> pd.DataFrame:
    """Return best responses and ten adverse events by grade."""
    rows = []
    sizes = {arm: int((study.patients["treated"] == code).sum()) for arm, code in _ARMS.items()}
    best = {arm: rng.multinomial(n, rng.dirichlet([1, 6, 6, 5])) for arm, n in sizes.items()}
    names = ("CR", "PR", "SD", "PD")
    counts = {
        ("all", name): {arm: int(best[arm][place]) for arm in sizes}
        for place, name in enumerate(names)
    }
    counts["all", "ORR"] = {arm: int(best[arm][:2].sum()) for arm in sizes}
    counts["all", "DCR"] = {arm: int(best[arm][:3].sum()) for arm in sizes}
    for event in range(10):
        share = rng.beta(1, 4)
        any_grade = {arm: int(rng.binomial(n, share)) for arm, n in sizes.items()}
        counts[f"event {event}", "any"] = any_grade
        counts[f"event {event}", "3-4"] = {
            arm: int(rng.binomial(n, 0.25)) for arm, n in any_grade.items()
        }
    for (group, category), by_arm in counts.items():
        table = np.array([[by_arm[arm], sizes[arm] - by_arm[arm]] for arm in sizes]).T
        table = table[table.sum(axis=1) > 0]
        p = print_p(factor_p(table, study.test))
        rows += [
            {
                "study": study.name,
                "group": group,
                "category": category,
                "analysis_set": "unadjusted",
                "arm": arm,
                "count": str(by_arm[arm]),
                "total": str(sizes[arm]),
                "percent": f"{100 * by_arm[arm] / sizes[arm]:.{study.percent_digits}f}",
                "p": p,
            }
            for arm in sizes
        ]
    return pd.DataFrame(rows)
