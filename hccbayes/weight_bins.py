"""Patients of each arm counted in bins, so that a figure of scores or weights holds no patient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from hccbayes.arms import ARM_VALUE, ARMS, FloatArray
from hccbayes.errors import InputError, Problem
from hccbayes.weights import Weights, summary_table

BINS: Final = 20
"""Bins by default; of scores, each is then 0.05 wide."""
MOST_BINS: Final = 50
"""Finer bins would show the patients of a small arm one by one."""


def weight_counts(
    weights: Weights, *, bins: int = BINS, arm_names: Mapping[str, str]
) -> xr.Dataset:
    """Return the weights of each arm in bins, and the size of the arms.

    Parameters
    ----------
    weights
        Weights of the patients, 0 for those left out.
    bins
        Number of bins of equal width between 0 and the largest weight of both arms, from 1 to
        :data:`MOST_BINS`.
    arm_names
        Display name of each arm.

    Returns
    -------
    xarray.Dataset
        Dims ``arm`` and ``bin``. By both: ``patients``, their number, and ``share``, of the arm's
        patients. By arm: ``arm_patients``, ``total`` (sum of weights), ``effective_sample_size``,
        ``largest`` (weight), ``truncated`` (weights moved to a limit) and ``zero`` (weights of 0,
        which stand in the first bin). Coordinates ``arm_name``, ``bin_start``, ``bin_end``;
        attributes ``target`` and ``scale``.

    Raises
    ------
    InputError
        If the number of bins is out of range or an arm has no name.
    """
    sizes = summary_table(weights).set_index("arm").rename(columns={"patients": "arm_patients"})
    edges = equal_bins(float(sizes["largest"].max()), bins)
    patients = counts_by_arm(weights.values, weights.treatment, edges)
    zero = [int((weights.values[weights.treatment == ARM_VALUE[arm]] == 0).sum()) for arm in ARMS]
    dataset = binned_dataset({"patients": patients.astype(np.intp)}, edges, arm_names)
    dataset["share"] = dataset["patients"] / dataset["patients"].sum("bin")
    dataset["zero"] = ("arm", zero)
    return dataset.assign({str(name): sizes[name].to_xarray() for name in sizes}).assign_attrs(
        target=weights.target, scale=weights.scale
    )


def equal_bins(top: float, bins: int) -> FloatArray:
    """Return the ``bins + 1`` borders of equal bins from 0 to `top`, which is in the last one.

    Raises
    ------
    InputError
        If `bins` is no whole number from 1 to :data:`MOST_BINS`.
    """
    whole = isinstance(bins, int | np.integer) and not isinstance(bins, bool)
    if not (whole and 1 <= bins <= MOST_BINS):
        message = f"must be a whole number from 1 to {MOST_BINS}, not {bins!r}"
        raise InputError(Problem("bins", message))
    return np.linspace(0.0, top, int(bins) + 1)


def counts_by_arm(
    values: FloatArray, treatment: FloatArray, edges: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """Return the number, or the sum of weights, of each arm's patients in bins.

    Parameters
    ----------
    values
        What is binned, shape ``(patients,)``, none of it beyond the borders.
    treatment
        1 for treated patients, 0 for controls, shape ``(patients,)``.
    edges
        Increasing borders; a value on a border is in the bin that starts there, the last one in
        the last bin.
    weights
        Weights of the patients, shape ``(patients,)``; 1 each without them.

    Returns
    -------
    numpy.ndarray
        Shape ``(arms, bins)``, arms in the order of :data:`hccbayes.arms.ARMS`.
    """
    each = np.ones(len(values)) if weights is None else weights
    rows = [treatment == ARM_VALUE[arm] for arm in ARMS]
    return np.stack([np.histogram(values[own], edges, weights=each[own])[0] for own in rows])


def binned_dataset(
    variables: Mapping[str, ArrayLike], edges: FloatArray, arm_names: Mapping[str, str]
) -> xr.Dataset:
    """Return a dataset of dims ``arm`` and ``bin`` with the bins' borders and the arms' names.

    Parameters
    ----------
    variables
        Numbers by name, each of shape ``(arms, bins)``.
    edges
        Borders, shape ``(bins + 1,)``.
    arm_names
        Display name of each arm.

    Raises
    ------
    InputError
        If an arm has no name.
    """
    nameless = [arm for arm in ARMS if arm not in arm_names]
    if nameless:
        raise InputError(Problem("arm_names", f"no name is given for {', '.join(nameless)}"))
    return xr.Dataset(
        {name: (("arm", "bin"), values) for name, values in variables.items()},
        coords={
            "arm": list(ARMS),
            "arm_name": ("arm", [str(arm_names[arm]) for arm in ARMS]),
            "bin_start": ("bin", edges[:-1]),
            "bin_end": ("bin", edges[1:]),
        },
    )
