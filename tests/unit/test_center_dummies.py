from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize_scalar

from hccbayes.errors import InputError
from hccbayes.frequentist.center_dummies import center_dummies
from hccbayes.frequentist.cox import cox


@pytest.fixture
def patients() -> pd.DataFrame:
    rng = np.random.default_rng(7)
    n = 48
    frame = pd.DataFrame(
        {
            "treatment": rng.integers(0, 2, n).astype(float),
            # No ties, so that the likelihood written out below needs no correction for them.
            "time": rng.permutation(np.arange(1.0, n + 1)),
            "event": (rng.random(n) < 0.7).astype(int),
            "center": np.repeat(["a", "b", "c", "d"], n // 4),
        }
    )
    return frame.assign(start=0.0)


def fit(frame: pd.DataFrame):
    coded = center_dummies(frame["start"], frame["time"], frame["event"], frame["center"])
    design = pd.concat([frame[["treatment"]].reset_index(drop=True), coded.dummies], axis=1)
    return cox(design, frame["start"], frame["time"], frame["event"], strata=coded.block), coded


def log_partial_likelihood(frame: pd.DataFrame, linear_predictor: np.ndarray) -> float:
    time, event = frame["time"].to_numpy(), frame["event"].to_numpy()
    terms = [
        linear_predictor[row] - np.log(np.exp(linear_predictor[time >= time[row]]).sum())
        for row in np.flatnonzero(event)
    ]
    return float(np.sum(terms))


def test_ordinary_centers_are_one_block_with_a_reference(patients):
    coded = center_dummies(*(patients[name] for name in ("start", "time", "event", "center")))
    assert list(coded.dummies) == ["center[b]", "center[c]", "center[d]"]
    assert coded.compared == (("a", "b", "c", "d"),)
    assert coded.without_event == {}
    assert (coded.dummies.sum() == 12).all()
    assert len(np.unique(coded.block)) == 1


@pytest.mark.parametrize("center", ["a", "c"])
def test_center_without_event_is_the_fit_without_its_patients(patients, center):
    empty = patients.assign(event=patients["event"].where(patients["center"] != center, 0))
    found, coded = fit(empty)
    rest, _ = fit(empty[empty["center"] != center])
    assert coded.without_event == {center: 12}
    assert found.coef[0] == pytest.approx(rest.coef[0], rel=1e-10)
    assert found.se[0] == pytest.approx(rest.se[0], rel=1e-10)
    assert found.log_likelihood == pytest.approx(rest.log_likelihood, rel=1e-12)


def test_center_that_always_leads_is_the_limit_of_its_dummy():
    # Center b has died out before the first event of center a: its level is above any bound.
    frame = pd.DataFrame(
        {
            "treatment": [1.0, 0, 1, 0, 0, 1, 0, 1, 1],
            "time": np.arange(1.0, 10.0),
            "event": [1, 1, 1, 1, 1, 0, 1, 1, 1],
            "center": list("bbb") + list("aaaaaa"),
            "start": 0.0,
        }
    )
    found, coded = fit(frame)
    assert coded.compared == (("a",), ("b",))
    assert list(coded.dummies) == []

    def minus_log_likelihood(beta: float) -> float:
        # exp(-40) is below the rounding of the sums it would enter.
        level = 40.0 * (frame["center"] == "b").to_numpy()
        return -log_partial_likelihood(frame, beta * frame["treatment"].to_numpy() + level)

    limit = minimize_scalar(minus_log_likelihood, options={"xtol": 1e-12})
    # A minimum is found to the square root of rounding.
    assert found.coef[0] == pytest.approx(limit.x, abs=1e-6)
    assert found.log_likelihood == pytest.approx(-limit.fun, abs=1e-10)


def test_missing_center_is_refused():
    with pytest.raises(InputError, match="center: is missing"):
        center_dummies([0, 0], [1, 2], [1, 1], ["a", None])
