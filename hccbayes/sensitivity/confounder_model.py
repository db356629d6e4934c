r"""The hazard model with a binary unmeasured confounder, as an ordinary PyMC model.

A patient either carries the confounder U or does not; nobody knows which. U multiplies the hazard
by G, and the likelihood of patient i is the mixture over both:

.. math:: L_i = \sum_{u \in \{0, 1\}} P(u \mid A_i)\, L_i(\eta_i + u \log G), \qquad
          P(U = 1 \mid A = a) = p_a,

(Lin, Psaty & Kronmal 1998, Biometrics 54:948, in the Bayesian form of Greenland 2005, Journal of
the Royal Statistical Society A 168:267). With D deaths (0 or 1) and cumulative hazard E of the
patient without U,

.. math:: \log L_i = D_i \log h_i + \log\{(1 - p) e^{-E_i} + p\, G^{D_i} e^{-G E_i}\}.

Given the arm, U is independent of the measured covariates. A patient who enters late counts by the
chance of U at entry. The treatment effect of this model compares patients who are equal in U too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from hccbayes.errors import InputError, Problem
from hccbayes.hazard_data import HazardData
from hccbayes.hazard_model import hazard_terms
from hccbayes.person_time import split_person_time
from hccbayes.priors import Prior
from hccbayes.spec import HazardSection, PriorSection

if TYPE_CHECKING:
    import pymc as pm
    from pytensor.tensor.variable import TensorVariable

    from hccbayes.study import Study

FloatArray = NDArray[np.float64]
MoreCommonIn = Literal["either", "control", "treated"]

LOG_HR: Final = "confounder_log_hr"
LOGIT_CONTROL: Final = "confounder_logit_control"
LOGIT_DIFFERENCE: Final = "confounder_logit_difference"
LOGIT_DIFFERENCE_SIZE: Final = "confounder_logit_difference_size"
"""The difference without its sign, where the analyst says the sign."""
_SIGN: Final = "confounder_sign"
_SIGNS: Final[dict[str, float]] = {"either": 1.0, "control": -1.0, "treated": 1.0}
_DIFFERENCE_SD: Final = 0.7
"""95% of odds ratios of carrying the confounder, treated over control, between 0.25 and 3.9."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfounderPriors:
    """What the analyst believes of the unmeasured confounder.

    Parameters
    ----------
    log_hr
        log G: half-normal where all that is known is that carrying the confounder is bad, normal
        where studies that did measure it say how bad.
    logit_control
        Logit of the share of controls who carry it.
    logit_difference
        Logit of the treated share minus that of the controls; where the sign is known, the size of
        this difference.
    more_common_in
        ``either`` leaves the sign open, and `logit_difference` is normal;
        ``control`` (which makes treatment look too good) and ``treated`` say it, and
        `logit_difference` is half-normal. See :meth:`signed`.

    Raises
    ------
    InputError
        If a prior's family does not fit its parameter; every one is named.
    """

    log_hr: Prior = Prior.of("half_normal", sigma=0.5)
    logit_control: Prior = Prior.of("normal", mu=float(logit(0.4)), sigma=0.5)
    logit_difference: Prior = Prior.of("normal", mu=0.0, sigma=_DIFFERENCE_SD)
    more_common_in: MoreCommonIn = "either"

    def __post_init__(self) -> None:
        """Check the families."""
        if self.more_common_in not in _SIGNS:
            known = ", ".join(get_args(MoreCommonIn))
            message = f"must be one of {known}, not {self.more_common_in!r}"
            raise InputError(Problem("more_common_in", message))
        signed = self.more_common_in != "either"
        families = {
            "log_hr": ("half_normal", "normal"),
            "logit_control": ("normal",),
            "logit_difference": ("half_normal",) if signed else ("normal",),
        }
        problems = [
            Problem(f"confounder prior {name}", f"must be {' or '.join(known)}, not {prior.dist}")
            for name, known in families.items()
            if (prior := getattr(self, name)).dist not in known
        ]
        if problems:
            raise InputError(problems)

    @classmethod
    def signed(
        cls, more_common_in: Literal["control", "treated"], *, sigma: float = _DIFFERENCE_SD
    ) -> ConfounderPriors:
        """Return the default priors where the arm with more carriers is known.

        Parameters
        ----------
        more_common_in
            That arm.
        sigma
            Standard deviation of the half-normal difference of logits.
        """
        size = Prior.of("half_normal", sigma=sigma)
        return cls(logit_difference=size, more_common_in=more_common_in)


def patient_rows(study: Study) -> HazardData:
    """Return events and exposure of every patient, none merged with another.

    Patients of one pattern share a hazard but not the unknown confounder.

    Parameters
    ----------
    study
        The cohort made ready, without weights.

    Returns
    -------
    HazardData
        One pattern a patient, in the design's order.

    Raises
    ------
    InputError
        If the study is weighted, or a patient's treatment changes over time.
    """
    episodes, design = study.episodes, study.design
    patient = episodes["patient_index"].to_numpy()
    problems = []
    if study.data.weighted:
        problems.append(Problem("weights", "have no place in a mixture over single patients"))
    if (episodes.groupby("patient_index")["treatment"].nunique() > 1).any():
        message = "changes over time in some patients; the confounder's share is that of one arm"
        problems.append(Problem("treatment", message))
    if problems:
        raise InputError(problems)
    split = split_person_time(
        episodes["start"], episodes["stop"], episodes["event"], study.data.cuts
    )
    index = np.unique(patient)
    centers = study.data.centers
    center = design.center_index if centers else np.zeros_like(design.center_index)
    return HazardData(
        person_time=split.collapse(patient),
        treatment=design.treatment[index],
        treatment_mean=study.data.treatment_mean,
        covariates=design.matrix[index],
        covariate_names=study.data.covariate_names,
        center_index=center[index],
        centers=centers,
    )


def build_confounder_model(
    data: HazardData, hazard: HazardSection, priors: PriorSection, bias: ConfounderPriors
) -> pm.Model:
    """Build the model; nothing is sampled.

    Parameters
    ----------
    data
        One pattern a patient, from :func:`patient_rows`.
    hazard, priors
        As for :func:`hccbayes.hazard_model.build_hazard_model`.
    bias
        Priors of the confounder; their parameters are data of the model.

    Returns
    -------
    pymc.Model
        The hazard model's variables, where ``treatment`` is the log hazard ratio at equal U; a
        standard variable (``_raw``) for each deterministic ``confounder_log_hr``,
        ``confounder_logit_control`` and ``confounder_logit_difference``; the deterministics
        ``prevalence_control`` and ``prevalence_treated``; the potential ``log_likelihood``.
    """
    import pymc as pm

    with pm.Model() as model:
        terms = hazard_terms(data, hazard, priors)
        died, treated = (
            pm.Data(name, values, dims="pattern") for name, values in confounder_data(data).items()
        )
        log_g = _scaled(LOG_HR, bias.log_hr)
        control = _scaled(LOGIT_CONTROL, bias.logit_control)
        difference = _difference(bias)
        pm.Deterministic("prevalence_control", pm.math.sigmoid(control))
        pm.Deterministic("prevalence_treated", pm.math.sigmoid(control + difference))
        odds = control + difference * treated
        # The logarithm of a sigmoid, from the side where it keeps its digits.
        carrier = died * log_g - pm.math.exp(log_g) * terms.expected - pm.math.log1pexp(-odds)
        other = -terms.expected - pm.math.log1pexp(odds)
        mixture = pm.math.sum(pm.math.logaddexp(carrier, other))
        pm.Potential("log_likelihood", terms.over_events + mixture)
    return model


def _scaled(name: str, prior: Prior) -> TensorVariable:
    """Make a confounder's parameter from a standard one, with the prior's numbers as data.

    The data say little of it, so that the standard variable is what a sampler moves in easily, for
    a prior of any width: one of 1e-6 is a confounder of no effect.
    """
    import pymc as pm

    numbers = pm.Data(f"{name}_prior", np.asarray(prior.values))
    if prior.dist == "half_normal":
        value = numbers[0] * pm.HalfNormal(f"{name}_raw")
    else:
        value = numbers[0] + numbers[1] * pm.Normal(f"{name}_raw")
    return pm.Deterministic(name, value)


def _difference(bias: ConfounderPriors) -> TensorVariable:
    """Return the difference of logits, treated minus control."""
    import pymc as pm

    if bias.more_common_in == "either":
        return _scaled(LOGIT_DIFFERENCE, bias.logit_difference)
    sign = pm.Data(_SIGN, np.asarray(_SIGNS[bias.more_common_in]))
    size = _scaled(LOGIT_DIFFERENCE_SIZE, bias.logit_difference)
    return pm.Deterministic(LOGIT_DIFFERENCE, sign * size)


def confounder_data(data: HazardData) -> dict[str, FloatArray]:
    """Return what the model holds of the patients beside the hazard model's own data.

    With :func:`hccbayes.hazard_model.model_data` it refits a compiled model to other patients.
    """
    return {
        "patient_events": data.person_time.events.sum(axis=1),
        "patient_treatment": data.treatment,
    }


def confounder_prior_data(model: pm.Model, bias: ConfounderPriors) -> dict[str, FloatArray]:
    """Return the confounder's priors as the model holds them, to refit it under others.

    Raises
    ------
    InputError
        If the model leaves the sign of the difference open and these priors do not, or vice versa,
        or log G has a prior of the other family.
    """
    signed = _SIGN in model.named_vars
    problems = []
    if signed != (bias.more_common_in != "either"):
        message = "an open sign and a known one are two models; build the other one"
        problems.append(Problem("more_common_in", message))
    if model[f"{LOG_HR}_prior"].get_value().shape != np.shape(bias.log_hr.values):
        message = "another family needs another model; build it anew"
        problems.append(Problem("confounder prior log_hr", message))
    if problems:
        raise InputError(problems)
    difference = LOGIT_DIFFERENCE_SIZE if signed else LOGIT_DIFFERENCE
    found = {
        f"{LOG_HR}_prior": np.asarray(bias.log_hr.values),
        f"{LOGIT_CONTROL}_prior": np.asarray(bias.logit_control.values),
        f"{difference}_prior": np.asarray(bias.logit_difference.values),
    }
    if signed:
        found[_SIGN] = np.asarray(_SIGNS[bias.more_common_in])
    return found
