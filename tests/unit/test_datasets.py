"""The built-in data sets: sizes and codes as their sources print them."""

from __future__ import annotations

import pytest

from hccbayes.datasets import DATASETS, load_dataset
from hccbayes.errors import InputError


def test_ncctg_lung_has_the_printed_counts():
    lung = load_dataset("ncctg_lung")
    assert list(lung.columns) == [
        "patient_id",
        "days",
        "death",
        "sex",
        "age_years",
        "ecog_score",
        "institution",
    ]
    assert len(lung) == 228
    assert lung["death"].sum() == 165
    assert lung["days"].sum() == 69593
    # R: with(survival::lung, table(sex, status)) gives 26 and 112 for men, 37 and 53 for women.
    assert lung.groupby("sex")["death"].agg(["size", "sum"]).to_dict("index") == {
        "female": {"size": 90, "sum": 53},
        "male": {"size": 138, "sum": 112},
    }


def test_ncctg_lung_keeps_its_missing_values():
    lung = load_dataset("ncctg_lung")
    assert lung.isna().sum().to_dict() == {
        "patient_id": 0,
        "days": 0,
        "death": 0,
        "sex": 0,
        "age_years": 0,
        "ecog_score": 1,
        "institution": 1,
    }
    assert lung["institution"].nunique() == 18


def test_ncctg_lung_matches_the_first_rows_of_the_source():
    lung = load_dataset("ncctg_lung")
    # head(survival::lung, 3): inst 3, 3, 3; time 306, 455, 1010; status 2, 2, 1; age 74, 68, 56.
    assert lung.head(3).to_numpy().tolist() == [
        ["L001", 306, 1, "male", 74, 1.0, "inst 03"],
        ["L002", 455, 1, "male", 68, 0.0, "inst 03"],
        ["L003", 1010, 0, "male", 56, 0.0, "inst 03"],
    ]
    assert lung["patient_id"].iloc[-1] == "L228"
    assert lung["patient_id"].is_unique


def test_every_call_returns_its_own_frame():
    first = load_dataset("ncctg_lung")
    first.loc[0, "days"] = -1
    assert load_dataset("ncctg_lung").loc[0, "days"] == 306


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(InputError, match="unknown name 'lung'; choose from ncctg_lung"):
        load_dataset("lung")
    assert list(DATASETS) == ["ncctg_lung"]
