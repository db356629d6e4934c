"""The figures of a results folder, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hccbayes import plots

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FOREST_METHODS = ("cox_efron",)


def write_figures(
    tree: xr.DataTree, estimates: pd.DataFrame, crosscheck: pd.DataFrame, directory: Path
) -> list[Path]:
    """Draw and write every figure that the results hold data for.

    Returns
    -------
    list of pathlib.Path
        The PNG files, in the order in which a reader wants them.
    """
    directory.mkdir(parents=True)
    written = []
    for name, draw in _figures(tree, estimates, crosscheck).items():
        png, _ = plots.save_figure(draw(), directory / name)
        written.append(png)
    return written


def _figures(
    tree: xr.DataTree, estimates: pd.DataFrame, crosscheck: pd.DataFrame
) -> dict[str, Callable[[], Axes | Figure]]:
    bayes = estimates["source"] == "bayes"
    rows = estimates[bayes | estimates["method"].isin(_FOREST_METHODS)]
    own = rows[rows["population"] == "sample"]
    found: dict[str, Callable[[], Axes | Figure]] = {
        "survival": lambda: plots.survival(tree),
        "forest": lambda: plots.forest(own),
        "prior_posterior": lambda: plots.prior_posterior(tree),
        "baseline_hazard": lambda: plots.baseline_hazard(tree),
        "predictive_check": lambda: plots.predictive_check(tree),
        "predictive_statistics": lambda: plots.predictive_statistics(tree),
        "crosscheck": lambda: plots.crosscheck(crosscheck[crosscheck["estimand"] == "log_hr"]),
        "trace": lambda: plots.trace(tree),
        "rank": lambda: plots.rank(tree),
    }
    if "center_effect" in tree["posterior"]:
        found["center_effects"] = lambda: plots.center_effects(tree)
    return found
