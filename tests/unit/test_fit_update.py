"""New data for a compiled model are checked before a sampler sees them."""

from __future__ import annotations

import numpy as np
import pymc as pm
import pytest

from hccbayes.errors import InputError
from hccbayes.fit import check_update


@pytest.fixture(scope="module")
def model() -> pm.Model:
    with pm.Model(coords={"pattern": range(3), "interval": ["0-3", "3+"]}) as made:
        pm.Data("exposure", np.ones((2, 3)), dims=("interval", "pattern"))
        pm.Data("treatment_centered", np.zeros(3), dims=("pattern",))
        pm.Data("level_prior", np.array([0.0, 1.0]))
    return made


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"level_prior": np.array([1.0, 2.0])},
        {"exposure": np.zeros((2, 3))},
        {"exposure": np.ones((2, 5)), "treatment_centered": np.ones(5)},
    ],
)
def test_what_fits_is_taken(model: pm.Model, data: dict[str, np.ndarray]) -> None:
    assert check_update(model, data) is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"events": np.ones(3)}, "data events: is not in the model, which holds exposure"),
        ({"exposure": np.ones((3, 2))}, r"data exposure: has shape \(3, 2\), not \(2, 3\)"),
        ({"level_prior": np.ones(3)}, "data level_prior: has shape"),
        ({"level_prior": np.ones((1, 2))}, "data level_prior: has shape"),
        ({"exposure": np.ones((2, 5))}, "exposure 5, treatment_centered 3"),
        (
            {"exposure": np.ones((2, 5)), "treatment_centered": np.ones(4)},
            "exposure 5, treatment_centered 4",
        ),
    ],
)
def test_what_does_not_fit_is_refused(
    model: pm.Model, data: dict[str, np.ndarray], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_update(model, data)


def test_all_problems_at_once(model: pm.Model) -> None:
    with pytest.raises(InputError) as caught:
        check_update(model, {"events": np.ones(3), "exposure": np.ones(3)})
    assert len(caught.value.problems) == 2
