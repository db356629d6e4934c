r"""The posterior of a weighted likelihood, and its calibration to the sandwich.

A weighted likelihood is no likelihood: the width of its posterior follows the arbitrary scale of
the weights. The pseudo-posterior is therefore given the covariance that its own sandwich says it
should have, in one of two ways:

- ``open_faced``: draws are moved, :math:`\theta^* = m + L_s L_n^{-1} (\theta - m)`, with m and
  :math:`L_n L_n'` the pseudo-posterior's mean and covariance and :math:`L_s L_s'` the sandwich
  (Shaby 2014, Journal of Computational and Graphical Statistics 23:1013);
- ``curvature``: the log-likelihood is read at :math:`\hat\theta + C (\theta - \hat\theta)` with
  :math:`C' H C = H J^{-1} H`, so that its own curvature is the sandwich's inverse, and the prior
  keeps its full weight (Ribatet, Cooley & Davison 2012, Statistica Sinica 22:813).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hccbayes.adjustment.arm_hazard import ArmHazards, maximum_likelihood
from hccbayes.spec import PriorSection

if TYPE_CHECKING:
    import pymc as pm

FloatArray = NDArray[np.float64]
_LOG_TWO: Final = float(np.log(2.0))


def build_arm_model(intervals: int, priors: PriorSection) -> pm.Model:
    """Build the model of two weighted arms; nothing is sampled.

    Parameters
    ----------
    intervals
        Number of intervals; the data are those of :func:`arm_data`, given to each fit.
    priors
        ``treatment``, ``baseline_level``, ``interval`` and ``median_survival`` are used: the log
        hazards are jointly normal, a common level plus independent deviations, of which location
        and scale of the priors are taken.

    Returns
    -------
    pymc.Model
        ``treatment`` (marginal log hazard ratio) and ``log_baseline`` (dims ``interval``).
    """
    import pymc as pm

    with pm.Model(coords={"interval": range(intervals)}) as model:
        for name, value in _placeholders(intervals).items():
            pm.Data(name, value)
        effect = priors.treatment.variable("treatment")
        mean, covariance = baseline_prior(intervals, priors)
        # Level and deviations are not sampled apart: the data say nothing about their split.
        log_baseline = pm.MvNormal("log_baseline", mu=mean, cov=covariance, dims="interval")
        theta = pm.math.concatenate([effect[None], log_baseline])
        maximum = model["maximum"]
        read_at = maximum + pm.math.dot(model["transform"], theta - maximum)
        log_hazard = read_at[1:] + read_at[0] * model["contrast"][:, None]
        expected = model["exposure"] * pm.math.exp(log_hazard)
        pm.Potential("log_likelihood", pm.math.sum(model["events"] * log_hazard - expected))
    return model


def baseline_prior(intervals: int, priors: PriorSection) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the log hazards."""
    level, deviation = (own.parameters for own in (priors.baseline_level, priors.interval))
    center = np.log(_LOG_TWO / priors.median_survival) + level["mu"] + deviation["mu"]
    covariance = level["sigma"] ** 2 + deviation["sigma"] ** 2 * np.eye(intervals)
    return np.full(intervals, center), covariance


def _placeholders(intervals: int) -> dict[str, FloatArray]:
    return {
        "events": np.ones((2, intervals)),
        "exposure": np.ones((2, intervals)),
        "contrast": np.array([-0.5, 0.5]),
        "maximum": np.zeros(intervals + 1),
        "transform": np.eye(intervals + 1),
    }


def arm_data(arms: ArmHazards, sandwich: FloatArray | None = None) -> dict[str, FloatArray]:
    """Return what the model holds as data; with a sandwich, its curvature is adjusted to it."""
    size = arms.events.shape[1] + 1
    maximum = maximum_likelihood(arms)
    transform = np.eye(size)
    if sandwich is not None:
        transform = curvature_transform(arms.information(maximum), sandwich)
    return {
        "events": arms.events,
        "exposure": arms.exposure,
        "contrast": arms.contrast,
        "maximum": maximum,
        "transform": transform,
    }


def curvature_transform(information: FloatArray, sandwich: FloatArray) -> FloatArray:
    """Return C with ``C' H C`` the inverse of the sandwich, H the weighted information.

    With upper Cholesky factors, ``H = M'M`` and ``sandwich^-1 = N'N``, ``C = M^-1 N``.
    """
    own = np.linalg.cholesky(information).T
    wanted = np.linalg.cholesky(np.linalg.inv(sandwich)).T
    return np.asarray(np.linalg.solve(own, wanted))


def open_faced(posterior: xr.Dataset, sandwich: FloatArray) -> xr.Dataset:
    """Return the draws moved so that their covariance is the sandwich; their mean stays.

    Parameters
    ----------
    posterior
        ``treatment`` and ``log_baseline``, dims ``chain, draw`` (and ``interval``).
    sandwich
        Shape ``(1 + intervals, 1 + intervals)``.
    """
    theta = np.concatenate(
        [posterior["treatment"].to_numpy()[..., None], posterior["log_baseline"].to_numpy()],
        axis=-1,
    )
    moved = moved_draws(theta, sandwich)
    return posterior[["treatment", "log_baseline"]].copy(
        data={"treatment": moved[..., 0], "log_baseline": moved[..., 1:]}
    )


def moved_draws(theta: FloatArray, covariance: FloatArray) -> FloatArray:
    """Return draws with this covariance and their own mean.

    Parameters
    ----------
    theta
        Draws, shape ``(chains, draws, parameters)``.
    covariance
        Shape ``(parameters, parameters)``.
    """
    flat = theta.reshape(-1, theta.shape[-1])
    mean = flat.mean(axis=0)
    own = np.linalg.cholesky(np.cov(flat, rowvar=False))
    wanted = np.linalg.cholesky(covariance)
    moved = mean + (flat - mean) @ np.linalg.solve(own.T, wanted.T)
    return np.asarray(moved.reshape(theta.shape))
