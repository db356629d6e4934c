"""The contour of tipping points: what was drawn."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.contour import QuadContourSet
from matplotlib.text import Text

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.style import MILLIMETER

COLUMNS = ["term", "kind", "inverse", "hazard_ratio", "difference"]


def surface(slope: float = 1.0) -> xr.Dataset:
    """Return a probability that falls by log G times the share by which controls carry more."""
    log_ratio, gap = np.linspace(0.0, math.log(5.0), 33), np.linspace(-0.8, 0.8, 65)
    less = log_ratio[:, None] * np.maximum(-gap[None, :], 0.0)
    return xr.Dataset(
        {"prob": (("log_confounder_hr", "difference"), 0.999 - 0.7 * slope * less)},
        coords={"log_confounder_hr": log_ratio, "difference": gap},
        attrs={"threshold": 1.0},
    )


@pytest.fixture
def benchmarks() -> pd.DataFrame:
    rows = [
        ("invasion", "binary", False, 1.9, -0.15),
        ("metastasis", "binary", False, 1.88, -0.14),
        ("response", "binary", True, 2.4, -0.35),
        ("albumin", "continuous", True, 1.2, 0.05),
        ("performance", "binary", False, 7.0, -0.1),
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def contours(ax) -> list[QuadContourSet]:
    return [item for item in ax.get_children() if isinstance(item, QuadContourSet)]


def test_bold_line_lies_where_the_probability_is(benchmarks):
    ax = plots.tipping(surface(), benchmarks)
    filled, lines = contours(ax)
    assert filled.filled
    assert lines.levels.tolist() == [0.5, 0.8, 0.95, 0.99]
    widths = dict(zip(lines.levels, lines.get_linewidths(), strict=True))
    assert widths[0.95] == max(widths.values())
    path = lines.get_paths()[2].vertices
    # 0.999 - 0.7 log(G) d = 0.95; cells are 0.05 by 0.025 and the surface bends within them.
    product = np.log(path[:, 1]) * -path[:, 0] / 100.0
    np.testing.assert_allclose(product, 0.07, atol=0.05 * 0.025)


def test_axes_and_words(benchmarks):
    ax = plots.tipping(surface(), benchmarks)
    assert ax.get_title(loc="left") == "P(hazard ratio < 1) with the confounder"
    assert ax.get_yscale() == "log"
    assert ax.get_ylim() == pytest.approx((1.0, 5.0))
    low, high = ax.get_xlim()
    assert low == pytest.approx(-80.0)
    assert 15.0 < high < 80.0  # the empty side is cut


def test_covariates_stand_at_their_own_place(benchmarks):
    ax = plots.tipping(surface(), benchmarks, labels={"response": "objective response"})
    points = {
        line.get_label()[1:]: line
        for line in ax.lines
        if line.get_label()[1:] in {*benchmarks.term}
    }
    assert points["invasion"].get_xdata() == pytest.approx([-15.0])
    assert points["invasion"].get_ydata() == pytest.approx([1.9])
    # Beyond the axis: at its edge, as an arrow head.
    assert points["performance"].get_ydata() == pytest.approx([5.0])
    assert points["performance"].get_marker() == "^"
    words = {text.get_text() for text in ax.texts}
    assert {"invasion", "metastasis", "no objective response", "lower albumin"} <= words


@pytest.mark.parametrize("width", [85.0, 183.0])
def test_names_keep_apart(benchmarks, width):
    figure, ax = plt.subplots(figsize=(width * MILLIMETER, 2.9), layout="constrained")
    plots.tipping(surface(), benchmarks, ax=ax)
    figure.canvas.draw()
    names = [text for text in ax.texts if text.get_text().split()[-1] in {*benchmarks["term"]}]
    assert len(names) == len(benchmarks)
    boxes = [Text.get_window_extent(text) for text in names]  # without the line to the marker
    for index, one in enumerate(boxes):
        assert not any(one.overlaps(other) for other in boxes[index + 1 :])
        assert one.x1 <= figure.bbox.x1
    plt.close(figure)


def test_a_result_that_no_confounder_of_the_grid_overturns():
    ax = plots.tipping(surface(slope=0.01))
    kinds = [item.filled for item in contours(ax)]
    assert kinds == [False]  # the line of 0.99 alone, and no shade
    assert plots.tipping(surface(slope=0.0)) is not None


def test_bad_input_is_named_at_once(benchmarks):
    with pytest.raises(InputError) as caught:
        plots.tipping(surface().rename(prob="share"), benchmarks.drop(columns="inverse"), prob=95.0)
    assert {problem.where for problem in caught.value.problems} == {"grid", "prob", "benchmarks"}
    with pytest.raises(InputError, match="two points or more a side"):
        plots.tipping(surface().isel(difference=[0]))
