"""Synthetic cohorts that come with the package: read them, and their manifests.

They carry a paper's printed margins and nothing more of its patients. What is computed from them
shows the software, never the therapy.
"""

from __future__ import annotations

import io
import json
import math
from importlib import resources
from typing import Any, Final

import pandas as pd

from hccbayes.errors import InputError, Problem

PREFIX: Final = "synthetic_"
"""Every cohort's name starts with it; it may be left out where a name is asked for."""

SHIPPED: Final[tuple[str, ...]] = (
    "chen2025",
    "lin2023",
    "lu2025",
    "lu2025_immortal_null",
    "sun2025",
)
"""Names of the shipped cohorts, without the prefix."""

NOT_REACHED: Final = "not reached"
"""What a manifest writes for a median or limit beyond the follow-up."""


def load(name: str) -> pd.DataFrame:
    """Return a shipped synthetic cohort.

    Parameters
    ----------
    name
        One of :data:`SHIPPED`, with or without ``synthetic_`` in front.

    Returns
    -------
    pandas.DataFrame
        One row a patient, times in months. ``attrs["synthetic"]`` holds the full name.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    full = full_name(name)
    frame = pd.read_csv(io.StringIO(_text(f"{full}.csv")), keep_default_na=False, na_values=[""])
    frame.attrs["synthetic"] = full
    return frame


def manifest(name: str) -> pd.DataFrame:
    """Return what a shipped cohort was built to reproduce, and what it gives.

    Parameters
    ----------
    name
        As for :func:`load`.

    Returns
    -------
    pandas.DataFrame
        One row a target: ``quantity``, ``item``, ``sample``, ``arm``, ``target``, ``achieved``,
        ``tolerance`` (``nan`` where the number is not a target), ``status`` (``identified``,
        ``derived``, ``invented`` or ``not targeted``), ``note``. A median or limit that is not
        reached is ``inf``. ``attrs`` hold ``synthetic``, ``title``, ``seed``, ``correlation``,
        ``notes`` and ``sha256`` (of the cohort's file).

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    full = full_name(name)
    content = json.loads(_text(f"{full}.json"))
    frame = pd.DataFrame(content.pop("targets"))
    for column in ("target", "achieved", "tolerance"):
        frame[column] = [_number(value) for value in frame[column]]
    frame.attrs.update(content)
    return frame


def full_name(name: str) -> str:
    """Return a cohort's name with its prefix.

    Raises
    ------
    InputError
        If the name is unknown; the message lists the known ones.
    """
    short = name.removeprefix(PREFIX)
    if short not in SHIPPED:
        known = ", ".join(SHIPPED)
        raise InputError(Problem("synthetic cohort", f"unknown name {name!r}; choose from {known}"))
    return PREFIX + short


def _text(file: str) -> str:
    return resources.files("hccbayes.synthetic").joinpath("data", file).read_text(encoding="utf-8")


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    return math.inf if value == NOT_REACHED else float(value)
