"""Printed events, medians, log-rank p, follow-up and rates beside those of the cohorts."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pandas as pd

import reproduction_reasons as reasons
from hccbayes import evidence
from hccbayes.evidence import parse
from hccbayes.frequentist.kaplan_meier import (
    kaplan_meier,
    median_survival,
    numbers_at_risk,
    survival_at,
)
from hccbayes.frequentist.logrank import logrank
from reproduction_cohorts import Outcome, outcome
from reproduction_record import (
    AGREE,
    DIFFER,
    ESTIMATE_ONLY,
    Found,
    Printed,
    Row,
    agreement,
    agrees,
)

KAPLAN_MEIER = "Kaplan-Meier, log limits"
OBSERVED = "not fitted: an observed count"


def outcome_rows(study: str) -> Iterator[Row]:
    """Yield events, medians, log-rank p and follow-up of a study's own cohort."""
    table = evidence.table("outcomes", usable_only=False)
    own = table[(table["study"] == study) & (table["kind"] == "own")]
    for _, arms in own.groupby(["endpoint", "analysis_set"], sort=False):
        for index, row in arms.iterrows():
            if row["printed_events"]:
                yield _events(index, row)
            if row["printed_median"]:
                yield _median(index, row)
            if not math.isnan(row["follow_up_median"]):
                yield _follow_up(index, row)
        tested = arms[arms["printed_p"] != ""]
        if len(tested):
            yield _logrank(tested.index[0], tested.iloc[0])


def _row(index: object, row: pd.Series, **fields: str) -> Row:
    named = {"item": row["arm"]} | fields
    return Row(
        study=row["study"],
        endpoint=row["endpoint"],
        sample=row["analysis_set"],
        evidence=f"{row.get('table', 'outcomes')} {index}",
        **named,
    )


def _not_computed(index: object, row: pd.Series, quantity: str, printed: str, **fields: str) -> Row:
    return _row(
        index,
        row,
        quantity=quantity,
        printed=printed,
        frequentist="not computed",
        method="",
        bayes="not fitted: weighted",
        reason=reasons.WEIGHTED,
        **fields,
    )


def _fit(row: pd.Series) -> str:
    # Recurrence and progression are one endpoint of one fit.
    endpoint = "OS" if row["endpoint"] == "OS" else "PFS"
    return f"{row['study']} {endpoint} {row['analysis_set']}, treatment alone"


def _events(index: object, row: pd.Series) -> Row:
    patients = outcome(row["study"], row["endpoint"], row["analysis_set"]).arm(row["arm"])
    events, total = int(patients.event.sum()), len(patients.frame)
    share = 100 * events / total
    percent = row["printed_events_percent"]
    same = agrees(row["printed_events"], events)
    labels, remark = _event_labels(row, events)
    label = AGREE if same else DIFFER
    if same and not agrees(percent, share):
        cut = parse(percent).cut_from(share)
        label, labels = ESTIMATE_ONLY, [reasons.CUT_OFF if cut else reasons.OTHER_PERCENT]
    digits = parse(percent).decimals if percent else 1
    return _row(
        index,
        row,
        quantity="events",
        printed=f"{row['printed_events']} of {row['n']:.0f}" + _percent(percent),
        frequentist=f"{events} of {total}" + _percent(f"{share:.{digits}f}" if percent else ""),
        method="count",
        bayes=OBSERVED,
        agreement=label,
        reason="; ".join(labels),
        remark=remark,
    )


def _percent(text: str) -> str:
    return f" ({text}%)" if text else ""


def _event_labels(row: pd.Series, events: int) -> tuple[list[str], str]:
    if agrees(row["printed_events"], events):
        return [reasons.TARGET], ""
    contradictory = row["use"] in {"no", "caution"}
    labels = [reasons.CONTRADICTORY] if contradictory else []
    return [*labels, reasons.INVENTED], row["reason"]


def _median(index: object, row: pd.Series) -> Row:
    printed = Printed(
        estimate=row["printed_median"],
        lower=row["printed_median_lower"],
        upper=row["printed_median_upper"],
    )
    if row["analysis_set"] == "weighted":
        return _not_computed(index, row, "median, months", printed.text())
    patients = outcome(row["study"], row["endpoint"], row["analysis_set"]).arm(row["arm"])
    found = _median_of(patients, patients.event)
    differs = found.differs(printed)
    labels = _median_labels(row, differs)
    return _row(
        index,
        row,
        quantity="median, months",
        printed=printed.text(),
        frequentist=found.text(printed, decimals=1),
        method=KAPLAN_MEIER,
        fit=_fit(row),
        term=f"median {row['arm']}",
        agreement=agreement(differs),
        reason="; ".join(labels),
    )


def _median_of(patients: Outcome, event: pd.Series) -> Found:
    found = median_survival(kaplan_meier(patients.start, patients.stop, event))
    return Found(estimate=found.estimate, lower=found.lower, upper=found.upper)


def _median_labels(row: pd.Series, differs: tuple[str, ...]) -> list[str]:
    target = reasons.outcome_target(row, "median")
    if not differs:
        return [reasons.TARGET]
    if target is not None and target["status"] == "not targeted":
        return [reasons.MATCHED_OUTCOME]
    if "estimate" not in differs and row["study"] in reasons.SYMMETRIC_LIMITS:
        return [reasons.NORMAL_LIMITS]
    return []


def _follow_up(index: object, row: pd.Series) -> Row:
    printed = Printed(
        estimate=f"{row['follow_up_median']:g}",
        lower=_plain(row["follow_up_lower"]),
        upper=_plain(row["follow_up_upper"]),
    )
    patients = outcome(row["study"], row["endpoint"], row["analysis_set"]).arm(row["arm"])
    found = _median_of(patients, 1 - patients.event)
    differs = found.differs(printed)
    contradictory = "follow-up" in row["reason"]
    labels = [reasons.CONTRADICTORY] if contradictory and differs else []
    return _row(
        index,
        row,
        quantity="median follow-up, months",
        printed=printed.text(),
        frequentist=found.text(printed, decimals=1),
        method="reverse Kaplan-Meier, log limits",
        bayes="not fitted: censoring",
        agreement=agreement(differs),
        reason="; ".join([*labels, *([reasons.FREE_CENSORING] if differs else [])]),
        remark=row["reason"] if contradictory and differs else "",
    )


def _plain(value: float) -> str:
    return "" if math.isnan(value) else f"{value:g}"


def _logrank(index: object, row: pd.Series) -> Row:
    printed = Printed(p=row["printed_p"])
    if row["analysis_set"] == "weighted":
        return _not_computed(index, row, "log-rank p", printed.text(), item="treated, control")
    patients = outcome(row["study"], row["endpoint"], row["analysis_set"])
    test = logrank(patients.start, patients.stop, patients.event, patients.treated)
    same = agrees(row["printed_p"], test.p_value)
    # L1 is about the p; other cautions of these rows are about events or follow-up.
    doubtful = "p is printed" in row["reason"] and not same
    labels = [reasons.CONTRADICTORY] if doubtful else []
    return _row(
        index,
        row,
        quantity="log-rank p",
        item="treated, control",
        printed=printed.text(),
        frequentist=Found(p=test.p_value).text(printed),
        method="log-rank test",
        fit=_fit(row),
        term="benefit",
        agreement=AGREE if same else DIFFER,
        reason="; ".join([*labels, *([] if same else [reasons.FREE_P])]),
        remark=row["reason"] if doubtful else "",
    )


def rate_rows(study: str) -> Iterator[Row]:
    """Yield each printed rate twice: as survival, and as a share still under observation."""
    table = evidence.table("survival_rates", usable_only=False).assign(table="survival_rates")
    own = table[(table["study"] == study) & (table["kind"] == "own")]
    for index, row in own.iterrows():
        patients = outcome(row["study"], row["endpoint"], row["analysis_set"]).arm(row["arm"])
        yield _survival(index, row, patients)
        yield _at_risk(index, row, patients)


def _survival(index: object, row: pd.Series, patients: Outcome) -> Row:
    printed = Printed(estimate=row["printed_percent"])
    curve = kaplan_meier(patients.start, patients.stop, patients.event)
    end = float(curve["time"].iloc[-1])
    found, text = Found(), f"unknown: the curve ends at {end:.1f} months"
    if row["month"] <= end:
        at = 100 * survival_at(curve, [row["month"]]).iloc[0][["survival", "lower", "upper"]]
        found = Found(estimate=at["survival"], lower=at["lower"], upper=at["upper"])
        text = found.text(printed, decimals=1, unit="%")
    return _row(
        index,
        row,
        quantity=f"survival at {row['month']:.0f} months",
        printed=f"{row['printed_percent']}%",
        frequentist=text,
        method=KAPLAN_MEIER,
        fit=_fit(row),
        term=f"survival {row['arm']} {row['month']:.0f}",
        agreement=agreement(found.differs(printed)),
        reason=reasons.AT_RISK,
        remark=row["reason"],
    )


def _at_risk(index: object, row: pd.Series, patients: Outcome) -> Row:
    count = int(numbers_at_risk(patients.start, patients.stop, [row["month"]])[0])
    total = len(patients.frame)
    share = 100 * count / total
    differs = not agrees(row["printed_percent"], share)
    return _row(
        index,
        row,
        quantity=f"at risk at {row['month']:.0f} months",
        printed=f"{row['printed_percent']}% of {total}",
        frequentist=f"{share:.1f}% ({count} of {total})",
        method="count",
        bayes=OBSERVED,
        agreement=DIFFER if differs else AGREE,
        reason="" if differs else reasons.TARGET,
    )
