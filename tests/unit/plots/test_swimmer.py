"""The swimmer plot: bars, markers, who is shown, and what is refused."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from hccbayes import plots
from hccbayes.errors import InputError
from hccbayes.plots.style import MILLIMETER
from hccbayes.plots.synthetic_mark import MARK

NEVER = np.inf
NAMES = {"treated": "Embolization + targeted", "control": "Targeted alone"}


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "patient": ["a", "b", "c", "d", "e"],
            "entry": [0.0, 0.0, 0.0, 0.0, 1.0],
            "time": [10.0, 6.0, 1.0, 12.0, 8.0],
            "event": [1, 0, 1, 0, 1],
            "treatment": [1, 1, 0, 0, 1],
            "treatment_start": [2.0, 0.0, NEVER, 5.0, 4.0],
        }
    )


@pytest.fixture
def many(rng) -> pd.DataFrame:
    count = 167
    label = (rng.random(count) < 0.7).astype(int)
    end = rng.exponential(14.0, count) + 0.1
    return pd.DataFrame(
        {
            "patient": [f"H{index:03d}" for index in range(count)],
            "entry": 0.0,
            "time": end,
            "event": rng.integers(0, 2, count),
            "treatment": label,
            "treatment_start": np.where(label == 1, 0.3 * end * rng.random(count), NEVER),
        }
    )


def bars(ax):
    """Return (start, end) of the bars from the top, by state."""
    found = {}
    for container in ax.containers:
        own = sorted(container.patches, key=lambda bar: bar.get_y())
        found[container.get_label()] = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in own]
    return found


def marks(ax):
    return {line.get_label(): line.get_xydata().tolist() for line in ax.lines}


def words(ax):
    return [text.get_text() for text in ax.texts]


def test_bars_change_where_the_treatment_starts(frame):
    ax = plots.swimmer(frame)
    drawn = bars(ax)
    # From the top: a, e, b of the treated arm, then d and c.
    assert drawn["on treatment"] == [(2.0, 10.0), (4.0, 8.0), (0.0, 6.0), (5.0, 12.0)]
    assert drawn["immortal"] == [(0.0, 2.0), (1.0, 4.0)]
    assert drawn["untreated"] == [(0.0, 5.0), (0.0, 1.0)]
    heights = dict(marks(ax)["death"]) | dict(marks(ax)["censored"])
    assert set(heights) == {10.0, 8.0, 1.0, 6.0, 12.0}
    assert [time for time, _ in sorted(marks(ax)["death"], key=lambda point: point[1])] == [
        10.0,
        8.0,
        1.0,
    ]
    # b was treated at once: nothing to mark.
    assert sorted(time for time, _ in marks(ax)["treatment starts"]) == [2.0, 4.0, 5.0]
    assert heights[6.0] < heights[12.0] < heights[1.0]


def test_immortal_time_is_hatched_and_said(frame):
    ax = plots.swimmer(frame)
    bar = next(item for item in ax.containers if item.get_label() == "immortal").patches[0]
    assert bar.get_hatch()
    legend = [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]
    assert "immortal time: counted as treated, before treatment" in legend
    dead, alive = (
        next(line for line in ax.lines if line.get_label() == name)
        for name in ("death", "censored")
    )
    assert dead.get_markerfacecolor() == "black"
    assert alive.get_markerfacecolor() == "white"


def test_treatment_before_entry_or_at_the_end_leaves_one_color(frame):
    frame["entry"] = [3.0, 0.0, 0.0, 0.0, 1.0]
    frame.loc[4, "treatment_start"] = 8.0
    drawn = bars(plots.swimmer(frame))
    assert drawn["immortal"] == [(1.0, 8.0)]
    assert (3.0, 10.0) in drawn["on treatment"]


def test_order_by_start_of_treatment(frame):
    points = marks(plots.swimmer(frame, sort="treatment_start"))
    ends = sorted(points["death"] + points["censored"], key=lambda point: point[1])
    assert [time for time, _ in ends] == [6.0, 10.0, 8.0, 12.0, 1.0]


def test_lines_of_landmark_and_grace(frame):
    ax = plots.swimmer(frame, landmark=3.0, grace=6.0)
    lines = marks(ax)
    assert lines["landmark"] == [[3.0, 0.0], [3.0, 1.0]]
    assert lines["grace ends"] == [[6.0, 0.0], [6.0, 1.0]]
    legend = {text.get_text() for text in ax.get_legend().get_texts()}
    assert {"landmark, 3 months", "grace ends, 6 months"} <= legend
    assert "landmark" not in marks(plots.swimmer(frame))


def test_a_large_cohort_is_sampled_by_arm_and_seed(many):
    ax = plots.swimmer(many, patients=40, seed=3)
    treated = int(many["treatment"].sum())
    share = round(40 * treated / 167)
    assert f"treated ({share} of {treated})" in words(ax)
    assert f"control ({40 - share} of {167 - treated})" in words(ax)
    assert any(text.replace("\n", " ").startswith("40 of 167 patients") for text in words(ax))
    points = marks(ax)
    shown = {time for time, _ in points["death"] + points["censored"]}
    assert len(shown) == 40
    assert shown <= set(many["time"])
    again = marks(plots.swimmer(many, patients=40, seed=3))
    assert again == points
    assert marks(plots.swimmer(many, patients=40, seed=4)) != points


def test_a_small_arm_is_never_sampled_away(many):
    rare = many.assign(treatment=0, treatment_start=NEVER)
    rare.loc[5, ["treatment", "treatment_start"]] = [1, 0.0]
    assert "treated (1)" in words(plots.swimmer(rare, patients=10))
    alone = plots.swimmer(many[many["treatment"] == 0], patients=10)
    assert not [text for text in words(alone) if text.startswith("treated")]
    assert "immortal" not in bars(alone)


def test_identifiers_stand_on_the_axis_only_when_asked(frame):
    ax = plots.swimmer(frame)
    ax.figure.canvas.draw()
    assert not [label.get_text() for label in ax.get_yticklabels()]
    assert "All 5 patients" in words(ax)
    ax = plots.swimmer(frame, labels=True)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "e", "b", "d", "c"]


@pytest.mark.parametrize("width", [85.0, 170.0])
def test_texts_are_apart_and_inside(many, width, clean_text):
    figure, ax = plt.subplots(figsize=(width * MILLIMETER, 4.6), layout="constrained")
    options = {"arm_names": NAMES, "landmark": 3.0, "grace": 6.0}
    assert plots.swimmer(many, ax=ax, **options) is ax
    clean_text(figure)
    clean_text(plots.swimmer(many, **options).figure)
    clean_text(plots.swimmer(many, labels=True, **options).figure)


def test_a_synthetic_cohort_says_so(frame):
    assert MARK not in words(plots.swimmer(frame))
    frame.attrs["synthetic"] = "immortal_null"
    assert MARK in words(plots.swimmer(frame))


def test_wrong_input_is_named(frame):
    with pytest.raises(InputError, match="column treatment_start: is absent"):
        plots.swimmer(frame.drop(columns="treatment_start"))
    with pytest.raises(InputError, match="has no row"):
        plots.swimmer(frame.iloc[:0])
    with pytest.raises(InputError, match="'age'; choose from follow_up, treatment_start"):
        plots.swimmer(frame, sort="age")
    with pytest.raises(InputError) as raised:
        plots.swimmer(frame, patients=1, landmark=-1.0, grace=np.inf)
    assert [problem.where for problem in raised.value.problems] == ["patients", "landmark", "grace"]
    with pytest.raises(InputError, match="row a"):
        plots.swimmer(frame.assign(treatment_start=[NEVER, 0.0, NEVER, 5.0, 4.0]))
