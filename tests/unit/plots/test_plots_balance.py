"""The love plot, the mirrored scores and the weights: what was drawn."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.patches import StepPatch

from hccbayes import plots
from hccbayes.balance import balance_by_center, balance_over_draws, balance_table
from hccbayes.errors import InputError
from hccbayes.overlap import overlap_counts
from hccbayes.plots.style import SINGLE_COLUMN
from hccbayes.plots.weight_histogram import _NAMES
from hccbayes.weight_bins import MOST_BINS, weight_counts
from hccbayes.weights import (
    TARGETS,
    Weights,
    propensity_weights,
    scale_to_arm_size,
    scale_to_effective_size,
    truncate_weights,
)

NAMES = {
    "treated": "Hepatic arterial infusion chemotherapy + lenvatinib + PD-1 inhibitor",
    "control": "Lenvatinib + PD-1 inhibitor",
}
TERMS = ("age_years", "portal_vein_thrombus[T.yes]", "log10(afp_ng_ml + 1)", "albi_grade")


@pytest.fixture
def cohort(rng):
    """Return covariates, scores and arms of 26 controls and 141 treated patients."""
    arm = np.repeat([1.0, 0.0], [141, 26])
    columns = pd.DataFrame(
        {
            TERMS[0]: rng.normal(55.0 + 4.0 * arm, 9.0),
            TERMS[1]: rng.integers(0, 2, 167).astype(float),
            TERMS[2]: rng.normal(2.5 - 0.7 * arm, 1.2),
            TERMS[3]: rng.normal(-2.4, 0.4, 167),
        }
    )
    return columns, rng.beta(4.0 + 2.0 * arm, 1.5), arm


@pytest.fixture
def balance(cohort):
    columns, score, arm = cohort
    weights = propensity_weights(score, arm, "ato").values
    return balance_table(columns, arm, weights=weights, target="ato")


@pytest.fixture
def by_draw(cohort, rng):
    columns, score, arm = cohort
    scores = np.clip(score + rng.normal(0.0, 0.03, (80, 167)), 0.01, 0.99)
    return balance_over_draws(columns, arm, scores, "ato")


@pytest.fixture
def scores(cohort):
    _, score, arm = cohort
    weights = propensity_weights(score, arm, "ato").values
    return overlap_counts(score, arm, weights, arm_names=NAMES)


@pytest.fixture
def weights(cohort):
    _, score, arm = cohort
    return propensity_weights(score, arm, "ate")


@pytest.fixture
def binned(weights):
    return weight_counts(weights, arm_names=NAMES)


def lines(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def bars(ax, label):
    found = [patch for patch in ax.patches if patch.get_label() == label]
    assert len(found) == 1
    assert isinstance(found[0], StepPatch)
    return found[0].get_data()


def smd(table):
    """Return the absolute differences in the order in which they are drawn."""
    own = table[table["statistic"] == "smd"].set_index("term")[["unadjusted", "adjusted"]].abs()
    return own.sort_values("unadjusted", ascending=False)


def test_love_draws_the_differences_of_the_table(balance, clean_text):
    ax = plots.love(balance)
    expected = smd(balance)
    assert rows(ax) == list(expected.index)
    for side in ("unadjusted", "adjusted"):
        (marks,) = lines(ax, f"_{side}")
        np.testing.assert_array_equal(marks.get_xdata(), expected[side])
        np.testing.assert_array_equal(marks.get_ydata(), range(4))
    assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert texts(ax) == []
    assert ax.figure.get_size_inches()[0] == SINGLE_COLUMN
    clean_text(ax.figure)


def test_love_tells_before_from_after_without_color(balance):
    ax = plots.love(balance)
    (before,), (after,) = lines(ax, "_unadjusted"), lines(ax, "_adjusted")
    assert before.get_markerfacecolor() == "white"
    assert after.get_markerfacecolor() == "black"
    # A ring stays to be seen where both are at one place.
    inner = before.get_markersize() - before.get_markeredgewidth()
    assert inner > after.get_markersize() + after.get_markeredgewidth()


def test_love_has_a_line_at_the_threshold(balance):
    for ax, at in ((plots.love(balance), 0.1), (plots.love(balance, threshold=0.9), 0.9)):
        (line,) = lines(ax, "_threshold")
        assert list(line.get_xdata()) == [at, at]
        assert ax.get_xlim()[1] > at
        assert f"Threshold {at:g}" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_love_uses_words_for_terms(balance):
    assert "Age (years)" in rows(plots.love(balance, labels={"age_years": "Age (years)"}))


def test_love_without_weights_has_open_circles_alone(cohort):
    columns, _, arm = cohort
    ax = plots.love(balance_table(columns, arm))
    assert len(lines(ax, "_unadjusted")) == 1
    assert lines(ax, "_adjusted") == []
    assert texts(ax) == []
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["Unadjusted", "Threshold 0.1"]


def test_love_draws_intervals_over_draws(balance, by_draw, clean_text):
    ax = plots.love(balance, by_draw=by_draw)
    intervals = {line.get_ydata()[0]: line.get_xdata() for line in lines(ax, "_interval")}
    assert len(intervals) == 4
    for height, term in enumerate(smd(balance).index):
        draws = np.abs(by_draw.sel(term=term).to_numpy())
        np.testing.assert_array_equal(intervals[height], np.quantile(draws, [0.025, 0.975]))
    clean_text(ax.figure)


def test_love_draws_of_another_order_stay_with_their_terms(balance, by_draw):
    turned = by_draw.isel(term=[2, 0, 3, 1]).transpose("term", "draw")
    one, two = (
        {line.get_ydata()[0]: tuple(line.get_xdata()) for line in lines(ax, "_interval")}
        for ax in (plots.love(balance, by_draw=by_draw), plots.love(balance, by_draw=turned))
    )
    assert one == two


def test_love_gives_factors_as_a_whole_no_interval(cohort, by_draw, rng):
    columns, score, arm = cohort
    stage = pd.Series(rng.choice(["A", "B", "C"], 167))
    weights = propensity_weights(score, arm, "ato").values
    table = balance_table(columns, arm, weights=weights, target="ato", factors={"stage": stage})
    ax = plots.love(table, by_draw=by_draw)
    assert "stage" in rows(ax)
    assert len(lines(ax, "_interval")) == 4
    assert len(lines(ax, "_adjusted")[0].get_xdata()) == 5


def test_love_says_what_no_marker_can_show(balance, by_draw, clean_text):
    own = balance["statistic"] == "smd"
    at = {term: balance.index[own & (balance["term"] == term)][0] for term in TERMS}
    balance.loc[at[TERMS[0]], ["unadjusted", "adjusted"]] = [math.inf, -math.inf]
    balance.loc[at[TERMS[1]], "adjusted"] = math.nan
    balance.loc[at[TERMS[2]], "unadjusted"] = math.inf
    by_draw.loc[{"term": TERMS[0]}] = math.inf
    ax = plots.love(balance, by_draw=by_draw)
    assert sorted(texts(ax)) == ["○ ∞", "○● ∞", "● not estimable"]
    height = {text.get_text(): text.xy[1] for text in ax.texts}
    assert rows(ax)[int(height["○ ∞"])] == TERMS[2]
    assert rows(ax)[int(height["● not estimable"])] == TERMS[1]
    assert len(lines(ax, "_unadjusted")[0].get_xdata()) == 2
    assert len(lines(ax, "_adjusted")[0].get_xdata()) == 2
    # The infinite ones are the least balanced, on top.
    assert set(rows(ax)[:2]) == {TERMS[0], TERMS[2]}
    assert len(lines(ax, "_interval")) == 2
    clean_text(ax.figure)


def test_love_of_many_long_terms_keeps_its_texts_apart(rng, clean_text):
    arm = np.repeat([1.0, 0.0], 20)
    names = [f"a rather long covariate name {index:02d}" for index in range(30)]
    columns = pd.DataFrame(rng.normal(size=(40, 30)), columns=names)
    ax = plots.love(balance_table(columns, arm, weights=np.ones(40)))
    assert len(rows(ax)) == 30
    clean_text(ax.figure)


def test_love_leaves_its_table_as_it_was(balance):
    before = balance.copy()
    plots.love(balance)
    pd.testing.assert_frame_equal(balance, before)


def test_love_refuses_wrong_tables(balance, cohort):
    columns, _, arm = cohort
    with pytest.raises(InputError, match="absent: adjusted; needed are term, kind, statistic, un"):
        plots.love(balance.drop(columns="adjusted"))
    with pytest.raises(InputError, match="no row of statistic `smd`"):
        plots.love(balance.head(0))
    with pytest.raises(InputError, match="no row of statistic `smd`"):
        plots.love(balance[balance["statistic"] == "ks"])
    centers = balance_by_center(columns, arm, np.arange(167) % 2)
    with pytest.raises(InputError, match="choose one table or center: age_years"):
        plots.love(centers)
    assert len(rows(plots.love(centers[centers["center"] == "1"]))) == 4
    for threshold in (0.0, math.nan, math.inf):
        with pytest.raises(InputError, match="must be a number above 0"):
            plots.love(balance, threshold=threshold)


def test_love_refuses_wrong_draws(balance, by_draw):
    with pytest.raises(InputError, match="the dimensions draw and term, not draw, covariate"):
        plots.love(balance, by_draw=by_draw.rename(term="covariate"))
    with pytest.raises(InputError, match=r"no draw of age_years; its terms are portal.*albi_grade"):
        plots.love(balance, by_draw=by_draw.isel(term=slice(1, None)))
    by_draw[3, 0] = math.nan
    with pytest.raises(InputError, match="not finite: age_years"):
        plots.love(balance, by_draw=by_draw)


@pytest.mark.parametrize("variable", ["patients", "weighted"])
def test_overlap_draws_treated_up_and_control_down(scores, variable):
    ax = plots.overlap(scores)
    for arm, sign in (("treated", 1), ("control", -1)):
        values, edges, _ = bars(ax, f"_{variable} {arm}")
        np.testing.assert_array_equal(values, sign * scores[variable].sel(arm=arm))
        np.testing.assert_array_equal(edges, [*scores["bin_start"], scores["bin_end"][-1]])
    assert ax.get_xlim() == (0.0, 1.0)


def test_overlap_fills_the_weights_and_outlines_the_patients(scores):
    ax = plots.overlap(scores)
    filled = {patch.get_label(): patch.get_fill() for patch in ax.patches}
    assert filled == {
        f"_{variable} {arm}": variable == "weighted"
        for variable in ("patients", "weighted")
        for arm in ("treated", "control")
    }


def test_overlap_names_the_arms_and_their_sizes(scores, clean_text):
    ax = plots.overlap(scores)
    treated, control = texts(ax)
    assert treated.replace("\n", " ").startswith(NAMES["treated"])
    assert control.startswith(NAMES["control"])
    total = float(scores["weighted"].sel(arm="control").sum())
    assert control.endswith(f"26 patients, weights total {total:.1f}")
    assert ax.figure.get_size_inches()[0] == SINGLE_COLUMN
    clean_text(ax.figure)


def test_bars_never_reach_the_words(scores, binned):
    for ax in (plots.overlap(scores), plots.weights(binned)):
        ax.figure.canvas.draw()
        boxes = [text.get_window_extent() for text in ax.texts]
        heights = np.concatenate([patch.get_data().values for patch in ax.patches])
        tips = ax.transData.transform([[0.0, heights.max()], [0.0, heights.min()]])[:, 1]
        assert tips[0] < boxes[0].y0
        assert tips[1] > boxes[1].y1


def test_ticks_have_no_sign_and_the_small_arm_has_one(scores):
    # 100 treated patients in one bin and three controls.
    counts = scores.copy(deep=True)
    counts["patients"][:] = 0
    counts["weighted"][:] = 0.0
    counts["patients"].loc[{"arm": "treated", "bin": 10}] = 100
    counts["patients"].loc[{"arm": "control", "bin": 4}] = 15
    ax = plots.overlap(counts)
    ax.figure.canvas.draw()
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["15", "0", "20", "40", "60", "80", "100"]
    assert list(ax.get_yticks()) == [-15.0, 0.0, 20.0, 40.0, 60.0, 80.0, 100.0]


def test_weights_draws_the_percent_of_each_arm(binned, clean_text):
    ax = plots.weights(binned)
    for arm, sign, size in (("treated", 1, 141), ("control", -1, 26)):
        values, edges, _ = bars(ax, f"_weights {arm}")
        np.testing.assert_array_equal(values, sign * 100.0 * binned["share"].sel(arm=arm))
        counts = binned["patients"].sel(arm=arm) / size
        np.testing.assert_allclose(np.abs(values) / 100.0, counts, rtol=4 * np.finfo(float).eps)
        assert edges[0] == 0.0
        assert edges[-1] == float(binned["largest"].max())
    assert ax.figure.get_size_inches()[0] == SINGLE_COLUMN
    clean_text(ax.figure)


def test_weights_says_effective_size_total_and_largest_weight(binned, weights):
    treated, control = (text.replace("\n", " ") for text in texts(plots.weights(binned)))
    for text, arm in ((treated, "treated"), (control, "control")):
        size = weights.arms[arm]
        assert text == (
            f"{NAMES[arm]} {size.patients} patients, effective sample size "
            f"{size.effective_sample_size:.1f} Weights: total {size.total:.1f}, largest "
            f"{size.largest:.2f}"
        )


def test_weights_says_who_was_truncated_or_left_out(weights, clean_text):
    truncated = truncate_weights(weights, 95.0)
    counts = weight_counts(truncated, arm_names=NAMES)
    ax = plots.weights(counts)
    for text, arm in zip(texts(ax), ("treated", "control"), strict=True):
        assert text.endswith(f"\n{int(counts['truncated'].sel(arm=arm))} truncated")
    clean_text(ax.figure)
    left_out = Weights.of([0.0, 1.0, 2.0, 0.0, 0.0, 1.0], [1, 1, 1, 0, 0, 0], "att")
    ends = [
        text.split("\n")[-1]
        for text in texts(plots.weights(weight_counts(left_out, arm_names=NAMES)))
    ]
    assert ends == ["1 of weight 0", "2 of weight 0"]


def test_weights_marks_the_largest_weight_of_each_arm(binned, weights):
    ax = plots.weights(binned)
    marks = lines(ax, "_largest")
    assert [mark.get_xdata()[0] for mark in marks] == [
        weights.arms[arm].largest for arm in ("treated", "control")
    ]
    # Each stands on the bar it is about: the last one of its arm that holds anybody.
    for mark, arm, sign in zip(marks, ("treated", "control"), (1, -1), strict=True):
        share = binned["share"].sel(arm=arm).to_numpy()
        assert mark.get_ydata()[0] == sign * 100.0 * share[np.flatnonzero(share)[-1]]


def test_weights_names_target_and_scale(weights):
    assert set(_NAMES) == set(TARGETS)
    found = [
        plots.weights(weight_counts(own, arm_names=NAMES)).get_xlabel()
        for own in (weights, scale_to_effective_size(weights), scale_to_arm_size(weights))
    ]
    assert found == [
        "Inverse probability weight",
        "Inverse probability weight\n(each arm scaled to its effective sample size)",
        "Inverse probability weight\n(each arm scaled to its number of patients)",
    ]
    other = Weights.of([1.0, 1.0], [1, 0], "matched pairs")
    assert plots.weights(weight_counts(other, bins=1, arm_names=NAMES)).get_xlabel() == "Weight"


@pytest.mark.parametrize("bins", [1, MOST_BINS])
def test_any_number_of_bins_is_drawn_with_texts_apart(cohort, weights, bins, clean_text):
    _, score, arm = cohort
    counts = overlap_counts(score, arm, weights.values, bins=bins, arm_names=NAMES)
    clean_text(plots.overlap(counts).figure)
    clean_text(plots.weights(weight_counts(weights, bins=bins, arm_names=NAMES)).figure)


def test_wrong_datasets_are_refused(scores, binned):
    with pytest.raises(InputError, match="weighted absent; the dataset holds patients, arm, arm_n"):
        plots.overlap(scores.drop_vars("weighted"))
    with pytest.raises(InputError, match="arm_name, bin_end absent"):
        plots.overlap(scores.drop_vars(["arm_name", "bin_end"]))
    with pytest.raises(InputError, match="the control arm is absent"):
        plots.overlap(scores.sel(arm=["treated"]))
    with pytest.raises(InputError, match="there is no bin"):
        plots.overlap(scores.isel(bin=slice(0)))
    with pytest.raises(InputError, match="largest, zero absent"):
        plots.weights(binned.drop_vars(["largest", "zero"]))
    with pytest.raises(InputError, match="there is no bin"):
        plots.weights(binned.isel(bin=slice(0)))
    with pytest.raises(InputError, match="the dataset holds nothing"):
        plots.weights(xr.Dataset())
    binned.attrs["scale"] = "sum_to_one"
    with pytest.raises(InputError, match="unknown scale 'sum_to_one'; choose from raw, effective"):
        plots.weights(binned)


def test_all_draw_on_given_axes(balance, scores, binned):
    figure, axes = plt.subplots(1, 3)
    assert plots.love(balance, ax=axes[0]) is axes[0]
    assert plots.overlap(scores, ax=axes[1]) is axes[1]
    assert plots.weights(binned, ax=axes[2]) is axes[2]
    assert len(plt.get_fignums()) == 1
    assert len(figure.axes) == 3
