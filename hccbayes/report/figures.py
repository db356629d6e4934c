"""The figures of a results folder, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes import plots
from hccbayes.records import TREATMENT_CONTRAST
from hccbayes.report.conventional_tree import conventional_tree_figures
from hccbayes.report.numbers import METHOD_NAMES
from hccbayes.score_tables import ScoreTables

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TWINS = ("cox_efron",)
"""Frequentist methods beside the covariates; the treatment is shown with all of them."""


def write_figures(
    tree: xr.DataTree,
    estimates: pd.DataFrame,
    crosscheck: pd.DataFrame,
    directory: Path,
    score_tables: ScoreTables | None = None,
) -> list[Path]:
    """Draw and write every figure that the results hold data for.

    Returns
    -------
    list of pathlib.Path
        The PNG files, in the order in which a reader wants them.
    """
    directory.mkdir(parents=True)
    written = []
    figures = _figures(tree, estimates, crosscheck) | conventional_tree_figures(tree, estimates)
    if score_tables is not None:
        figures |= _score_figures(tree, score_tables, estimates)
    for name, draw in figures.items():
        png, _ = plots.save_figure(draw(), directory / name)
        written.append(png)
    return written


def _score_figures(
    tree: xr.DataTree, tables: ScoreTables, estimates: pd.DataFrame
) -> dict[str, Callable[[], Axes | Figure]]:
    """Return the figures of the propensity layer; all that is drawn is binned."""
    weighted = tables.balance[tables.balance["sample"] == "weighted"]
    treated, control = plots.arm_names(tree).values()
    effects = estimates[estimates["estimand"] == "marginal_hr"]
    labels = METHOD_NAMES | {TREATMENT_CONTRAST: "Marginal effect"}
    words: dict[str, Any] = {"arm_names": (treated, control), "labels": labels}
    by_draw = tree["balance_draws"].to_dataset()["smd"]
    found: dict[str, Callable[[], Axes | Figure]] = {
        "balance": lambda: plots.love(weighted, by_draw=by_draw),
        "overlap": lambda: plots.overlap(tree["overlap"].to_dataset()),
        "weights": lambda: plots.weights(tree["weight_counts"].to_dataset()),
        "marginal_effects": lambda: plots.forest(effects, estimand="marginal_hr", **words),
    }
    matched = tables.balance[tables.balance["sample"] == "matched"]
    if len(matched):
        found["balance_matched"] = lambda: plots.love(matched)
    return found


def _figures(
    tree: xr.DataTree, estimates: pd.DataFrame, crosscheck: pd.DataFrame
) -> dict[str, Callable[[], Axes | Figure]]:
    own = estimates[estimates["population"] == "sample"]
    treatment = own[own["contrast"] == TREATMENT_CONTRAST]
    terms = own[(own["source"] == "bayes") | own["method"].isin(_TWINS)]
    log_hr = crosscheck[crosscheck["estimand"] == "log_hr"]
    treated, control = plots.arm_names(tree).values()
    words: dict[str, Any] = {"arm_names": (treated, control), "labels": METHOD_NAMES}
    found: dict[str, Callable[[], Axes | Figure]] = {
        "survival": lambda: plots.survival(tree),
        "differences": lambda: plots.differences(tree),
        "treatment_effect": lambda: plots.forest(treatment, **words),
        "all_effects": lambda: plots.forest(terms, **words),
        "prior_posterior": lambda: plots.prior_posterior(tree),
        "baseline_hazard": lambda: plots.baseline_hazard(tree),
        "predictive_check": lambda: plots.predictive_check(tree),
        "predictive_statistics": lambda: plots.predictive_statistics(tree),
        "crosscheck": lambda: plots.crosscheck(log_hr, labels=METHOD_NAMES),
        "trace": lambda: plots.trace(tree),
        "rank": lambda: plots.rank(tree),
    }
    if "log_hr" in tree["curves"]:
        found["hazard_ratio"] = lambda: plots.hazard_ratio(tree)
    if "strategy_weights" in tree.children:
        clones = tree["strategy_weights"].to_dataset()
        found["strategy_weights"] = lambda: plots.weights_over_time(
            clones, arm_names=plots.arm_names(tree)
        )
    if "center_effect" in tree["posterior"]:
        found["center_effects"] = lambda: plots.center_effects(tree)
    if "center_log_hr" in tree["posterior"]:
        found["center_treatment_effects"] = lambda: plots.center_effects(
            tree, variable="center_log_hr"
        )
    return found
