"""Specification curves: what is drawn, in which order, and what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError

FIELDS = ("priors.treatment", "hazard.cuts")


@pytest.fixture
def rows() -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "cell": [1, 2, 3, 4],
            "base": [False, True, False, False],
            "status": ["good", "good", "failed diagnostics", "good"],
            "priors.treatment": ["default", "default", "sceptical", "sceptical"],
            "hazard.cuts": ["auto", "fine", "auto", "fine"],
            "estimate": [0.55, 0.5, 0.7, 0.65],
            "lower": [0.4, 0.35, 0.5, 0.45],
            "upper": [0.8, 0.7, 1.0, 0.9],
        }
    )
    table.attrs["fields"] = FIELDS
    return table


def points(axes, color: str) -> list[tuple[float, float]]:
    found = [line for line in axes.lines if line.get_color() == color and len(line.get_xdata())]
    return [
        (float(x), float(y))
        for line in found
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if np.isfinite(y)
    ]


def test_analyses_stand_in_the_order_of_their_hazard_ratios(rows) -> None:
    top, bottom = plots.specification_curve(rows).axes
    assert points(top, "black") == [(0.0, 0.5)]
    assert points(top, "#D55E00") == [(3.0, 0.7)]
    assert top.get_yscale() == "log"
    assert bottom.get_xlabel() == "4 analyses, by hazard ratio"


def test_every_choice_has_a_row(rows) -> None:
    _, bottom = plots.specification_curve(rows, labels={"hazard.cuts": "Cut points"}).axes
    names = [text.get_text() for text in bottom.get_yticklabels()]
    assert names == ["default", "sceptical", "fine", "auto"]
    assert {text.get_text() for text in bottom.texts} == {"priors.treatment", "Cut points"}


def test_the_legend_names_what_is_there(rows) -> None:
    top, _ = plots.specification_curve(rows).axes
    said = [text.get_text() for text in top.get_legend().get_texts()]
    assert said == ["an analysis, 95% interval", "the model as it is", "failed its diagnostics"]
    good = rows[rows["status"] == "good"].assign(base=False)
    good.attrs["fields"] = FIELDS
    top, _ = plots.specification_curve(good).axes
    assert [text.get_text() for text in top.get_legend().get_texts()] == said[:1]


def test_long_values_are_cut_and_empty_ones_named(rows) -> None:
    long = "treatment + " + " + ".join(f"covariate_{number}" for number in range(9))
    changed = rows.assign(**{"hazard.cuts": [long, "", long, ""]})
    _, bottom = plots.specification_curve(changed, fields=FIELDS).axes
    names = [text.get_text() for text in bottom.get_yticklabels()]
    assert "none" in names
    assert any(len(name) == 46 and name.endswith("\N{HORIZONTAL ELLIPSIS}") for name in names)


def test_what_is_absent_is_named(rows) -> None:
    with pytest.raises(InputError, match="columns are absent: status"):
        plots.specification_curve(rows.drop(columns="status"))
    with pytest.raises(InputError, match="columns are absent: hazard.center"):
        plots.specification_curve(rows, fields=["hazard.center"])
    with pytest.raises(InputError, match="no analysis is left"):
        plots.specification_curve(rows.iloc[:0], fields=[])
