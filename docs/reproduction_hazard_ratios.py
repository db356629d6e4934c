"""Printed hazard ratios beside Cox regression of the synthetic cohorts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import norm

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.frequentist.cox import CoxFit, cox
from hccbayes.frequentist.logrank import logrank
from reproduction_cohorts import Outcome, coded, outcome
from reproduction_record import Found, Printed, Row, agreement

TREATED_OVER_CONTROL = "treated / control"
ONE_COVARIATE = "not fitted: no treatment in the model"


def hazard_ratio_rows(study: str) -> Iterator[Row]:
    """Yield a row for each printed hazard ratio of a study's own cohort."""
    table = evidence.table("hazard_ratios", usable_only=False)
    own = table[(table["study"] == study) & (table["source"] == study)]
    for (endpoint, sample, adjusted), model in own.groupby(
        ["endpoint", "analysis_set", "adjusted"], sort=False
    ):
        fit = None
        if adjusted == "yes":
            fit = fitted(model, outcome(study, endpoint, sample))
        for index, row in model.iterrows():
            if sample == "weighted":
                yield _weighted(index, row)
            elif not row["printed_hr"]:
                yield _derived(index, row)
            else:
                single = fit or fitted(model.loc[[index]], outcome(study, endpoint, sample))
                yield _compared(index, row, single)


def fitted(rows: pd.DataFrame, patients: Outcome) -> CoxFit:
    """Return the Cox regression on the covariates of some printed rows."""
    return cox(coded(rows), patients.start, patients.stop, patients.event)


def ratio(fit: CoxFit, term: str) -> Found:
    """Return a term's hazard ratio with Wald limits and p."""
    at = fit.terms.index(term)
    return Found(
        estimate=float(np.exp(fit.coef[at])),
        lower=float(np.exp(fit.lower[at])),
        upper=float(np.exp(fit.upper[at])),
        p=float(2 * norm.sf(abs(fit.coef[at] / fit.se[at]))),
    )


def logrank_ratio(patients: Outcome) -> Found:
    r"""Return the ratio of observed over expected events, treated over control.

    .. math:: \frac{O_1 / E_1}{O_0 / E_0}, \qquad
              \mathrm{se}(\log) = \sqrt{1 / E_1 + 1 / E_0}

    (Peto et al. 1977, British Journal of Cancer 35:1).
    """
    test = logrank(patients.start, patients.stop, patients.event, patients.treated)
    (o1, o0), (e1, e0) = (
        (counts["treated"], counts["control"]) for counts in (test.observed, test.expected)
    )
    log_ratio = math.log(o1 / e1) - math.log(o0 / e0)
    half = float(norm.ppf(0.975)) * math.sqrt(1 / e1 + 1 / e0)
    return Found(
        estimate=math.exp(log_ratio),
        lower=math.exp(log_ratio - half),
        upper=math.exp(log_ratio + half),
        p=test.p_value,
    )


def printed_ratio(row: pd.Series) -> Printed:
    """Return a row's hazard ratio with limits and p, as printed."""
    return Printed(
        estimate=row["printed_hr"],
        lower=row["printed_lower"],
        upper=row["printed_upper"],
        p=row["printed_p"],
    )


def ratio_item(row: pd.Series) -> str:
    """Return what stands over what in a row's hazard ratio."""
    over = f" / {row['denominator']}" if row["denominator"] else ""
    contrast = f"{row['numerator']}{over}"
    return contrast if row["term"] == "treatment" else f"{row['covariate']}: {contrast}"


def _quantity(row: pd.Series) -> str:
    if row["adjusted"] == "yes":
        return "hazard ratio, adjusted"
    return "hazard ratio, running text" if "running text" in row["model"] else "hazard ratio"


def ratio_term(row: pd.Series) -> str:
    """Return the column of a row's hazard ratio in the coded design."""
    return "treatment" if row["term"] == "treatment" else str(row["covariate"])


def _compared(index: object, row: pd.Series, fit: CoxFit) -> Row:
    printed, found = printed_ratio(row), ratio(fit, ratio_term(row))
    if row["term"] == "treatment" and row["numerator"] == "control":
        found = found.inverted()
    differs = found.differs(printed)
    target = reasons.ratio_target(row)
    labels, remark = reasons.of_ratio(row, found, differs, target)
    if reasons.LOG_RANK_TYPE in labels:
        patients = outcome(row["study"], row["endpoint"], row["analysis_set"])
        remark = f"{remark}; O/E ratio of the cohort {logrank_ratio(patients).text(printed)}"
    bayesian = row["term"] == "treatment" or row["adjusted"] == "yes"
    return Row(
        study=row["study"],
        endpoint=row["endpoint"],
        sample=row["analysis_set"],
        quantity=_quantity(row),
        item=ratio_item(row),
        printed=printed.text(),
        frequentist=found.text(printed),
        method="Cox, Wald limits and p",
        bayes="" if bayesian else ONE_COVARIATE,
        fit=fit_name(row) if bayesian else "",
        term=ratio_term(row) if bayesian else "",
        agreement=agreement(differs),
        reason="; ".join(labels),
        remark=remark,
        evidence=f"hazard_ratios {index}",
    )


def fit_name(row: pd.Series) -> str:
    """Return the Bayesian fit that a row's hazard ratio is found in."""
    covariates = "printed covariates" if row["adjusted"] == "yes" else "treatment alone"
    return f"{row['study']} {row['endpoint']} {row['analysis_set']}, {covariates}"


def _derived(index: object, row: pd.Series) -> Row:
    """Return the row of a ratio that is in a figure alone and was derived from its p."""
    derived = evidence.table("derived_effects")
    named = derived[
        (derived["study"] == row["study"])
        & (derived["endpoint"] == row["endpoint"])
        & (derived["quantity"] == "HR treated/control")
    ].iloc[0]
    found = ratio(
        fitted(row.to_frame().T, outcome(row["study"], row["endpoint"], "unadjusted")), "treatment"
    )
    known = Printed(estimate=named["value"], lower=named["lower"], upper=named["upper"])
    note = f"not printed; derived {known.text()}: {named['method']}"
    return Row(
        study=row["study"],
        endpoint=row["endpoint"],
        sample=row["analysis_set"],
        quantity=_quantity(row),
        item=TREATED_OVER_CONTROL,
        printed="in a figure alone",
        frequentist=found.text(known),
        method="Cox, Wald limits and p",
        fit=fit_name(row),
        term="treatment",
        reason=reasons.DERIVED,
        remark=f"{note}; {row['reason']}",
        evidence=f"hazard_ratios {index}",
    )


def _weighted(index: object, row: pd.Series) -> Row:
    return Row(
        study=row["study"],
        endpoint=row["endpoint"],
        sample=row["analysis_set"],
        quantity=_quantity(row),
        item=TREATED_OVER_CONTROL,
        printed="in a figure alone",
        frequentist="not computed",
        method="",
        bayes="not fitted: weighted",
        reason=reasons.WEIGHTED,
        remark=f"{row['reason']}; weighted table not reproduced (L3, L4)",
        evidence=f"hazard_ratios {index}",
    )
