"""What would overturn the result: the analysis over many assumptions, and what no data can show.

One file a question. Names are imported when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hccbayes.lazy import lazy_names

if TYPE_CHECKING:
    from hccbayes.sensitivity.confounder_array import bias_factor, corrected_hazard_ratios
    from hccbayes.sensitivity.e_value import (
        EValue,
        e_value_draws,
        e_value_rows,
        hazard_ratio_e_value,
    )
    from hccbayes.sensitivity.imputation import Imputations, impute_covariates
    from hccbayes.sensitivity.influence import Influence, patient_influence
    from hccbayes.sensitivity.refitting import StudyFit, fit_study, refit

_HOMES = {
    "EValue": "e_value",
    "Imputations": "imputation",
    "Influence": "influence",
    "StudyFit": "refitting",
    "bias_factor": "confounder_array",
    "corrected_hazard_ratios": "confounder_array",
    "e_value_draws": "e_value",
    "e_value_rows": "e_value",
    "fit_study": "refitting",
    "hazard_ratio_e_value": "e_value",
    "impute_covariates": "imputation",
    "patient_influence": "influence",
    "refit": "refitting",
}

__all__ = [
    "EValue",
    "Imputations",
    "Influence",
    "StudyFit",
    "bias_factor",
    "corrected_hazard_ratios",
    "e_value_draws",
    "e_value_rows",
    "fit_study",
    "hazard_ratio_e_value",
    "impute_covariates",
    "patient_influence",
    "refit",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
