"""The cohort of the null, in which treatment does nothing, beside what Lu 2025 printed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import norm

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival
from hccbayes.frequentist.logrank import logrank
from hccbayes.synthetic import treatment_episodes
from reproduction_cohorts import NULL, outcome
from reproduction_record import DIFFER, Found, Printed, Row, agreement

PRINTED_IN = "Lu2025"
FIT = f"{NULL} OS unadjusted, treatment alone"


def null_rows() -> Iterator[Row]:
    """Yield medians, log-rank p, and the naive and the time-dependent hazard ratio."""
    table = evidence.table("outcomes", usable_only=False)
    printed = table[
        (table["study"] == PRINTED_IN)
        & (table["endpoint"] == "OS")
        & (table["analysis_set"] == "unadjusted")
    ]
    for index, row in printed.iterrows():
        yield _median(index, row)
    yield _logrank(printed.index[0], printed.iloc[0])
    yield from _ratios()


def _row(**fields: str) -> Row:
    return Row(study=NULL, endpoint="OS", sample="unadjusted", reason=reasons.NULL_COHORT, **fields)


def _median(index: object, row: pd.Series) -> Row:
    patients = outcome(NULL, "OS", "unadjusted").arm(row["arm"])
    median = median_survival(kaplan_meier(patients.start, patients.stop, patients.event))
    found = Found(estimate=median.estimate, lower=median.lower, upper=median.upper)
    printed = Printed(estimate=row["printed_median"])
    return _row(
        quantity="median, months",
        item=row["arm"],
        printed=printed.text(),
        frequentist=found.text(printed, decimals=1),
        method="Kaplan-Meier, log limits",
        fit=FIT,
        term=f"median {row['arm']}",
        agreement=agreement(found.differs(printed)),
        evidence=f"outcomes {index}",
    )


def _logrank(index: object, row: pd.Series) -> Row:
    patients = outcome(NULL, "OS", "unadjusted")
    p = logrank(patients.start, patients.stop, patients.event, patients.treated).p_value
    printed = Printed(p=row["printed_p"])
    return _row(
        quantity="log-rank p",
        item="treated, control",
        printed=printed.text(),
        frequentist=Found(p=p).text(printed),
        method="log-rank test",
        fit=FIT,
        term="benefit",
        agreement=DIFFER,
        evidence=f"outcomes {index}",
    )


def _ratios() -> Iterator[Row]:
    patients = outcome(NULL, "OS", "unadjusted")
    treated = pd.DataFrame({"treatment": patients.treated})
    naive = cox(treated, patients.start, patients.stop, patients.event)
    episodes = treatment_episodes(patients.frame)
    in_time = cox(episodes[["treatment"]], episodes["start"], episodes["stop"], episodes["death"])
    named = {"hazard ratio, naive": naive, "hazard ratio, time-dependent": in_time}
    for quantity, fit in named.items():
        z = fit.coef[0] / fit.se[0]
        found = Found(
            estimate=float(np.exp(fit.coef[0])),
            lower=float(np.exp(fit.lower[0])),
            upper=float(np.exp(fit.upper[0])),
            p=float(2 * norm.sf(abs(z))),
        )
        starts_at_zero = fit is naive
        yield _row(
            quantity=quantity,
            item="treated / control",
            printed="in a figure alone",
            frequentist=found.text(Printed()),
            method="Cox, Wald limits and p",
            bayes="" if starts_at_zero else "not fitted: one episode a patient",
            fit=FIT if starts_at_zero else "",
            term="treatment" if starts_at_zero else "",
            remark="the truth is 1"
            if starts_at_zero
            else "the truth is 1; treatment counts from its start",
        )
