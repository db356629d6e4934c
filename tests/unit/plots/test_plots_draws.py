"""Figures of draws, the shared style and the files: what was drawn."""

from __future__ import annotations

import math
import subprocess
import sys

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.draws import density, equal_tailed


def texts(ax):
    return [text.get_text() for text in ax.texts]


def scalar_tree(posterior, prior):
    def dataset(values):
        return xr.Dataset({"treatment": (("chain", "draw"), np.atleast_2d(values))})

    return xr.DataTree.from_dict({"posterior": dataset(posterior), "prior": dataset(prior)})


def test_density_is_a_density():
    draws = np.random.default_rng(1).normal(size=4000)
    for values, positive in ((draws, False), (np.abs(draws), True)):
        grid, heights = density(values, positive=positive)
        # The kernel beyond three bandwidths of the outermost draw is below 0.0027 / n.
        assert np.trapezoid(heights, grid) == pytest.approx(1.0, abs=1e-3)
    assert grid[0] == 0.0
    # Half-normal at 0: sqrt(2 / pi); the kernel's standard error there is near 0.02.
    assert heights[0] == pytest.approx(math.sqrt(2.0 / math.pi), abs=0.06)


def test_equal_tailed_limits_are_quantiles():
    draws = xr.DataArray(np.arange(101.0).reshape(1, 101), dims=("chain", "draw"))
    limits = equal_tailed(draws, 0.9, ("chain", "draw"))
    assert limits.sel(bound="lower") == pytest.approx(5.0)
    assert limits.sel(bound="upper") == pytest.approx(95.0)


def test_prior_posterior_writes_the_share_of_draws_below_zero(clean_text):
    rng = np.random.default_rng(2)
    posterior = np.concatenate([-rng.uniform(0.1, 1.0, 90), rng.uniform(0.1, 0.5, 10)])
    ax = plots.prior_posterior(scalar_tree(posterior, rng.normal(0.0, 0.7, 500)))
    assert texts(ax) == ["P(HR < 1) = 0.900"]
    assert {"Prior", "Posterior"} <= {line.get_label() for line in ax.lines}
    clean_text(ax.figure)


@pytest.mark.parametrize(("sign", "text"), [(-1, "P(HR < 1) > 0.999"), (1, "P(HR < 1) < 0.001")])
def test_prior_posterior_never_says_a_probability_is_certain(sign, text):
    rng = np.random.default_rng(3)
    tree = scalar_tree(sign * rng.uniform(0.1, 1.0, 500), rng.normal(0.0, 0.7, 500))
    assert texts(plots.prior_posterior(tree)) == [text]


def test_prior_posterior_has_hazard_ratios_on_top(tree):
    ax = plots.prior_posterior(tree)
    (top,) = ax.child_axes
    ax.figure.canvas.draw()
    ticks = dict(
        zip(
            (label.get_text() for label in top.get_xticklabels()),
            top.get_xticks(),
            strict=True,
        )
    )
    assert ticks["0.5"] == math.log(0.5)
    assert ticks["1"] == 0.0
    assert top.get_xlabel() == "Hazard ratio"
    assert ax.get_xlabel() == "Log hazard ratio"


def test_prior_posterior_shades_the_interval(tree):
    ax = plots.prior_posterior(tree, interval_prob=0.8)
    (shade,) = ax.collections
    edges = shade.get_paths()[0].vertices[:, 0]
    low, high = np.quantile(tree["posterior"]["treatment"], [0.1, 0.9])
    step = np.diff(ax.lines[0].get_xdata()[:2])[0]
    assert shade.get_label() == "80% interval"
    assert low <= edges.min() <= low + step
    assert high - step <= edges.max() <= high


def test_prior_posterior_keeps_a_posterior_visible_under_a_flat_prior(clean_text):
    rng = np.random.default_rng(4)
    tree = scalar_tree(rng.normal(-0.5, 0.2, 1000), rng.normal(0.0, 10.0, 1000))
    ax = plots.prior_posterior(tree)
    spread = np.ptp(tree["posterior"]["treatment"].to_numpy())
    # Its own range and at most 1.5 times that on each side.
    assert np.diff(ax.get_xlim())[0] <= 4.0 * spread + 1e-9
    clean_text(ax.figure)


def test_prior_posterior_refuses_what_is_not_scalar(tree):
    with pytest.raises(InputError, match="has dimensions center"):
        plots.prior_posterior(tree, variable="center_effect")
    with pytest.raises(InputError, match="unknown variable 'tau'"):
        plots.prior_posterior(tree, variable="tau")


def test_center_effects_are_sorted_hazard_ratios(tree, clean_text):
    ax = plots.center_effects(tree)
    effects = tree["posterior"]["center_effect"]
    median = np.exp(effects.median(("chain", "draw")).to_numpy())
    (points,) = [line for line in ax.lines if line.get_marker() == "o"]
    np.testing.assert_allclose(points.get_xdata(), np.sort(median), rtol=1e-12)
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == list(effects["center"].to_numpy()[np.argsort(median)])
    assert ax.get_xscale() == "log"
    clean_text(ax.figure)


def test_center_intervals_are_the_draws_quantiles(tree):
    ax = plots.center_effects(tree, interval_prob=0.5)
    effects = tree["posterior"]["center_effect"].stack(sample=("chain", "draw"))
    (lines,) = [item for item in ax.collections if hasattr(item, "get_segments")]
    names = [label.get_text() for label in ax.get_yticklabels()]
    for name, segment in zip(names, lines.get_segments(), strict=True):
        expected = np.exp(np.quantile(effects.sel(center=name), [0.25, 0.75]))
        np.testing.assert_allclose(segment[:, 0], expected, rtol=1e-12)


def test_center_effects_add_the_standard_deviation_panel(tree):
    ax = plots.center_effects(tree)
    assert [panel.get_xlabel() for panel in ax.get_figure().axes] == [
        "Hazard ratio against the mean center",
        "SD of center effects (log hazard)",
    ]
    _, own = plt.subplots()
    assert plots.center_effects(tree, ax=own) is own
    assert own.get_figure().axes == [own]
    slope = plots.center_effects(tree, variable="center_log_hr")
    assert slope.get_xlabel() == "Hazard ratio, treated over control"
    with pytest.raises(InputError, match="choose from center_effect, center_log_hr"):
        plots.center_effects(tree, variable="center_sd")


def test_trace_has_a_density_and_a_trace_of_each_scalar(tree, clean_text):
    figure = plots.trace(tree)
    assert isinstance(figure, Figure)
    labels = [ax.get_xlabel() for ax in figure.axes]
    assert labels == ["treatment", "Draw", "center_sd", "Draw", "walk_sd", "Draw"]
    assert [len(ax.lines) for ax in figure.axes] == [4] * 6
    clean_text(figure)


def test_rank_has_a_line_a_chain(tree, clean_text):
    figure = plots.rank(tree, variables=("treatment", "walk_sd"))
    panels = [ax for ax in figure.axes if ax.get_title()]
    assert [ax.get_title() for ax in panels] == ["treatment", "walk_sd"]
    for ax in panels:
        assert len([line for line in ax.lines if len(line.get_xdata()) > 1]) == 4
    clean_text(figure)
    with pytest.raises(InputError, match="unknown variable 'tau'"):
        plots.rank(tree, variables=("tau",))


def test_rank_labels_draws_that_came_without_labels(tree):
    posterior = tree["posterior"].to_dataset().drop_vars(["chain", "draw"])
    figure = plots.rank(xr.DataTree.from_dict({"posterior": posterior}), variables=("treatment",))
    lines = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 1]
    assert len(lines) == 4


def test_saved_files_are_the_same_twice_and_the_figure_is_closed(tree, tmp_path):
    saved = [plots.save_figure(plots.survival(tree), tmp_path / f"v1.{name}") for name in "ab"]
    assert plt.get_fignums() == []
    assert [path.name for path in saved[0]] == ["v1.a.png", "v1.a.svg"]
    for one, two in zip(*saved, strict=True):
        assert one.read_bytes() == two.read_bytes()
    svg = saved[0][1].read_text(encoding="utf-8")
    assert "<image" not in svg
    assert "dc:date" not in svg


def test_save_takes_a_figure(tree, tmp_path):
    png, svg = plots.save_figure(plots.trace(tree), tmp_path / "trace")
    assert png.stat().st_size > 0
    assert svg.stat().st_size > 0


def test_drawing_leaves_the_settings_alone(tree):
    before = dict(mpl.rcParams)
    plots.survival(tree)
    plots.rank(tree)
    assert dict(mpl.rcParams) == before


def test_package_loads_without_matplotlib():
    """In an interpreter of its own, since this one has loaded it."""
    code = "import sys, hccbayes.plots; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.returncode) == ("False", 0), done.stderr


def test_every_listed_figure_is_there_also_beside_its_module():
    """A module of a figure's name, once loaded, must not take the figure's place."""
    assert dir(plots) == plots.__all__
    assert {"published_forest", "survival", "trace"} <= set(plots.__all__)
    for name in plots.__all__:
        figure = getattr(plots, name)
        assert callable(figure)
        assert figure.__module__.startswith("hccbayes.plots.")


def test_unknown_figure_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'piechart'"):
        _ = plots.piechart
