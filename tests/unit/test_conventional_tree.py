"""Conventional figures of a folder with posterior draws, drawn from its tree alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import hccbayes as hb
from hccbayes import figure_data
from hccbayes.design import build_design
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.records import FrequentistLabels, estimate_table
from hccbayes.report.conventional_tree import conventional_tree_figures
from hccbayes.treatment_residuals import residual_means, treatment_residuals

MODEL = Path(__file__).resolve().parents[2] / "models" / "chen2025_os.toml"
NAMES = ["HAIC + lenvatinib + PD-1", "lenvatinib + PD-1"]


@pytest.fixture(scope="module")
def cohort() -> hb.Cohort:
    spec = hb.AnalysisSpec.from_toml(MODEL)
    return hb.read_cohort(spec.data.source, spec.roles)


@pytest.fixture(scope="module")
def tree(cohort, tmp_path_factory) -> xr.DataTree:
    """Return the groups that the figures read, written and read back."""
    spec = hb.AnalysisSpec.from_toml(MODEL)
    frame, design = cohort.frame, build_design(cohort, spec.hazard.formula)
    arm_names = xr.Dataset(coords={"arm": ["treated", "control"], "arm_name": ("arm", NAMES)})
    groups = {
        "curves": arm_names,
        "kaplan_meier": figure_data.kaplan_meier_dataset(frame, 0.9),
        "numbers_at_risk": figure_data.numbers_at_risk_dataset(frame),
        "schoenfeld": residual_means(treatment_residuals(frame, design, 0.9)),
    }
    made = xr.DataTree.from_dict(groups)
    made.attrs["synthetic"] = "synthetic_chen2025"
    path = tmp_path_factory.mktemp("tree") / "posterior.nc"
    made.to_netcdf(path, engine="h5netcdf")
    with xr.open_datatree(path, engine="h5netcdf") as read:
        return read.load()


@pytest.fixture(scope="module")
def estimates(tree) -> pd.DataFrame:
    labels = FrequentistLabels(population="sample", model="chen2025_os", prob=0.9)
    steps = tree["kaplan_meier"].to_dataset().to_dataframe()
    rows = []
    for arm, own in steps.groupby("arm"):
        curve = own.assign(interval_kind="log", interval_prob=0.9)
        found = survival_quantiles(curve, (0.5,)).iloc[0]
        limits = (found["lower"], found["upper"])
        rows.append(labels.row("median", str(arm), "km", found["estimate"], limits=limits))
    return estimate_table(rows)


def test_kaplan_meier_is_that_of_the_cohort(tree, estimates, cohort):
    ax = conventional_tree_figures(tree, estimates)["kaplan_meier"]()
    (line,) = [line for line in ax.lines if line.get_label() == "treated"]
    own = cohort.frame[cohort.frame["treatment"] == 1]
    np.testing.assert_array_equal(line.get_xdata()[1:], np.unique(own["time"]))
    names = [text.get_text().replace("\n", " ") for text in ax.get_legend().get_texts()]
    assert names[0].startswith(f"{NAMES[0]}: 26.0 (")
    assert names[1].startswith(f"{NAMES[1]}: 8.6 (")
    assert "90% pointwise limits" in ax.get_legend().get_title().get_text()
    written = [text.get_text() for text in ax.texts]
    assert {"169", "253", "synthetic cohort"} <= set(written)


def test_schoenfeld_draws_means_of_events(tree, estimates, cohort):
    ax = conventional_tree_figures(tree, estimates)["schoenfeld"]()
    (points,) = [line for line in ax.lines if str(line.get_label()).startswith("Mean scaled")]
    np.testing.assert_array_equal(points.get_ydata(), tree["schoenfeld"]["mean_residual"])
    assert len(points.get_ydata()) == cohort.frame["event"].sum() // 10
    title = ax.get_legend().get_title().get_text()
    assert title.startswith(f"{NAMES[0]} vs {NAMES[1]}")
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels[1] == "Natural spline, 90% pointwise band"
    ticks = {float(text.get_text()): text.get_position()[0] for text in ax.get_xticklabels()}
    own = tree["schoenfeld"]
    for month, place in ticks.items():
        assert place == pytest.approx(np.interp(month, own["time"], own["transformed_time"]))


def test_what_the_tree_does_not_hold_is_not_drawn(tree, estimates):
    assert list(conventional_tree_figures(tree, estimates)) == [
        "kaplan_meier",
        "log_minus_log",
        "schoenfeld",
    ]
    without = xr.DataTree.from_dict(
        {name: node.to_dataset() for name, node in tree.children.items() if name != "schoenfeld"}
    )
    assert "schoenfeld" not in conventional_tree_figures(without, estimates)
    steps = tree["kaplan_meier"].to_dataset()
    whole = steps.assign(survival=xr.ones_like(steps["survival"]))
    level = without.assign({"kaplan_meier": xr.DataTree(whole)})
    assert "log_minus_log" not in conventional_tree_figures(level, estimates)
