"""Curves, residuals and forests of the frequentist layer: what was drawn."""

from __future__ import annotations

import math

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.colors import to_hex

from hccbayes import plots
from hccbayes.defaults import ARM_COLORS
from hccbayes.errors import InputError
from hccbayes.frequentist.kaplan_meier import kaplan_meier
from hccbayes.frequentist.quantiles import survival_quantiles
from hccbayes.frequentist.schoenfeld import proportional_hazards_test
from hccbayes.frequentist.schoenfeld_smooth import schoenfeld_smooth
from hccbayes.plots.forest_rows import ratio_text
from hccbayes.plots.p_values import p_relation, p_text
from hccbayes.plots.style import MILLIMETER, SINGLE_COLUMN

LONG = ("Hepatic arterial infusion chemotherapy + lenvatinib + PD-1 inhibitor", "Lenvatinib")
MINUS = "\N{MINUS SIGN}"
DASH = "\N{EN DASH}"


def sized(width, height=3.9):
    with plots.publication_style():
        return plt.subplots(figsize=(width * MILLIMETER, height), layout="constrained")[1]


def labelled(ax, label):
    return [line for line in ax.lines if line.get_label() == label]


def texts(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def step_band(ax, index):
    """Return the corners of a band."""
    return ax.collections[index].get_paths()[0].vertices


@pytest.fixture
def cohort(rng):
    arm = np.repeat(["treated", "control"], [76, 170])
    death = rng.exponential(np.where(arm == "treated", 30.0, 18.0))
    end = rng.uniform(3.0, 48.0, 246)
    columns = {"arm": arm, "time": np.minimum(death, end), "event": (death <= end).astype(int)}
    return pd.DataFrame(columns)


@pytest.fixture
def curves(cohort):
    parts = []
    for arm, own in cohort.groupby("arm"):
        zero = np.zeros(len(own))
        parts.append(kaplan_meier(zero, own["time"], own["event"]).assign(arm=arm))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def medians(curves):
    arms = curves.groupby("arm")
    parts = [survival_quantiles(own, (0.5,)).assign(arm=arm) for arm, own in arms]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def at_risk(cohort):
    times = np.arange(0.0, 43.0, 6.0)
    counts = [
        [int((cohort.loc[cohort["arm"] == arm, "time"] >= time).sum()) for time in times]
        for arm in ("treated", "control")
    ]
    coords = {"arm": ["treated", "control"], "risk_time": times}
    return xr.Dataset({"at_risk": (("arm", "risk_time"), counts)}, coords=coords)


def by_hand(arm="treated"):
    """Return the curve of four patients: death at 2 and 4, censored at 3, death of the last at 5.

    Survival 3/4 at 2, 3/8 at 4, 0 at 5.
    """
    curve = kaplan_meier(np.zeros(4), [2.0, 3.0, 4.0, 5.0], [1, 0, 1, 1])
    return curve.assign(arm=arm)


def test_kaplan_meier_draws_steps_limits_and_censored(curves):
    ax = plots.kaplan_meier(curves)
    for arm in ("treated", "control"):
        own = curves[curves["arm"] == arm]
        (line,) = labelled(ax, arm)
        np.testing.assert_array_equal(line.get_xdata(), own["time"])
        np.testing.assert_array_equal(line.get_ydata(), own["survival"])
        assert line.get_drawstyle() == "steps-post"
        assert to_hex(line.get_color()).upper() == ARM_COLORS[arm]
    marks = {to_hex(line.get_color()).upper(): line for line in labelled(ax, "_censored")}
    censored = curves[(curves["arm"] == "control") & (curves["censored"] > 0)]
    drawn = marks[ARM_COLORS["control"]]
    np.testing.assert_array_equal(drawn.get_xdata(), censored["time"])
    np.testing.assert_array_equal(drawn.get_ydata(), censored["survival"])
    assert (
        len({line.get_linestyle() for line in labelled(ax, "treated") + labelled(ax, "control")})
        == 2
    )
    assert ax.get_xlim() == (0.0, curves["time"].max())
    assert ax.figure.get_size_inches()[0] == SINGLE_COLUMN


def test_the_band_of_a_curve_that_falls_to_zero_ends_there():
    two = pd.concat([by_hand(), by_hand("control")])
    ax = plots.kaplan_meier(two)
    corners = step_band(ax, 0)
    assert corners[:, 0].max() == 5.0
    last = two.iloc[3]
    assert last["time"] == 4.0
    held = corners[corners[:, 0] == 5.0][:, 1]
    assert set(held) == {last["lower"], last["upper"]}


def test_medians_are_dotted_with_their_limits(curves, medians):
    ax = plots.kaplan_meier(curves, medians=medians)
    own = medians.set_index("arm")
    drops = [tuple(line.get_xdata()) for line in labelled(ax, "_median")]
    assert drops == [(own.loc[arm, "estimate"],) * 2 for arm in ("treated", "control")]
    spans = [tuple(line.get_xdata()) for line in labelled(ax, "_median_limits")]
    end = ax.get_xlim()[1]
    assert spans == [
        (own.loc[arm, "lower"], min(own.loc[arm, "upper"], end)) for arm in ("treated", "control")
    ]
    assert {line.get_ydata()[0] for line in labelled(ax, "_median_limits")} == {0.03, 0.07}
    (half,) = labelled(ax, "_half")
    assert tuple(half.get_xdata()) == (0.0, own["estimate"].max())
    numbers = own.loc["control", ["estimate", "lower", "upper"]]
    estimate, lower, upper = (f"{value:.1f}" for value in numbers)
    assert legend(ax)[1] == f"Control: {estimate} ({lower}{DASH}{upper})"
    assert "median (95% interval) in months" in ax.get_legend().get_title().get_text()


def test_a_median_beyond_follow_up_is_said_and_ends_in_an_arrow(curves, medians):
    medians.loc[medians["arm"] == "treated", ["estimate", "upper"]] = math.inf
    ax = plots.kaplan_meier(curves, medians=medians)
    assert "not reached (" in legend(ax)[0]
    assert "to not reached)" in legend(ax)[0]
    assert len(labelled(ax, "_median")) == 1
    arrows = [line for line in ax.lines if line.get_marker() == ">"]
    assert [line.get_xdata()[0] for line in arrows] == [ax.get_xlim()[1]]


def test_weighted_numbers_stand_below_the_unweighted(curves, at_risk, clean_text):
    weighted = at_risk * 0.987
    for width in (85, 183):
        ax = plots.kaplan_meier(
            curves, at_risk=at_risk, weighted_at_risk=weighted, ax=sized(width), arm_names=LONG
        )
        drawn = {text.get_text(): text for text in ax.texts}
        counts = at_risk["at_risk"].sel(arm="control").to_numpy()
        for count, time in zip(counts, at_risk["risk_time"].to_numpy(), strict=True):
            assert drawn[f"{0.987 * count:.1f}"].xy[0] == time
        assert drawn["170"].xyann[1] > drawn[f"{0.987 * 170:.1f}"].xyann[1]
        clean_text(ax.figure)


@pytest.mark.parametrize("width", [85, 183])
def test_curves_keep_their_texts_apart(curves, medians, at_risk, width, clean_text):
    rows = {"arm_names": LONG}
    ax = plots.kaplan_meier(curves, at_risk=at_risk, medians=medians, ax=sized(width), **rows)
    clean_text(ax.figure)
    ax = plots.cumulative_incidence(curves, at_risk=at_risk, ax=sized(width), **rows)
    clean_text(ax.figure)
    clean_text(plots.log_minus_log(curves, ax=sized(width), **rows).figure)


def test_curves_of_wrong_form_are_refused(curves, medians, at_risk):
    with pytest.raises(InputError, match="columns are absent: survival"):
        plots.kaplan_meier(curves.drop(columns="survival"))
    with pytest.raises(InputError, match="the control arm is absent"):
        plots.kaplan_meier(curves[curves["arm"] == "treated"])
    with pytest.raises(InputError, match="unknown name 'placebo'; choose from treated, control"):
        plots.kaplan_meier(curves.assign(arm="placebo"))
    with pytest.raises(InputError, match="times of the treated arm do not increase"):
        plots.kaplan_meier(pd.concat([curves, curves[curves["arm"] == "treated"]]))
    with pytest.raises(InputError, match="no row to draw"):
        plots.kaplan_meier(curves.head(0))
    with pytest.raises(InputError, match="one row an arm is needed"):
        plots.kaplan_meier(curves, medians=medians.head(1))
    with pytest.raises(InputError, match="other than one half"):
        plots.kaplan_meier(curves, medians=medians.assign(prob=0.25))
    with pytest.raises(InputError, match="give at_risk"):
        plots.kaplan_meier(curves, weighted_at_risk=at_risk)
    later = at_risk.assign_coords(risk_time=at_risk["risk_time"] + 1.0)
    with pytest.raises(InputError, match="of the same times"):
        plots.kaplan_meier(curves, at_risk=at_risk, weighted_at_risk=later)
    with pytest.raises(InputError, match="no numbers of the arm control"):
        plots.kaplan_meier(curves, at_risk=at_risk.sel(arm=["treated"]))


def test_cumulative_incidence_is_one_less_survival(curves):
    ax = plots.cumulative_incidence(curves, event_name="death")
    own = curves[curves["arm"] == "treated"]
    (line,) = labelled(ax, "treated")
    np.testing.assert_array_equal(line.get_ydata(), 1.0 - own["survival"])
    heights = step_band(ax, 0)[:, 1]
    # The last step is drawn only where a time follows it.
    assert heights.max() <= (1.0 - own["lower"]).max()
    assert (1.0 - own["lower"]).iloc[-2] in heights
    assert ax.get_ylabel() == "Cumulative incidence of death"
    assert ax.get_legend().get_title().get_text().startswith(f"1 {MINUS} Kaplan")


def test_a_given_incidence_is_drawn_as_it_is(curves):
    given = curves.rename(columns={"survival": "incidence"})
    given["incidence"] = 0.5 * (1.0 - given["incidence"])
    given[["lower", "upper"]] = np.column_stack([given["incidence"]] * 2)
    ax = plots.cumulative_incidence(given)
    own = given[given["arm"] == "control"]
    np.testing.assert_array_equal(labelled(ax, "control")[0].get_ydata(), own["incidence"])
    with pytest.raises(InputError, match="both incidence and survival"):
        plots.cumulative_incidence(given.assign(survival=1.0))


def test_log_minus_log_by_hand():
    ax = plots.log_minus_log(pd.concat([by_hand(), by_hand("control")]))
    (line,) = labelled(ax, "treated")
    # The step of 3/8 is held to 5, where survival is 0 and has no logarithm.
    assert line.get_xdata().tolist() == [2.0, 3.0, 4.0, 5.0]
    levels = np.log(-np.log([3 / 4, 3 / 4, 3 / 8, 3 / 8]))
    # 1 - 1/4, and 3/4 times 1/2: two roundings before the logarithms.
    np.testing.assert_allclose(line.get_ydata(), levels, rtol=1e-14)
    assert ax.get_xscale() == "log"
    ax.figure.canvas.draw()
    assert [label.get_text() for label in ax.get_xticklabels()] == ["2", "3"]


def test_log_minus_log_needs_an_event(curves):
    alive = curves.assign(survival=np.where(curves["arm"] == "control", 1.0, curves["survival"]))
    with pytest.raises(InputError, match="control arm is never between 0 and 1"):
        plots.log_minus_log(alive)


@pytest.fixture
def zph(cohort, rng):
    design = pd.DataFrame({"treatment": (cohort["arm"] == "treated").astype(float)})
    design["age"] = rng.normal(size=len(design))
    return proportional_hazards_test(design, np.zeros(246), cohort["time"], cohort["event"])


@pytest.mark.parametrize("width", [85, 183])
def test_schoenfeld_draws_residuals_smooth_and_test(zph, width, clean_text):
    smooth = schoenfeld_smooth(zph)
    ax = plots.schoenfeld(
        zph.residuals,
        term="treatment",
        smooth=smooth,
        tests=zph.table,
        coefficient=-0.5,
        labels={"treatment": " over ".join(LONG)},
        ax=sized(width),
    )
    points = ax.lines[1]
    np.testing.assert_array_equal(points.get_xdata(), zph.residuals["transformed_time"])
    np.testing.assert_array_equal(points.get_ydata(), zph.residuals["treatment"])
    (curve,) = labelled(ax, "Natural spline, 95% pointwise band")
    own = smooth[smooth["term"] == "treatment"]
    np.testing.assert_array_equal(curve.get_ydata(), own["estimate"])
    corners = step_band(ax, 0)
    assert corners[:, 1].max() == own["upper"].max()
    assert corners[:, 1].min() == own["lower"].min()
    (level,) = labelled(ax, "Coefficient of the Cox model")
    assert set(level.get_ydata()) == {-0.5}
    row = zph.table.set_index("term").loc["treatment"]
    said = ax.get_legend().get_title().get_text()
    assert f"{row['chi2']:.2f}, 1 df, {p_relation(row['p_value'])}" in said
    clean_text(ax.figure)


def test_schoenfeld_names_months_at_their_place(zph):
    ax = plots.schoenfeld(zph.residuals, term="age")
    ax.figure.canvas.draw()
    pairs = zph.residuals.sort_values("time")
    months = [float(label.get_text()) for label in ax.get_xticklabels()]
    assert len(months) >= 4
    places = np.interp(months, pairs["time"], pairs["transformed_time"])
    np.testing.assert_array_equal(ax.get_xticks(), places)
    assert ax.get_xlabel() == f"Time (months, Kaplan{DASH}Meier scale)"


def test_schoenfeld_counts_residuals_and_says_why_there_is_no_test(zph):
    residuals = zph.residuals.copy()
    residuals.loc[residuals.index[:7], "age"] = np.nan
    tests = zph.table.assign(p_value=np.nan, chi2=np.nan, reason="too few times")
    ax = plots.schoenfeld(residuals, term="age", tests=tests)
    total = len(residuals)
    assert legend(ax)[0] == f"Scaled residual of an event ({total - 7} of {total})"
    assert "hazards: too few times" in ax.get_legend().get_title().get_text()


def test_schoenfeld_says_of_how_many_events_a_mean_is(zph):
    means = pd.DataFrame(
        {"time": [1.0, 9.0], "transformed_time": [0.1, 0.6], "age": [0.2, -0.1], "events": [10, 11]}
    )
    months = pd.DataFrame({"time": [0.5, 12.5], "transformed_time": [0.0, 0.8]})
    ax = plots.schoenfeld(means, term="age", months=months)
    assert legend(ax)[0] == "Mean scaled residual of 10 or 11 events (2)"
    named = dict(
        zip(ax.get_xticks(), (text.get_text() for text in ax.get_xticklabels()), strict=True)
    )
    # Half a month is at 0 and 12.5 months at 0.8: 6.5 months would be at 0.4, 6 months before it.
    assert "12" in named.values()
    place = next(place for place, name in named.items() if name == "6")
    assert place == pytest.approx(0.8 * 5.5 / 12)
    alike = plots.schoenfeld(means.assign(events=10), term="age")
    assert legend(alike)[0] == "Mean scaled residual of 10 events (2)"
    with pytest.raises(InputError, match="choose from age"):
        plots.schoenfeld(means, term="events")


def test_a_narrow_interval_has_a_third_digit():
    assert (
        ratio_text({"hr": 1.0056, "lower": 1.0021, "upper": 1.0091}) == f"1.006 (1.002{DASH}1.009)"
    )
    assert ratio_text({"hr": 0.957, "lower": 0.658, "upper": 1.393}) == f"0.96 (0.66{DASH}1.39)"
    assert ratio_text({"hr": math.nan, "lower": math.nan, "upper": math.nan}) == "not estimable"


def test_schoenfeld_refuses_unknown_names(zph):
    with pytest.raises(InputError, match="unknown name 'sex'; choose from treatment, age"):
        plots.schoenfeld(zph.residuals, term="sex")
    with pytest.raises(InputError, match="'sqrt'; choose from km, identity, log, rank"):
        plots.schoenfeld(zph.residuals, term="age", transform="sqrt")
    with pytest.raises(InputError, match="age has no residual"):
        plots.schoenfeld(zph.residuals.assign(age=np.nan), term="age")
    with pytest.raises(InputError, match="columns are absent: chi2"):
        plots.schoenfeld(zph.residuals, term="age", tests=zph.table.drop(columns="chi2"))


@pytest.fixture
def subgroups():
    nan = math.nan
    rows = [
        ("All patients", "", 40, 76, 87, 170, 0.96, 0.66, 1.39, nan, ""),
        ("Child-Pugh class", "A", 30, 58, 60, 134, 1.09, 0.70, 1.70, 0.0312, ""),
        ("Child-Pugh class", "B", 10, 18, 27, 36, 0.68, 0.33, 1.41, nan, ""),
        (
            "Portal vein tumor thrombus of the main trunk",
            "Yes",
            3,
            4,
            0,
            2,
            nan,
            nan,
            nan,
            nan,
            "x",
        ),
        (
            "Portal vein tumor thrombus of the main trunk",
            "No",
            37,
            72,
            87,
            168,
            1.2,
            0.02,
            40,
            nan,
            "",
        ),
    ]
    names = ["subgroup", "level", "treated_events", "treated_patients", "control_events"]
    names += ["control_patients", "hr", "lower", "upper", "interaction_p", "reason"]
    table = pd.DataFrame(rows, columns=names)
    table.loc[3, "reason"] = "no event in the control arm, so that the hazard ratio is infinite"
    return table


@pytest.mark.parametrize(("layout", "width"), [("one_column", 85), ("two_columns", 183)])
def test_subgroups_draw_ratios_counts_and_interactions(subgroups, layout, width, clean_text):
    ax = plots.subgroups(subgroups, arm_names=LONG, layout=layout, ax=sized(width, 5.0))
    markers = labelled(ax, "_estimate")
    estimable = subgroups.dropna(subset="hr")
    assert [line.get_xdata()[0] for line in markers] == estimable["hr"].tolist()
    heights = [line.get_ydata()[0] for line in markers]
    assert heights == sorted(heights)
    spans = [tuple(line.get_xdata()) for line in labelled(ax, "_interval")]
    limits = list(zip(estimable["lower"], estimable["upper"], strict=True))
    assert spans[:3] == limits[:3]
    assert spans[3] == ax.get_xlim() == (0.125, 8.0)
    drawn = {text.get_text(): text for text in ax.texts}
    for row, height in zip(estimable.itertuples(), heights, strict=True):
        ratio = drawn[f"{row.hr:.2f} ({row.lower:.2f}{DASH}{row.upper:.2f})"]
        assert ratio.xy[1] == height
    counts = ["10/18 vs 27/36"] if layout == "one_column" else ["10/18", "27/36"]
    assert set(counts) <= set(drawn)
    p_value = drawn["Interaction P = 0.031" if layout == "one_column" else "0.031"]
    assert p_value.xy[1] == drawn["Child-Pugh class"].xy[1]
    assert any(text.startswith("Not estimable: no event") for text in drawn)
    clean_text(ax.figure)


def test_new_figures_of_forests_fit_their_texts(subgroups, covariates, clean_text):
    for layout in ("one_column", "two_columns"):
        clean_text(plots.subgroups(subgroups, arm_names=LONG, layout=layout).figure)
        clean_text(plots.covariates(covariates, layout=layout).figure)


def changed(table, row, **values):
    """Return a copy with other values in one row."""
    own = table.astype(object)
    for name, value in values.items():
        own.loc[row, name] = value
    return own.infer_objects()


def test_an_empty_cell_is_no_level(subgroups):
    one, two = (
        texts(plots.subgroups(changed(subgroups, 0, level=level))) for level in ("", math.nan)
    )
    assert one == two


def test_impossible_subgroups_are_refused(subgroups):
    with pytest.raises(InputError, match="columns are absent: interaction_p"):
        plots.subgroups(subgroups.drop(columns="interaction_p"))
    with pytest.raises(InputError, match=r"need a reason \(row 3\)"):
        plots.subgroups(subgroups.assign(reason=""))
    with pytest.raises(InputError, match=r"treated arm: events and patients .* \(row 1\)"):
        plots.subgroups(changed(subgroups, 1, treated_events=59))
    with pytest.raises(InputError, match=r"control arm: events and patients .* \(row 2\)"):
        plots.subgroups(changed(subgroups, 2, control_patients=36.5))
    with pytest.raises(InputError, match=r"lower <= hr <= upper .* \(row 0\)"):
        plots.subgroups(changed(subgroups, 0, lower=1.39, upper=0.66))
    with pytest.raises(InputError, match="more than one interaction p-value"):
        plots.subgroups(changed(subgroups, 2, interaction_p=0.5))
    with pytest.raises(InputError, match=r"interaction_p must lie .* \(row 2\)"):
        plots.subgroups(changed(subgroups, 2, interaction_p=1.5))
    with pytest.raises(InputError, match=r"of several need names \(row 1\)"):
        plots.subgroups(changed(subgroups, 1, level=math.nan))
    with pytest.raises(InputError, match="stands there twice"):
        plots.subgroups(subgroups.assign(level="A", subgroup="Stage"))
    with pytest.raises(InputError, match="'wide'; choose from one_column, two_columns"):
        plots.subgroups(subgroups, layout="wide")


@pytest.fixture
def covariates():
    rows = [
        ("treatment", "univariable", 0.96, 0.66, 1.39, 0.82),
        ("albi_grade", "univariable", 1.51, 1.24, 1.84, 0.0004),
        ("age_years", "univariable", 1.04, 0.9, 1.2, 0.59),
        ("bone", "univariable", math.nan, math.nan, math.nan, math.nan),
        ("treatment", "multivariable", 0.87, 0.59, 1.28, 0.48),
        ("albi_grade", "multivariable", 1.39, 1.13, 1.71, 0.0021),
        ("bone", "multivariable", 3.0, 0.05, 90.0, 0.33),
    ]
    return pd.DataFrame(rows, columns=["term", "analysis", "hr", "lower", "upper", "p"])


@pytest.mark.parametrize(("layout", "width"), [("one_column", 85), ("two_columns", 183)])
def test_covariates_draw_both_analyses(covariates, layout, width, clean_text):
    labels = {"treatment": " vs ".join(LONG)}
    ax = plots.covariates(covariates, labels=labels, layout=layout, ax=sized(width, 5.0))
    faces = {"white": [], "#000000": []}
    for line in labelled(ax, "_estimate"):
        faces[line.get_markerfacecolor()].append(line.get_xdata()[0])
    assert faces == {"white": [0.96, 1.51, 1.04], "#000000": [0.87, 1.39, 3.0]}
    written = texts(ax)
    assert f"1.51 (1.24{DASH}1.84)" in written
    assert {"<0.001", "0.002", "not estimable"} <= set(written)
    assert written.count(DASH) == 1
    clean_text(ax.figure)


def test_impossible_covariates_are_refused(covariates):
    with pytest.raises(InputError, match="columns are absent: p"):
        plots.covariates(covariates.drop(columns="p"))
    with pytest.raises(InputError, match="'adjusted'; choose from univariable, multivariable"):
        plots.covariates(covariates.assign(analysis="adjusted"))
    with pytest.raises(InputError, match="twice in an analysis"):
        plots.covariates(pd.concat([covariates, covariates.head(1)]))
    with pytest.raises(InputError, match="hr > 0"):
        plots.covariates(covariates.assign(hr=0.0))


@pytest.mark.parametrize(
    ("value", "text", "relation"),
    [
        (0.43, "0.43", "P = 0.43"),
        (0.0123, "0.012", "P = 0.012"),
        (0.0996, "0.10", "P = 0.10"),
        (0.00099, "<0.001", "P < 0.001"),
        (0.999, ">0.99", "P > 0.99"),
        (math.nan, "", ""),
    ],
)
def test_p_values_are_written_as_journals_do(value, text, relation):
    assert p_text(value) == text
    assert p_relation(value) == relation
