"""Priors as small frozen values: draw from them, describe them, write them down, build them.

A prior's numbers enter a PyMC model as data (``pm.Data``), so that a compiled model is refitted
under another prior of the same family without being compiled again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hccbayes.errors import InputError, Problem

if TYPE_CHECKING:
    from pytensor.tensor.variable import TensorVariable
    from scipy.stats._distn_infrastructure import rv_frozen

_PARAMETERS: Final[dict[str, tuple[str, ...]]] = {
    "normal": ("mu", "sigma"),
    "student_t": ("nu", "mu", "sigma"),
    "half_normal": ("sigma",),
    "gamma": ("alpha", "beta"),
}
"""Families and their parameters, in the order in which a model holds them as data."""

_FREE: Final = frozenset({"mu"})
"""Parameters that may be negative or zero; the others are positive."""


@dataclass(frozen=True, slots=True)
class Prior:
    """A prior distribution of a scalar, or of exchangeable elements of a vector.

    Parameters
    ----------
    dist
        ``normal`` (mu, sigma), ``student_t`` (nu, mu, sigma), ``half_normal`` (sigma) or
        ``gamma`` (alpha, beta: shape and rate).
    values
        The parameters in that order.

    Raises
    ------
    InputError
        If the family is unknown, or a parameter is missing, infinite or not positive.
    """

    dist: str
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        """Check the family and its parameters."""
        names = _family(self.dist)
        if len(self.values) != len(names):
            raise InputError(Problem(f"prior {self.dist}", f"needs {', '.join(names)}"))
        wrong = [
            name
            for name, value in zip(names, self.values, strict=True)
            if not math.isfinite(value) or (name not in _FREE and value <= 0)
        ]
        if wrong:
            bound = "finite" if set(wrong) <= _FREE else "finite and positive"
            raise InputError(
                Problem(
                    f"prior {self.dist}",
                    f"{', '.join(wrong)} must be {bound}",
                )
            )

    @classmethod
    def of(cls, dist: str, **parameters: float) -> Prior:
        """Return the prior with named parameters, ``Prior.of("normal", mu=0, sigma=0.7)``."""
        names = _family(dist)
        unknown = sorted(set(parameters) - set(names))
        missing = [name for name in names if name not in parameters]
        if unknown or missing:
            raise InputError(
                Problem(f"prior {dist}", f"takes {', '.join(names)}; got {sorted(parameters)}")
            )
        return cls(dist, tuple(float(parameters[name]) for name in names))

    @classmethod
    def from_toml(cls, value: str | Mapping[str, Any]) -> Prior:
        """Return the prior written as a named prior or as a table with ``dist``."""
        if isinstance(value, str):
            return named_prior(value)
        if "dist" not in value:
            raise InputError(Problem("prior", f"needs `dist`, one of {', '.join(_PARAMETERS)}"))
        rest = {key: item for key, item in value.items() if key != "dist"}
        numeric = all(
            isinstance(item, int | float) and not isinstance(item, bool) for item in rest.values()
        )
        if not numeric:
            raise InputError(Problem(f"prior {value['dist']}", "parameters must be numbers"))
        return cls.of(str(value["dist"]), **rest)

    def to_toml(self) -> dict[str, Any]:
        """Return the prior as a TOML table."""
        return {"dist": self.dist, **self.parameters}

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by name."""
        return dict(zip(_family(self.dist), self.values, strict=True))

    def frozen(self) -> rv_frozen:
        """Return the SciPy distribution."""
        from scipy import stats

        p = self.parameters
        if self.dist == "normal":
            return stats.norm(p["mu"], p["sigma"])
        if self.dist == "student_t":
            return stats.t(p["nu"], p["mu"], p["sigma"])
        if self.dist == "half_normal":
            return stats.halfnorm(0.0, p["sigma"])
        return stats.gamma(p["alpha"], scale=1.0 / p["beta"])

    def draw(self, size: int, *, rng: np.random.Generator) -> NDArray[np.float64]:
        """Return `size` independent draws."""
        return np.asarray(self.frozen().rvs(size, random_state=rng), dtype=np.float64)

    def describe_hr(self, prob: float = 0.95) -> str:
        """Return what a prior of a log hazard ratio says on the hazard ratio scale."""
        frozen = self.frozen()
        tail = (1.0 - prob) / 2.0
        low, high = np.exp(frozen.ppf([tail, 1.0 - tail]))
        half = float(frozen.cdf(math.log(0.5)))
        return (
            f"{self}: {prob:.0%} of hazard ratios between {low:.2g} and {high:.2g}; "
            f"P(HR < 1) = {float(frozen.cdf(0.0)):.2f}, P(HR < 0.5) = {half:.2g}"
        )

    def describe_survival(self, control_survival: float, prob: float = 0.95) -> str:
        """Return which treated survival the prior expects where control survival is given.

        Under proportional hazards ``S1 = S0 ** HR``.
        """
        frozen = self.frozen()
        tail = (1.0 - prob) / 2.0
        low, high = control_survival ** np.exp(frozen.ppf([1.0 - tail, tail]))
        return (
            f"with {control_survival:.0%} alive under control, {low:.0%} to {high:.0%} "
            f"under treatment ({prob:.0%} of the prior)"
        )

    def variable(self, name: str, *, dims: str | tuple[str, ...] | None = None) -> TensorVariable:
        """Make the PyMC variable `name` in the current model.

        Its parameters become the data vector ``{name}_prior``, in the order of the family.
        """
        import pymc as pm

        p = pm.Data(f"{name}_prior", np.asarray(self.values))
        if self.dist == "normal":
            return pm.Normal(name, mu=p[0], sigma=p[1], dims=dims)
        if self.dist == "student_t":
            return pm.StudentT(name, nu=p[0], mu=p[1], sigma=p[2], dims=dims)
        if self.dist == "half_normal":
            return pm.HalfNormal(name, sigma=p[0], dims=dims)
        return pm.Gamma(name, alpha=p[0], beta=p[1], dims=dims)

    def __str__(self) -> str:
        """Return ``normal(mu=0, sigma=0.7)``."""
        inside = ", ".join(f"{name}={value:g}" for name, value in self.parameters.items())
        return f"{self.dist}({inside})"


def _family(dist: str) -> tuple[str, ...]:
    if dist not in _PARAMETERS:
        raise InputError(
            Problem("prior", f"unknown dist {dist!r}; choose from {', '.join(_PARAMETERS)}")
        )
    return _PARAMETERS[dist]


TREATMENT_PRIORS: Final[dict[str, Prior]] = {
    "default": Prior.of("normal", mu=0.0, sigma=0.7),
    "sceptical": Prior.of("normal", mu=0.0, sigma=0.354),
    "enthusiastic": Prior.of("normal", mu=math.log(0.6), sigma=0.354),
    "reference": Prior.of("normal", mu=0.0, sigma=10.0),
}
"""Named priors of a log hazard ratio. ``default``: 95% of hazard ratios in 0.25-3.9.
``sceptical``: P(HR < 0.5) = 0.025. ``enthusiastic``: centered on HR 0.6, for sensitivity alone.
``reference``: near-flat, only for comparison with Cox regression."""


def named_prior(name: str) -> Prior:
    """Return a named prior of a log hazard ratio.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    if name not in TREATMENT_PRIORS:
        known = ", ".join(TREATMENT_PRIORS)
        raise InputError(Problem("prior", f"unknown prior {name!r}; choose from {known}"))
    return TREATMENT_PRIORS[name]
