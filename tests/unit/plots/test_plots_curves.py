"""Survival, hazard and predictive figures: what was drawn."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from hccbayes import plots
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError


def line_named(ax, name):
    return next(line for line in ax.lines if line.get_label() == name)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def replaced(tree, name, dataset):
    """Return a copy of the tree with one group replaced."""
    groups = {key: tree[key].to_dataset() for key in tree.children}
    return xr.DataTree.from_dict(groups | {name: dataset})


class Holder:
    def __init__(self, posterior):
        self.posterior = posterior


def test_survival_draws_the_posterior_mean_of_each_arm(tree):
    ax = plots.survival(tree)
    curve = tree["curves"]["survival"].sel(population="ate", statistic="mean")
    for arm, name in (("treated", "Embolization + targeted"), ("control", "Targeted")):
        line = line_named(ax, name)
        np.testing.assert_array_equal(line.get_xdata(), curve["curve_time"])
        np.testing.assert_array_equal(line.get_ydata(), curve.sel(arm=arm))
        assert to_hex(line.get_color()).upper() == ARM_COLORS[arm]
    styles = {
        line_named(ax, name).get_linestyle() for name in ("Embolization + targeted", "Targeted")
    }
    assert styles == {"-", "--"}


def test_survival_takes_an_analysis_or_its_tree(tree):
    one, two = plots.survival(tree), plots.survival(Holder(tree))
    assert texts(one) == texts(two)
    assert len(one.lines) == len(two.lines)


def test_survival_draws_every_kaplan_meier_step_and_censored_patient(tree):
    ax = plots.survival(tree)
    steps = [line for line in ax.lines if line.get_drawstyle() == "steps-post"]
    assert sum(len(line.get_xdata()) for line in steps) == tree["kaplan_meier"].sizes["step"]
    marks = [line for line in ax.lines if line.get_marker() == "|"]
    censored = int((tree["kaplan_meier"]["censored"] > 0).sum())
    assert sum(len(line.get_xdata()) for line in marks) == censored
    unmarked = plots.survival(tree, censor_marks=False)
    assert not [line for line in unmarked.lines if line.get_marker() == "|"]


def test_survival_table_counts_every_arm_and_time(tree, clean_text):
    ax = plots.survival(tree)
    counts = tree["numbers_at_risk"]["at_risk"]
    expected = ["Number at risk", "Embolization + targeted"]
    expected += [str(int(count)) for count in counts.sel(arm="treated")]
    expected += ["Targeted", *(str(int(count)) for count in counts.sel(arm="control"))]
    assert texts(ax) == expected
    assert list(ax.get_xticks()) == list(counts["risk_time"].to_numpy())
    below = [text for text in ax.texts if text.get_text() == "Number at risk"][0]
    ax.figure.canvas.draw()
    label = ax.xaxis.label.get_window_extent()
    assert below.get_window_extent().y1 < label.y0
    clean_text(ax.figure)
    assert texts(plots.survival(tree, risk_table=False)) == []


def test_survival_axes_are_in_months_and_probability(tree):
    ax = plots.survival(tree)
    assert ax.get_xlabel() == "Time (months)"
    assert ax.get_ylabel() == "Survival probability"
    assert ax.get_xlim() == (0.0, float(tree["kaplan_meier"]["time"].max()))
    assert ax.get_ylim()[0] == 0.0
    assert ax.get_figure().get_size_inches()[0] == pytest.approx(89 / 25.4)


def test_survival_refuses_an_unknown_population_by_naming_the_known(tree):
    with pytest.raises(InputError, match="unknown population 'ato'; choose from ate, att"):
        plots.survival(tree, population="ato")


def test_survival_names_an_absent_group(tree):
    empty = xr.DataTree.from_dict({"posterior": tree["posterior"].to_dataset()})
    with pytest.raises(InputError, match="unknown group 'curves'; choose from posterior"):
        plots.survival(empty)


@pytest.mark.parametrize("rate", [0.002, 0.2])
def test_survival_legend_keeps_clear_of_the_curves(tree, rate):
    curves = tree["curves"].to_dataset()
    flat = np.exp(-rate * curves["curve_time"]) * xr.ones_like(curves["survival"])
    ax = plots.survival(replaced(tree, "curves", curves.assign(survival=flat)))
    ax.figure.canvas.draw()
    box = ax.get_legend().get_window_extent()
    line = line_named(ax, "Targeted")
    points = ax.transData.transform(np.column_stack([line.get_xdata(), line.get_ydata()]))
    inside = (
        (points[:, 0] > box.x0)
        & (points[:, 0] < box.x1)
        & (points[:, 1] > box.y0)
        & (points[:, 1] < box.y1)
    )
    assert not inside.any()


def test_given_axes_are_drawn_on_and_returned(tree):
    figure, ax = plt.subplots()
    assert plots.survival(tree, ax=ax) is ax
    assert plt.get_fignums() == [figure.number]


def test_baseline_hazard_ends_the_open_interval_at_the_last_follow_up(tree):
    ax = plots.baseline_hazard(tree, arms=("control",))
    line = line_named(ax, "Targeted")
    hazard = tree["curves"]["hazard"].sel(arm="control", statistic="mean").to_numpy()
    assert list(line.get_xdata()) == [0, 3, 6, 9, 12, 18, 24, 39]
    np.testing.assert_array_equal(line.get_ydata(), [*hazard, hazard[-1]])
    assert ax.get_xlim() == (0.0, 39.0)
    assert ax.get_ylabel() == "Hazard (events per person-month)"


def test_baseline_hazard_writes_the_events_of_every_interval(tree, clean_text):
    ax = plots.baseline_hazard(tree)
    events = tree["curves"]["interval_events"].to_numpy()
    assert texts(ax) == [*(str(int(count)) for count in events), "Events"]
    clean_text(ax.figure)


def test_baseline_hazard_turns_the_numbers_of_a_fine_grid(make_analysis, clean_text):
    ax = plots.baseline_hazard(make_analysis(edges=range(37)))
    numbers = [text for text in ax.texts if text.get_text() != "Events"]
    assert len(numbers) == 37
    assert {text.get_rotation() for text in numbers} == {90.0}
    clean_text(ax.figure)


def test_baseline_hazard_needs_the_last_follow_up(tree):
    curves = tree["curves"].to_dataset()
    del curves.attrs["last_follow_up"]
    with pytest.raises(InputError, match="last_follow_up"):
        plots.baseline_hazard(replaced(tree, "curves", curves))


def test_baseline_hazard_refuses_an_unknown_arm(tree):
    with pytest.raises(InputError, match="'placebo'; choose from treated, control"):
        plots.baseline_hazard(tree, arms=("placebo",))


def test_predictive_check_has_a_panel_an_arm(tree, clean_text):
    ax = plots.predictive_check(tree)
    panels = ax.get_figure().axes
    titles = [panel.get_title(loc="left") for panel in panels]
    assert titles == ["Embolization + targeted", "Targeted"]
    assert panels[0] is ax
    for panel, arm in zip(panels, ("treated", "control"), strict=True):
        (line,) = panel.lines
        own = tree["kaplan_meier"]["arm"].to_numpy() == arm
        np.testing.assert_array_equal(
            line.get_ydata(), tree["kaplan_meier"]["survival"].to_numpy()[own]
        )
        assert len(panel.collections) == 2
    clean_text(ax.figure)


def test_predictive_check_bands_are_the_replicates_quantiles():
    times = np.array([0.0, 10.0])
    values = np.stack([np.ones(101), np.linspace(0.0, 1.0, 101)], axis=1)[:, None, :]
    tree = xr.DataTree.from_dict(
        {
            "curves": xr.Dataset(
                coords={"arm": ["treated", "control"], "arm_name": ("arm", ["A", "B"])}
            ),
            "kaplan_meier": xr.Dataset(
                {"arm": ("step", ["treated"]), "time": ("step", [0.0]), "survival": ("step", [1.0])}
            ),
            "predictive": xr.Dataset(
                {"survival": (("replicate", "arm", "curve_time"), values)},
                coords={"arm": ["treated"], "curve_time": times},
            ),
        }
    )
    ax = plots.predictive_check(tree, arms=("treated",))
    for band, (low, high) in zip(ax.collections, ((0.025, 0.975), (0.25, 0.75)), strict=True):
        vertices = band.get_paths()[0].vertices
        at_ten = np.unique(vertices[vertices[:, 0] == 10.0, 1])
        # The quantiles of 0, 0.01, ..., 1 are the probabilities themselves.
        np.testing.assert_allclose(at_ten, [low, high], rtol=0, atol=1e-12)


def test_predictive_bands_end_where_replicates_run_out(tree):
    predictive = tree["predictive"].to_dataset()
    survival = predictive["survival"].copy(deep=True)
    times = survival["curve_time"].to_numpy()
    # A fifth of the replicates ends at 12 months, and all of them at 24.
    survival[{"replicate": slice(0, 40), "curve_time": times > 12.0}] = np.nan
    survival[{"curve_time": times > 24.0}] = np.nan
    ax = plots.predictive_check(
        replaced(tree, "predictive", predictive.assign(survival=survival)), arms=("control",)
    )
    for band in ax.collections:
        assert band.get_paths()[0].vertices[:, 0].max() == 12.0


def test_predictive_check_overlays_the_arms_on_given_axes(tree, clean_text):
    _, ax = plt.subplots(layout="constrained")
    assert plots.predictive_check(tree, ax=ax) is ax
    assert [line.get_linestyle() for line in ax.lines] == ["-", "--"]
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[:2] == ["Embolization + targeted", "Targeted"]
    clean_text(ax.figure)


def test_predictive_statistics_mark_the_observed_value(tree, clean_text):
    figure = plots.predictive_statistics(tree)
    observed = tree["predictive"]["observed"].to_numpy()
    panels = [ax for ax in figure.axes if ax.axison]
    assert len(panels) == len(observed)
    for ax, value in zip(panels, observed, strict=True):
        drawn = [line.get_xdata()[0] for line in ax.lines]
        assert drawn == ([value] if np.isfinite(value) else [])
    clean_text(figure)


def test_predictive_statistics_count_what_cannot_be_drawn(tree):
    figure = plots.predictive_statistics(tree)
    values = tree["predictive"]["statistic"].sel(quantity="median treated").to_numpy()
    ax = next(ax for ax in figure.axes if ax.get_xlabel() == "Median treated")
    share = np.isinf(values).mean()
    assert texts(ax) == [f"Observed: not estimable\n{share:.0%} not estimable"]
    drawn = sum(patch.get_height() for patch in ax.patches)
    assert drawn == np.isfinite(values).sum()


def test_hazard_ratio_is_a_step_an_interval_with_its_events(tree, clean_text):
    ax = plots.hazard_ratio(tree)
    curves = tree["curves"]
    line = line_named(ax, "Posterior, 95% interval")
    mean = np.exp(curves["log_hr"].sel(statistic="mean").to_numpy())
    assert list(line.get_xdata()) == [0, 3, 6, 9, 12, 18, 24, 39]
    np.testing.assert_array_equal(line.get_ydata(), [*mean, mean[-1]])
    average = line_named(ax, "Event-weighted mean, 0.67")
    assert set(average.get_ydata()) == {np.exp(-0.4)}
    assert any(set(one.get_ydata()) == {1.0} for one in ax.lines)
    assert ax.get_yscale() == "log"
    counts = curves["arm_events"].to_numpy()
    rows = [[str(count) for count in arm] for arm in counts]
    assert texts(ax) == ["Events", "Embolization + targeted", *rows[0], "Targeted", *rows[1]]
    clean_text(ax.figure)


def test_hazard_ratio_over_many_intervals_keeps_its_numbers_apart(make_analysis, clean_text):
    ax = plots.hazard_ratio(make_analysis(edges=range(37)))
    assert sum(text.get_rotation() == 90.0 for text in ax.texts) == 2 * 37
    clean_text(ax.figure)


def test_hazard_ratio_leaves_out_what_is_not_compared(tree):
    """Intervals that start at the end of one arm's follow-up or later."""
    curves = tree["curves"].to_dataset().assign_attrs(last_follow_up=18.0)
    ax = plots.hazard_ratio(replaced(tree, "curves", curves))
    line = line_named(ax, "Posterior, 95% interval")
    assert list(line.get_xdata()) == [0, 3, 6, 9, 12, 18]


def test_hazard_ratio_of_a_constant_effect_is_refused(tree):
    curves = tree["curves"].to_dataset()
    with pytest.raises(InputError, match="unknown variable 'log_hr'"):
        plots.hazard_ratio(replaced(tree, "curves", curves.drop_vars("log_hr")))
    del curves.attrs["mean_log_hr"]
    with pytest.raises(InputError, match="mean_log_hr is absent"):
        plots.hazard_ratio(replaced(tree, "curves", curves))
