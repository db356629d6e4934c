"""The word that no figure of a synthetic cohort may lose."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hccbayes.plots.style import figure_of, tree_of

MARK: Final = "synthetic cohort"
_LOOK: Final[dict[str, Any]] = {
    "ha": "center",
    "va": "center",
    "fontsize": 12.0,
    "fontweight": "bold",
    "color": "0.5",
    "alpha": 0.22,
    "zorder": 0.1,
}
_NARROW: Final = 2.5
"""Inches of a figure a column of panels, below which the mark would reach into the next."""
_SMALL: Final = 8.0


def is_synthetic(data: Any) -> bool:
    """Return whether an analysis, its tree or a table of its results says that it is synthetic."""
    # A tree has attributes and a child named ``posterior``, an analysis the latter alone.
    holder = data if hasattr(data, "attrs") else tree_of(data)
    return bool(holder.attrs.get("synthetic"))


def marks_synthetic[**P, Drawn: (Axes, Figure)](draw: Callable[P, Drawn]) -> Callable[P, Drawn]:
    """Make a figure write :data:`MARK` behind what it draws from a synthetic cohort.

    Parameters
    ----------
    draw
        A function whose first argument is an analysis, a tree or a table, and that returns the
        axes it drew on or the whole figure.
    """
    first = next(iter(signature(draw).parameters))

    @wraps(draw)
    def marked(*args: P.args, **kwargs: P.kwargs) -> Drawn:
        drawn = draw(*args, **kwargs)
        if is_synthetic(args[0] if args else kwargs[first]):
            panels = figure_of(drawn).axes
            given: Any = kwargs.get("axes")
            # Beside given axes there may be other figures.
            if isinstance(drawn, Axes) and kwargs.get("ax") is not None:
                panels = [drawn]
            elif given is not None:
                panels = list(np.ravel(given))
            for panel in [panel for panel in panels if panel.axison]:
                look = _LOOK | ({"fontsize": _SMALL} if _is_narrow(panel) else {})
                text = panel.text(0.5, 0.5, MARK, transform=panel.transAxes, **look)
                text.set_in_layout(False)
        return drawn

    return marked


def _is_narrow(panel: Axes) -> bool:
    place = panel.get_subplotspec()
    columns = 1 if place is None else place.get_gridspec().ncols
    return columns > 1 and figure_of(panel).get_figwidth() < _NARROW * columns
