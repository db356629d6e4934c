"""Designs side by side: which rows are drawn where, and what is written."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.style import MILLIMETER
from hccbayes.plots.synthetic_mark import MARK
from hccbayes.records import Estimate, estimate_table

DESIGNS = {
    "naive": (0.57, 0.21, 2.9),
    "landmark at 30 days": (0.78, 0.11, 1.6),
    "landmark at 90 days": (0.88, 0.06, 0.8),
    "time-dependent exposure": (0.93, 0.035, 0.5),
    "clone-censor-weight, grace 3 months": (0.95, 0.02, 0.3),
}
DASH = "\N{EN DASH}"


def rows_of(design, hr, survival, months):
    """Return Bayesian and frequentist rows; cloning has no frequentist survival difference."""
    base = {"model": f"sysucc: {design}", "interval_prob": 0.95}
    ratio = {"estimand": "marginal_hr", "contrast": "treated / control", "population": "sample"}
    gap = {"contrast": "treated - control", "population": "ate"}
    bayes = {"source": "bayes", "method": "pe_rw1"}
    made = [
        base | ratio | bayes | {"estimate": hr, "lower": hr / 1.5, "upper": hr * 1.5},
        base
        | ratio
        | {"source": "frequentist", "method": "cox_efron", "estimate": hr * 0.97}
        | {"lower": hr / 1.6, "upper": hr * 1.6},
        base | ratio | bayes | {"contrast": "age: per 1", "estimate": 1.0},
    ]
    for estimand, value, half, time in (
        ("survival_difference", survival, 0.13, 12.0),
        ("survival_difference", survival + 0.01, 0.15, 24.0),
        ("rmst_difference", months, 1.9, 24.0),
    ):
        own = base | gap | {"estimand": estimand, "time": time}
        made.append(own | bayes | {"estimate": value, "lower": value - half, "upper": value + half})
        if design.startswith("clone") and estimand == "survival_difference":
            continue
        made.append(
            own
            | {"source": "frequentist", "method": "cox_efron_standardized", "estimate": value}
            | {"lower": value - 2 * half, "upper": value + 2 * half}
        )
    return [Estimate(**fields) for fields in made]


@pytest.fixture
def table() -> pd.DataFrame:
    return estimate_table(row for name, own in DESIGNS.items() for row in rows_of(name, *own))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def points(ax, marker):
    return [
        (line.get_ydata()[0], line.get_xdata()[0])
        for line in ax.lines
        if line.get_label() == "_estimate" and line.get_marker() == marker
    ]


def test_each_panel_has_both_sources_of_every_design(table):
    axes = plots.design_comparison(table, time=12.0).axes
    truth = np.array(list(DESIGNS.values())) * [1.0, 100.0, 1.0]
    for ax, values, share in zip(axes, truth.T, (0.97, 1.0, 1.0), strict=True):
        heights, estimates = zip(*points(ax, "o"), strict=True)
        np.testing.assert_allclose(estimates, values)
        np.testing.assert_allclose(heights, np.arange(5) - 0.2)
        heights, estimates = zip(*points(ax, "s"), strict=True)
        np.testing.assert_allclose(estimates, share * values[: len(estimates)])
        np.testing.assert_allclose(heights, np.arange(len(estimates)) + 0.2)
        assert ax.get_ylim()[0] > ax.get_ylim()[1]
    assert len(points(axes[1], "s")) == 4
    assert axes[0].get_xscale() == "log"
    assert any(list(line.get_xdata()) == [1.0, 1.0] for line in axes[0].lines)
    assert any(list(line.get_xdata()) == [0.0, 0.0] for line in axes[1].lines)


def test_bayesian_intervals_are_thick(table):
    ax = plots.design_comparison(table, time=12.0).axes[0]
    widths = {
        line.get_color(): line.get_linewidth()
        for line in ax.lines
        if line.get_label() == "_interval"
    }
    assert len(widths) == 2
    assert max(widths.values()) > 2 * min(widths.values())
    assert widths["#000000"] == min(widths.values())


def test_naive_is_open_and_named_so(table):
    figure = plots.design_comparison(table, time=12.0)
    faces = {
        line.get_ydata()[0]: line.get_markerfacecolor()
        for line in figure.axes[0].lines
        if line.get_label() == "_estimate"
    }
    assert {height for height, face in faces.items() if face == "white"} == {-0.2, 0.2}
    assert "naive (as labeled)" in texts(figure.axes[0])
    assert "open: naive" in {text.get_text() for text in figure.legends[0].get_texts()}
    others = plots.design_comparison(table, time=12.0, order=list(DESIGNS)[1:])
    assert len(others.legends[0].get_texts()) == 2


def test_numbers_and_dashes_are_printed(table):
    axes = plots.design_comparison(table, time=12.0).axes
    assert "0.57 (0.38\N{EN DASH}0.85)" in texts(axes[0])
    assert "2.0 (\N{MINUS SIGN}11.0 to 15.0)" in texts(axes[1])
    assert [ax_texts.count(DASH) for ax_texts in map(texts, axes)] == [0, 1, 0]
    assert "HR\n(95% interval)" in texts(axes[0])
    assert axes[1].get_xlabel().replace("\n", " ").startswith("Survival difference at 12 months")
    assert axes[2].get_xlabel().replace("\n", " ") == (
        "RMST difference (months), to 24 months above 0 favors treated"
    )


def test_order_and_time_are_chosen(table):
    order = ["time-dependent exposure", "naive"]
    axes = plots.design_comparison(table, time=24.0, order=order).axes
    assert [value for _, value in points(axes[0], "o")] == [0.93, 0.57]
    np.testing.assert_allclose([value for _, value in points(axes[1], "o")], [4.5, 22.0])
    with pytest.raises(InputError, match="time: the table has several; choose from 12, 24"):
        plots.design_comparison(table)
    with pytest.raises(InputError, match="time: unknown name '6'; choose from 12, 24"):
        plots.design_comparison(table, time=6.0)
    with pytest.raises(InputError, match="horizon: unknown name '36'; choose from 24"):
        plots.design_comparison(table, time=12.0, horizon=36.0)


def test_a_target_goes_before_the_sample(table):
    crude = table[table["estimand"] == "survival_difference"]
    crude = crude.assign(population="sample", estimate=0.5, method="km")
    both = pd.concat([table, crude[crude["source"] == "frequentist"]], ignore_index=True)
    drawn = plots.design_comparison(both, time=12.0).axes[1]
    assert points(drawn, "s") == points(plots.design_comparison(table, time=12.0).axes[1], "s")
    # Where there is no row of the target, the sample's are drawn.
    sample = plots.design_comparison(both, time=12.0, population="att").axes[1]
    np.testing.assert_allclose([value for _, value in points(sample, "s")], [50.0] * 4)


def test_of_several_rows_the_counterpart_is_drawn_until_a_method_is_chosen(table):
    efron = table[table["method"] == "cox_efron"]
    firth = efron.assign(method="cox_firth_efron", estimate=0.5)
    both = pd.concat([firth, table], ignore_index=True)
    ax = plots.design_comparison(both, time=12.0).axes[0]
    assert points(ax, "s") == points(plots.design_comparison(table, time=12.0).axes[0], "s")
    ax = plots.design_comparison(both, time=12.0, methods=("pe_rw1", "cox_firth_efron")).axes[0]
    assert [value for _, value in points(ax, "s")] == [0.5] * 5
    other = firth.assign(method="peto")
    with pytest.raises(
        InputError, match="of marginal_hr; choose among methods cox_firth_efron, peto"
    ):
        plots.design_comparison(pd.concat([firth, other]), time=12.0)


def test_an_estimand_without_rows_is_all_dashes(table):
    axes = plots.design_comparison(table[table["estimand"] == "marginal_hr"]).axes
    assert texts(axes[2]).count(DASH) == 10
    assert "at" not in axes[2].get_xlabel().split()


def test_intervals_off_the_axis_end_in_arrows(table):
    table.loc[0, ["lower", "upper"]] = [0.01, 30.0]
    ax = plots.design_comparison(table, time=12.0).axes[0]
    arrows = {line.get_marker(): line.get_xdata()[0] for line in ax.lines}
    assert (arrows["<"], arrows[">"]) == ax.get_xlim() == (0.125, 8.0)


@pytest.mark.parametrize("layout", ["one_column", "two_columns"])
def test_texts_are_apart_and_inside(table, layout, clean_text):
    note = "Contrast: starting embolization within 3 months against none within 3 months. " * 3
    options = {"treated": "embolization + targeted", "footnote": note}
    figure = plots.design_comparison(table, time=12.0, layout=layout, **options)
    clean_text(figure)
    assert " ".join(figure.get_supxlabel().split()) == note.strip()


def test_at_85_mm_and_on_given_axes(table, clean_text):
    figure, axes = plt.subplots(3, 1, figsize=(85 * MILLIMETER, 8.6), layout="constrained")
    assert plots.design_comparison(table, time=12.0, axes=axes, layout="one_column") is figure
    clean_text(figure)
    figure, axes = plt.subplots(2, 3, figsize=(7.2, 6.0), layout="constrained")
    table.attrs["synthetic"] = "immortal_null"
    plots.design_comparison(table, time=12.0, axes=axes[0], footnote="All patients.")
    assert "All patients." in texts(axes[0, 0])
    assert axes[0, 0].get_legend() is not None
    assert [MARK in texts(ax) for ax in axes.ravel()] == [True] * 3 + [False] * 3
    with pytest.raises(InputError, match="must be 3, one a panel, not 2"):
        plots.design_comparison(table, time=12.0, axes=axes[1, :2])


def test_wrong_tables_are_named(table):
    with pytest.raises(InputError, match="has no column method"):
        plots.design_comparison(table.drop(columns="method"))
    with pytest.raises(InputError, match="has no row"):
        plots.design_comparison(table.iloc[:0])
    with pytest.raises(InputError, match="needs its design's label.*row sysucc"):
        plots.design_comparison(table.assign(model="sysucc"))
    other = table.assign(model=table["model"].str.replace("sysucc", "lu2025"))
    with pytest.raises(InputError, match="has rows of 2 analyses, sysucc, lu2025"):
        plots.design_comparison(pd.concat([table, other]))
    with pytest.raises(InputError, match="unknown name 'landmark'"):
        plots.design_comparison(table, order=["landmark"])
    with pytest.raises(InputError, match="unknown name 'cox_exact'"):
        plots.design_comparison(table, methods=["cox_exact"])
    with pytest.raises(InputError, match="no row is left"):
        plots.design_comparison(table[table["contrast"] == "age: per 1"])
