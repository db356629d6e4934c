"""Weights of an analysis: from the score, trimmed and truncated as the model file says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from hccbayes import defaults
from hccbayes.arms import ARM_VALUE, ARMS
from hccbayes.records import POPULATION_NAMES
from hccbayes.spec import AdjustmentSection
from hccbayes.weights import (
    Weights,
    crump_trim,
    propensity_weights,
    truncate_weights,
)

FloatArray = NDArray[np.float64]


def analysis_weights(
    score: FloatArray,
    treatment: FloatArray,
    section: AdjustmentSection,
    names: Sequence[str],
    *,
    kept: NDArray[np.bool_] | None = None,
) -> tuple[Weights, tuple[str, ...]]:
    """Return the weights for the section's target, and what was done to them in words.

    Parameters
    ----------
    score
        Probability of treatment, shape ``(patients,)``.
    treatment
        1 for treated patients.
    section
        Target, trimming and truncation.
    names
        Identifiers of the patients, for messages.
    kept
        Who stays, where trimming by another score has said so; without it, this score says.

    Returns
    -------
    weights
        0 for patients who were trimmed.
    notes
        One sentence for each step.

    Raises
    ------
    InputError
        If a weight is infinite, or trimming leaves an arm empty; the patients are named.
    """
    notes = []
    if kept is None:
        kept = kept_after_trimming(score, treatment, section, names)
    if section.trim is not None:
        trimmed = {arm: int((~kept & (treatment == ARM_VALUE[arm])).sum()) for arm in ARMS}
        counts = " and ".join(f"{count} {arm}" for arm, count in trimmed.items())
        notes.append(
            f"Patients with a propensity score below {section.trim:g} or above "
            f"{1 - section.trim:g} were left out of the weighted estimates ({counts}): they are "
            "about the others."
        )
    values = np.zeros(len(score))
    chosen = propensity_weights(
        score[kept],
        treatment[kept],
        section.target,
        names=[name for name, stays in zip(names, kept, strict=True) if stays],
    )
    if section.truncate is not None:
        chosen = truncate_weights(chosen, section.truncate)
        moved = chosen.truncation
        assert moved is not None
        count = sum(moved.raised.values()) + sum(moved.lowered.values())
        notes.append(
            f"{count} weights beyond percentile {section.truncate:g} or its mirror were set to "
            f"{moved.lower:.3g} and {moved.upper:.3g}; the estimate gives up some of its target."
        )
    values[kept] = chosen.values
    made = Weights.of(values, treatment, section.target, names=names)
    return replace(made, truncation=chosen.truncation), tuple(notes)


def kept_after_trimming(
    score: FloatArray, treatment: FloatArray, section: AdjustmentSection, names: Sequence[str]
) -> NDArray[np.bool_]:
    """Return who stays after trimming by a score; everybody where nobody is trimmed."""
    if section.trim is None:
        return np.ones(len(score), dtype=bool)
    return crump_trim(score, treatment, section.trim, names=names).kept


def weight_cautions(weights: Weights) -> list[str]:
    """Return what a reader must know of small effective sizes and totals that miss their arm.

    Inverse probability weights of an arm sum to about all patients under a score that fits;
    patients who were trimmed are not among them.
    """
    found = []
    arms = weights.arms
    target = POPULATION_NAMES.get(weights.target, weights.target)
    for arm, size in arms.items():
        if size.effective_sample_size < defaults.SMALL_EFFECTIVE_SIZE:
            found.append(
                f"Weighted to {target}, the {arm} arm of {size.patients} counts for "
                f"{size.effective_sample_size:.1f} patients: its estimate hangs on a few."
            )
    smaller = min(size.patients for size in arms.values())
    if weights.target in {"att", "atc"} and smaller < defaults.SMALL_ARM:
        found.append(
            f"Weighted to {target} with {smaller} patients in the smaller arm, the sandwich is not "
            "wide enough (intervals covered 77% to 90% in simulations): prefer overlap weights."
        )
    if weights.target == "ate":
        patients = int(np.count_nonzero(weights.values))
        for arm, size in arms.items():
            excess = size.total / patients - 1.0
            if abs(excess) > defaults.WEIGHT_TOTAL_TOLERANCE:
                found.append(
                    f"The weights of the {arm} arm sum to {size.total:.1f} and should sum to "
                    f"about {patients}: {excess:+.0%}. The score does not fit, or the arms hardly "
                    "overlap."
                )
    return found
