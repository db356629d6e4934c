"""Figures: one function a figure, one file a figure or a close pair.

Every function takes an analysis (or its :class:`xarray.DataTree`) or a table, draws on `ax` where
one is given and returns the axes; nothing here samples or shows. The functions are imported when
they are first used, so that the package loads without Matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hccbayes.plots.center_panel import center_effects
    from hccbayes.plots.crosscheck_dumbbell import crosscheck
    from hccbayes.plots.evidence_forest import published_forest
    from hccbayes.plots.hazard_steps import baseline_hazard
    from hccbayes.plots.interval_forest import forest
    from hccbayes.plots.love_plot import love
    from hccbayes.plots.overlap_mirror import overlap
    from hccbayes.plots.predictive_curves import predictive_check
    from hccbayes.plots.predictive_histograms import predictive_statistics
    from hccbayes.plots.prior_over_posterior import prior_posterior
    from hccbayes.plots.sampler_panels import rank, trace
    from hccbayes.plots.style import arm_names, publication_style, save_figure
    from hccbayes.plots.survival_curves import survival
    from hccbayes.plots.weight_histogram import weights

# Files are not named after their functions: importing a submodule binds its name here, and a
# module would then stand where the function is expected.
_HOMES = {
    "arm_names": "style",
    "baseline_hazard": "hazard_steps",
    "center_effects": "center_panel",
    "crosscheck": "crosscheck_dumbbell",
    "forest": "interval_forest",
    "love": "love_plot",
    "overlap": "overlap_mirror",
    "predictive_check": "predictive_curves",
    "predictive_statistics": "predictive_histograms",
    "prior_posterior": "prior_over_posterior",
    "publication_style": "style",
    "published_forest": "evidence_forest",
    "rank": "sampler_panels",
    "save_figure": "style",
    "survival": "survival_curves",
    "trace": "sampler_panels",
    "weights": "weight_histogram",
}

__all__ = [
    "arm_names",
    "baseline_hazard",
    "center_effects",
    "crosscheck",
    "forest",
    "love",
    "overlap",
    "predictive_check",
    "predictive_statistics",
    "prior_posterior",
    "publication_style",
    "published_forest",
    "rank",
    "save_figure",
    "survival",
    "trace",
    "weights",
]


def __getattr__(name: str) -> Any:
    """Import the function `name` on first use."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Return the names of the figures."""
    return __all__
