"""Power-scaling against a conjugate posterior, whose sensitivity is known to rise with the prior.

With a normal prior N(0, s) and a normal likelihood of the log hazard ratio the posterior under a
prior raised to a power is normal in closed form; the distance is arviz's own.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from quick_cells import cohort_and_spec

from hccbayes.sensitivity import power_scaling_table
from hccbayes.sensitivity.power_scaling_table import LIMIT, power_scaling


@pytest.fixture
def scaled(monkeypatch: pytest.MonkeyPatch):
    """Return the table of a normal-normal model with a prior and a likelihood of given widths."""
    _, spec = cohort_and_spec()

    def table(prior_sd: float, data_sd: float, estimate: float = -0.6) -> pd.DataFrame:
        rng = np.random.default_rng(4)
        precision = prior_sd**-2 + data_sd**-2
        mean = estimate * data_sd**-2 / precision
        draws = rng.normal(mean, precision**-0.5, (4, 1000))
        posterior = xr.Dataset({"treatment": (("chain", "draw"), draws)})
        likelihood = -0.5 * ((posterior["treatment"] - estimate) / data_sd) ** 2
        monkeypatch.setattr(
            power_scaling_table,
            "patient_log_likelihood",
            lambda *_: likelihood.expand_dims(patient=1).transpose("chain", "draw", "patient"),
        )
        changed = spec.with_values([f"priors.treatment.sigma={prior_sd}"])
        nothing = SimpleNamespace(episodes=None, design=None, data=None)
        return power_scaling(posterior, nothing, changed).set_index("component")

    return table


def test_a_wide_prior_is_of_no_consequence(scaled) -> None:
    table = scaled(10.0, 0.25)
    assert table.loc["treatment", "sensitivity"] < LIMIT < table.loc["likelihood", "sensitivity"]
    assert table.loc["treatment", "remark"] == "of no consequence"
    assert table.loc["likelihood", "remark"] == "the data speak"


def test_a_narrow_prior_is_informative(scaled) -> None:
    table = scaled(0.3, 0.3, estimate=-1.0)
    assert table.loc["treatment", "sensitivity"] > LIMIT
    assert table.loc["treatment", "remark"].startswith("informative")


def test_sensitivity_rises_with_the_prior(scaled) -> None:
    values = [scaled(sd, 0.3).loc["treatment", "sensitivity"] for sd in (3.0, 1.0, 0.5, 0.3)]
    assert values == sorted(values)


def test_a_likelihood_without_information_is_named(scaled) -> None:
    table = scaled(0.7, 20.0)
    assert table.loc["likelihood", "sensitivity"] < LIMIT
    assert "the data say little" in table.loc["likelihood", "remark"]
