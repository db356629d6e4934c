"""The table of the target trial: texts, wrapping, size, and what is refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.style import MILLIMETER
from hccbayes.plots.synthetic_mark import MARK

PARTS = {
    "Eligibility": (
        "Adults with unresectable hepatocellular carcinoma, no earlier systemic therapy",
        "The same, from the records of three hospitals; patients with an earlier embolization are "
        "kept and adjusted for",
        "Performance status is not recorded",
    ),
    "Treatment strategies": (
        "(1) Start targeted therapy and add embolization within 3 months; (2) targeted therapy "
        "alone",
        "Each patient is cloned into both strategies and censored at the departure from each",
        "",
    ),
    "Outcome": ("Death from any cause", "The same", None),
}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [(name, *texts) for name, texts in PARTS.items()]
    return pd.DataFrame(rows, columns=["component", "target trial", "emulation", "gap"])


def column(ax, left):
    """Return the text that begins at a place, in one piece."""
    return " ".join(
        text.get_text()
        for text in sorted(ax.texts, key=lambda text: text.get_position()[1])
        if text.get_position()[0] == left
    )


def lefts(ax):
    return sorted({text.get_position()[0] for text in ax.texts})


def test_every_word_stands_in_its_column(table):
    ax = plots.target_trial_table(table)
    assert len(lefts(ax)) == 4
    for left, name, head in zip(
        lefts(ax),
        table,
        ("Component", "Target trial", "Emulation", "What is missing"),
        strict=True,
    ):
        words = [head, *table[name].dropna()]
        assert column(ax, left) == " ".join(" ".join(words).split())


def test_the_gap_may_be_absent(table):
    assert len(lefts(plots.target_trial_table(table.drop(columns="gap")))) == 3


def test_rules_part_the_rows(table):
    ax = plots.target_trial_table(table)
    heights = [line.get_ydata()[0] for line in ax.lines]
    assert len(heights) == len(table) + 2
    assert (np.diff(heights) > 0).all()
    thick = [line.get_linewidth() > 0.8 for line in ax.lines]
    assert thick == [True, True, False, False, True]
    # Each component stands below its rule and above the next.
    first = [text.get_position()[1] for text in ax.texts if text.get_text() in PARTS]
    assert heights[1] < min(first) < heights[2]


@pytest.mark.parametrize(("width", "size"), [(170.0, 7.0), (85.0, 6.0), (338.0, 14.0)])
def test_texts_are_apart_and_inside_of_a_figure_of_that_width(table, width, size, clean_text):
    if width < 100:
        table = table.drop(columns="gap")
    ax = plots.target_trial_table(table, width=width * MILLIMETER, text_size=size)
    assert ax.figure.get_figwidth() == pytest.approx(width * MILLIMETER)
    assert {text.get_fontsize() for text in ax.texts} == {size}
    clean_text(ax.figure)


def test_lines_end_before_the_next_column(table):
    ax = plots.target_trial_table(table)
    figure = ax.figure
    figure.canvas.draw()
    starts = [ax.transData.transform((left, 0.0))[0] for left in lefts(ax)]
    for text in ax.texts:
        box = text.get_window_extent()
        following = [start for start in starts if start > box.x0 + 1.0]
        assert box.x1 < min(following, default=figure.bbox.x1)


def test_on_a_slide(table, clean_text):
    figure, ax = plt.subplots(figsize=(13.33, 7.5), layout="constrained")
    assert plots.target_trial_table(table, text_size=16.0, ax=ax) is ax
    clean_text(figure)
    small = plt.subplots(figsize=(8.0, 1.0))[1]
    with pytest.raises(InputError, match="points high and the axes"):
        plots.target_trial_table(table, ax=small)


def test_a_synthetic_cohort_says_so(table):
    assert MARK not in [text.get_text() for text in plots.target_trial_table(table).texts]
    table.attrs["synthetic"] = "immortal_null"
    assert MARK in [text.get_text() for text in plots.target_trial_table(table).texts]


def test_wrong_input_is_named(table):
    with pytest.raises(InputError, match="has no column emulation"):
        plots.target_trial_table(table.drop(columns="emulation"))
    with pytest.raises(InputError, match="has no row"):
        plots.target_trial_table(table.iloc[:0])
    with pytest.raises(InputError, match="6 points or more"):
        plots.target_trial_table(table, text_size=5.0)
    with pytest.raises(InputError, match="too narrow for 'EligibilityEligibility"):
        plots.target_trial_table(table.replace("Eligibility", "Eligibility" * 3), width=5.0)
