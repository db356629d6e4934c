"""The methods by name, what they share, and everything that is reported of an adjustment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from hccbayes.adjustment.bayesian_bootstrap import bayesian_bootstrap_effect
from hccbayes.adjustment.cut import cut_effect
from hccbayes.adjustment.doubly_robust import doubly_robust_effect
from hccbayes.adjustment.matched import match_patients, matched_effect
from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.sample_weights import analysis_weights, weight_cautions
from hccbayes.adjustment.weighted import weighted_effect
from hccbayes.balance import balance_table
from hccbayes.frequentist.adjusted import matched_estimates, weighted_estimates
from hccbayes.weights import Weights, propensity_weights

if TYPE_CHECKING:
    from hccbayes.matching import MatchedPairs


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Adjustment:
    """Everything an analysis with a propensity score reports beside its outcome model.

    Parameters
    ----------
    effects
        Effects by each method asked for, in the order of the model file.
    weights
        Weights of the section's target.
    pairs
        Matched pairs, where matching was asked for.
    balance
        Balance before and after weighting, and after matching; one row a term, statistic and
        ``sample`` (``weighted`` or ``matched``).
    conventional
        Frequentist twins as rows of the estimate table.
    notes
        Sentences to be read before a number is quoted.
    """

    effects: tuple[AdjustedEffect, ...]
    weights: Weights
    pairs: MatchedPairs | None
    balance: pd.DataFrame
    conventional: pd.DataFrame
    notes: tuple[str, ...]


Stage = Callable[[str], None]

_WITHOUT_WEIGHTS: Final[dict[str, Callable[[AdjustmentProblem], AdjustedEffect]]] = {
    "doubly_robust": doubly_robust_effect,
    "cut": cut_effect,
    "bayesian_bootstrap": bayesian_bootstrap_effect,
}


def adjust(problem: AdjustmentProblem, stage: Stage) -> Adjustment:
    """Return the effects by every method that the model file asks for, with their balance.

    Parameters
    ----------
    problem
        Cohort, score and outcome model.
    stage
        Told what begins.

    Raises
    ------
    InputError
        If a weight is infinite, an arm is empty after trimming, or there is no pair.
    """
    section, propensity = problem.spec.adjustment, problem.propensity
    weights, notes = analysis_weights(
        propensity.score, propensity.design.treatment, section, problem.names
    )
    pairs = None
    effects = []
    for method in (*section.method, *section.propagate):
        if method in {"none", "gcomp"}:
            continue
        stage(f"estimating by {method.replace('_', ' ')}")
        if method == "weighted":
            effects.append(weighted_effect(problem, weights))
        elif method == "matched":
            pairs = match_patients(
                propensity.score,
                propensity.design,
                problem.frame,
                section.matching,
                seed=problem.spec.sampler.seed,
            )
            effects.append(matched_effect(problem, pairs))
        else:
            effects.append(_WITHOUT_WEIGHTS[method](problem))
    balance = _balance(problem, weights, pairs)
    return Adjustment(
        effects=tuple(effects),
        weights=weights,
        pairs=pairs,
        balance=balance,
        conventional=_conventional(problem, weights, pairs),
        notes=(
            *propensity.notes,
            *notes,
            *weight_cautions(weights),
            *_balance_cautions(balance),
            *(note for effect in effects for note in effect.notes),
        ),
    )


def _balance(
    problem: AdjustmentProblem, weights: Weights, pairs: MatchedPairs | None
) -> pd.DataFrame:
    columns, treatment = problem.propensity.columns, problem.propensity.design.treatment
    tables = [
        balance_table(
            columns, treatment, weights=weights.values, target=weights.target, names=problem.names
        ).assign(sample="weighted")
    ]
    if pairs is not None:
        tables.append(
            balance_table(
                columns,
                treatment,
                weights=pairs.weights,
                target=pairs.estimand,
                names=problem.names,
            ).assign(sample="matched")
        )
    table = pd.concat(tables, ignore_index=True)
    table.attrs["conventions"] = tables[0].attrs["conventions"]
    return table


def _balance_cautions(balance: pd.DataFrame) -> list[str]:
    """Return a sentence for each sample in which a standardized difference is too large."""
    found = []
    differences = balance[balance["statistic"] == "smd"]
    for sample, own in differences.groupby("sample", sort=False):
        large = own[own["balanced"].eq(False)]
        if len(large):
            listed = ", ".join(
                f"{row.term} {row.adjusted:+.2f}" for row in large.itertuples(index=False)
            )
            found.append(
                f"After {'weighting' if sample == 'weighted' else 'matching'} the arms still "
                f"differ by more than {float(own['threshold'].max()):g} standard deviations in "
                f"{listed}: adjust for these in the outcome model, or weaken the score's prior."
            )
    return found


def _conventional(
    problem: AdjustmentProblem, weights: Weights, pairs: MatchedPairs | None
) -> pd.DataFrame:
    """Return frequentist twins: weighted by the maximum likelihood score, and matched.

    Where the score has no maximum, or weights were trimmed or truncated, the Bayesian analysis's
    own weights are used and the variance takes them as given.
    """
    spec, fitted = problem.spec, problem.propensity.maximum_likelihood
    section = spec.adjustment
    common: dict[str, Any] = {
        "times": spec.estimands.times,
        "horizon": problem.times.horizon,
        "model": spec.model.name,
        "prob": spec.estimands.interval.prob,
    }
    own_formula = section.trim is None and section.truncate is None
    if fitted is not None and own_formula:
        twin = propensity_weights(
            fitted.score, weights.treatment, section.target, names=problem.names
        )
        tables = [
            weighted_estimates(
                problem.frame,
                twin.values,
                target=section.target,
                score=fitted.score,
                score_columns=problem.propensity.columns,
                **common,
            )
        ]
    else:
        tables = [
            weighted_estimates(problem.frame, weights.values, target=section.target, **common)
        ]
    if pairs is not None:
        used = pairs.matched
        tables.append(
            matched_estimates(
                problem.frame.iloc[used].reset_index(drop=True),
                pairs.cluster[used],
                weights=pairs.weights[used],
                **common,
            )
        )
    joined = pd.concat(tables, ignore_index=True)
    joined.attrs["notes"] = tuple(
        dict.fromkeys(note for table in tables for note in table.attrs["notes"])
    )
    return joined
