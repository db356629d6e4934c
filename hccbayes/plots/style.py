"""The look shared by every figure, the source of a figure's numbers, and saving to files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import matplotlib as mpl
import matplotlib.pyplot as plt
import xarray as xr
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from hccbayes import defaults
from hccbayes.arms import ARMS
from hccbayes.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd

MILLIMETER: Final = 1.0 / 25.4
"""Inches."""
SINGLE_COLUMN: Final = 89.0 * MILLIMETER
"""Width of one journal column, inches."""
DOUBLE_COLUMN: Final = 183.0 * MILLIMETER
"""Width of a journal page's two columns, inches."""
POINT: Final = 1.0 / 72.0
"""Inches."""
TEXT_SIZE: Final = 7.0
LABEL_SIZE: Final = 8.0
LINE_WIDTH: Final = 1.2
THIN_LINE: Final = 0.6
BAND_ALPHA: Final = 0.2
REFERENCE_LINE: Final[dict[str, Any]] = {"color": "0.55", "linewidth": THIN_LINE, "zorder": 0.5}
"""Look of the line at no effect."""

# DejaVu Sans comes with Matplotlib, so a figure is the same on every machine; text is drawn as
# outlines, so that an SVG does not change with the fonts of its reader.
_RC: Final[Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": TEXT_SIZE,
    "axes.labelsize": LABEL_SIZE,
    "axes.titlesize": LABEL_SIZE,
    "axes.linewidth": THIN_LINE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 3.0,
    # Okabe-Ito, for figures that ArviZ lays out.
    "axes.prop_cycle": cycler(color=["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9"]),
    "xtick.labelsize": TEXT_SIZE,
    "ytick.labelsize": TEXT_SIZE,
    "legend.fontsize": TEXT_SIZE,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderaxespad": 0.2,
    "lines.linewidth": LINE_WIDTH,
    "patch.linewidth": 0.0,
    "savefig.facecolor": "white",
    "svg.fonttype": "path",
    "svg.hashsalt": "hccbayes",
}


class HasPosterior(Protocol):
    """Anything with the draws and curves of one analysis in a :class:`xarray.DataTree`."""

    @property
    def posterior(self) -> xr.DataTree:
        """Groups ``posterior``, ``prior``, ``curves``, ``kaplan_meier``, ``predictive``, ..."""
        ...


Drawable = xr.DataTree | HasPosterior


@contextmanager
def publication_style() -> Iterator[None]:
    """Apply the package's Matplotlib settings within a ``with`` block or a decorated function.

    Text of 7-8 points, thin axes without a box, widths of 89 mm or 183 mm. Settings outside are
    left as they were.
    """
    with mpl.rc_context(_RC):
        yield


def tree_of(analysis: Drawable) -> xr.DataTree:
    """Return the tree of an analysis, or the tree itself."""
    return analysis if isinstance(analysis, xr.DataTree) else analysis.posterior


def has_group(analysis: Drawable, name: str) -> bool:
    """Return whether the analysis holds the group."""
    return name in tree_of(analysis).children


def group(analysis: Drawable, name: str) -> xr.Dataset:
    """Return one group of the analysis.

    Raises
    ------
    InputError
        If the group is absent; the message lists those that are there.
    """
    tree = tree_of(analysis)
    if name not in tree.children:
        raise _unknown("analysis", "group", name, tree.children)
    return tree[name].to_dataset()


def pick(dataset: xr.Dataset, name: str) -> xr.DataArray:
    """Return one variable of a dataset.

    Raises
    ------
    InputError
        If the variable is absent; the message lists those that are there.
    """
    if name not in dataset.data_vars:
        raise _unknown("analysis", "variable", name, dataset.data_vars)
    return dataset[name]


def select(array: xr.DataArray, dim: str, label: str) -> xr.DataArray:
    """Return the slice of `array` at one label of `dim`.

    Raises
    ------
    InputError
        If the label is absent; the message lists those that are there.
    """
    known = array[dim].to_numpy().tolist()
    if label not in known:
        raise _unknown(str(array.name), dim, label, known)
    return array.sel({dim: label})


def _unknown(where: str, kind: str, name: str, known: Any) -> InputError:
    choices = ", ".join(str(item) for item in known) or "none"
    return InputError(Problem(where, f"unknown {kind} {name!r}; choose from {choices}"))


def check_rows(table: pd.DataFrame, needed: Sequence[str], where: str) -> None:
    """Refuse a table without a column that a figure needs, or without a row.

    Raises
    ------
    InputError
        With the columns that are absent.
    """
    absent = [name for name in needed if name not in table]
    if absent:
        raise InputError(Problem(where, f"has no column {', '.join(absent)}"))
    if table.empty:
        raise InputError(Problem(where, "has no row"))


def choose(where: str, name: str, known: Any) -> None:
    """Refuse a name that is not among the known ones.

    Raises
    ------
    InputError
        With the known names.
    """
    if name not in known:
        raise _unknown(where, "name", name, known)


def arm_names(analysis: Drawable) -> dict[str, str]:
    """Return the label of each arm, as the user's data call it."""
    curves = group(analysis, "curves")
    return {arm: str(curves["arm_name"].sel(arm=arm).item()) for arm in ARMS}


def new_axes(ax: Axes | None, *, width: float, height: float) -> Axes:
    """Return `ax` with the house's spines and ticks, or new axes in a figure of that size.

    Parameters
    ----------
    ax
        Axes to draw on, or ``None``.
    width, height
        Size of a new figure in inches; no effect on given axes.
    """
    if ax is None:
        _, ax = plt.subplots(figsize=(width, height), layout="constrained")
    tidy(ax)
    return ax


def tidy(ax: Axes) -> None:
    """Give the axes the house's spines and ticks, whatever settings they were made under."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_linewidth(THIN_LINE)
    # Matplotlib makes ticks late, when the style's context is closed: state their look here.
    ax.tick_params(labelsize=TEXT_SIZE, width=THIN_LINE, length=3.0, pad=2.5)
    ax.tick_params(which="minor", width=THIN_LINE, length=1.8)


def set_months(ax: Axes, end: float) -> None:
    """Make the x-axis one of months from 0 to `end`, ticks every 3, 6 or 12."""
    step = 3.0 if end <= 18.0 else 6.0 if end <= 48.0 else 12.0
    ax.set_xlim(0.0, end)
    ax.xaxis.set_major_locator(MultipleLocator(step))
    ax.set_xlabel("Time (months)")


def survival_corner(highest: float, lowest: float) -> dict[str, Any]:
    """Return where the legend of survival curves is free of them, as arguments of ``legend``.

    Parameters
    ----------
    highest, lowest
        Largest and smallest survival probability drawn at half of the time axis.
    """
    if highest < 0.72:
        return {"loc": "upper right"}
    if lowest > 0.45:
        return {"loc": "lower left"}
    return {"loc": "lower left", "bbox_to_anchor": (0.0, 1.02)}


def figure_of(drawn: Axes | Figure) -> Figure:
    """Return the whole figure that `drawn` is or is part of."""
    found = drawn if isinstance(drawn, Figure) else drawn.get_figure(root=True)
    if not isinstance(found, Figure):
        raise InputError(Problem("figure", "the axes belong to no figure"))
    return found


def save_figure(drawn: Axes | Figure, path: str | Path) -> tuple[Path, Path]:
    """Write a figure as PNG and SVG and close it.

    The files hold no date and no random identifier: the same figure gives the same bytes under the
    same version of Matplotlib.

    Parameters
    ----------
    drawn
        The figure, or any of its axes.
    path
        Path without suffix; ``figures/survival`` gives ``survival.png`` and ``survival.svg``.

    Returns
    -------
    tuple of pathlib.Path
        The PNG and the SVG.
    """
    figure = figure_of(drawn)
    stem = Path(path)
    png, svg = (stem.with_name(stem.name + suffix) for suffix in (".png", ".svg"))
    try:
        with publication_style():
            figure.savefig(png, dpi=defaults.FIGURE_DPI, metadata={"Software": None})
            figure.savefig(svg, metadata={"Date": None, "Creator": "hccbayes"})
    finally:
        plt.close(figure)
    return png, svg
