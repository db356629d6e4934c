"""Response rates by arm: objective response, disease control, and whatever groups are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import pandas as pd

from hccbayes.arms import arm_indicator
from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.covariate_levels import check_complete
from hccbayes.frequentist.proportions import PROPORTION_COLUMNS, compare_proportions

RESPONDERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {"ORR": ("CR", "PR"), "DCR": ("CR", "PR", "SD")}
)
"""Best responses that count as objective response and as disease control."""
BEST_RESPONSES: Final = ("CR", "PR", "SD", "PD", "NE")
"""Best responses by RECIST and mRECIST; ``NE`` is not evaluable and counts as a failure."""
NOT_APPLICABLE: Final = "not applicable"
"""Label of patients in whom there is nothing to respond, as after a resection."""
RESPONSE_COLUMNS: Final = ("rate", "responders", "failures", *PROPORTION_COLUMNS)


def response_table(
    frame: pd.DataFrame,
    response: str,
    arm: str = "treatment",
    responders: Mapping[str, Sequence[str]] = RESPONDERS,
    *,
    prob: float = INTERVAL_PROB,
) -> pd.DataFrame:
    """Return response rates by arm with their tests and risk difference.

    Every patient of an arm is in the denominator, those who could not be evaluated too. A response
    happens after time zero: who lives longer has more time to respond, so that responders and
    others must not be compared for survival.

    Parameters
    ----------
    frame
        One row a patient.
    response
        Column of the best response; nothing missing.
    arm
        Column with 1 for treated patients and 0 for controls.
    responders
        Labels that count as success, by name of the rate.
    prob
        Probability of the limits of the risk difference.

    Returns
    -------
    pandas.DataFrame
        One row a rate, columns of :data:`RESPONSE_COLUMNS`: ``responders`` and ``failures`` list
        the labels found in the data; the others as in
        :func:`hccbayes.frequentist.proportions.compare_proportions`.

    Raises
    ------
    InputError
        If a column is not there, a response is missing, a rate names no label, or a label of the
        data is neither a responder's nor one of :data:`BEST_RESPONSES` where these are used, or
        is :data:`NOT_APPLICABLE`: who cannot respond is no failure.
    """
    check_complete(frame, (response, arm))
    treated = arm_indicator(frame[arm]) == 1
    labels = frame[response].astype(str).to_numpy()
    found = sorted(set(labels))
    _check_labels(response, found, responders)
    rows = []
    for rate, successes in responders.items():
        success = pd.Series(labels).isin([str(one) for one in successes]).to_numpy()
        rows.append(
            {
                "rate": rate,
                "responders": ", ".join(label for label in successes if label in found),
                "failures": ", ".join(label for label in found if label not in successes),
                **compare_proportions(
                    (int(success[treated].sum()), int(treated.sum())),
                    (int(success[~treated].sum()), int((~treated).sum())),
                    prob=prob,
                ),
            }
        )
    return pd.DataFrame(rows, columns=list(RESPONSE_COLUMNS))


def _check_labels(
    response: str, found: Sequence[str], responders: Mapping[str, Sequence[str]]
) -> None:
    """Raise where labels look like those of another scale than the responders'."""
    problems = [
        Problem(f"responders {rate}", "names no label")
        for rate, own in responders.items()
        if not own
    ]
    problems += [
        Problem(f"responders {rate}", f"must be a list of labels, not the text {own!r}")
        for rate, own in responders.items()
        if isinstance(own, str)
    ]
    if problems:
        raise InputError(problems)
    if not responders:
        problems.append(Problem("responders", "names no rate"))
    if NOT_APPLICABLE in found:
        message = "response is not applicable to some patients, who are no failures; compare others"
        problems.append(Problem(f"column {response}", message))
    named = {label for own in responders.values() for label in own}
    known = named | set(BEST_RESPONSES) if named & set(BEST_RESPONSES) else set(found)
    unknown = [label for label in found if label not in known | {NOT_APPLICABLE}]
    if unknown:
        message = (
            f"unknown responses {', '.join(unknown)}; known are {', '.join(sorted(known))}; or "
            "name the responders of your own scale"
        )
        problems.append(Problem(f"column {response}", message))
    elif named and not named & (set(found) | set(BEST_RESPONSES)):
        message = f"none of the responders {', '.join(sorted(named))} is among {', '.join(found)}"
        problems.append(Problem(f"column {response}", message))
    if problems:
        raise InputError(problems)
