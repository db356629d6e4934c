"""Cohorts and reference tables of the frequentist tests (r/frequentist_cohorts.R)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from classic_cohorts import READERS as CLASSIC
from cohort_models import ONE_EVENT
from lifelines.datasets import load_lung, load_stanford_heart_transplants

DATA = Path(__file__).resolve().parents[1] / "data"
PATIENTS = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "sysucc_targeted.csv"
KEY = ["analysis", "convention", "label", "quantity"]


def read_lung() -> pd.DataFrame:
    lung = load_lung()
    return lung.assign(
        center=lung["inst"],
        entry=0.0,
        event=lung["status"],
        treatment=(lung["sex"] == 2).astype(float),
        age_years=lung["age"],
    )


def read_heart() -> pd.DataFrame:
    heart = load_stanford_heart_transplants()
    return heart.rename(
        columns={
            "start": "entry",
            "stop": "time",
            "age": "age_years",
            "transplant": "treatment",
            "id": "patient",
        }
    )


def read_sysucc() -> pd.DataFrame:
    if not PATIENTS.exists():
        pytest.skip("sysucc_targeted.csv is not beside the project")
    frame = pd.read_csv(PATIENTS)
    return frame.assign(
        treatment=(frame["arm"] == "embolisation+targeted").astype(float),
        entry=0.0,
        time=frame["os_months"].replace(0.0, 0.5),
        event=frame["death"],
        patient=frame["patient_id"],
    )


def read_simulated(name: str) -> pd.DataFrame:
    return pd.read_csv(DATA / f"frequentist_{name}.csv", comment="#")


READERS: dict[str, Callable[[], pd.DataFrame]] = {
    "lung": read_lung,
    "heart": read_heart,
    "simulated": lambda: read_simulated("cohort"),
    "episodes": lambda: read_simulated("episodes"),
    "sysucc": read_sysucc,
    **CLASSIC,
}


class Reference:
    """R's numbers of one cohort by analysis, convention, label and quantity."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.values = table.set_index(KEY)["value"].sort_index()

    def rows(self, analysis: str) -> list[tuple[str, str]]:
        """Return the distinct (convention, label) of an analysis."""
        part = self.values.loc[[analysis]].reset_index()
        return list(dict.fromkeys(zip(part["convention"], part["label"], strict=True)))

    def __call__(self, analysis: str, convention: str, label: str, quantity: str) -> float:
        return float(self.values.loc[(analysis, convention, label, quantity)])

    def of_terms(self, analysis: str, convention: str, terms: list[str], quantity: str):
        return np.array([self(analysis, convention, term, quantity) for term in terms])


@pytest.fixture(scope="session", params=ONE_EVENT)
def cohort_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def cohort(cohort_name: str) -> pd.DataFrame:
    """Return a cohort with entry, time, event, treatment and age_years."""
    return READERS[cohort_name]().reset_index(drop=True)


@pytest.fixture(scope="session")
def reference_of(cohort_name: str) -> Callable[[str], Reference]:
    """Return a function that reads a table's rows of the cohort."""

    def read(name: str) -> Reference:
        suffix = "_sysucc" if cohort_name == "sysucc" else ""
        suffix = "_classic" if cohort_name in CLASSIC else suffix
        file = DATA / f"{name}{suffix}.csv"
        table = pd.read_csv(file, comment="#", dtype={"label": str, "convention": str})
        table = table.query("cohort == @cohort_name").fillna({"label": ""})
        return Reference(table)

    return read
