"""The synthetic cohorts, coded as the print codes its patients.

A printed hazard ratio names a covariate and two levels; :data:`CODINGS` says which column of the
synthetic cohort that is and which of its values stand in the numerator. Nothing printed stands
here: numbers come from :mod:`hccbayes.evidence`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import norm

import hccbayes as hb
from hccbayes.model_files import model_file

STUDIES: Final = ("Chen2025", "Lin2023", "Lu2025", "Sun2025")
"""Cohort studies, as the evidence tables name them; the synthetic cohort is the same in lower case.
"""
NULL: Final = "lu2025_immortal_null"
TIME_AND_EVENT: Final = {
    "OS": ("os_months", "death"),
    "PFS": ("pfs_months", "progression_or_death"),
    "RFS": ("pfs_months", "progression_or_death"),
}
"""Columns of an endpoint; recurrence after surgery stands in the columns of progression."""
ARMS: Final = {"treated": 1.0, "control": 0.0}


@dataclass(frozen=True, slots=True)
class Coding:
    """A column and the values in the numerator; a column without values is taken as a number."""

    column: str
    numerator: tuple[object, ...] = ()


def _yes(column: str) -> Coding:
    return Coding(column, ("yes",))


def _no(column: str) -> Coding:
    return Coding(column, ("no",))


CODINGS: Final[dict[tuple[str, str, str], Coding]] = {
    ("Chen2025", "age", "> 50"): _yes("age_above_50"),
    ("Chen2025", "sex", "Male"): Coding("sex", ("male",)),
    ("Chen2025", "ecog", "1"): Coding("ecog_score", (1, 2)),
    ("Chen2025", "etiology", "HBV"): Coding("etiology", ("HBV",)),
    ("Chen2025", "tumor_number", "Multiple"): Coding("tumor_number", ("multiple",)),
    ("Chen2025", "tumor_size", "> 10cm"): _yes("tumor_above_10_cm"),
    ("Chen2025", "lung_met_number", "Multiple"): Coding("lung_metastasis_number", ("multiple",)),
    ("Chen2025", "pvtt", "Presence"): _yes("portal_vein_thrombus"),
    ("Chen2025", "afp", "> 400"): _yes("afp_above_400"),
    ("Chen2025", "albi", "2\N{EN DASH}3"): Coding("albi_grade", (2, 3)),
    ("Chen2025", "child_pugh", "B"): Coding("child_pugh", ("B",)),
    ("Lin2023", "age", "+1 year"): Coding("age_years"),
    ("Lin2023", "sex", "male"): Coding("sex", ("male",)),
    ("Lin2023", "etiology", "HBV"): Coding("etiology", ("HBV",)),
    ("Lin2023", "child_pugh", "7-9"): Coding("child_pugh_score", ("7-9",)),
    ("Lin2023", "cirrhosis", "no"): _no("cirrhosis"),
    ("Lin2023", "bclc", "C"): Coding("bclc_stage", ("C",)),
    ("Lin2023", "pvtt", "yes"): _yes("portal_vein_thrombus"),
    ("Lin2023", "pvtt", "no"): _no("portal_vein_thrombus"),
    ("Lin2023", "tumor_number", "<=3"): _no("tumors_above_3"),
    ("Lin2023", "tumor_size", "+1 cm"): Coding("tumor_size_cm"),
    ("Lin2023", "afp", "<=400"): _no("afp_above_400"),
    ("Lin2023", "extrahepatic_met", "yes"): _yes("extrahepatic_metastases"),
    ("Lin2023", "apf", "no"): _no("arterioportal_fistula"),
    ("Sun2025", "age", ">=50 years"): _yes("age_50_or_above"),
    ("Sun2025", "sex", "men"): Coding("sex", ("male",)),
    ("Sun2025", "hbsag", "positive"): Coding("hbsag", ("positive",)),
    ("Sun2025", "afp", ">=20 ng/mL"): _yes("afp_20_or_above"),
    ("Sun2025", "alt", ">=40 U/L"): _yes("alt_40_or_above"),
    ("Sun2025", "tbil", ">=17.1 umol/L"): _yes("bilirubin_17_or_above"),
    ("Sun2025", "plt", ">=100e9/L"): _yes("platelets_100_or_above"),
    ("Sun2025", "wbc", ">=4e9/L"): _yes("leukocytes_4_or_above"),
    ("Sun2025", "hepatic_t_stage", "II"): Coding("hepatic_t_stage", ("II",)),
    ("Sun2025", "lung_met_number", "multiple"): Coding("lung_metastasis_number", ("multiple",)),
}
"""Study, covariate and numerator as the evidence table of hazard ratios has them."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """Follow-up of some patients: start (zeros) and stop in months, event, treated; one a patient.

    ``frame`` holds the same patients with every column of the cohort.
    """

    frame: pd.DataFrame
    start: np.ndarray
    stop: pd.Series
    event: pd.Series
    treated: pd.Series

    def arm(self, arm: str) -> Outcome:
        """Return one arm, or everybody for ``overall``."""
        if arm == "overall":
            return self
        kept = self.treated == ARMS[arm]
        parts = (self.frame, self.start, self.stop, self.event, self.treated)
        return Outcome(*(part[kept] for part in parts))


def cohort_name(study: str) -> str:
    """Return the name of a study's synthetic cohort."""
    return study if study == NULL else study.lower()


def spec_of(study: str, endpoint: str) -> hb.AnalysisSpec:
    """Return the named analysis of a study's endpoint."""
    suffix = "os" if endpoint == "OS" else "pfs"
    return hb.AnalysisSpec.from_toml(model_file(f"{cohort_name(study)}_{suffix}"))


@cache
def outcome(study: str, endpoint: str, sample: str) -> Outcome:
    """Return the patients of a sample, ``unadjusted`` (everybody) or ``matched``."""
    frame = hb.synthetic.load(cohort_name(study))
    if sample == "matched":
        frame = frame[frame["matched"] == "yes"].reset_index(drop=True)
    elif sample != "unadjusted":
        raise ValueError(f"no synthetic cohort of a {sample} sample")
    time, event = TIME_AND_EVENT[endpoint]
    label = spec_of(study, endpoint).data.arm.treated
    treated = (frame["arm"] == label).astype(float)
    return Outcome(frame, np.zeros(len(frame)), frame[time], frame[event], treated)


def coding_of(row: pd.Series) -> Coding:
    """Return the column of a printed covariate; an unknown one is named."""
    key = (row["study"], row["covariate"], row["numerator"])
    if key not in CODINGS:
        raise KeyError(f"no column of the synthetic cohort is known for {key}")
    return CODINGS[key]


def coded(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the design of printed regressions of one model, numerator over denominator.

    Parameters
    ----------
    rows
        Rows of the evidence table: one study, endpoint, sample and model; the treatment's too.

    Returns
    -------
    pandas.DataFrame
        A column a row, named by covariate: 1 for the numerator, except that ``treatment`` is 1 for
        the treated whatever the print has on top.
    """
    first = rows.iloc[0]
    patients = outcome(first["study"], first["endpoint"], first["analysis_set"])
    columns = {}
    for _, row in rows.iterrows():
        if row["term"] == "treatment":
            columns["treatment"] = patients.treated
            continue
        coding = coding_of(row)
        values = patients.frame[coding.column]
        columns[row["covariate"]] = (
            values.isin(coding.numerator) if coding.numerator else values
        ).astype(float)
    return pd.DataFrame(columns)


def level_events(row: pd.Series) -> tuple[int, int] | None:
    """Return the cohort's events in numerator and denominator; nothing for what is a number."""
    patients = outcome(row["study"], row["endpoint"], row["analysis_set"])
    if row["term"] == "treatment":
        index = patients.treated == ARMS[row["numerator"]]
    else:
        coding = coding_of(row)
        if not coding.numerator:
            return None
        index = patients.frame[coding.column].isin(coding.numerator)
    return int(patients.event[index].sum()), int(patients.event[~index].sum())


def printed_se(row: pd.Series) -> float:
    """Return the largest standard error whose limits round to the printed (or repaired) ones."""
    half = 0.5 * 10.0 ** -len(row["printed_hr"].partition(".")[2])
    lower, upper = row["lower"], row["upper"]
    if row["term"] == "treatment" and row["numerator"] == "control":
        lower, upper = 1 / upper, 1 / lower
    return float(np.log((upper + half) / (lower - half)) / (2 * norm.ppf(0.975)))
