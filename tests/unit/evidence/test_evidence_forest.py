"""The forest of published hazard ratios: what was drawn."""

from __future__ import annotations

from itertools import combinations

import matplotlib.pyplot as plt
import pytest
from matplotlib.text import Text

from hccbayes import evidence, plots
from hccbayes.errors import InputError
from hccbayes.plots.evidence_flags import flag_key, flag_letters, flagged

DASH = "\N{EN DASH}"


@pytest.fixture(autouse=True)
def closed_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def ratios():
    return evidence.table("hazard_ratios", usable_only=False)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def row_texts(ax, name):
    """Return every text at the height of the first row of a study, from left to right."""
    (height, *_) = [text.xy[1] for text in ax.texts if text.get_text() == name]
    beside = [text for text in ax.texts if text.xy[1] == height]
    return [text.get_text() for text in sorted(beside, key=lambda text: (text.xy[0], text.xyann))]


def points(ax):
    return [
        (line.get_xdata()[0], line.get_marker())
        for line in ax.lines
        if line.get_label() == "_estimate"
    ]


@pytest.mark.parametrize("endpoint", ["OS", "PFS"])
def test_one_point_a_treatment_effect(ratios, endpoint):
    ax = plots.published_forest(ratios, endpoint=endpoint)
    effects = ratios[(ratios["term"] == "treatment") & (ratios["endpoint"] == endpoint)]
    drawn = effects["hr"].dropna()
    assert sorted(x for x, _ in points(ax)) == pytest.approx(sorted(drawn))


def test_comparisons_are_headings_and_the_question_of_the_package_comes_first(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    headings = [text for text in ax.texts if text.get_style() == "italic"]
    names = [text.get_text() for text in sorted(headings, key=lambda text: text.xy[1])]
    assert names[:3] == [f"{arm} + systemic vs systemic" for arm in ("HAIC", "TACE", "TARE")]
    effects = ratios[(ratios["term"] == "treatment") & (ratios["endpoint"] == "OS")]
    assert len(names) == effects.loc[effects["hr"].notna(), "comparison"].nunique()
    shown = [text for text in ax.texts if text.get_text() in {*names, "Chen 2025", "Lyu 2022"}]
    order = [text.get_text() for text in sorted(shown, key=lambda text: text.xy[1])]
    assert order[:2] == ["HAIC + systemic vs systemic", "Chen 2025"]
    assert order[order.index("Lyu 2022") - 1] == "HAIC vs systemic"


def test_a_row_has_its_study_analysis_interval_level_and_flags(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    key = texts(ax)[-1].replace("\n", " ").replace("\N{NO-BREAK SPACE}", " ")
    letters = {words: letter for letter, words in (part.split(", ", 1) for part in key.split("; "))}
    p, one_sided = "printed p does not follow from the interval", "printed p is one-sided"
    flags = ", ".join(sorted([letters[p], letters[one_sided]]))
    row = ["Park 2019", "reported", f"0.91 (0.69{DASH}1.21)", "90%", flags]
    assert row_texts(ax, "Park 2019") == row
    meyer = row_texts(ax, "Meyer 2013")
    assert meyer[-1] == letters["direction of the ratio uncertain"]
    assert row_texts(ax, "Fu Y 2023") == ["Fu Y 2023", "reported", "0.43 (no interval)"]
    assert "whole cohort, adjusted" in texts(ax)


def test_arms_of_one_study_are_told_apart(ratios):
    ax = plots.published_forest(ratios, endpoint="PFS")
    key = texts(ax)[-1].replace("\n", " ")
    assert "treated with durvalumab + bevacizumab + TACE" in key
    assert "treated with durvalumab + TACE" in key


def test_a_row_that_is_only_to_be_used_with_caution_has_a_letter(ratios):
    for endpoint in ("OS", "PFS"):
        rows = ratios[(ratios["term"] == "treatment") & (ratios["endpoint"] == endpoint)]
        for row in rows[rows["use"] == "caution"].assign(told_apart="").to_dict("records"):
            assert flagged(row), row["reason"]


def test_letters_follow_the_rows_and_the_key_names_each_once():
    first = {"flags": "printed_twice", "reason": "", "told_apart": ""}
    second = {"flags": "se_below_floor; printed_twice", "reason": "x", "told_apart": "TACE"}
    letters = flag_letters([first, second, first])
    assert list(letters.values()) == ["a", "b", "c"]
    assert list(letters)[1:] == ["interval too narrow for the events", "treated with TACE"]
    assert flag_key({}) == ""


@pytest.mark.parametrize("endpoint", ["OS", "PFS", "RFS", "TTUP", "PPS"])
def test_texts_are_apart_and_on_the_page(ratios, endpoint):
    figure = plots.published_forest(ratios, endpoint=endpoint).figure
    assert figure.get_size_inches()[0] * 25.4 == pytest.approx(170.0)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    drawn = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text()]
    boxes = [(text.get_text(), text.get_window_extent(renderer)) for text in drawn]
    pixel = figure.dpi / 72.0
    for (one, a), (two, b) in combinations(boxes, 2):
        across = min(a.x1, b.x1) - max(a.x0, b.x0)
        down = min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= pixel or down <= pixel, (one, two)
    width, height = figure.canvas.get_width_height()
    for text, box in boxes:
        assert -1 <= box.x0 < box.x1 <= width + 1, text
        assert -1 <= box.y0 < box.y1 <= height + 1, text


def test_marker_says_whether_a_row_may_be_used(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    markers = dict(points(ax))
    assert markers[0.43] == "x"  # no interval
    assert markers[0.45] == "s"  # as printed
    assert "D" in markers.values()  # a repaired misprint
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["As printed", "Repaired misprint", "With caution", "Not usable"]


def test_interval_of_a_row_that_is_not_usable_is_dotted(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    unusable = ratios[(ratios["use"] == "no") & (ratios["endpoint"] == "OS")]
    unusable = unusable[(unusable["term"] == "treatment") & unusable["lower"].notna()]
    assert [line.get_xdata()[0] for line in dotted] == list(unusable["lower"])


def test_arrow_where_an_interval_leaves_the_axis(ratios):
    ax = plots.published_forest(ratios, endpoint="OS")
    arrows = [line for line in ax.lines if line.get_marker() == "<"]
    low = ratios.loc[ratios["endpoint"].eq("OS") & ratios["term"].eq("treatment"), "lower"]
    assert len(arrows) == (low < 1 / 8).sum() > 0


def test_bad_input(ratios):
    with pytest.raises(InputError, match="flags"):
        plots.published_forest(ratios.drop(columns="flags"))
    with pytest.raises(InputError, match="choose from OS"):
        plots.published_forest(ratios[ratios["endpoint"] == "OS"], endpoint="DFS")
