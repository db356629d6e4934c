"""What is wrong with the parameters of a simulated cohort, all of it at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

from hccbayes.errors import InputError, Problem

if TYPE_CHECKING:
    from hccbayes.synthetic.simulation_config import Center, CohortConfig, Covariate

RESERVED: Final = (
    "patient_id",
    "center",
    "arm",
    "intended",
    "treatment_start_months",
    "entry_months",
    "os_months",
    "death",
)
"""Columns of a simulated cohort that a covariate's name must leave alone."""
KINDS: Final = ("binary", "normal")
EARLY_ENDS: Final = ("control", "dropped")
SHARE_ROUNDING: Final = 1e-9
"""By how much shares may miss a sum of 1: they are typed with a few digits."""


def check_seed(seed: Any) -> int:
    """Return the seed.

    Raises
    ------
    InputError
        If it is not a whole number of at least 0.
    """
    if isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0:
        raise InputError(Problem("seed", f"must be a whole number of at least 0, not {seed!r}"))
    return int(seed)


def config_problems(config: CohortConfig) -> Iterator[Problem]:
    """Yield every problem of a configuration, in the order of its fields."""
    patients = config.patients
    if isinstance(patients, bool) or not isinstance(patients, Integral) or patients < 1:
        yield Problem("patients", f"must be a whole number of at least 1, not {patients!r}")
    yield from _covariate_problems(config.covariates)
    yield from _center_problems(config.centers)
    yield from _hazard_problems(config)
    yield from _number("treated_log_odds", config.treated_log_odds, hint=_SHARE_HINT)
    yield from _design_problems(config)
    yield from _number("loss_hazard", config.loss_hazard, least=0.0)
    yield from _number("unmeasured_log_hr", config.unmeasured_log_hr)
    yield from _number("unmeasured_log_loss", config.unmeasured_log_loss)
    if len(set(config.arm_labels)) != 2 or not all(config.arm_labels):
        yield Problem("arm_labels", "needs two different names, treated and control")
    for time in config.times:
        yield from _number("times", time, above=0.0)
    yield from _number("horizon", config.horizon, above=0.0)


_SHARE_HINT: Final = "; shares of treated patients of 0 or 1 leave one arm empty"


def _covariate_problems(covariates: Sequence[Covariate]) -> Iterator[Problem]:
    names = [covariate.name for covariate in covariates]
    yield from _name_problems("covariates", names)
    for covariate in covariates:
        where = f"covariate {covariate.name}"
        if covariate.name in RESERVED:
            yield Problem(where, "is the name of another column of the cohort")
        if covariate.kind not in KINDS:
            known = ", ".join(KINDS)
            yield Problem(f"{where}, kind", f"unknown {covariate.kind!r}; choose from {known}")
        yield from _number(f"{where}, share", covariate.share, least=0.0, most=1.0)
        yield from _number(f"{where}, log_hr", covariate.log_hr)
        yield from _number(f"{where}, log_odds", covariate.log_odds)
        yield from _number(f"{where}, missing", covariate.missing, least=0.0, below=1.0)
        yield from _number(f"{where}, missing_log_odds", covariate.missing_log_odds)
        if covariate.missing_with and covariate.missing_with not in names:
            unknown, known = covariate.missing_with, ", ".join(names)
            yield Problem(
                f"{where}, missing_with", f"unknown covariate {unknown!r}; choose from {known}"
            )


def _center_problems(centers: Sequence[Center]) -> Iterator[Problem]:
    if not centers:
        yield Problem("centers", "needs at least one")
        return
    yield from _name_problems("centers", [center.name for center in centers])
    wrong = False
    for center in centers:
        where = f"center {center.name}"
        for problem in _number(f"{where}, share", center.share, above=0.0, most=1.0):
            wrong = True
            yield problem
        yield from _number(f"{where}, log_hazard", center.log_hazard)
        yield from _number(f"{where}, log_odds", center.log_odds)
        yield from _number(f"{where}, log_hr", center.log_hr)
    if not wrong and abs(sum(center.share for center in centers) - 1.0) > SHARE_ROUNDING:
        total = sum(center.share for center in centers)
        yield Problem("centers", f"shares must add up to 1, not {total:g}")


def _hazard_problems(config: CohortConfig) -> Iterator[Problem]:
    for cut in config.cuts:
        yield from _number("cuts", cut, above=0.0)
    if list(config.cuts) != sorted(set(config.cuts)):
        yield Problem("cuts", "must increase")
    intervals = len(config.cuts) + 1
    if len(config.hazard) != intervals:
        yield Problem("hazard", f"needs {intervals} numbers, one more than there are cuts")
    wrong = [problem for rate in config.hazard for problem in _number("hazard", rate, least=0.0)]
    yield from wrong
    if not wrong and not any(config.hazard):
        yield Problem("hazard", "needs at least one number above 0: nobody would ever die")
    if len(config.log_hr) not in {1, intervals}:
        numbers = "1 number" if intervals == 1 else f"1 or {intervals} numbers"
        yield Problem("log_hr", f"needs {numbers}, one for all times or one each interval")
    for effect in config.log_hr:
        yield from _number("log_hr", effect)


def _design_problems(config: CohortConfig) -> Iterator[Problem]:
    if config.start is not None:
        yield from _range("start", config.start, "0 <= earliest <= latest", positive=False)
    if config.early_end not in EARLY_ENDS:
        known = ", ".join(EARLY_ENDS)
        yield Problem("early_end", f"unknown value {config.early_end!r}; choose from {known}")
    yield from _number("latest_entry", config.latest_entry, least=0.0)
    yield from _range("administrative", config.administrative, "0 < first <= last", positive=True)


def _name_problems(where: str, names: Sequence[str]) -> Iterator[Problem]:
    if not all(isinstance(name, str) and name for name in names):
        yield Problem(where, "every one needs a name")
    for name, count in Counter(names).items():
        if count > 1:
            yield Problem(where, f"{count} are named {name!r}")


def _range(
    where: str, months: tuple[float, float], rule: str, *, positive: bool
) -> Iterator[Problem]:
    first, last = months
    fine = all(isinstance(month, Real) and math.isfinite(month) for month in months)
    if not fine or first > last or first < 0 or (positive and first == 0):
        yield Problem(where, f"needs {rule}, in months, not {months!r}")


def _number(
    where: str,
    value: Any,
    *,
    least: float = -math.inf,
    most: float = math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    hint: str = "",
) -> Iterator[Problem]:
    """Yield a problem where a value is no finite number or not within its limits."""
    if not isinstance(value, Real) or not math.isfinite(value):
        yield Problem(where, f"must be a finite number, not {value!r}{hint}")
    elif not (least <= float(value) <= most and above < float(value) < below):
        rules = [
            f"{word} {limit:g}"
            for word, limit in (
                ("at least", least),
                ("above", above),
                ("at most", most),
                ("below", below),
            )
            if math.isfinite(limit)
        ]
        yield Problem(where, f"must be {' and '.join(rules)}, not {value!r}")
