"""The estimate table and the frozen records in which results travel.

The estimate table holds one number a row, Bayesian or frequentist, so that a cross-check is a join.
Effects are always treated over control.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import pandas as pd

Source = Literal["bayes", "frequentist"]

ESTIMATE_COLUMNS: tuple[str, ...] = (
    "estimand",
    "contrast",
    "population",
    "time",
    "estimate",
    "lower",
    "upper",
    "interval_prob",
    "interval_kind",
    "prob_benefit",
    "source",
    "method",
    "model",
)
"""Columns of every estimate table, in order; extra columns are not allowed."""

TREATMENT_CONTRAST = "treated / control"
"""Contrast of every ratio of the arms."""
DIFFERENCE_CONTRAST = "treated - control"
"""Contrast of every difference of the arms."""


ARM_CONTRASTS = frozenset({TREATMENT_CONTRAST, DIFFERENCE_CONTRAST, "treated", "control"})
"""Contrasts of the arms, against those of covariates and centers."""


POPULATION_NAMES: Mapping[str, str] = {
    "ate": "all patients",
    "att": "the treated",
    "atc": "the controls",
    "ato": "patients by overlap",
    "matching": "patients whom matching would keep",
    "matched": "matched patients",
}
"""Populations of standardization, weighting and matching, in words."""
POPULATIONS = frozenset({"sample", *POPULATION_NAMES})
"""Populations that are the whole cohort or a standardization target, against single centers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One row of the estimate table.

    Parameters
    ----------
    estimand
        What is estimated: ``log_hr``, ``hr``, ``survival``, ``rmst``, ``median``, ...
    contrast
        ``treated - control``, ``treated / control``, an arm, or a covariate's own contrast.
    population
        Over whom: ``sample`` (the patients as they are), a target of standardization or weighting
        (``ate``, ``att``, ``atc``, ``ato``, ``matching``), or ``matched`` patients.
    time
        Months at which, or to which, the quantity is taken; ``None`` where it has no time.
    estimate, lower, upper
        The number and its interval, in the unit of the estimand; ``nan`` where there is none and
        ``inf`` where it lies beyond the follow-up.
    interval_prob, interval_kind
        Probability of the interval and how it was made: ``eti``, ``hdi``, ``wald``, ``log``,
        ``log-log``; empty where there is no interval.
    prob_benefit
        Posterior probability that the contrast favors the treated arm; ``None`` for an arm's own
        value and for every frequentist row.
    source
        ``bayes`` or ``frequentist``.
    method
        ``pe_rw1``, ``cox_efron``, ``km``, ...
    model
        The model file's name.
    """

    estimand: str
    contrast: str
    population: str
    estimate: float
    source: Source
    method: str
    model: str
    time: float | None = None
    lower: float = float("nan")
    upper: float = float("nan")
    interval_prob: float | None = None
    interval_kind: str = ""
    prob_benefit: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FrequentistLabels:
    """What the frequentist rows of one population have in common.

    Parameters
    ----------
    population, model
        As in :class:`Estimate`.
    prob
        Probability of every interval.
    """

    population: str
    model: str
    prob: float

    def row(
        self,
        estimand: str,
        contrast: str,
        method: str,
        estimate: float,
        *,
        limits: tuple[float, float] = (math.nan, math.nan),
        kind: str = "",
        time: float | None = None,
    ) -> Estimate:
        """Return a row; one without limits has no kind and probability of them.

        Parameters
        ----------
        estimand, contrast, method, estimate, time
            As in :class:`Estimate`.
        limits, kind
            Ends of the interval and how it was made.
        """
        empty = math.isnan(limits[0]) and math.isnan(limits[1])
        return Estimate(
            estimand=estimand,
            contrast=contrast,
            population=self.population,
            time=time,
            estimate=float(estimate),
            lower=float(limits[0]),
            upper=float(limits[1]),
            interval_prob=None if empty else self.prob,
            interval_kind="" if empty else kind,
            source="frequentist",
            method=method,
            model=self.model,
        )

    def wald(
        self,
        estimand: str,
        contrast: str,
        method: str,
        estimate: float,
        se: float,
        *,
        time: float | None = None,
    ) -> Estimate:
        """Return a row with the limits of an estimate whose distribution is normal."""
        half = self.quantile * se
        limits = (estimate - half, estimate + half)
        return self.row(estimand, contrast, method, estimate, limits=limits, kind="wald", time=time)

    def ratio(
        self,
        name: str,
        contrast: str,
        method: str,
        log_ratio: float,
        limits: tuple[float, float],
        *,
        kind: str = "wald",
        time: float | None = None,
    ) -> tuple[Estimate, Estimate]:
        """Return a log ratio with its limits, ``log_NAME``, and the ratio, ``NAME``."""
        ends = (_exp(limits[0]), _exp(limits[1]))
        ratio = _exp(log_ratio)
        return (
            self.row(
                f"log_{name}", contrast, method, log_ratio, limits=limits, kind=kind, time=time
            ),
            self.row(name, contrast, method, ratio, limits=ends, kind=kind, time=time),
        )

    @property
    def quantile(self) -> float:
        """Standard normal quantile of the limits, 1.96 for 0.95."""
        return NormalDist().inv_cdf((1 + self.prob) / 2)


def _exp(value: float) -> float:
    """Return the exponential, infinite where it overflows."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf


def estimate_table(rows: Iterable[Estimate]) -> pd.DataFrame:
    """Return the rows as an estimate table.

    Parameters
    ----------
    rows
        Estimates, kept in their order.

    Returns
    -------
    pandas.DataFrame
        One row an estimate with the columns of :data:`ESTIMATE_COLUMNS`; ``time``,
        ``interval_prob`` and ``prob_benefit`` are floats with ``nan`` where they are empty.
    """
    import pandas as pd

    frame = pd.DataFrame([asdict(row) for row in rows], columns=list(ESTIMATE_COLUMNS))
    floats = ["time", "estimate", "lower", "upper", "interval_prob", "prob_benefit"]
    return frame.astype(dict.fromkeys(floats, "float64"))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check.

    Parameters
    ----------
    name
        What was checked.
    passed
        ``True``, ``False``, or ``None`` for information that has no pass or fail.
    message
        One sentence with the number and its limit.
    value
        The number itself, where there is one.
    """

    name: str
    passed: bool | None
    message: str
    value: float | None = None

    @property
    def finite_value(self) -> float | None:
        """The number where it is one: JSON knows neither ``nan`` nor infinity."""
        return self.value if self.value is not None and math.isfinite(self.value) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The diagnostics gate of one fit.

    Parameters
    ----------
    checks
        Every check made, in order.
    target_accept
        The target acceptance of the fit that is reported.
    repeats
        Why earlier fits were not taken, in their order: divergent draws, slow mixing.
    """

    checks: tuple[CheckResult, ...]
    target_accept: float
    repeats: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether no check failed."""
        return all(check.passed is not False for check in self.checks)

    @property
    def failures(self) -> tuple[CheckResult, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.passed is False)

    def headline(self) -> str:
        """Return one line that says whether the fit may be used, and if not, why."""
        if self.passed:
            return "Diagnostics passed: " + "; ".join(
                check.message for check in self.checks if check.passed
            )
        reasons = "; ".join(check.message for check in self.failures)
        return f"DIAGNOSTICS FAILED, do not use these estimates: {reasons}"

    def to_dict(self) -> dict[str, Any]:
        """Return the diagnosis as plain values for ``diagnostics.json``."""
        return {
            "passed": self.passed,
            "headline": self.headline(),
            "target_accept": self.target_accept,
            "repeats": list(self.repeats),
            "checks": [asdict(check) | {"value": check.finite_value} for check in self.checks],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Diagnosis:
        """Return the diagnosis that :meth:`to_dict` wrote."""
        return cls(
            checks=tuple(CheckResult(**check) for check in values["checks"]),
            target_accept=values["target_accept"],
            repeats=tuple(values["repeats"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Patients left out of the analysis for one reason.

    Parameters
    ----------
    reason
        Why, with the policy of the model file that says so.
    ids
        Their identifiers; kept in memory for the analyst, only counted in what is written.
    """

    reason: str
    ids: tuple[str, ...]

    @property
    def count(self) -> int:
        """How many patients."""
        return len(self.ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSummary:
    """Size of one arm: patients, events and person-months.

    With a time-dependent treatment, patients ever and never treated, and events and person-months
    with and without treatment.
    """

    label: str
    patients: int
    events: int
    person_months: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortSummary:
    """What a report says of a cohort; no patient's row is in it.

    Parameters
    ----------
    source
        File name or data set name.
    sha256
        Digest of the file, or of the frame's content.
    rows_read
        Patients before exclusions.
    arms
        ``treated`` and ``control``.
    centers
        Number of centers; 0 where the model has none.
    synthetic
        Name of the synthetic cohort that this is; empty for patients.
    exclusions
        ``(reason, count)`` pairs.
    warnings
        Everything worth a reader's attention that does not stop an analysis.
    """

    source: str
    sha256: str
    rows_read: int
    arms: Mapping[str, ArmSummary]
    centers: int
    synthetic: str = ""
    exclusions: tuple[tuple[str, int], ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def notice(self) -> str:
        """Return what has to stand beside every result of a synthetic cohort; else nothing."""
        if not self.synthetic:
            return ""
        return (
            f"Synthetic cohort ({self.synthetic}), not patients: results show the software, "
            "never a therapy."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the summary as plain values for ``provenance.json``."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> CohortSummary:
        """Return the summary that :meth:`to_dict` wrote."""
        arms = {arm: ArmSummary(**summary) for arm, summary in values["arms"].items()}
        exclusions = tuple((str(reason), int(count)) for reason, count in values["exclusions"])
        return cls(
            source=values["source"],
            sha256=values["sha256"],
            rows_read=values["rows_read"],
            arms=arms,
            centers=values["centers"],
            synthetic=values["synthetic"],
            exclusions=exclusions,
            warnings=tuple(values["warnings"]),
        )
