"""The word that no figure of a synthetic cohort may lose."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, Final

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
            if isinstance(drawn, Axes) and kwargs.get("ax") is not None:
                panels = [drawn]  # Beside given axes there may be other figures.
            for panel in [panel for panel in panels if panel.axison]:
                text = panel.text(0.5, 0.5, MARK, transform=panel.transAxes, **_LOOK)
                text.set_in_layout(False)
        return drawn

    return marked
