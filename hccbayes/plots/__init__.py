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
    from hccbayes.plots.design_panels import design_comparison
    from hccbayes.plots.difference_over_time import differences
    from hccbayes.plots.evidence_forest import published_forest
    from hccbayes.plots.fragility_curve import fragility
    from hccbayes.plots.hazard_ratio_over_time import hazard_ratio
    from hccbayes.plots.hazard_steps import baseline_hazard
    from hccbayes.plots.immortal_ratios import immortal_bound
    from hccbayes.plots.immortal_states import immortal_time
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
    from hccbayes.plots.swimmer_bars import swimmer
    from hccbayes.plots.target_trial_text import target_trial_table
    from hccbayes.plots.tipping_contour import tipping
    from hccbayes.plots.transformed_curves import cumulative_incidence, log_minus_log
    from hccbayes.plots.uni_multivariable_forest import covariates
    from hccbayes.plots.weight_bands import weights_over_time
    from hccbayes.plots.weight_histogram import weights

_HOMES = {
    "arm_names": "style",
    "baseline_hazard": "hazard_steps",
    "center_effects": "center_panel",
    "covariates": "uni_multivariable_forest",
    "crosscheck": "crosscheck_dumbbell",
    "cumulative_incidence": "transformed_curves",
    "design_comparison": "design_panels",
    "differences": "difference_over_time",
    "forest": "interval_forest",
    "fragility": "fragility_curve",
    "hazard_ratio": "hazard_ratio_over_time",
    "immortal_bound": "immortal_ratios",
    "immortal_time": "immortal_states",
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
    "swimmer": "swimmer_bars",
    "target_trial_table": "target_trial_text",
    "tipping": "tipping_contour",
    "trace": "sampler_panels",
    "weights": "weight_histogram",
    "weights_over_time": "weight_bands",
}

__all__ = [
    "arm_names",
    "baseline_hazard",
    "center_effects",
    "covariates",
    "crosscheck",
    "cumulative_incidence",
    "design_comparison",
    "differences",
    "forest",
    "fragility",
    "hazard_ratio",
    "immortal_bound",
    "immortal_time",
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
    "swimmer",
    "target_trial_table",
    "tipping",
    "trace",
    "weights",
    "weights_over_time",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
