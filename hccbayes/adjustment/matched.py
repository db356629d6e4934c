"""The marginal effect in matched patients, pairs as clusters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hccbayes.adjustment.problem import AdjustedEffect, AdjustmentProblem
from hccbayes.adjustment.weighted import arm_posterior, marginal_draws
from hccbayes.matching import MatchedPairs, match
from hccbayes.weights import Weights

if TYPE_CHECKING:
    from hccbayes.design import Design
    from hccbayes.spec import MatchingSection

FloatArray = NDArray[np.float64]
MATCHED = "matched"
"""Population of a matched analysis: the matched patients, whom a caliper chose."""


def match_patients(
    score: FloatArray,
    design: Design,
    frame: pd.DataFrame,
    section: MatchingSection,
    *,
    seed: int,
) -> MatchedPairs:
    """Return the pairs that the model file asks for.

    Parameters
    ----------
    score
        Posterior mean probability of treatment, shape ``(patients,)``.
    design
        The score's design; its standardized columns are those of the Mahalanobis distance.
    frame
        The cohort's frame, for exact factors.
    section
        How pairs are found. Matches are sought for the smaller arm.
    seed
        For a random order.

    Raises
    ------
    InputError
        If there is no pair, or a column is unknown.
    """
    treatment = design.treatment
    treated_fewer = treatment.sum() <= len(treatment) / 2
    covariates = None
    if section.distance == "mahalanobis":
        covariates = pd.DataFrame(design.matrix, columns=list(design.columns.columns))
    return match(
        score,
        treatment,
        estimand="att" if treated_fewer else "atc",
        method=section.method,
        distance=section.distance,
        covariates=covariates,
        ratio=section.ratio,
        replace=section.replace,
        caliper=section.caliper or None,
        caliper_scale=section.caliper_scale,
        exact=frame[list(section.exact)] if section.exact else None,
        order=section.order,
        seed=seed,
        names=tuple(frame["patient"].astype(str)),
    )


def matched_effect(problem: AdjustmentProblem, pairs: MatchedPairs) -> AdjustedEffect:
    """Return the effect in matched patients; patients of a pair are dependent."""
    spec = problem.spec
    patients = problem.patients(pairs.weights > 0, cluster=pairs.cluster)
    weights = Weights.of(pairs.weights, problem.propensity.design.treatment, MATCHED)
    calibration = spec.adjustment.calibration
    posterior, diagnosis, cuts = arm_posterior(
        patients,
        weights,
        priors=spec.priors,
        sampler=spec.sampler,
        calibration="open_faced" if calibration == "none" else calibration,
    )
    return AdjustedEffect(
        method="pe_matched",
        population=MATCHED,
        draws=marginal_draws(posterior, cuts, problem, MATCHED),
        diagnosis=diagnosis,
        notes=tuple(_notes(pairs)),
    )


def _notes(pairs: MatchedPairs) -> list[str]:
    counts = pairs.counts
    left = {arm: own["unmatched"] for arm, own in counts.items()}
    notes = [
        f"Matching kept {counts['treated']['matched']} of "
        f"{counts['treated']['matched'] + left['treated']} treated and "
        f"{counts['control']['matched']} of {counts['control']['matched'] + left['control']} "
        "control patients; the matched effect is about those who were kept, and changes with the "
        "caliper."
    ]
    if pairs.ties:
        notes.append(
            f"Matches for which another patient was as near: {pairs.ties}; their choice follows "
            "the order of the data."
        )
    return notes
