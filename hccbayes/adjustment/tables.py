"""What is shown of an adjustment: balance, weights, baseline characteristics, binned scores."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from hccbayes.adjustment.methods import Adjustment
from hccbayes.balance import balance_by_center, balance_over_draws, baseline_table
from hccbayes.overlap import overlap_counts, overlap_diagnostics
from hccbayes.propensity import PropensityFit
from hccbayes.score_tables import ScoreTables
from hccbayes.weight_bins import weight_counts
from hccbayes.weights import summary_table

if TYPE_CHECKING:
    import xarray as xr

    from hccbayes.spec import AnalysisSpec

BALANCE_DRAWS: Final = 400
"""Draws of the score for which balance is shown."""


def score_tables(
    frame: pd.DataFrame, spec: AnalysisSpec, propensity: PropensityFit, adjustment: Adjustment
) -> ScoreTables:
    """Return the tables of an analysis with a propensity score.

    Parameters
    ----------
    frame
        The cohort's frame; every covariate the model file names is in the baseline table.
    spec, propensity, adjustment
        The analysis and what it found.
    """
    weights = adjustment.weights
    names = tuple(frame["patient"].astype(str))
    overlap = overlap_diagnostics(propensity.score, weights.treatment, names=names)
    design = propensity.design
    by_center = balance_by_center(
        design.columns,
        weights.treatment,
        frame["center"] if design.centers else np.zeros(len(frame), dtype=np.intp),
        weights=weights.values,
        target=weights.target,
        names=names,
    )
    return ScoreTables(
        balance=adjustment.balance,
        weights=summary_table(weights),
        baseline=baseline_table(
            frame[list(spec.roles.covariates)],
            weights.treatment,
            weights=weights.values,
            target=weights.target,
            names=names,
        ),
        balance_by_center=by_center if design.centers else by_center.head(0),
        propensity=log_odds_table(propensity),
        conventions=(*overlap.sentences, *adjustment.balance.attrs["conventions"]),
    )


def log_odds_table(propensity: PropensityFit) -> pd.DataFrame:
    """Return the score's log odds ratios by posterior, maximum likelihood and Firth.

    Parameters
    ----------
    propensity
        The fitted score.

    Returns
    -------
    pandas.DataFrame
        ``term``, ``bayes``, ``bayes_sd``, ``maximum_likelihood``, ``maximum_likelihood_se``,
        ``firth``, ``firth_se``: per unit of the covariate's own scale; centers against the first.
    """
    design, posterior = propensity.design, propensity.posterior
    stacked = posterior.stack(sample=("chain", "draw")).transpose("sample", ...)
    draws = np.asarray(stacked["coefficients"]) / design.scales
    if propensity.columns.shape[1] > draws.shape[1]:
        effect = np.asarray(stacked["center_effect"])
        draws = np.column_stack([draws, effect[:, 1:] - effect[:, :1]])
    table = pd.DataFrame(
        {
            "term": list(propensity.columns.columns),
            "bayes": draws.mean(axis=0),
            "bayes_sd": draws.std(axis=0, ddof=1),
        }
    )
    for name in ("maximum_likelihood", "firth"):
        fitted = getattr(propensity, name)
        # The intercept comes first.
        table[name] = np.nan if fitted is None else fitted.coef[1:]
        table[f"{name}_se"] = np.nan if fitted is None else fitted.se[1:]
    return table


def score_groups(
    propensity: PropensityFit, adjustment: Adjustment, arm_names: Mapping[str, str]
) -> dict[str, xr.Dataset]:
    """Return the groups of the results tree: coefficients, and counts of scores and weights.

    Scores of patients are not among them.
    """
    weights = adjustment.weights
    rows = np.linspace(0, len(propensity.scores) - 1, BALANCE_DRAWS).astype(np.intp)
    by_draw = balance_over_draws(
        propensity.columns, weights.treatment, propensity.scores[rows], weights.target
    )
    return {
        "propensity": propensity.posterior,
        "overlap": overlap_counts(
            propensity.score, weights.treatment, weights.values, arm_names=arm_names
        ),
        "weight_counts": weight_counts(weights, arm_names=arm_names),
        "balance_draws": by_draw.rename("smd").to_dataset(),
    }
