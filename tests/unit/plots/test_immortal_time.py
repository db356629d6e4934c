"""Stacked states of the cohort: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.immortal_states import STATE_LOOKS
from hccbayes.plots.style import MILLIMETER
from hccbayes.plots.synthetic_mark import MARK
from hccbayes.time_zero.cohort_states import state_shares


@pytest.fixture
def table() -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "patient": ["a", "b", "c", "d"],
            "entry": 0.0,
            "time": [10.0, 6.0, 1.0, 12.0],
            "event": [1, 0, 1, 0],
            "treatment": [1, 1, 0, 0],
            "treatment_start": [2.0, 0.0, np.inf, np.inf],
        }
    )
    return state_shares(frame, times=[0.0, 1.0, 2.0, 6.0, 10.0, 12.0])


def layers(ax):
    return {layer.get_label(): layer for layer in ax.collections}


def span(layer, time):
    """Return the ends of an area just after a time."""
    points = np.concatenate([path.vertices for path in layer.get_paths()])
    own = points[np.isclose(points[:, 0], time)][:, 1]
    return own.min(), own.max()


def test_states_are_stacked_from_zero_to_one(table):
    ax = plots.immortal_time(table)
    drawn = layers(ax)
    assert list(drawn) == ["on treatment", "immortal", "untreated", "censored", "dead"]
    assert span(drawn["on treatment"], 0.0) == (0.0, 0.25)
    assert span(drawn["immortal"], 0.0) == (0.25, 0.5)
    assert span(drawn["untreated"], 0.0) == (0.5, 1.0)
    # At 12 months two are dead and two censored.
    assert span(drawn["dead"], 12.0) == (0.5, 1.0)
    assert ax.get_xlim() == (0.0, 12.0)
    assert ax.get_ylim() == (0.0, 1.0)
    assert drawn["immortal"].get_hatch()
    assert not drawn["on treatment"].get_hatch()


def test_legend_and_caption_say_what_is_immortal(table):
    ax = plots.immortal_time(table)
    legend = [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]
    assert legend[0] == "dead"
    assert "immortal time: counted as treated, before treatment" in legend
    caption = " ".join(ax.texts[0].get_text().split())
    # Two of the 16 person-months of a and b.
    assert caption == "12.5% of the 16 person-months counted as treated come before the treatment"
    table.attrs = {}
    assert not plots.immortal_time(table).texts


def test_states_that_never_occur_are_not_in_the_legend(table):
    table.loc[table["state"] == "untreated", "share"] += table.loc[
        table["state"] == "immortal", "share"
    ].to_numpy()
    table.loc[table["state"] == "immortal", "share"] = 0.0
    legend = plots.immortal_time(table).get_legend().get_texts()
    assert not [text for text in legend if "immortal" in text.get_text()]


def test_fills_next_to_each_other_are_apart_in_gray():
    gray = {
        state: float(np.dot([0.299, 0.587, 0.114], to_rgb(look["facecolor"])))
        for state, look in STATE_LOOKS.items()
    }
    pairs = [
        ("on treatment", "immortal"),
        ("immortal", "untreated"),
        ("untreated", "censored"),
        ("censored", "dead"),
        ("on treatment", "untreated"),
    ]
    for one, other in pairs:
        assert abs(gray[one] - gray[other]) > 0.08, (one, other)


@pytest.mark.parametrize("width", [85.0, 170.0])
def test_texts_are_apart_and_inside(table, width, clean_text):
    figure, ax = plt.subplots(figsize=(width * MILLIMETER, 3.2), layout="constrained")
    assert plots.immortal_time(table, ax=ax) is ax
    clean_text(figure)
    clean_text(plots.immortal_time(table).figure)


def test_a_synthetic_cohort_says_so_in_front_of_the_areas(table):
    table.attrs["synthetic"] = "immortal_null"
    ax = plots.immortal_time(table)
    mark = next(text for text in ax.texts if text.get_text() == MARK)
    assert all(layer.get_zorder() < mark.get_zorder() for layer in ax.collections)


def test_wrong_tables_are_named(table):
    with pytest.raises(InputError, match="has no column share"):
        plots.immortal_time(table.drop(columns="share"))
    with pytest.raises(InputError, match="has no row"):
        plots.immortal_time(table.iloc[:0])
    with pytest.raises(InputError, match="unknown name 'undead'"):
        plots.immortal_time(table.replace("dead", "undead"))
    with pytest.raises(InputError, match="several shares"):
        plots.immortal_time(pd.concat([table, table]))
    with pytest.raises(InputError, match="a state has no share"):
        plots.immortal_time(table.iloc[1:])
    table.loc[0, "share"] = 0.5
    with pytest.raises(InputError, match=r"add up to 1 at each \(row at 0\)"):
        plots.immortal_time(table)
