"""Public patient data that come with installed packages, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from hccbayes.errors import InputError, Problem

if TYPE_CHECKING:
    import pandas as pd


def ncctg_lung() -> pd.DataFrame:
    """Return the North Central Cancer Treatment Group advanced lung cancer cohort.

    228 patients, 165 deaths, 18 institutions. Source: Loprinzi CL et al. (1994), Journal of
    Clinical Oncology 12:601-607; the data set ``lung`` of R's survival package, in the copy that
    lifelines ships.

    Returns
    -------
    pandas.DataFrame
        One row a patient in the order of the file:

        - ``patient_id``: running number, ``L001`` to ``L228``;
        - ``days``: from entry into the trial to death or last contact;
        - ``death``: 1 dead, 0 censored;
        - ``sex``: ``female`` (coded 2 in the file) or ``male`` (coded 1);
        - ``age_years``;
        - ``ecog_score``: performance status as the physician rated it, 0 to 4; one is missing;
        - ``institution``: ``inst 01`` to ``inst 33``; one is missing.
    """
    import pandas as pd
    from lifelines.datasets import load_lung

    lung = load_lung()
    return pd.DataFrame(
        {
            "patient_id": [f"L{row:03d}" for row in range(1, len(lung) + 1)],
            "days": lung["time"],
            "death": lung["status"],
            "sex": lung["sex"].map({1: "male", 2: "female"}),
            "age_years": lung["age"],
            "ecog_score": lung["ph.ecog"],
            "institution": lung["inst"].map(lambda code: f"inst {code:02.0f}", na_action="ignore"),
        }
    )


DATASETS: Final[dict[str, Callable[[], pd.DataFrame]]] = {"ncctg_lung": ncctg_lung}
"""Loaders by the name that a model file writes after ``dataset:``."""


def load_dataset(name: str) -> pd.DataFrame:
    """Return a built-in data set.

    Parameters
    ----------
    name
        One of :data:`DATASETS`.

    Returns
    -------
    pandas.DataFrame
        One row a patient; the columns stand with the loader.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise InputError(Problem("data set", f"unknown name {name!r}; choose from {known}"))
    return DATASETS[name]()
