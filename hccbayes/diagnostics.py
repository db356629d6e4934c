"""The gate between draws and numbers: a fit that fails it is reported as failed.

Limits: rank-normalized R-hat below 1.01, bulk and tail effective sample size of at least 400
(Vehtari et al. 2021, Bayesian Analysis 16:667), no divergence, E-BFMI of at least 0.3 in every
chain (Betancourt 2016), and no more than 1% of draws at the maximum tree depth.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hccbayes import defaults
from hccbayes.records import CheckResult, Diagnosis

if TYPE_CHECKING:
    import xarray as xr


_MIXING = frozenset({"rhat", "ess_bulk", "ess_tail"})
"""Checks that more draws may pass; no other check gets better with length."""


def diagnose(
    tree: xr.DataTree, *, target_accept: float, repeats: tuple[str, ...] = ()
) -> Diagnosis:
    """Check a fit.

    Parameters
    ----------
    tree
        Groups ``posterior`` and ``sample_stats``, dims ``chain, draw``.
    target_accept
        Target acceptance the fit was made with.
    repeats
        Why earlier fits were not taken.

    Returns
    -------
    Diagnosis
        Every check, failed ones included; nothing is raised for a bad fit.
    """
    posterior = tree["posterior"].to_dataset()
    stats = tree["sample_stats"].to_dataset()
    finite = _finite(posterior)
    checks = [finite, _varying(posterior)]
    if finite.passed:
        checks += _convergence(posterior)
    checks += [_divergences(stats), _energy(stats), _tree_depth(stats)]
    return Diagnosis(checks=tuple(checks), target_accept=target_accept, repeats=repeats)


def mixed_too_slowly(diagnosis: Diagnosis) -> bool:
    """Return whether a fit failed on R-hat or effective sample size and on nothing else."""
    failed = {check.name for check in diagnosis.failures}
    return bool(failed) and failed <= _MIXING


def divergence_count(tree: xr.DataTree) -> int:
    """Return the number of divergent draws after tuning."""
    return int(tree["sample_stats"]["diverging"].sum())


def _finite(posterior: xr.Dataset) -> CheckResult:
    wrong = [
        str(name) for name, draws in posterior.data_vars.items() if not np.isfinite(draws).all()
    ]
    message = f"draws of {', '.join(wrong)} are not finite" if wrong else "all draws are finite"
    return CheckResult(name="finite draws", passed=not wrong, message=message)


def _varying(posterior: xr.Dataset) -> CheckResult:
    wrong = []
    for name, draws in posterior.data_vars.items():
        spread = draws.max(("chain", "draw")) - draws.min(("chain", "draw"))
        if bool((spread == 0).any()):
            wrong.append(str(name))
    message = f"draws of {', '.join(wrong)} are constant" if wrong else "no draw is constant"
    return CheckResult(name="varying draws", passed=not wrong, message=message)


def _convergence(posterior: xr.Dataset) -> list[CheckResult]:
    import arviz as az

    # Constant draws give nan, which fails.
    with np.errstate(divide="ignore", invalid="ignore"):
        rhat_name, rhat = _extreme(az.rhat(posterior), largest=True)
        bulk_name, bulk = _extreme(az.ess(posterior, method="bulk"), largest=False)
        tail_name, tail = _extreme(az.ess(posterior, method="tail"), largest=False)
    return [
        CheckResult(
            name="rhat",
            passed=rhat < defaults.RHAT_LIMIT,
            message=f"largest R-hat {rhat:.4f} ({rhat_name}; limit {defaults.RHAT_LIMIT})",
            value=rhat,
        ),
        _ess_check("bulk", bulk_name, bulk),
        _ess_check("tail", tail_name, tail),
    ]


def _ess_check(kind: str, name: str, value: float) -> CheckResult:
    return CheckResult(
        name=f"ess_{kind}",
        passed=value >= defaults.ESS_LIMIT,
        message=f"smallest {kind} ESS {value:.0f} ({name}; limit {defaults.ESS_LIMIT})",
        value=value,
    )


def _extreme(values: xr.Dataset, *, largest: bool) -> tuple[str, float]:
    """Return the variable with the worst value, and that value; nan counts as worst."""
    worst: dict[str, float] = {}
    for name, array in values.data_vars.items():
        numbers = np.asarray(array, dtype=np.float64)
        worst[str(name)] = float(numbers.max() if largest else numbers.min())
    for name, value in worst.items():
        if np.isnan(value):
            return name, value
    name = (max if largest else min)(worst, key=lambda one: worst[one])
    return name, worst[name]


def _divergences(stats: xr.Dataset) -> CheckResult:
    count = int(stats["diverging"].sum())
    total = stats["diverging"].size
    return CheckResult(
        name="divergences",
        passed=count == 0,
        message=f"{count} divergent of {total} draws",
        value=float(count),
    )


def _energy(stats: xr.Dataset) -> CheckResult:
    """Return the smallest estimated Bayesian fraction of missing information over chains."""
    energy = np.asarray(stats["energy"].transpose("chain", "draw"), dtype=np.float64)
    change = np.square(np.diff(energy, axis=1)).mean(axis=1)
    # The energy of a chain that stood still gives nan, which fails.
    with np.errstate(divide="ignore", invalid="ignore"):
        smallest = float((change / energy.var(axis=1)).min())
    return CheckResult(
        name="ebfmi",
        passed=smallest >= defaults.EBFMI_LIMIT,
        message=f"smallest E-BFMI {smallest:.2f} (limit {defaults.EBFMI_LIMIT})",
        value=smallest,
    )


def _tree_depth(stats: xr.Dataset) -> CheckResult:
    """Return the share of draws that stopped at the maximum tree depth; nutpie and PyMC differ."""
    if "maxdepth_reached" in stats:
        share = float(stats["maxdepth_reached"].mean())
    elif "reached_max_treedepth" in stats:
        share = float(stats["reached_max_treedepth"].mean())
    else:
        depth = stats["tree_depth"]
        share = float((depth >= defaults.MAX_TREE_DEPTH).mean())
    return CheckResult(
        name="tree_depth",
        passed=share <= defaults.MAX_TREE_DEPTH_SHARE,
        message=f"{share:.1%} of draws at the maximum tree depth",
        value=share,
    )
