"""Compare what four cohort studies printed with the synthetic cohorts that carry it.

    python docs/reproduction.py

writes `reproduction.csv` (the rows), `reproduction.md` (the page) and `figures/reproduction.png`
beside this file. The fits take some minutes; `--keep-fits` takes the Bayesian numbers of the
present `reproduction.csv` instead.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from hccbayes.defaults import FIGURE_DPI
from hccbayes.plots.style import figure_of
from reproduction_adverse_events import adverse_event_rows
from reproduction_baseline import baseline_rows
from reproduction_bayes import bayes_remark, fill_bayes, run_all
from reproduction_cohorts import STUDIES
from reproduction_entry import entry_rows
from reproduction_figure import treatment_figure
from reproduction_hazard_ratios import hazard_ratio_rows
from reproduction_null import null_rows
from reproduction_outcomes import outcome_rows, rate_rows
from reproduction_page import FIGURE, page
from reproduction_record import KEY, table_of
from reproduction_responses import response_rows

FOLDER: Final = Path(__file__).resolve().parent
ROWS: Final = FOLDER / "reproduction.csv"
PAGE: Final = FOLDER / "reproduction.md"


def frequentist_rows() -> pd.DataFrame:
    """Return every row of the page, Bayesian numbers still to come."""
    rows = []
    for study in STUDIES:
        rows += [
            *outcome_rows(study),
            *rate_rows(study),
            *hazard_ratio_rows(study),
            *response_rows(study),
            *baseline_rows(study),
            *entry_rows(study),
            *adverse_event_rows(study),
        ]
    return table_of([*rows, *null_rows()])


def read_rows() -> pd.DataFrame:
    """Return the rows of `reproduction.csv` as text."""
    return pd.read_csv(ROWS, dtype=str, keep_default_na=False)


def with_kept_fits(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with the Bayesian numbers of `reproduction.csv`."""
    kept = rows[list(KEY)].merge(read_rows()[[*KEY, "bayes"]], how="left", validate="1:1")
    fitted = (rows["fit"] != "").to_numpy()
    if kept["bayes"][fitted].isna().any():
        raise SystemExit("reproduction.csv lacks a fit of these rows: run without --keep-fits")
    rows = rows.assign(bayes=np.where(fitted, kept["bayes"], rows["bayes"]))
    remarks = [bayes_remark(row, row["bayes"]) for _, row in rows.iterrows()]
    return rows.assign(bayes_remark=remarks)


def main() -> None:
    """Write rows, page and figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep-fits", action="store_true", help="take the fits of the CSV")
    asked = parser.parse_args()
    rows = frequentist_rows()
    rows = with_kept_fits(rows) if asked.keep_fits else fill_bayes(rows, run_all(rows["fit"]))
    rows.to_csv(ROWS, index=False, lineterminator="\n")
    rows = read_rows()
    PAGE.write_text(page(rows), encoding="utf-8")
    rows.attrs["synthetic"] = "all cohorts of the page"
    figure = figure_of(treatment_figure(rows))
    figure.savefig(FOLDER / FIGURE, dpi=FIGURE_DPI, metadata={"Software": None})


if __name__ == "__main__":
    main()
