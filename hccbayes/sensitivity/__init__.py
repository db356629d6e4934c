"""What would overturn the result: the analysis over many assumptions, and what no data can show.

One file a question. Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.sensitivity.cells_table import choice_effects, grid_summary, headline_rows
    from hccbayes.sensitivity.center_prediction import LeftOutCenters, left_out_centers
    from hccbayes.sensitivity.confounder_array import bias_factor, corrected_hazard_ratios
    from hccbayes.sensitivity.confounder_fit import (
        ConfounderFit,
        compile_confounder,
        confounder_rows,
        confounder_update,
        fit_confounder,
    )
    from hccbayes.sensitivity.confounder_model import ConfounderPriors, build_confounder_model
    from hccbayes.sensitivity.confounding_bias import FollowUp, observed_log_hr
    from hccbayes.sensitivity.e_value import (
        EValue,
        e_value_draws,
        e_value_rows,
        hazard_ratio_e_value,
    )
    from hccbayes.sensitivity.grid import Grid, grid_cells, grid_roles
    from hccbayes.sensitivity.imputation import Imputations, impute_covariates
    from hccbayes.sensitivity.influence import Influence, patient_influence
    from hccbayes.sensitivity.missing_covariates_fit import (
        MissingCovariatesFit,
        fit_missing_covariates,
    )
    from hccbayes.sensitivity.missing_covariates_model import build_missing_covariates_model
    from hccbayes.sensitivity.missing_data import MissingDataAnalysis, missing_data_analysis
    from hccbayes.sensitivity.model_comparison import ModelComparison, compare_models
    from hccbayes.sensitivity.named_grids import (
        adjustment_grid,
        caliper_grid,
        center_grid,
        landmark_grid,
        named_grid,
        prior_grid,
        time_grid,
        trimming_grid,
    )
    from hccbayes.sensitivity.power_scaling_table import power_scaling
    from hccbayes.sensitivity.reclassification import Fragility, fragility
    from hccbayes.sensitivity.refitting import StudyFit, fit_study, refit
    from hccbayes.sensitivity.replicated_numbers import PredictiveChecks, predictive_checks
    from hccbayes.sensitivity.report import write_result
    from hccbayes.sensitivity.run import SensitivityResult, run_grid, stored_result
    from hccbayes.sensitivity.tipping import (
        TippingPoint,
        covariate_benchmarks,
        tipping_grid,
        tipping_point,
    )

_HOMES = {
    "ConfounderFit": "confounder_fit",
    "ConfounderPriors": "confounder_model",
    "EValue": "e_value",
    "FollowUp": "confounding_bias",
    "Fragility": "reclassification",
    "Grid": "grid",
    "Imputations": "imputation",
    "Influence": "influence",
    "LeftOutCenters": "center_prediction",
    "MissingCovariatesFit": "missing_covariates_fit",
    "MissingDataAnalysis": "missing_data",
    "ModelComparison": "model_comparison",
    "PredictiveChecks": "replicated_numbers",
    "SensitivityResult": "run",
    "StudyFit": "refitting",
    "TippingPoint": "tipping",
    "adjustment_grid": "named_grids",
    "bias_factor": "confounder_array",
    "build_confounder_model": "confounder_model",
    "build_missing_covariates_model": "missing_covariates_model",
    "caliper_grid": "named_grids",
    "center_grid": "named_grids",
    "choice_effects": "cells_table",
    "compare_models": "model_comparison",
    "compile_confounder": "confounder_fit",
    "confounder_rows": "confounder_fit",
    "confounder_update": "confounder_fit",
    "corrected_hazard_ratios": "confounder_array",
    "covariate_benchmarks": "tipping",
    "e_value_draws": "e_value",
    "e_value_rows": "e_value",
    "fit_confounder": "confounder_fit",
    "fit_missing_covariates": "missing_covariates_fit",
    "fit_study": "refitting",
    "fragility": "reclassification",
    "grid_cells": "grid",
    "grid_roles": "grid",
    "grid_summary": "cells_table",
    "hazard_ratio_e_value": "e_value",
    "headline_rows": "cells_table",
    "impute_covariates": "imputation",
    "landmark_grid": "named_grids",
    "left_out_centers": "center_prediction",
    "missing_data_analysis": "missing_data",
    "named_grid": "named_grids",
    "observed_log_hr": "confounding_bias",
    "patient_influence": "influence",
    "power_scaling": "power_scaling_table",
    "predictive_checks": "replicated_numbers",
    "prior_grid": "named_grids",
    "refit": "refitting",
    "run_grid": "run",
    "stored_result": "run",
    "time_grid": "named_grids",
    "tipping_grid": "tipping",
    "tipping_point": "tipping",
    "trimming_grid": "named_grids",
    "write_result": "report",
}

__all__ = [
    "ConfounderFit",
    "ConfounderPriors",
    "EValue",
    "FollowUp",
    "Fragility",
    "Grid",
    "Imputations",
    "Influence",
    "LeftOutCenters",
    "MissingCovariatesFit",
    "MissingDataAnalysis",
    "ModelComparison",
    "PredictiveChecks",
    "SensitivityResult",
    "StudyFit",
    "TippingPoint",
    "adjustment_grid",
    "bias_factor",
    "build_confounder_model",
    "build_missing_covariates_model",
    "caliper_grid",
    "center_grid",
    "choice_effects",
    "compare_models",
    "compile_confounder",
    "confounder_rows",
    "confounder_update",
    "corrected_hazard_ratios",
    "covariate_benchmarks",
    "e_value_draws",
    "e_value_rows",
    "fit_confounder",
    "fit_missing_covariates",
    "fit_study",
    "fragility",
    "grid_cells",
    "grid_roles",
    "grid_summary",
    "hazard_ratio_e_value",
    "headline_rows",
    "impute_covariates",
    "landmark_grid",
    "left_out_centers",
    "missing_data_analysis",
    "named_grid",
    "observed_log_hr",
    "patient_influence",
    "power_scaling",
    "predictive_checks",
    "prior_grid",
    "refit",
    "run_grid",
    "stored_result",
    "time_grid",
    "tipping_grid",
    "tipping_point",
    "trimming_grid",
    "write_result",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
