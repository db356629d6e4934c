"""Traces and rank plots of the treatment effect and the scalar parameters, by ArviZ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import arviz as az
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from hccbayes.errors import InputError, Problem
from hccbayes.plots.style import (
    DOUBLE_COLUMN,
    TEXT_SIZE,
    Drawable,
    group,
    has_group,
    pick,
    publication_style,
    tidy,
)
from hccbayes.plots.synthetic_mark import marks_synthetic

_SAMPLE_DIMS: Final = {"chain", "draw"}
_COLUMNS: Final = 3
_RANK_PROB: Final = 0.99
"""ArviZ marks points of chains whose uniformity has p below 1 minus this."""


@marks_synthetic
@publication_style()
def trace(analysis: Drawable, *, variables: Sequence[str] | None = None) -> Figure:
    """Draw the density and the trace of each parameter, one line a chain.

    Chains that have converged lie over each other on the left and show no trend on the right;
    divergent draws are marked.

    Parameters
    ----------
    analysis
        An analysis or its tree; group ``posterior``.
    variables
        Parameters to draw; the treatment effect and every scalar parameter without it.

    Returns
    -------
    matplotlib.figure.Figure
        183 mm wide. ArviZ lays the panels out, so no axes can be given.

    Raises
    ------
    InputError
        If a parameter is unknown.
    """
    names = _names(group(analysis, "posterior"), variables)
    collection = az.plot_trace_dist(
        _tree(analysis, names),
        var_names=names,
        compact=False,
        visuals={"trace": {"width": 0.4}, "dist": {"width": 0.9}, "label": False},
        figure_kwargs={"figsize": (DOUBLE_COLUMN, 1.1 * len(names) + 0.3)},
    )
    for name in names:
        collection.get_target(name, {"column": "dist"}).set_xlabel(name)
    return _finish(collection)


@marks_synthetic
@publication_style()
def rank(analysis: Drawable, *, variables: Sequence[str] | None = None) -> Figure:
    """Draw how far the ranks of each chain's draws are from uniform, one line a chain.

    The lines are empirical distribution functions of the ranks minus the uniform one; `p` is of
    ArviZ's test that all chains are uniform, and points that speak against it below 0.01 are
    marked. The test takes draws for independent, so as many of them are left out as make their
    number that of the smallest bulk effective sample size.

    Parameters
    ----------
    analysis
        An analysis or its tree; group ``posterior``.
    variables
        Parameters to draw; the treatment effect and every scalar parameter without it.

    Returns
    -------
    matplotlib.figure.Figure
        183 mm wide. ArviZ lays the panels out, so no axes can be given.

    Raises
    ------
    InputError
        If a parameter is unknown.
    """
    names = _names(group(analysis, "posterior"), variables)
    rows = -(-len(names) // _COLUMNS)
    collection = az.plot_rank(
        _thinned(_tree(analysis, names)),
        var_names=names,
        envelope_prob=_RANK_PROB,
        col_wrap=_COLUMNS,
        visuals={"ecdf_lines": {"width": 0.9}},
        figure_kwargs={"figsize": (DOUBLE_COLUMN, 1.4 * rows + 0.3)},
    )
    return _finish(collection)


def _names(posterior: xr.Dataset, variables: Sequence[str] | None) -> list[str]:
    if variables is not None:
        for name in variables:
            pick(posterior, name)
        return list(variables)
    scalars = [str(name) for name, draws in posterior.items() if set(draws.dims) == _SAMPLE_DIMS]
    if not scalars:
        raise InputError(Problem("group posterior", "holds no scalar parameter to draw"))
    return sorted(scalars, key=lambda name: name != "treatment")


def _tree(analysis: Drawable, names: list[str]) -> xr.DataTree:
    """Return the named draws, with the sampler's statistics where there are any."""
    posterior = group(analysis, "posterior")[names]
    # Without labels ArviZ takes the draws for the chains.
    unlabeled = [dim for dim in ("chain", "draw") if dim not in posterior.coords]
    labels = {dim: np.arange(posterior.sizes[dim]) for dim in unlabeled}
    groups = {"posterior": posterior.assign_coords(labels)}
    if has_group(analysis, "sample_stats"):
        groups["sample_stats"] = group(analysis, "sample_stats")
    return xr.DataTree.from_dict(groups)


def _thinned(tree: xr.DataTree) -> xr.DataTree:
    """Return every k-th draw, k such that about the smallest effective sample size is left."""
    posterior = tree["posterior"].to_dataset()
    effective = min(float(value.min()) for value in az.ess(posterior).values())
    count = posterior.sizes["chain"] * posterior.sizes["draw"]
    step = max(1, math.ceil(count / effective)) if effective > 0 else 1
    return xr.DataTree.from_dict({"posterior": posterior.isel(draw=slice(None, None, step))})


def _finish(collection: Any) -> Figure:
    figure = collection.viz["figure"].item()
    figure.set_layout_engine("constrained")
    for ax in figure.axes:
        tidy(ax)
        ax.xaxis.label.set_fontsize(TEXT_SIZE)
        ax.yaxis.label.set_fontsize(TEXT_SIZE)
        ax.title.set_fontsize(TEXT_SIZE)
        for text in ax.texts:
            # "p=0.84(α=0.01) "; ArviZ refuses its own key for this text.
            text.set(text=text.get_text().partition("(")[0].replace("=", " = "), size=TEXT_SIZE)
    if not isinstance(figure, Figure):
        raise TypeError(f"ArviZ returned {type(figure).__name__}, not a Matplotlib figure")
    return figure
