"""Every figure of a synthetic cohort says so; no other figure does."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.axes import Axes

from hccbayes import plots
from hccbayes.balance import balance_table
from hccbayes.overlap import overlap_counts
from hccbayes.plots.style import figure_of
from hccbayes.plots.synthetic_mark import MARK
from hccbayes.records import Estimate, estimate_table
from hccbayes.weight_bins import weight_counts
from hccbayes.weights import propensity_weights

DRAWN = [
    "baseline_hazard",
    "center_effects",
    "differences",
    "hazard_ratio",
    "predictive_check",
    "predictive_statistics",
    "prior_posterior",
    "rank",
    "survival",
    "trace",
]
FREQUENTIST = (
    "covariates",
    "cumulative_incidence",
    "kaplan_meier",
    "log_minus_log",
    "schoenfeld",
    "subgroups",
)
TABLES = {"forest", "crosscheck", "love", "overlap", "weights", *FREQUENTIST}
SENSITIVITY = {"specification_curve", "tipping", "influence", "fragility"}
TIME_ZERO = {
    "swimmer",
    "immortal_bound",
    "immortal_time",
    "weights_over_time",
    "design_comparison",
    "target_trial_table",
}
"""Asked in the tests of each figure."""
UNMARKED = {"published_forest", "arm_names", "publication_style", "save_figure"}


def marks(axes: list[Axes]) -> list[bool]:
    return [any(text.get_text() == MARK for text in ax.texts) for ax in axes]


def test_no_figure_is_forgotten() -> None:
    assert set(plots.__all__) == {*DRAWN, *TABLES, *SENSITIVITY, *TIME_ZERO, *UNMARKED}


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_specification_curve_says_it(synthetic):
    rows = pd.DataFrame(
        {
            "cell": [1, 2],
            "base": [True, False],
            "status": "good",
            "hazard.baseline": ["rw1", "gamma"],
            "estimate": [0.5, 0.6],
            "lower": [0.4, 0.5],
            "upper": [0.7, 0.8],
        }
    )
    rows.attrs["fields"] = ("hazard.baseline",)
    if synthetic:
        rows.attrs["synthetic"] = "synthetic_chen2025"
    panels = plots.specification_curve(rows).axes
    assert marks(panels) == [synthetic] * 2


@pytest.mark.parametrize("name", DRAWN)
@pytest.mark.parametrize("synthetic", [True, False])
def test_every_visible_panel_says_it(tree, name, synthetic):
    tree = tree.copy()
    if synthetic:
        tree.attrs["synthetic"] = "synthetic_chen2025"
    figure = figure_of(getattr(plots, name)(tree))
    panels = [ax for ax in figure.axes if ax.axison]
    assert panels
    assert marks(panels) == [synthetic] * len(panels)
    assert not any(marks([ax for ax in figure.axes if not ax.axison]))


def test_on_given_axes_the_others_are_left_alone(tree):
    tree = tree.copy()
    tree.attrs["synthetic"] = "synthetic_chen2025"
    _, axes = plt.subplots(1, 2)
    plots.survival(tree, ax=axes[0])
    assert marks(list(axes)) == [True, False]


@pytest.mark.parametrize("synthetic", [True, False])
def test_a_forest_of_marked_estimates_says_it(synthetic):
    row = Estimate(
        estimand="hr",
        contrast="treated / control",
        population="sample",
        estimate=0.6,
        lower=0.4,
        upper=0.9,
        source="bayes",
        method="pe_rw1",
        model="toy",
        interval_prob=0.95,
        interval_kind="eti",
    )
    table = estimate_table([row])
    if synthetic:
        table.attrs["synthetic"] = "synthetic_chen2025"
    # A part of the table is as synthetic as the whole.
    assert marks([plots.forest(table[table["source"] == "bayes"])]) == [synthetic]


SCORE, TREATMENT = [0.2, 0.4, 0.6, 0.5, 0.3], [0, 1, 1, 1, 0]
NAMES = {"treated": "tace", "control": "systemic"}


def balance_inputs():
    """Return what each figure of balance draws, by its name."""
    weights = propensity_weights(SCORE, TREATMENT, "ato")
    columns = pd.DataFrame({"age": [50.0, 60.0, 71.0, 44.0, 66.0]})
    return {
        "love": balance_table(columns, TREATMENT, weights=weights.values, target="ato"),
        "overlap": overlap_counts(SCORE, TREATMENT, weights.values, arm_names=NAMES),
        "weights": weight_counts(weights, arm_names=NAMES),
    }


@pytest.mark.parametrize("name", ["love", "overlap", "weights"])
@pytest.mark.parametrize("synthetic", [True, False])
def test_figures_of_balance_say_it(name, synthetic):
    data = balance_inputs()[name]
    if synthetic:
        data.attrs["synthetic"] = "synthetic_chen2025"
    assert marks([getattr(plots, name)(data)]) == [synthetic]


def frequentist_inputs(name):
    """Return the table that a figure of the frequentist layer draws, and its other arguments."""
    steps = {"time": [0.0, 2.0, 4.0], "survival": [1.0, 0.7, 0.4], "lower": [1.0, 0.5, 0.2]}
    steps |= {"upper": [1.0, 0.9, 0.8], "censored": [0, 0, 1], "interval_prob": [0.95] * 3}
    arms = [pd.DataFrame(steps).assign(arm=arm) for arm in ("treated", "control")]
    ratio = {"hr": [0.6], "lower": [0.4], "upper": [0.9]}
    counts = {f"{arm}_{what}": [9] for arm in NAMES for what in ("events", "patients")}
    residuals = {"time": [1.0, 5.0], "transformed_time": [0.1, 0.6], "age": [0.2, -0.1]}
    group = {"subgroup": ["Stage"], "level": ["B"], "interaction_p": [0.4], "reason": [""]}
    analysis = {"term": ["age"], "analysis": ["univariable"], "p": [0.01]}
    tables = {
        "schoenfeld": (pd.DataFrame(residuals), {"term": "age"}),
        "subgroups": (pd.DataFrame(group | counts | ratio), {}),
        "covariates": (pd.DataFrame(analysis | ratio), {}),
    }
    return tables.get(name, (pd.concat(arms, ignore_index=True), {}))


@pytest.mark.parametrize("name", FREQUENTIST)
@pytest.mark.parametrize("synthetic", [True, False])
def test_frequentist_figures_say_it(name, synthetic):
    data, options = frequentist_inputs(name)
    if synthetic:
        data.attrs["synthetic"] = "synthetic_chen2025"
    assert marks([getattr(plots, name)(data, **options)]) == [synthetic]
