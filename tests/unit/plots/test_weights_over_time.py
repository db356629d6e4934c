"""Weights over time and effective sample size: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.style import MILLIMETER
from hccbayes.plots.synthetic_mark import MARK

QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
NAMES = ["Embolization + targeted within 3 months", "Targeted alone"]


@pytest.fixture
def dataset() -> xr.Dataset:
    time = np.arange(0.0, 37.0)
    ramp = np.minimum(time / 3.0, 1.0)[None, :, None]
    spread = np.array([-1.6, -0.7, 0.0, 0.7, 1.6, 3.4])
    size = np.array([0.5, 0.2])[:, None, None]
    weight = np.exp(size * ramp * (spread + 0.4))
    at_risk = np.round(167.0 * np.exp(-np.array([[0.06], [0.09]]) * time))
    return xr.Dataset(
        {
            "weight": (("arm", "time", "quantile"), weight),
            "effective_sample_size": (("arm", "time"), at_risk * 0.8),
            "at_risk": (("arm", "time"), at_risk),
        },
        coords={
            "arm": ["treated", "control"],
            "time": time,
            "quantile": QUANTILES,
            "arm_name": ("arm", NAMES),
        },
        attrs={"grace": 3.0},
    )


def curves(ax):
    return {line.get_label(): line.get_ydata() for line in ax.lines}


def test_bands_and_lines_are_the_quantiles(dataset):
    figure = plots.weights_over_time(dataset)
    for ax, arm in zip(figure.axes[:2], ("treated", "control"), strict=True):
        own = dataset["weight"].sel(arm=arm)
        np.testing.assert_allclose(curves(ax)["_median"], own.sel(quantile=0.5))
        np.testing.assert_allclose(curves(ax)["_largest"], own.sel(quantile=1.0))
        wide, narrow = ax.collections
        for band, (low, high) in ((wide, (0.05, 0.95)), (narrow, (0.25, 0.75))):
            points = band.get_paths()[0].vertices
            last = points[points[:, 0] == 36.0][:, 1]
            expected = own.sel(time=36.0, quantile=[low, high])
            np.testing.assert_allclose([last.min(), last.max()], expected)
        assert ax.get_yscale() == "log"
        low, high = ax.get_ylim()
        assert low < float(dataset["weight"].min()) < float(dataset["weight"].max()) < high


def test_sizes_stand_below_the_weights_on_one_axis(dataset):
    axes = plots.weights_over_time(dataset).axes
    for ax, arm in zip(axes[2:], ("treated", "control"), strict=True):
        own = dataset.sel(arm=arm)
        np.testing.assert_allclose(curves(ax)["_effective"], own["effective_sample_size"])
        np.testing.assert_allclose(curves(ax)["_at risk"], own["at_risk"])
        assert ax.get_xlabel() == "Time (months)"
    assert axes[0].get_ylim() == axes[1].get_ylim()
    assert axes[2].get_ylim() == axes[3].get_ylim()
    assert axes[2].get_ylim()[0] == 0.0
    assert axes[2].get_ylim()[1] > 167.0
    assert [ax.get_title().replace("\n", " ") for ax in axes[:2]] == NAMES


def test_arms_are_named_by_the_data_or_the_caller(dataset):
    def titles(figure):
        return [ax.get_title() for ax in figure.axes[:2]]

    bare = dataset.drop_vars("arm_name")
    assert titles(plots.weights_over_time(bare)) == ["treated", "control"]
    names = {"treated": "Both", "control": "One"}
    assert titles(plots.weights_over_time(dataset, arm_names=names)) == ["Both", "One"]


def test_grace_is_a_line_in_every_panel(dataset):
    figure = plots.weights_over_time(dataset)
    for ax in figure.axes:
        assert [list(line.get_xdata()) for line in ax.lines if line.get_label() == "_grace"] == [
            [3.0, 3.0]
        ]
    legend = {text.get_text() for text in figure.legends[0].get_texts()}
    assert {"grace ends, 3 months", "largest", "25% to 75%", "effective sample size"} <= legend
    without = plots.weights_over_time(dataset.drop_attrs())
    assert not [line for ax in without.axes for line in ax.lines if line.get_label() == "_grace"]
    assert not [text for text in without.legends[0].get_texts() if "grace" in text.get_text()]


def test_the_axis_of_weights_has_plain_labels(dataset):
    ax = plots.weights_over_time(dataset).axes[0]
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    ticks = ax.get_yticks()
    shown = [text for text, tick in zip(labels, ticks, strict=True) if low <= tick <= high]
    assert shown == ["0.5", "1", "2", "5"]


def test_where_nobody_is_left_nothing_is_drawn(dataset):
    dataset["weight"][1, 30:] = np.nan
    dataset["weight"][0, 5, 0] = 0.0
    ax = plots.weights_over_time(dataset).axes[1]
    assert np.isnan(curves(ax)["_median"][30:]).all()
    assert np.isfinite(ax.get_ylim()).all()
    assert ax.get_ylim()[0] > 0.0


@pytest.mark.parametrize("layout", ["one_column", "two_columns"])
def test_texts_are_apart_and_inside(dataset, layout, clean_text):
    clean_text(plots.weights_over_time(dataset, layout=layout))


def test_at_85_mm_and_on_given_axes(dataset, clean_text):
    figure, axes = plt.subplots(2, 2, figsize=(85 * MILLIMETER, 3.7), layout="constrained")
    assert plots.weights_over_time(dataset, axes=axes) is figure
    assert len(figure.legends) == 1
    clean_text(figure)
    figure, axes = plt.subplots(2, 3, figsize=(10.0, 5.6), layout="constrained")
    dataset.attrs["synthetic"] = "immortal_null"
    plots.weights_over_time(dataset, axes=axes[:, :2])
    # Beside other axes the legend belongs to the panels, and the others are left alone.
    assert not figure.legends
    assert axes[0, 1].get_legend() is not None
    marked = [[MARK in [text.get_text() for text in ax.texts] for ax in row] for row in axes]
    assert marked == [[True, True, False]] * 2


def test_a_synthetic_cohort_says_so(dataset):
    def marks(figure):
        return [MARK in [text.get_text() for text in ax.texts] for ax in figure.axes]

    assert marks(plots.weights_over_time(dataset)) == [False] * 4
    dataset.attrs["synthetic"] = "immortal_null"
    assert marks(plots.weights_over_time(dataset)) == [True] * 4


def test_wrong_input_is_named(dataset):
    with pytest.raises(InputError, match="unknown variable 'at_risk'"):
        plots.weights_over_time(dataset.drop_vars("at_risk"))
    with pytest.raises(InputError, match="has no quantile 0.5, 1$"):
        plots.weights_over_time(dataset.sel(quantile=[0.05, 0.25, 0.75, 0.95]))
    with pytest.raises(InputError, match="at_risk needs the dimensions arm, time"):
        plots.weights_over_time(dataset.assign(at_risk=dataset["at_risk"].isel(arm=0)))
    with pytest.raises(InputError, match="weights below 0"):
        plots.weights_over_time(dataset.assign(weight=-dataset["weight"]))
    with pytest.raises(InputError, match="two times or more"):
        plots.weights_over_time(dataset.isel(time=[0]))
    with pytest.raises(InputError, match="'slide'; choose from one_column, two_columns"):
        plots.weights_over_time(dataset, layout="slide")
    with pytest.raises(InputError, match="two rows of 2, one an arm"):
        plots.weights_over_time(dataset, axes=plt.subplots(1, 2)[1])
