"""``[design]``: who could be treated when, what inclusion asked for, how time zero is handled."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from hccbayes import defaults
from hccbayes.roles import FrozenModel, TimeColumn, TimeUnit

DesignMethod = Literal[
    "naive", "landmark", "time_dependent", "clone_censor_weight", "delayed_entry"
]
ControlStrategy = Literal["never", "not_within_grace"]
StartTiming = Literal["as_observed", "end_of_grace"]
EarlyDeaths = Literal["control", "excluded"]

_TIME_OF: Final = {
    "landmark": "landmark",
    "clone_censor_weight": "grace",
    "delayed_entry": "survival_required",
}
"""The duration that a method cannot do without."""
_NEEDS_START: Final = frozenset({"landmark", "time_dependent", "clone_censor_weight"})


def _months(value: Any) -> Any:
    """Read a duration: months, or ``{ value = 90, unit = "days" }``."""
    units = get_args(TimeUnit)
    number, unit = value, "months"
    if isinstance(value, Mapping):
        if set(value) != {"value", "unit"} or value["unit"] not in units:
            raise ValueError(
                f"write months, or {{ value = 90, unit = 'days' }} with one of {', '.join(units)}"
            )
        number, unit = value["value"], value["unit"]
    if isinstance(number, bool) or not isinstance(number, int | float):
        raise ValueError("write months, or { value = 90, unit = 'days' }")
    if not (math.isfinite(number) and number > 0):
        raise ValueError("must be positive and finite")
    return float(number) * defaults.MONTHS_PER_UNIT[unit]


Duration = Annotated[float, BeforeValidator(_months)]


def duration_text(months: float) -> str:
    """Return a duration as one would say it: ``3 months``, ``90 days``, ``2.35 months``.

    Parameters
    ----------
    months
        Months; given in days where it is whole days and not whole or half months.
    """
    days = months * defaults.DAYS_PER_MONTH
    if (2.0 * months).is_integer() or abs(days - round(days)) > 1e-6:
        return "1 month" if months == 1.0 else f"{months:.4g} months"
    return "1 day" if round(days) == 1 else f"{round(days)} days"


class DesignChoice(FrozenModel):
    """One design of ``[[design.compare]]``: a method with its times, else as the section says.

    Parameters
    ----------
    method, landmark, grace, control, timing, truncate, survival_required
        As in :class:`DesignSection`.
    """

    method: DesignMethod
    landmark: Duration | None = None
    grace: Duration | None = None
    control: ControlStrategy | None = None
    timing: StartTiming | None = None
    truncate: Annotated[float, Field(gt=50, lt=100)] | None = None
    survival_required: Duration | None = None


class DesignSection(FrozenModel):
    """``[design]``: the target trial and its emulation. Durations are months, or a value and unit.

    Parameters
    ----------
    method
        How time zero is handled: ``naive`` (arms as the data label them), ``landmark``,
        ``time_dependent``, ``clone_censor_weight`` or ``delayed_entry``; see
        :mod:`hccbayes.time_zero`.
    treatment_start
        Column of the time from time zero to the start of the added treatment, empty where it never
        started.
    landmark
        Time at which patients still followed are classified by the treatment they have had.
    grace
        Time within which the treated strategy starts treatment.
    control
        Whether the control strategy ``never`` starts treatment, or does ``not_within_grace``.
    timing
        When the treated strategy starts within the grace period: ``as_observed`` among those who
        do, or ``end_of_grace`` at the latest, whatever came before.
    truncate
        Weights of clones beyond this percentile of their strategy are set to it; left out, none is.
    survival_required
        Time for which inclusion asked patients of both arms to live (cycles completed, drop-outs
        excluded); ``delayed_entry`` counts from there.
    minimum_follow_up
        Follow-up that inclusion asked for.
    start_window
        Earliest and latest start of treatment, where its dates are not in the data; what the rules
        alone can produce is then shown (:func:`hccbayes.time_zero.immortal_bound`).
    early_deaths
        Where patients went who died before their treatment could start: to the ``control`` arm, or
        they were ``excluded``.
    eligibility, treated_strategy, control_strategy, conditioned_on
        The protocol in words; ``conditioned_on`` is what inclusion asked of the future. Printed in
        the target-trial table.
    compare
        Designs to set side by side (:func:`hccbayes.compare_designs`).
    """

    method: DesignMethod = "naive"
    treatment_start: TimeColumn | None = None
    landmark: Duration | None = None
    grace: Duration | None = None
    control: ControlStrategy = "never"
    timing: StartTiming = "as_observed"
    truncate: Annotated[float, Field(gt=50, lt=100)] | None = None
    survival_required: Duration | None = None
    minimum_follow_up: Duration | None = None
    start_window: tuple[float, float] | None = None
    early_deaths: EarlyDeaths = "control"
    eligibility: tuple[str, ...] = ()
    treated_strategy: str = ""
    control_strategy: str = ""
    conditioned_on: tuple[str, ...] = ()
    compare: tuple[DesignChoice, ...] = ()

    @model_validator(mode="after")
    def _method_has_its_times(self) -> DesignSection:
        needed = _TIME_OF.get(self.method)
        if needed is not None and getattr(self, needed) is None:
            raise ValueError(f"method = '{self.method}' needs `{needed}`, in months")
        if self.method in _NEEDS_START and self.treatment_start is None:
            raise ValueError(
                f"method = '{self.method}' needs `treatment_start`, a column of the time from time "
                "zero to the start of treatment; without it, give `start_window` and read what "
                "hccbayes.time_zero.immortal_bound says"
            )
        return self

    @model_validator(mode="after")
    def _window_increases(self) -> DesignSection:
        if self.start_window is None:
            return self
        low, high = self.start_window
        if not (math.isfinite(low) and math.isfinite(high) and 0 <= low < high):
            raise ValueError("start_window must be two times of months, 0 <= earliest < latest")
        return self

    @model_validator(mode="after")
    def _designs_can_be_made(self) -> DesignSection:
        labels: list[str] = []
        for number, choice in enumerate(self.compare, start=1):
            try:
                labels.append(self.chosen(choice).label)
            except ValidationError as error:
                why = str(error.errors()[0]["msg"]).removeprefix("Value error, ")
                raise ValueError(f"[[design.compare]] number {number}: {why}") from None
        if twice := sorted({label for label in labels if labels.count(label) > 1}):
            raise ValueError(f"[[design.compare]] names a design twice: {', '.join(twice)}")
        return self

    def chosen(self, choice: DesignChoice) -> DesignSection:
        """Return the section under another design.

        Raises
        ------
        ValueError
            If the design has not the times or dates it needs.
        """
        changes = choice.model_dump(exclude_none=True)
        own = self.model_dump(exclude={"compare"}, exclude_none=True)
        return type(self).model_validate(own | changes)

    @property
    def _variants(self) -> list[str]:
        """What differs from the usual strategies and weights of clones."""
        return [
            *(["control not within it"] if self.control == "not_within_grace" else []),
            *(["starts at its end"] if self.timing == "end_of_grace" else []),
            *([f"truncated at {self.truncate:g}%"] if self.truncate is not None else []),
        ]

    @property
    def label(self) -> str:
        """The design in words, ``landmark at 3 months``."""
        own = _TIME_OF.get(self.method)
        time = "" if own is None else duration_text(getattr(self, own))
        return {
            "naive": "naive",
            "landmark": f"landmark at {time}",
            "time_dependent": "time-dependent treatment",
            "clone_censor_weight": ", ".join(
                [f"clone-censor-weight, {time} of grace", *self._variants]
            ),
            "delayed_entry": f"delayed entry at {time}",
        }[self.method]
