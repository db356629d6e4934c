"""Differences of survival and of restricted mean survival over time: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.synthetic_mark import MARK

PANELS = (("survival_difference", 100.0), ("rmst_difference", 1.0))


def curve_line(ax):
    return next(line for line in ax.lines if line.get_label().startswith("Posterior"))


def band(ax):
    """Return times, lower and upper limit of the band, in the order of time."""
    (drawn,) = ax.collections
    vertices = drawn.get_paths()[0].vertices
    times = np.unique(vertices[:, 0])
    limits = [vertices[vertices[:, 0] == time, 1] for time in times]
    return times, *(np.array([choose(one) for one in limits]) for choose in (np.min, np.max))


@pytest.mark.parametrize("population", ["ate", "att"])
def test_lines_and_bands_are_the_datasets_numbers(tree, population):
    figure = plots.differences(tree, population=population)
    assert len(figure.axes) == 2
    for ax, (name, factor) in zip(figure.axes, PANELS, strict=True):
        curve = tree["curves"][name].sel(population=population) * factor
        line = curve_line(ax)
        np.testing.assert_array_equal(line.get_xdata(), curve["curve_time"])
        np.testing.assert_array_equal(line.get_ydata(), curve.sel(statistic="mean"))
        times, lower, upper = band(ax)
        np.testing.assert_array_equal(times, curve["curve_time"])
        np.testing.assert_array_equal(lower, curve.sel(statistic="lower"))
        np.testing.assert_array_equal(upper, curve.sel(statistic="upper"))


def test_what_is_written_on_it(tree, clean_text):
    figure = plots.differences(tree)
    above, below = figure.axes
    assert above.get_ylabel() == "Survival gained,\npercentage points"
    assert below.get_ylabel() == "Restricted mean\ngained, months"
    assert above.get_xlabel() == ""
    assert "months" in below.get_xlabel().lower()
    legend = above.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["Posterior mean, 95% interval"]
    assert below.get_legend() is None
    for ax in figure.axes:
        zero = [line for line in ax.lines if set(line.get_ydata()) == {0.0}]
        assert len(zero) == 1
        assert ax.get_xlim()[1] == pytest.approx(36.0)
    clean_text(figure)


def test_the_legend_names_the_interval_of_the_analysis(tree):
    curves = tree["curves"].to_dataset().assign_attrs(interval_prob=0.89)
    other = xr.DataTree.from_dict({"curves": curves})
    (text,) = plots.differences(other).axes[0].get_legend().get_texts()
    assert text.get_text() == "Posterior mean, 89% interval"


def test_given_axes_are_drawn_on(tree):
    figure, axes = plt.subplots(1, 3)
    assert plots.differences(tree, axes=axes[:2]) is figure
    assert [len(ax.collections) for ax in axes] == [1, 1, 0]


@pytest.mark.parametrize("count", [1, 3])
def test_wrong_axes_are_refused(tree, count):
    _, axes = plt.subplots(1, count, squeeze=False)
    with pytest.raises(InputError, match=f"axes: two are needed, got {count}"):
        plots.differences(tree, axes=list(axes[0]))


def test_a_curve_that_is_not_there_is_named(tree):
    curves = tree["curves"].to_dataset().drop_vars("rmst_difference")
    with pytest.raises(InputError, match="rmst_difference"):
        plots.differences(xr.DataTree.from_dict({"curves": curves}))
    with pytest.raises(InputError, match="population"):
        plots.differences(tree, population="atc")


@pytest.mark.parametrize("synthetic", [True, False])
def test_given_axes_of_a_synthetic_cohort_are_marked_and_no_other(tree, synthetic):
    tree = tree.copy()
    if synthetic:
        tree.attrs["synthetic"] = "synthetic_chen2025"
    _, axes = plt.subplots(1, 3)
    plots.differences(tree, axes=axes[:2])
    found = [MARK in {text.get_text() for text in ax.texts} for ax in axes]
    assert found == [synthetic, synthetic, False]
