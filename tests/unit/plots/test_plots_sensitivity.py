"""Influence of patients and the fragility curve: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError


@pytest.fixture
def influences(rng) -> pd.DataFrame:
    change = np.sort(np.abs(rng.normal(0.0, 0.03, 60)))[::-1] * rng.choice([-1, 1], 60)
    return pd.DataFrame(
        {
            "rank": range(1, 61),
            "arm": np.where(rng.random(60) < 0.3, "control", "treated"),
            "event": rng.integers(0, 2, 60),
            "change": change,
            "change_mcse": 0.001,
            "method": "psis",
        }
    )


@pytest.fixture
def moves() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "reclassified": range(5),
            "prob_benefit": [0.999, 0.99, 0.97, 0.94, np.nan],
            "prob_benefit_mcse": [0.001, 0.002, 0.003, 0.004, np.nan],
            "cox_hr": [0.5, 0.6, 0.7, 0.8, 1.02],
            "cox_p": [0.001, 0.01, 0.04, 0.06, 0.9],
        }
    )


@pytest.fixture(autouse=True)
def _closed():
    yield
    plt.close("all")


def test_every_patient_is_drawn_and_the_worst_bear_their_rank(influences):
    ax = plots.influence(influences, labeled=4, names={"treated": "Both", "control": "One"})
    labels = ("Both", "One", "_treated", "_control")
    drawn = [line for line in ax.get_lines() if line.get_label().startswith(labels)]
    points = np.concatenate([line.get_xydata() for line in drawn])
    order = np.argsort(points[:, 0])
    np.testing.assert_allclose(points[order], influences[["rank", "change"]])
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4"]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == ["Both", "One", "open: censored"]
    # The dead are filled, the censored open.
    for line in drawn:
        own = influences.set_index("rank").loc[line.get_xdata().astype(int), "event"]
        assert (own == int(line.get_markerfacecolor() != "white")).all()
    low, high = ax.get_ylim()
    assert low < influences["change"].min() < influences["change"].max() < high


def test_labels_stand_away_from_zero(influences):
    ax = plots.influence(influences)
    for text, change in zip(ax.texts, influences["change"], strict=False):
        assert np.sign(text.xyann[1]) == np.sign(change)


def test_fragility_curve_ends_where_nothing_was_fitted(moves):
    ax = plots.fragility(moves, moved="control deaths counted as treated")
    lines = {line.get_label(): line.get_xydata() for line in ax.get_lines()}
    np.testing.assert_allclose(lines["P(HR < 1)"][:, 1], [0.999, 0.99, 0.97, 0.94])
    # Beyond a hazard ratio of 1 the side changes.
    np.testing.assert_allclose(lines["Cox, 1 - P/2"][:, 1], [0.9995, 0.995, 0.98, 0.97, 0.45])
    assert ax.get_xlabel() == "Number of control deaths counted as treated"
    assert ax.get_ylim()[0] < 0.45
    given = plt.subplots()[1]
    assert plots.fragility(moves, ax=given) is given


def test_wrong_tables_are_named(influences, moves):
    with pytest.raises(InputError, match="table of influence: has no column arm, change_mcse"):
        plots.influence(influences.drop(columns=["arm", "change_mcse"]))
    with pytest.raises(InputError, match="table of fragility: has no row"):
        plots.fragility(moves.iloc[:0])
