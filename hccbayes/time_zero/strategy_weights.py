"""Weights of clones as they are read: row by row, over time, and in words.

What the weights are stands in :mod:`hccbayes.time_zero.clone_weights`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.spec.design import duration_text
from hccbayes.time_zero.clone_weights import StrategyWeights

if TYPE_CHECKING:
    import xarray as xr

FloatArray = NDArray[np.float64]

QUANTILES: Final = (0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
"""Quantiles of weights that are shown over time; the last is the largest."""
RARE: Final = 0.05
"""Probability of doing what a strategy asks below which a caution is printed."""
FEWEST_STARTS: Final = 10
"""Starts after time zero for each covariate of their model below which a caution is printed."""
LARGE_SHARE: Final = 0.05
"""Share of a strategy's weight at the end of the grace period in one clone that is called large."""


def weighted_rows(weights: StrategyWeights) -> pd.DataFrame:
    """Return rows of the clones, split where weights change and an event asks for them.

    What Cox regression and Kaplan-Meier curves read is the weight at the distinct event times, and
    that is the weight of the row which holds the event time: nothing is approximated.

    Returns
    -------
    pandas.DataFrame
        The columns of ``clones.rows`` with ``weight``; rows of weight 0 are left out.
    """
    table = weights.clones.rows
    moments = np.unique(table.loc[table["event"] == 1, "stop"])
    moments = moments[moments <= weights.moving_until]
    knots = np.unique(np.append(moments, weights.clones.grace))
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    first = np.searchsorted(knots, start, side="right")
    last = np.searchsorted(knots, stop, side="left")
    # A treated clone that has started keeps its weight.
    fixed = table["started"].to_numpy() & (weights.timing == "as_observed")
    pieces = np.where(fixed, 1, last - first + 1)
    row = np.repeat(np.arange(len(table)), pieces)
    order = np.arange(len(row)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    padded = np.append(knots, np.inf)
    begin = np.where(order == 0, start[row], padded[first[row] + order - 1])
    end = np.where(order == pieces[row] - 1, stop[row], padded[first[row] + order])
    found = table.iloc[row].assign(
        start=begin,
        stop=end,
        event=table["event"].to_numpy()[row] * (end == stop[row]),
        weight=weights.at(end, row),
    )
    return found[found["weight"] > 0].reset_index(drop=True)


def weights_over_time(
    weights: StrategyWeights, times: Sequence[float] | FloatArray | None = None
) -> xr.Dataset:
    """Return quantiles of the weights, effective sizes and clones at risk, by strategy and time.

    Parameters
    ----------
    weights
        Weights of the clones.
    times
        Months; by default 61 from 0 to the end of follow-up.

    Returns
    -------
    xarray.Dataset
        ``weight`` (arm, time, quantile), ``effective_sample_size``, ``at_risk`` and ``mean_weight``
        (arm, time); ``nan`` where no clone is at risk. No patient is in it.
    """
    import xarray as xr

    table = weights.clones.rows
    end = float(table["stop"].max())
    grid = np.linspace(0.0, end, defaults.CURVE_POINTS) if times is None else np.asarray(times)
    shape = (len(ARMS), len(grid))
    quantile = np.full((*shape, len(QUANTILES)), np.nan)
    size, mean, count = np.full(shape, np.nan), np.full(shape, np.nan), np.zeros(shape, dtype=int)
    start, stop = (table[name].to_numpy(dtype=np.float64) for name in ("start", "stop"))
    for arm_index, arm in enumerate(ARMS):
        member = table["treatment"].to_numpy() == ARM_VALUE[arm]
        for time_index, time in enumerate(grid):
            rows = np.flatnonzero(member & (start <= time) & (stop > time))
            if not len(rows):
                continue
            own = weights.at(np.full(len(rows), time, dtype=np.float64), rows)
            place = (arm_index, time_index)
            quantile[place] = np.quantile(own, QUANTILES)
            count[place], mean[place] = len(rows), own.mean()
            size[place] = own.sum() ** 2 / (own**2).sum() if own.any() else 0.0
    return xr.Dataset(
        {
            "weight": (("arm", "time", "quantile"), quantile),
            "effective_sample_size": (("arm", "time"), size),
            "mean_weight": (("arm", "time"), mean),
            "at_risk": (("arm", "time"), count),
        },
        coords={"arm": list(ARMS), "time": grid, "quantile": list(QUANTILES)},
        attrs={"grace": weights.clones.grace, "timing": weights.timing, "units": "months"},
    )


def weight_notes(weights: StrategyWeights) -> tuple[str, ...]:
    """Return what to know of the weights before a number is quoted."""
    clones, notes = weights.clones, [*weights.hazard.notes, *_few_starts(weights)]
    patients = weights.covariates
    end = np.full(len(patients), clones.grace)
    not_by_grace = np.exp(-weights.hazard.cumulative(end, patients))
    for name, probability in (
        (f"starting within {duration_text(clones.grace)}", 1.0 - not_by_grace),
        (f"not starting within {duration_text(clones.grace)}", not_by_grace),
    ):
        rare = int((probability < RARE).sum())
        if rare:
            notes.append(
                f"{rare} of {len(patients)} patients have a probability of {name} below {RARE:g} "
                f"(smallest {probability.min():.2g}): few like them show what the strategy does."
            )
    sizes = weights_over_time(weights, [np.nextafter(clones.grace, np.inf)]).isel(time=0)
    for arm in sizes["arm"].values:
        own = sizes.sel(arm=arm)
        count, size = int(own["at_risk"]), float(own["effective_sample_size"])
        total = float(own["mean_weight"]) * count
        share = float(own["weight"].max()) / total if total > 0 else np.nan
        if share > LARGE_SHARE:
            notes.append(f"One {arm} clone carries {share:.0%} of its arm's weight.")
        if size < defaults.SMALL_EFFECTIVE_SIZE:
            notes.append(
                f"At the end of the grace period {count} {arm} clones at risk count as {size:.1f}."
            )
    if np.isfinite(weights.largest).any():
        notes.append(_truncation_note(weights))
    if clones.without_control:
        notes.append(
            f"{len(clones.without_control)} patients start at time zero and have no control clone."
        )
    return tuple(notes)


def _few_starts(weights: StrategyWeights) -> Iterator[str]:
    """Yield a caution where starts are few for the covariates of the model of the start."""
    clones, covariates = weights.clones, weights.covariates.shape[1]
    # Every start in the model ends a control clone, and nothing else does but one at time zero.
    starts = clones.artificially_censored[0] - len(clones.without_control)
    if starts >= FEWEST_STARTS * covariates:
        return
    note = (
        f"{starts} {'start' if starts == 1 else 'starts'} after time zero for {covariates} "
        f"{'covariate' if covariates == 1 else 'covariates'}: the weights lean on the model"
    )
    if np.isinf(weights.moving_until):
        note += ", whose slopes are the same before and after the end of the grace period"
    yield f"{note}."


def _truncation_note(weights: StrategyWeights) -> str:
    """Return the limits, and how many clones have a larger weight at the end of follow-up."""
    whole = replace(weights, largest=(np.inf, np.inf)).final_weights()
    parts = []
    for name, limit, own in zip(ARMS[::-1], weights.largest, whole, strict=True):
        cut = int((own > limit).sum())
        parts.append(f"{limit:.3g} ({name}: {cut} of {len(own)} clones, {cut / len(own):.1%})")
    return f"Weights were truncated at {' and '.join(parts)}."
