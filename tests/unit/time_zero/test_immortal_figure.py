"""The figure of null ratios and what the rules leave: what was drawn."""

from __future__ import annotations

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.synthetic_mark import MARK
from hccbayes.time_zero import ImmortalRules, PublishedRatio, immortal_bound

RULES = ImmortalRules(
    treated=141, control=26, window=(0.0, 3.0), median=15.0, administrative=(6.0, 64.0)
)


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def bound():
    return immortal_bound(RULES, PublishedRatio(hr=0.5, lower=0.3, upper=0.8), simulations=200)


def markers(ax) -> list[float]:
    """Return where the squares stand, from top to bottom."""
    squares = [line for line in ax.lines if line.get_marker() == "s"]
    return [float(line.get_xdata()[0]) for line in squares]


def test_published_and_what_remains(bound):
    ax = plots.immortal_bound(bound)
    expected = [0.5, bound.remaining.hr, bound.true_ratio.hr]
    assert markers(ax) == pytest.approx(expected)
    dashed = next(line for line in ax.lines if line.get_linestyle() == "--")
    assert dashed.get_xdata()[0] == bound.limit.hazard_ratio
    assert ax.get_xscale() == "log"
    low, high = ax.get_xlim()
    assert low < bound.remaining.lower < bound.remaining.upper < high
    assert {"0.50", f"{bound.true_ratio.hr:.2f}"} <= {text.get_text() for text in ax.texts}


def test_without_a_published_ratio():
    ax = plots.immortal_bound(immortal_bound(RULES, simulations=200))
    assert markers(ax) == []
    assert len(ax.get_yticklabels()) == 1


def test_given_axes_are_drawn_on(bound):
    _, ax = plt.subplots()
    assert plots.immortal_bound(bound, ax=ax) is ax


def test_an_interval_beyond_the_axis_ends_in_an_arrow():
    wide = immortal_bound(RULES, PublishedRatio(hr=0.5, lower=0.01, upper=60.0), simulations=200)
    ax = plots.immortal_bound(wide)
    low, high = ax.get_xlim()
    arrows = {line.get_marker(): line.get_xdata()[0] for line in ax.lines}
    assert arrows["<"] == low
    assert arrows[">"] == high


def test_a_synthetic_cohort_is_marked(bound):
    named = replace(bound, rules=replace(RULES, synthetic="synthetic_name"))
    assert MARK in {text.get_text() for text in plots.immortal_bound(named).texts}
    assert named.table().attrs["synthetic"] == "synthetic_name"
    assert "Synthetic cohort (synthetic_name), not patients." in named.sentences
    assert MARK not in {text.get_text() for text in plots.immortal_bound(bound).texts}


def test_nothing_to_draw_is_said(bound):
    studies = replace(bound.studies, hazard_ratio=np.full(200, np.nan))
    with pytest.raises(InputError, match="no study without an effect has a hazard ratio"):
        plots.immortal_bound(replace(bound, studies=studies))
