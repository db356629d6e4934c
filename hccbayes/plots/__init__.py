"""Figures: one function a figure, one file a figure or a close pair.

Every function takes an analysis (or its :class:`xarray.DataTree`) or a table, draws on `ax` where
one is given and returns the axes; nothing here samples or shows. The functions are imported when
they are first used, so that the package loads without Matplotlib.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.plots.center_panel import center_effects
    from hccbayes.plots.crosscheck_dumbbell import crosscheck
    from hccbayes.plots.evidence_forest import published_forest
    from hccbayes.plots.fragility_curve import fragility
    from hccbayes.plots.hazard_ratio_over_time import hazard_ratio
    from hccbayes.plots.hazard_steps import baseline_hazard
    from hccbayes.plots.influence_plot import influence
    from hccbayes.plots.interval_forest import forest
    from hccbayes.plots.kaplan_meier_curves import kaplan_meier
    from hccbayes.plots.love_plot import love
    from hccbayes.plots.overlap_mirror import overlap
    from hccbayes.plots.predictive_curves import predictive_check
    from hccbayes.plots.predictive_histograms import predictive_statistics
    from hccbayes.plots.prior_over_posterior import prior_posterior
    from hccbayes.plots.sampler_panels import rank, trace
    from hccbayes.plots.schoenfeld_residuals import schoenfeld
    from hccbayes.plots.specification_panels import specification_curve
    from hccbayes.plots.style import arm_names, publication_style, save_figure
    from hccbayes.plots.subgroup_forest import subgroups
    from hccbayes.plots.survival_curves import survival
    from hccbayes.plots.tipping_contour import tipping
    from hccbayes.plots.transformed_curves import cumulative_incidence, log_minus_log
    from hccbayes.plots.uni_multivariable_forest import covariates
    from hccbayes.plots.weight_histogram import weights

_HOMES = {
    "arm_names": "style",
    "baseline_hazard": "hazard_steps",
    "center_effects": "center_panel",
    "covariates": "uni_multivariable_forest",
    "crosscheck": "crosscheck_dumbbell",
    "cumulative_incidence": "transformed_curves",
    "forest": "interval_forest",
    "fragility": "fragility_curve",
    "hazard_ratio": "hazard_ratio_over_time",
    "influence": "influence_plot",
    "kaplan_meier": "kaplan_meier_curves",
    "log_minus_log": "transformed_curves",
    "love": "love_plot",
    "overlap": "overlap_mirror",
    "predictive_check": "predictive_curves",
    "predictive_statistics": "predictive_histograms",
    "prior_posterior": "prior_over_posterior",
    "publication_style": "style",
    "published_forest": "evidence_forest",
    "rank": "sampler_panels",
    "save_figure": "style",
    "schoenfeld": "schoenfeld_residuals",
    "specification_curve": "specification_panels",
    "subgroups": "subgroup_forest",
    "survival": "survival_curves",
    "tipping": "tipping_contour",
    "trace": "sampler_panels",
    "weights": "weight_histogram",
}

__all__ = [
    "arm_names",
    "baseline_hazard",
    "center_effects",
    "covariates",
    "crosscheck",
    "cumulative_incidence",
    "forest",
    "fragility",
    "hazard_ratio",
    "influence",
    "kaplan_meier",
    "log_minus_log",
    "love",
    "overlap",
    "predictive_check",
    "predictive_statistics",
    "prior_posterior",
    "publication_style",
    "published_forest",
    "rank",
    "save_figure",
    "schoenfeld",
    "specification_curve",
    "subgroups",
    "survival",
    "tipping",
    "trace",
    "weights",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
