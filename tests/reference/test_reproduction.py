"""docs/reproduction.md: its numbers are the package's, its text is made from them, none is missing.

The page's scripts lie in docs/ beside it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import arviz as az
import numpy as np
import pandas as pd
import pytest

import hccbayes as hb

DOCS = Path(__file__).resolve().parents[2] / "docs"
STUDIES = ("Chen2025", "Lin2023", "Lu2025", "Sun2025")
REFITTED = "Sun2025 OS unadjusted, treatment alone"
DEVIATIONS = 4.0
"""Standard errors of the difference of two Monte Carlo estimates; beyond it once in 16,000."""


@pytest.fixture(scope="module")
def scripts() -> Iterator[ModuleType]:
    """The generator, imported from docs/ as it imports its own parts."""
    sys.path.insert(0, str(DOCS))
    try:
        yield import_module("reproduction")
    finally:
        sys.path.remove(str(DOCS))


@pytest.fixture(scope="module")
def written(scripts: ModuleType) -> pd.DataFrame:
    return scripts.read_rows()


@pytest.fixture(scope="module")
def computed(scripts: ModuleType) -> pd.DataFrame:
    return scripts.frequentist_rows()


def printed_rows(table: str) -> pd.DataFrame:
    """Return the rows of an evidence table that the studies print of their own cohorts."""
    frame = hb.evidence.table(table, usable_only=False)
    own = frame["study"].isin(STUDIES) & (frame["source"] == frame["study"])
    # The kind of a baseline row is what is printed of it: counts, means, quartiles.
    by_origin = "kind" in frame and table != "baseline"
    return frame[own & (frame["kind"] == "own")] if by_origin else frame[own]


def shown(rows: pd.DataFrame, table: str) -> set[int]:
    """Return the rows of an evidence table that the page shows for the four studies."""
    own = rows[rows["study"].isin(STUDIES)]
    named = [text.split(" ") for text in own["evidence"]]
    return {int(index) for name, *indices in named if name == table for index in indices}


def test_frequentist_numbers_are_the_packages(
    written: pd.DataFrame, computed: pd.DataFrame
) -> None:
    columns = [name for name in computed if name not in {"bayes", "bayes_remark"}]
    pd.testing.assert_frame_equal(written[columns], computed[columns])


def test_rows_without_a_fit_say_why(written: pd.DataFrame, computed: pd.DataFrame) -> None:
    without = computed["fit"] == ""
    assert list(written["bayes"][without]) == list(computed["bayes"][without])
    assert written["bayes"][without].str.startswith("not ").all()
    assert (written["bayes"][~without] != "").all()


def test_page_is_made_from_the_rows(scripts: ModuleType, written: pd.DataFrame) -> None:
    assert (DOCS / "reproduction.md").read_text(encoding="utf-8") == scripts.page(written)


@pytest.mark.parametrize(
    "table", ["hazard_ratios", "survival_rates", "responses", "baseline", "adverse_events"]
)
def test_every_printed_row_is_shown(written: pd.DataFrame, table: str) -> None:
    rows = printed_rows(table)
    assert set(rows["study"]) <= set(STUDIES)
    assert len(rows) > 0
    assert shown(written, table) == set(rows.index)


@pytest.mark.parametrize(
    ("quantity", "column"),
    [
        ("events", "printed_events"),
        ("median, months", "printed_median"),
        ("median follow-up, months", "follow_up_median"),
    ],
)
def test_every_printed_outcome_is_shown(written: pd.DataFrame, quantity: str, column: str) -> None:
    rows = printed_rows("outcomes")
    printed = rows[~rows[column].astype(str).isin(["", "nan"])]
    assert shown(written[written["quantity"] == quantity], "outcomes") == set(printed.index)


def test_every_printed_logrank_p_is_shown(written: pd.DataFrame) -> None:
    rows = printed_rows("outcomes")
    tested = rows[rows["printed_p"] != ""].groupby(["study", "endpoint", "analysis_set"])
    pairs = written[(written["quantity"] == "log-rank p") & written["study"].isin(STUDIES)]
    assert {tuple(key) for key in pairs[["study", "endpoint", "sample"]].to_numpy()} == set(
        tested.groups
    )


def test_printed_hazard_ratios_are_verbatim(written: pd.DataFrame) -> None:
    rows = printed_rows("hazard_ratios")
    entry = import_module("reproduction_entry")
    ratios = written[written["evidence"].str.startswith("hazard_ratios ")]
    ratios = ratios[ratios["quantity"] != entry.ENTERS]
    for _, row in ratios.iterrows():
        printed = rows.loc[int(row["evidence"].split(" ")[1])]
        if printed["printed_hr"]:
            limits = f"({printed['printed_lower']} to {printed['printed_upper']})"
            assert row["printed"].startswith(f"{printed['printed_hr']} {limits}")


@pytest.mark.parametrize("table", ["baseline", "responses", "adverse_events"])
def test_printed_counts_and_p_are_verbatim(written: pd.DataFrame, table: str) -> None:
    printed = printed_rows(table)
    printed = (
        printed[printed["analysis_set"] != "weighted"] if "analysis_set" in printed else printed
    )
    shown_rows = written[written["evidence"].str.startswith(f"{table} ")]
    for _, row in shown_rows[shown_rows["sample"] != "weighted"].iterrows():
        own = printed.loc[[int(index) for index in row["evidence"].split(" ")[1:]]]
        for _, cell in own.iterrows():
            for name in ("printed_count", "printed_percent", "printed_mean", "printed_median"):
                assert str(cell.get(name, "")) in row["printed"]
            if cell["printed_p"]:
                assert f"p {cell['printed_p']}" in row["printed"]


def test_no_row_differs_without_a_reason(written: pd.DataFrame) -> None:
    reasons = import_module("reproduction_reasons").REASONS
    for _, row in written.iterrows():
        labels = [label for label in row["reason"].split("; ") if label]
        assert set(labels) <= set(reasons), row["reason"]
        if row["agreement"] != "yes":
            assert labels, row[["study", "quantity", "item"]].to_list()
            assert "target" not in labels


def test_targets_of_the_manifest_agree(written: pd.DataFrame) -> None:
    """A printed ratio within tolerance of its target differs by less than the tolerance."""
    named = written[written["reason"].str.contains("target within tolerance")]
    assert len(named) > 0
    leading = import_module("reproduction_record").leading
    for _, row in named.iterrows():
        printed, found = (leading(row[name])[0] for name in ("printed", "frequentist"))
        # The widest tolerance of a manifest is 0.1, of a ratio of 3.
        assert abs(math.log(found / printed)) < 0.1 / 3


@pytest.mark.parametrize(
    ("printed", "found", "expected"),
    [
        ("0.36", 0.3649, True),
        ("0.36", 0.3651, False),
        ("<0.001", 0.0009, True),
        ("<0.001", 0.0011, False),
        ("NA", math.inf, True),
        ("26.0", math.inf, False),
        ("1.1.674", 1.674, False),
        ("", 0.5, True),
    ],
)
def test_what_agrees_with_print(
    scripts: ModuleType, printed: str, found: float, expected: bool
) -> None:
    assert import_module("reproduction_record").agrees(printed, found) is expected


def test_logrank_ratio_by_hand(scripts: ModuleType) -> None:
    """Four patients, deaths at 1 (treated), 2 (control), 3 (treated); the last is censored.

    Treated at risk 2 of 4, 1 of 3, 1 of 2: E1 = 1/2 + 1/3 + 1/2 = 4/3, E0 = 3 - 4/3 = 5/3.
    """
    outcome = import_module("reproduction_cohorts").Outcome(
        frame=pd.DataFrame(index=range(4)),
        start=np.zeros(4),
        stop=pd.Series([1.0, 2.0, 3.0, 4.0]),
        event=pd.Series([1, 1, 1, 0]),
        treated=pd.Series([1.0, 0.0, 1.0, 0.0]),
    )
    found = import_module("reproduction_hazard_ratios").logrank_ratio(outcome)
    half = 1.959963984540054 * math.sqrt(3 / 4 + 3 / 5)
    assert found.estimate == pytest.approx((2 / (4 / 3)) / (1 / (5 / 3)), rel=1e-12)
    assert found.upper == pytest.approx(found.estimate * math.exp(half), rel=1e-12)


def test_figure_shows_every_fitted_treatment_effect(
    scripts: ModuleType, written: pd.DataFrame
) -> None:
    rows = written.copy()
    rows.attrs["synthetic"] = "all"
    axes = scripts.treatment_figure(rows)
    try:
        texts = [text.get_text() for text in axes.texts]
        treatment = rows["item"].isin(["treated / control", "control / treated"])
        treatment &= rows["quantity"] != import_module("reproduction_entry").BY_RULE
        count = int((treatment & (rows["frequentist"] != "not computed")).sum())
        assert "synthetic cohort" in texts
        drawn = np.concatenate([line.get_xdata() for line in axes.lines]).astype(float)
        low, high = axes.get_xlim()
        assert low < drawn[np.isfinite(drawn)].min()
        assert drawn[np.isfinite(drawn)].max() < high
        assert sum(" OS, " in text or " PFS, " in text for text in texts) == count
        assert (DOCS / "figures" / "reproduction.png").is_file()
    finally:
        scripts.figure_of(axes).clear()
        import_module("matplotlib.pyplot").close("all")


@pytest.mark.slow
def test_refit_gives_the_written_posterior(scripts: ModuleType, written: pd.DataFrame) -> None:
    bayes, record = (import_module(f"reproduction_{name}") for name in ("bayes", "record"))
    ratio = written[(written["fit"] == REFITTED) & (written["quantity"] == "hazard ratio")].iloc[0]
    fitted = bayes.run_fit(REFITTED, seed=1)
    assert fitted.diagnosis.passed
    draws = bayes.ratio_draws(ratio, fitted)
    methods = ({"method": "median"}, *({"method": "quantile", "prob": q} for q in (0.025, 0.975)))
    found = np.quantile(draws, [0.5, 0.025, 0.975])
    for value, text, method in zip(found, record.leading(ratio["bayes"]), methods, strict=True):
        error = float(az.mcse(draws, **method))
        assert abs(value - text) < DEVIATIONS * math.sqrt(2) * error + 0.0005
