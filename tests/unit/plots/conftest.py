"""A made-up analysis in the groups the figures read, and questions to ask of a drawn figure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.text import Text

LONG_NAMES = ("Embolization + targeted", "Targeted")
RATES = {"treated": 0.045, "control": 0.085}
SIZES = {"treated": 141, "control": 26}


def _posterior(rng, chains, draws, centers, spread):
    shape = (chains, draws)
    sd = np.abs(rng.normal(0.0, 0.5 * spread, shape))
    # Not in the order of the names, so that a figure has something to sort.
    means = np.linspace(-0.3, 0.35, centers)[rng.permutation(centers)] * (spread < 1)
    scale = np.where(spread < 1, 0.2, sd)[..., None]
    sample = ("chain", "draw")
    return xr.Dataset(
        {
            "treatment": (sample, rng.normal(-0.45 * (spread < 1), 0.7 * spread, shape)),
            "log_baseline": ((*sample, "interval"), rng.normal(-2.7, spread, (*shape, 6))),
            "center_effect": (
                (*sample, "center"),
                means + scale * rng.normal(size=(*shape, centers)),
            ),
            "center_log_hr": (
                (*sample, "center"),
                rng.normal(-0.4 * (spread < 1), 0.4 * spread, (*shape, centers)),
            ),
            "center_sd": (sample, sd),
            "walk_sd": (sample, np.abs(rng.normal(0.0, 0.4 * spread, shape))),
        },
        coords={
            "chain": range(chains),
            "draw": range(draws),
            "center": [f"Hospital {index + 1:02d}" for index in range(centers)],
        },
    )


def _kaplan_meier(rng):
    """Return the product-limit steps of exponential cohorts without ties."""
    parts = []
    for arm, rate in RATES.items():
        n = SIZES[arm]
        death, end = rng.exponential(1 / rate, n), rng.uniform(5.0, 40.0, n)
        time, event = np.minimum(death, end), (death <= end).astype(int)
        order = np.argsort(time)
        time, event = time[order], event[order]
        at_risk = n - np.arange(n)
        alive = np.concatenate([[1.0], np.cumprod(1.0 - event / at_risk)])
        parts.append(
            pd.DataFrame(
                {
                    "arm": arm,
                    "time": np.concatenate([[0.0], time]),
                    "survival": alive,
                    "lower": np.clip(alive - 0.1, 0, 1),
                    "upper": np.clip(alive + 0.1, 0, 1),
                    "at_risk": np.concatenate([[n], at_risk]),
                    "events": np.concatenate([[0], event]),
                    "censored": np.concatenate([[0], 1 - event]),
                }
            )
        )
    frame = pd.concat(parts, ignore_index=True)
    frame.index.name = "step"
    return frame.to_xarray().drop_vars("step")


def _curves(names, edges):
    grid = np.linspace(0.0, 36.0, 61)
    mean = np.stack([np.exp(-rate * grid) for rate in RATES.values()])
    width = 0.12 * grid / 36.0
    survival = np.stack([mean, np.clip(mean - width, 0, 1), np.clip(mean + width, 0, 1)], axis=1)
    bumps = 1.0 + 0.4 * np.sin(np.arange(len(edges)))
    hazard = np.stack(
        [np.stack([rate * bumps * f for f in (1.0, 0.7, 1.4)]) for rate in RATES.values()]
    )
    gained = mean[0] - mean[1] + np.array([[0.0], [-1.0], [1.0]]) * width
    months_gained = np.cumsum(gained, axis=1) * (grid[1] - grid[0])
    events = np.arange(len(edges)) * 7 % 30 + 5
    log_hr = np.linspace(0.3, -0.8, len(edges)) + np.array([[0.0], [-0.4], [0.4]])
    return xr.Dataset(
        {
            "survival": (
                ("population", "arm", "statistic", "curve_time"),
                np.stack([survival, survival]),
            ),
            "survival_difference": (
                ("population", "statistic", "curve_time"),
                np.stack([gained, 0.5 * gained]),
            ),
            "rmst_difference": (
                ("population", "statistic", "curve_time"),
                np.stack([months_gained, 0.5 * months_gained]),
            ),
            "hazard": (("arm", "statistic", "interval"), hazard),
            "log_hr": (("statistic", "interval"), log_hr),
            "arm_events": (("arm", "interval"), np.stack([3 * events // 4, events // 4])),
        },
        coords={
            "population": ["ate", "att"],
            "arm": ["treated", "control"],
            "arm_name": ("arm", list(names)),
            "statistic": ["mean", "lower", "upper"],
            "curve_time": grid,
            "interval_start": ("interval", edges),
            "interval_end": ("interval", [*edges[1:], np.inf]),
            "interval_events": ("interval", events),
        },
        attrs={
            "interval_prob": 0.95,
            "interval_kind": "eti",
            "last_follow_up": 39.0,
            "mean_log_hr": -0.4,
        },
    )


def _predictive(rng, curves):
    mean = curves["survival"].sel(population="ate", statistic="mean").to_numpy()
    noise = rng.normal(0.0, 0.05, (200, 2, 1)) * (1.0 - mean)
    quantities = [
        "events treated",
        "events control",
        "survival at 12 months treated",
        "survival at 12 months control",
        "median treated",
        "median control",
    ]
    values = np.column_stack(
        [
            rng.poisson(90, 200),
            rng.poisson(20, 200),
            rng.normal(0.58, 0.05, 200),
            rng.normal(0.36, 0.09, 200),
            np.where(rng.uniform(size=200) < 0.1, np.inf, rng.normal(15.0, 2.0, 200)),
            rng.normal(8.0, 2.0, 200),
        ]
    )
    observed = [95.0, 22.0, 0.6, 0.33, np.inf, 8.3]
    return xr.Dataset(
        {
            "survival": (("replicate", "arm", "curve_time"), np.clip(mean + noise, 0, 1)),
            "statistic": (("replicate", "quantity"), values),
            "observed": ("quantity", observed),
        },
        coords={
            "arm": ["treated", "control"],
            "curve_time": curves["curve_time"].to_numpy(),
            "quantity": quantities,
        },
    )


def make_tree(*, names=LONG_NAMES, centers=18, edges=(0, 3, 6, 9, 12, 18, 24), seed=20261121):
    """Return the groups of one analysis, filled with made-up draws."""
    rng = np.random.default_rng(seed)
    curves = _curves(names, [float(edge) for edge in edges])
    steps = _kaplan_meier(rng)
    times = np.arange(0.0, 37.0, 6.0)
    arms = steps["arm"].to_numpy()
    counts = [
        [int((steps["time"].to_numpy()[arms == arm][1:] >= time).sum()) for time in times]
        for arm in RATES
    ]
    at_risk = xr.Dataset(
        {"at_risk": (("arm", "risk_time"), counts)},
        coords={"arm": list(RATES), "risk_time": times},
    )
    return xr.DataTree.from_dict(
        {
            "posterior": _posterior(rng, 4, 250, centers, 0.3),
            "prior": _posterior(rng, 1, 1000, centers, 1.0),
            "curves": curves,
            "kaplan_meier": steps,
            "numbers_at_risk": at_risk,
            "predictive": _predictive(rng, curves),
        }
    )


def drawn_texts(figure):
    """Return each text that is drawn with its box in pixels; ticks beyond the view are not."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    beyond = set()
    for ax in figure.findobj(Axes):
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            margin = 1e-9 * (high - low)
            for tick in (*axis.get_major_ticks(), *axis.get_minor_ticks()):
                if not low - margin <= tick.get_loc() <= high + margin:
                    beyond |= {id(tick.label1), id(tick.label2)}
    return [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and id(text) not in beyond
    ]


def overlapping(figure):
    """Return the pairs of texts whose boxes overlap by more than a point each way."""
    slack = figure.dpi / 72.0
    pairs = []
    for (one, a), (two, b) in combinations(drawn_texts(figure), 2):
        width = min(a.x1, b.x1) - max(a.x0, b.x0)
        height = min(a.y1, b.y1) - max(a.y0, b.y0)
        if width > slack and height > slack:
            pairs.append((one, two))
    return pairs


def cut_off(figure):
    """Return the texts that reach more than a pixel out of the figure."""
    texts = drawn_texts(figure)
    width, height = figure.canvas.get_width_height()
    return [
        text
        for text, box in texts
        if box.x0 < -1 or box.y0 < -1 or box.x1 > width + 1 or box.y1 > height + 1
    ]


@pytest.fixture(scope="session")
def tree() -> xr.DataTree:
    return make_tree()


@pytest.fixture
def make_analysis():
    return make_tree


@pytest.fixture
def clean_text():
    """Assert that a figure's texts are apart and inside."""

    def check(figure):
        assert overlapping(figure) == []
        assert cut_off(figure) == []

    return check


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    yield
    plt.close("all")
