"""The forest of published hazard ratios: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from hccbayes import evidence, plots
from hccbayes.errors import InputError


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ratios():
    return evidence.table("hazard_ratios", usable_only=False)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def points(ax):
    return [
        (line.get_xdata()[0], line.get_marker())
        for line in ax.lines
        if line.get_label() == "_estimate"
    ]


@pytest.mark.parametrize("endpoint", ["OS", "PFS"])
def test_one_point_a_treatment_effect(ratios, endpoint):
    ax = plots.published_forest(ratios, endpoint=endpoint)
    effects = ratios[(ratios["term"] == "treatment") & (ratios["endpoint"] == endpoint)]
    drawn = effects["hr"].dropna()
    assert sorted(x for x, _ in points(ax)) == pytest.approx(sorted(drawn))


def test_comparisons_are_headings_and_studies_stand_under_them(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    shown = texts(ax)
    heading = shown.index("HAIC+systemic vs systemic")
    assert shown[heading + 1].strip() == "Chen2025"


def test_levels_and_flags_are_written(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    dash = "\N{EN DASH}"
    assert f"0.91 (0.69{dash}1.21, 90%)" in texts(ax)
    assert "SE too small for events" in texts(ax)
    assert "0.43 (no interval)" in texts(ax)
    assert "whole cohort, adjusted" in texts(ax)


def test_marker_says_whether_a_row_may_be_used(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    markers = dict(points(ax))
    assert markers[0.43] == "X"  # no interval
    assert markers[0.45] == "s"  # as printed
    assert "D" in markers.values()  # a repaired misprint
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["As printed", "Repaired misprint", "With caution", "Not usable"]


def test_arrow_where_an_interval_leaves_the_axis(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    arrows = [line for line in ax.lines if line.get_marker() == "<"]
    low = ratios.loc[ratios["endpoint"].eq("OS") & ratios["term"].eq("treatment"), "lower"]
    assert len(arrows) == (low < 1 / 8).sum() > 0


def test_bad_input(ratios):
    with pytest.raises(InputError, match="flags"):
        plots.published_forest(ratios.drop(columns="flags"))
    with pytest.raises(InputError, match="choose from OS"):
        plots.published_forest(ratios[ratios["endpoint"] == "OS"], endpoint="DFS")
