"""P(HR < 1) as patients are moved to the other arm."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from hccbayes.defaults import FREQUENTIST_COLOR, POSTERIOR_COLOR, SENSITIVITY_PROB
from hccbayes.plots.style import (
    BAND_ALPHA,
    REFERENCE_LINE,
    SINGLE_COLUMN,
    THIN_LINE,
    check_rows,
    new_axes,
    publication_style,
)

_NEEDED: Final = ("reclassified", "prob_benefit", "prob_benefit_mcse", "cox_hr", "cox_p")
_HEIGHT: Final = 2.3
"""Inches."""
_SIGNIFICANT: Final = 0.975
"""1 - P/2 at a two-sided P of 0.05, the convention of the studies."""


@publication_style()
def fragility(
    table: pd.DataFrame,
    *,
    prob: float = SENSITIVITY_PROB,
    moved: str = "patients counted in the other arm",
    ax: Axes | None = None,
) -> Axes:
    """Draw P(HR < 1) against the number of patients moved, beside its counterpart of Cox.

    The counterpart is the one-sided 1 - P/2 where the Cox hazard ratio is below 1, and P/2 where it
    is above, which a flat prior would make the same; a dotted line is at P = 0.05.

    Parameters
    ----------
    table
        Of :class:`hccbayes.sensitivity.Fragility`: one row a number of patients moved.
    prob
        Probability below which the finding counts as gone; a line is drawn there.
    moved
        Who is moved, for the axis label, such as ``control deaths counted as treated``.
    ax
        Axes to draw on.

    Returns
    -------
    matplotlib.axes.Axes
        89 mm wide where `ax` is not given.

    Raises
    ------
    InputError
        If the table is empty or a column is absent.
    """
    check_rows(table, _NEEDED, "table of fragility")
    ax = new_axes(ax, width=SINGLE_COLUMN, height=_HEIGHT)
    fitted = table.dropna(subset="prob_benefit")
    count, value = fitted["reclassified"], fitted["prob_benefit"]
    error = 2.0 * fitted["prob_benefit_mcse"]
    ax.fill_between(
        count,
        (value - error).clip(lower=0.0),
        (value + error).clip(upper=1.0),
        color=POSTERIOR_COLOR,
        alpha=BAND_ALPHA,
        linewidth=0.0,
    )
    ax.plot(count, value, "o-", color=POSTERIOR_COLOR, markersize=3.0, label="P(HR < 1)")
    one_sided = (table["cox_p"] / 2.0).where(table["cox_hr"] >= 1.0, 1.0 - table["cox_p"] / 2.0)
    ax.plot(
        table["reclassified"],
        one_sided,
        "x--",
        color=FREQUENTIST_COLOR,
        markersize=3.0,
        linewidth=THIN_LINE,
        label="Cox, 1 - P/2",
    )
    _threshold(ax, prob, f"{prob:g}", "-")
    _threshold(ax, _SIGNIFICANT, "P = 0.05", ":")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    lowest = min(float((value - error).min()), float(one_sided.min()), prob)
    ax.set_ylim(max(0.0, lowest - 0.05 * (1.0 - lowest)), 1.0 + 0.03 * (1.0 - lowest))
    ax.set_xlabel(f"Number of {moved}")
    ax.set_ylabel("Probability of benefit")
    # The curve falls from the upper left.
    ax.legend(loc="lower left")
    return ax


def _threshold(ax: Axes, height: float, text: str, linestyle: str) -> None:
    """Draw a line at a probability and write on its right what it is."""
    ax.axhline(height, **(REFERENCE_LINE | {"linestyle": linestyle}))
    ax.annotate(
        text,
        xy=(1.0, height),
        xycoords=ax.get_yaxis_transform(),
        xytext=(2.0, 0.0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
    )
