"""How well are patients predicted who were left out: one patient at a time, never one row."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from hccbayes import defaults
from hccbayes.estimands import hazard_draws
from hccbayes.person_time import split_person_time
from hccbayes.predictive import patient_hazards, patients_of
from hccbayes.records import CheckResult

if TYPE_CHECKING:
    import pandas as pd

    from hccbayes.design import Design
    from hccbayes.hazard_data import HazardData


def patient_log_likelihood(
    posterior: xr.Dataset, episodes: pd.DataFrame, design: Design, data: HazardData
) -> xr.DataArray:
    r"""Return the log-likelihood of each patient, for leave-one-patient-out cross-validation.

    The survival density :math:`\sum_j d_{ij} \log h_{ij} - h_{ij} e_{ij}`, summed over a
    patient's episodes and intervals; unlike the Poisson mass it does not depend on the cut points.

    Returns
    -------
    xarray.DataArray
        Dims ``chain, draw, patient``.
    """
    split = split_person_time(episodes["start"], episodes["stop"], episodes["event"], data.cuts)
    patients = patients_of(episodes, design, data)
    draws = hazard_draws(posterior, data)
    hazard = patient_hazards(draws, patients, np.arange(len(draws.treatment)))
    value = np.einsum("ij,dij->di", split.events, np.log(hazard))
    value -= np.einsum("ij,dij->di", split.exposure, hazard)
    count = int(episodes["patient_index"].max()) + 1
    total = np.zeros((len(value), count))
    np.add.at(total.T, episodes["patient_index"].to_numpy(), value.T)
    shape = (posterior.sizes["chain"], posterior.sizes["draw"], count)
    return xr.DataArray(
        total.reshape(shape),
        dims=("chain", "draw", "patient"),
        coords={"chain": posterior["chain"], "draw": posterior["draw"]},
        name="log_likelihood",
    )


def leave_one_out(log_likelihood: xr.DataArray, posterior: xr.Dataset) -> CheckResult:
    """Return the expected log predictive density by patient (PSIS-LOO; Vehtari et al. 2017).

    For information: it has no pass or fail, but says for how many patients the approximation
    cannot be trusted.
    """
    import arviz as az

    tree = xr.DataTree.from_dict(
        {"posterior": posterior, "log_likelihood": log_likelihood.to_dataset(name="patients")}
    )
    with warnings.catch_warnings():
        # The warning about large Pareto k is repeated below, with the number of patients.
        warnings.filterwarnings("ignore", message="Estimated shape parameter", category=UserWarning)
        result = az.loo(tree, var_name="patients", pointwise=True)
    poor = int((np.asarray(result.pareto_k) > defaults.PARETO_K_LIMIT).sum())
    return CheckResult(
        name="loo",
        passed=None,
        message=(
            f"expected log predictive density by patient {result.elpd:.1f} (SE {result.se:.1f}); "
            f"{poor} patients with Pareto k above {defaults.PARETO_K_LIMIT}"
        ),
        value=float(result.elpd),
    )
