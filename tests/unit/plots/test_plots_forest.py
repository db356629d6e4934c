"""The forest, the cross-check and the axis of ratios: what was drawn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.interval_forest import format_interval
from hccbayes.plots.ratio_axis import ratio_limits, ratio_ticks
from hccbayes.records import Estimate, estimate_table


def estimate(contrast, values, source, method, **fields):
    point, lower, upper = values
    base = {"estimand": "hr", "population": "sample", "model": "m", "interval_prob": 0.95}
    return Estimate(
        contrast=contrast,
        estimate=point,
        lower=lower,
        upper=upper,
        source=source,
        method=method,
        **(base | fields),
    )


ROWS = [
    estimate("treated / control", (0.62, 0.41, 0.94), "bayes", "pe_rw1"),
    estimate("age_years", (1.1, 0.8, 1.5), "bayes", "pe_rw1"),
    estimate("treated / control", (0.60, 0.38, 0.95), "frequentist", "cox_efron"),
    estimate("age_years", (1.2, 0.8, 1.7), "frequentist", "cox_efron"),
]


@pytest.fixture
def table():
    return estimate_table(ROWS)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def markers(ax):
    return [line for line in ax.lines if line.get_label() == "_estimate"]


def test_forest_puts_methods_of_one_contrast_together(table):
    ax = plots.forest(table)
    drawn = [(line.get_xdata()[0], line.get_marker()) for line in markers(ax)]
    assert drawn == [(0.62, "o"), (0.60, "s"), (1.1, "o"), (1.2, "s")]
    heights = [line.get_ydata()[0] for line in markers(ax)]
    assert heights == sorted(heights)
    assert heights[1] - heights[0] < heights[2] - heights[1]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]


def test_forest_fills_bayesian_markers_only(table):
    ax = plots.forest(table)
    faces = {line.get_marker(): line.get_markerfacecolor() for line in markers(ax)}
    assert faces["s"] == "white"
    assert faces["o"] != "white"


def test_forest_writes_estimates_and_intervals(table, clean_text):
    ax = plots.forest(table, labels={"cox_efron": "Cox (Efron)"})
    assert {"0.62 (0.41\N{EN DASH}0.94)", "1.20 (0.80\N{EN DASH}1.70)"} <= set(texts(ax))
    assert "HR (95% interval)" in texts(ax)
    assert texts(ax).count("treated vs control") == 1
    assert texts(ax).count("Cox (Efron)") == 2
    clean_text(ax.figure)


def test_forest_axis_is_logarithmic_with_plain_labels_and_a_line_at_one(table):
    ax = plots.forest(table)
    assert ax.get_xscale() == "log"
    ax.figure.canvas.draw()
    labels = [label.get_text() for label in ax.get_xticklabels()]
    assert labels == ["0.25", "0.5", "1", "2"]
    assert any(list(line.get_xdata()) == [1.0, 1.0] for line in ax.lines)


def test_forest_says_whom_each_side_favors(table, clean_text):
    arms = ("Embolization + targeted", "Targeted")
    own = table[table["contrast"] == "treated / control"]
    ax = plots.forest(own, arm_names=arms)
    assert "\N{LEFTWARDS ARROW} Favors\nEmbolization + targeted" in texts(ax)
    assert "Favors\nTargeted \N{RIGHTWARDS ARROW}" in texts(ax)
    clean_text(ax.figure)
    # A difference in survival favors the treated arm where it is positive.
    rmst = estimate_table(
        [
            estimate("treated - control", (2.0, -1.0, 5.0), "bayes", "pe", estimand=name, time=24.0)
            for name in ("rmst_difference",)
        ]
    )
    ax = plots.forest(rmst, estimand="rmst_difference")
    assert "Favors treated \N{RIGHTWARDS ARROW}" in texts(ax)
    assert "2.00 (\N{MINUS SIGN}1.00 to 5.00)" in texts(ax)
    assert "treated vs control, 24 months" in texts(ax)


def test_forest_of_covariates_favors_no_arm(table):
    assert not [text for text in texts(plots.forest(table)) if "Favors" in text]


def test_forest_ends_intervals_off_the_axis_in_arrows():
    row = estimate("treated / control", (0.4, 0.02, 25.0), "frequentist", "cox_efron")
    ax = plots.forest(estimate_table([row]))
    assert ax.get_xlim() == (0.125, 8.0)
    arrows = {
        line.get_marker(): line.get_xdata()[0] for line in ax.lines if line.get_marker() in "<>"
    }
    assert arrows == {"<": 0.125, ">": 8.0}
    assert "0.40 (0.02\N{EN DASH}25.00)" in texts(ax)


def test_forest_keeps_rows_that_could_not_be_estimated(table):
    nan = (math.nan, math.nan, math.nan)
    row = estimate("treated / control", nan, "frequentist", "cox_firth")
    ax = plots.forest(pd.concat([table, estimate_table([row])], ignore_index=True))
    assert "not estimable" in texts(ax)
    assert len(markers(ax)) == 4


def test_forest_chooses_sources_and_methods(table):
    assert len(markers(plots.forest(table, sources=("bayes",)))) == 2
    assert len(markers(plots.forest(table, methods=("cox_efron",)))) == 2
    with pytest.raises(InputError, match="'cox_exact'; choose from pe_rw1, cox_efron"):
        plots.forest(table, methods=("cox_exact",))
    with pytest.raises(InputError, match="'both'; choose from bayes, frequentist"):
        plots.forest(table, sources=("both",))
    with pytest.raises(InputError, match="no row of estimand 'log_hr'"):
        plots.forest(table, estimand="log_hr")
    with pytest.raises(InputError, match="unknown name 'odds_ratio'"):
        plots.forest(table, estimand="odds_ratio")
    with pytest.raises(InputError, match="columns are absent: method"):
        plots.forest(table.drop(columns="method"))


def test_forest_of_many_rows_keeps_its_texts_apart(clean_text):
    rows = [
        estimate(f"covariate number {index}", (1.0, 0.7, 1.4), source, method)
        for index in range(13)
        for source, method in (("bayes", "pe_rw1"), ("frequentist", "cox_efron"))
    ]
    ax = plots.forest(estimate_table(rows))
    assert len(markers(ax)) == 26
    clean_text(ax.figure)


def test_forest_leaves_its_table_as_it_was(table):
    before = table.copy()
    plots.forest(table)
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((0.62, 0.41, 0.94), "0.62 (0.41\N{EN DASH}0.94)"),
        ((-0.001, -0.5, 0.5), "0.00 (\N{MINUS SIGN}0.50 to 0.50)"),
        ((12.0, 9.0, math.inf), "12.00 (9.00\N{EN DASH}\N{INFINITY})"),
        ((0.5, math.nan, math.nan), "0.50"),
        ((math.nan, math.nan, math.nan), "not estimable"),
    ],
)
def test_intervals_are_written_as_journals_do(values, text):
    row = dict(zip(("estimate", "lower", "upper"), values, strict=True))
    assert format_interval(row, 2) == text


def test_ratio_axis_runs_in_whole_doublings():
    assert ratio_limits([0.8, 1.1]) == (0.5, 2.0)
    assert ratio_limits([0.3, 1.1]) == (0.25, 2.0)
    assert ratio_limits([0.001, math.inf, math.nan, 3.0]) == (0.125, 4.0)
    assert ratio_ticks((0.25, 4.0)) == [0.25, 0.5, 1.0, 2.0, 4.0]
    wide = ratio_ticks((2.0**-9, 2.0**9))
    assert 1.0 in wide
    assert len(wide) <= 7


@pytest.fixture
def pairs():
    rng = np.random.default_rng(20261121)
    bayes = rng.normal(0.0, 0.5, 13)
    frame = pd.DataFrame(
        {
            "term": ["treatment", *(f"covariate {index}" for index in range(12))],
            "method": "cox_efron",
            "bayes": bayes,
            "bayes_sd": 0.2,
            "frequentist": bayes + 0.01,
            "frequentist_se": 0.2,
            "difference_in_sd": -0.05,
            "prior": "reference",
        }
    )
    return pd.concat([frame, frame.head(2).assign(prior="analysis")], ignore_index=True)


def test_crosscheck_joins_both_estimates_of_every_term(pairs, clean_text):
    ax = plots.crosscheck(pairs)
    joins = [line for line in ax.lines if line.get_label() == "_pair"]
    reference = pairs[pairs["prior"] == "reference"]
    assert [tuple(line.get_xdata()) for line in joins] == list(
        zip(reference["bayes"], reference["frequentist"], strict=True)
    )
    assert [label.get_text() for label in ax.get_yticklabels()] == list(reference["term"])
    assert texts(ax) == ["\N{MINUS SIGN}0.05"] * 13 + ["Difference (SD)"]
    clean_text(ax.figure)


def test_crosscheck_keeps_terms_that_could_not_be_estimated(pairs):
    pairs.loc[3, ["frequentist", "frequentist_se", "difference_in_sd"]] = np.nan
    assert texts(plots.crosscheck(pairs))[3] == "not estimable"


def test_crosscheck_chooses_the_prior_and_names_several_methods(pairs):
    ax = plots.crosscheck(pairs, prior="analysis")
    assert len(ax.get_yticklabels()) == 2
    both = pd.concat([pairs, pairs.assign(method="cox_breslow")], ignore_index=True)
    labels = [label.get_text() for label in plots.crosscheck(both).get_yticklabels()]
    assert {"treatment, cox_efron", "treatment, cox_breslow"} <= set(labels)
    with pytest.raises(InputError, match="unknown name 'flat'"):
        plots.crosscheck(pairs, prior="flat")
    with pytest.raises(InputError, match="columns are absent: term"):
        plots.crosscheck(pairs.drop(columns="term"))
