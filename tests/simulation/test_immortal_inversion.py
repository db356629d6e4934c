"""A true effect under immortal time: inversion finds it, division overstates it."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hccbayes.frequentist.cox import cox
from hccbayes.frequentist.kaplan_meier import kaplan_meier, median_survival
from hccbayes.time_zero import ImmortalRules, PublishedRatio, immortal_bound

pytestmark = [pytest.mark.slow, pytest.mark.calibration]

TRUTH, PATIENTS, STUDIES = 0.6, 167, 60


def published_of(end, death, treated) -> PublishedRatio:
    design = pd.DataFrame({"treatment": treated.astype(float)})
    fit = cox(design, np.zeros(end.size), end, death)
    hr, lower, upper = (float(np.exp(x[0])) for x in (fit.coef, fit.lower, fit.upper))
    return PublishedRatio(hr=hr, lower=lower, upper=upper)


@pytest.fixture(scope="module")
def remaining() -> tuple[np.ndarray, np.ndarray]:
    """Return divided and inverted ratios with limits, shape ``(studies, 3)``.

    Every study has rules from its own numbers: its sizes and its median survival.
    """
    rng = np.random.default_rng(11)
    fields = {"window": (0.0, 3.0), "administrative": (6.0, 64.0)}
    made = ImmortalRules(treated=134, control=33, median=12.0, intended_share=0.9, **fields)
    divided, inverted = [], []
    for _ in range(STUDIES):
        end, death, treated = made.mechanism(TRUTH).draw(0.9, PATIENTS, rng)
        median = median_survival(kaplan_meier(np.zeros(end.size), end, death)).estimate
        rules = ImmortalRules(
            treated=int(treated.sum()), control=int((~treated).sum()), median=median, **fields
        )
        bound = immortal_bound(rules, published_of(end, death, treated), simulations=300)
        for rows, ratio in ((divided, bound.remaining), (inverted, bound.true_ratio)):
            rows.append((ratio.hr, ratio.lower, ratio.upper))
    return np.array(divided), np.array(inverted)


def test_inversion_is_centered_on_the_truth(remaining):
    """Mean log ratio within three standard errors of the truth."""
    logs = np.log(remaining[1][:, 0])
    assert abs(logs.mean() - math.log(TRUTH)) < 3 * logs.std(ddof=1) / math.sqrt(STUDIES)


def test_division_overstates_the_effect(remaining):
    logs = np.log(remaining[0][:, 0])
    assert logs.mean() - math.log(TRUTH) < -2 * logs.std(ddof=1) / math.sqrt(STUDIES)


def test_inverted_limits_cover(remaining):
    """At least 95% less three binomial standard errors."""
    _, lower, upper = remaining[1].T
    covered = ((lower <= TRUTH) & (upper >= TRUTH)).mean()
    assert covered > 0.95 - 3 * math.sqrt(0.95 * 0.05 / STUDIES)
