"""Hazard ratios of several studies pooled: fixed effect and random effects, with their limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy.stats import norm

from hccbayes.defaults import INTERVAL_PROB
from hccbayes.errors import InputError, Problem
from hccbayes.frequentist.arguments import prob_problems
from hccbayes.frequentist.episodes import FloatArray
from hccbayes.frequentist.heterogeneity import Heterogeneity, cochran_q, tau_squared_limits
from hccbayes.frequentist.pooled_effects import (
    FIXED,
    INTERVAL_LABELS,
    METHOD_LABELS,
    NO_PREDICTION,
    ONE_STUDY,
    POOLED_COLUMNS,
    TWO_STUDIES,
    beyond,
    hazard_ratio,
    pooled_rows,
)

LARGEST_LOG_RATIO: Final = 700.0
"""Log hazard ratio from which its exponential, about 1e304, is no number."""
LARGEST_SE: Final = 1e50
"""Standard error whose fourth power is still a number; the inverse for small ones."""
FOREST_COLUMNS: Final = ("label", "kind", "hr", "lower", "upper", "weight", "note")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetaAnalysis:
    """Pooled hazard ratios, by method and kind of interval.

    Parameters
    ----------
    studies
        One row a study: ``label``, ``log_hr``, ``se``, ``hr``, ``hr_lower``, ``hr_upper`` (Wald),
        ``note`` and ``weight_METHOD`` in percent.
    pooled
        One row a method and kind of interval, columns of
        :data:`hccbayes.frequentist.pooled_effects.POOLED_COLUMNS`; ``nan`` where
        ``note`` says what is not estimable.
    heterogeneity
        Cochran's Q with its test.
    tau_squared_lower, tau_squared_upper
        Q-profile limits of the between-study variance; ``nan`` for a single study.
    interval_prob
        Probability of every interval.
    notes
        What a reader must know of these studies.
    """

    studies: pd.DataFrame
    pooled: pd.DataFrame
    heterogeneity: Heterogeneity
    tau_squared_lower: float
    tau_squared_upper: float
    interval_prob: float
    notes: tuple[str, ...]

    def forest(self, method: str = "reml", *, interval_kind: str = "hartung_knapp") -> pd.DataFrame:
        """Return the rows of a forest plot: studies, pooled effect, prediction interval.

        Parameters
        ----------
        method
            ``fixed_effect``, ``dersimonian_laird``, ``reml`` or ``paule_mandel``.
        interval_kind
            ``wald`` or ``hartung_knapp``.

        Returns
        -------
        pandas.DataFrame
            Columns of :data:`FOREST_COLUMNS`: hazard ratios, ``kind`` one of ``study``, ``pooled``
            and ``prediction``, ``weight`` in percent. Without limits ``note`` has the reason.

        Raises
        ------
        InputError
            If a name is not known.
        """
        _known("method", method, METHOD_LABELS)
        _known("interval_kind", interval_kind, INTERVAL_LABELS)
        own = self.pooled.query("method == @method and interval_kind == @interval_kind").iloc[0]
        rows = self.studies.rename(
            columns={"hr_lower": "lower", "hr_upper": "upper", f"weight_{method}": "weight"}
        ).assign(kind="study")
        last: list[dict[str, Any]] = [
            {
                "label": METHOD_LABELS[method],
                "kind": "pooled",
                "hr": own["hr"],
                "lower": own["hr_lower"],
                "upper": own["hr_upper"],
                "weight": 100.0,
                "note": own["note"],
            }
        ]
        if method != FIXED:
            known = math.isfinite(own["prediction_lower"])
            last.append(
                {
                    "label": "Prediction interval",
                    "kind": "prediction",
                    "hr": own["hr"],
                    "lower": hazard_ratio(own["prediction_lower"]),
                    "upper": hazard_ratio(own["prediction_upper"]),
                    "weight": math.nan,
                    "note": "" if known else NO_PREDICTION,
                }
            )
        return pd.concat([rows[list(FOREST_COLUMNS)], pd.DataFrame(last)], ignore_index=True)


def pool_hazard_ratios(
    studies: pd.DataFrame, *, label: str = "study", prob: float = INTERVAL_PROB
) -> MetaAnalysis:
    r"""Pool log hazard ratios of independent studies.

    Fixed effect, and random effects with the between-study variance of DerSimonian and Laird,
    restricted maximum likelihood, and Paule and Mandel. Each has Wald limits
    :math:`\hat\mu \pm z\,(\sum w)^{-1/2}` and Hartung and Knapp's (2001, Statistics in Medicine
    20:3875) :math:`\hat\mu \pm t_{k-1} \{\sum w (y - \hat\mu)^2 / ((k - 1) \sum w)\}^{1/2}`,
    without the ad hoc floor of their factor. The effect of a new study lies in
    :math:`\hat\mu \pm t_{k-2} \{\hat\tau^2 + 1 / \sum w\}^{1/2}` (Higgins, Thompson and
    Spiegelhalter 2009, Journal of the Royal Statistical Society A 172:137).

    Parameters
    ----------
    studies
        One row a study: a column of names, ``log_hr`` (treated over control) and ``se``. Rows of
        ``hccbayes.evidence.table("hazard_ratios")`` have them; choose one row a study first.
    label
        Column of the names.
    prob
        Probability of every interval.

    Returns
    -------
    MetaAnalysis
        Of one study, that study, with a note on what cannot be estimated: R's metafor sets its
        heterogeneity to 0, here it is ``nan``. Where all effects are the same, Hartung and Knapp's
        limits have no width, as in metafor; the p it gives then, 0 or NaN, is ``nan``.

    Raises
    ------
    InputError
        If there is no study, a study stands there twice or has no name, or a number is missing,
        impossible or beyond what can be squared or exponentiated.
    """
    _check(studies, label, prob)
    effects = studies["log_hr"].to_numpy(dtype=np.float64)
    variances = studies["se"].to_numpy(dtype=np.float64) ** 2
    heterogeneity = cochran_q(effects, variances)
    several = len(effects) > 1
    limits = tau_squared_limits(effects, variances, prob) if several else (math.nan, math.nan)
    rows = [
        row
        for method in METHOD_LABELS
        for row in pooled_rows(method, effects, variances, heterogeneity, prob)
    ]
    return MetaAnalysis(
        studies=_study_table(studies[label], effects, variances, rows, prob),
        pooled=pd.DataFrame(rows, columns=list(POOLED_COLUMNS)),
        heterogeneity=heterogeneity,
        tau_squared_lower=limits[0],
        tau_squared_upper=limits[1],
        interval_prob=prob,
        notes=_notes(len(effects)),
    )


def _study_table(
    labels: pd.Series,
    effects: FloatArray,
    variances: FloatArray,
    rows: list[dict[str, Any]],
    prob: float,
) -> pd.DataFrame:
    se = np.sqrt(variances)
    half = float(norm.ppf((1.0 + prob) / 2.0)) * se
    table = pd.DataFrame(
        {
            "label": labels.astype(str).to_numpy(),
            "log_hr": effects,
            "se": se,
            "hr": [hazard_ratio(value) for value in effects],
            "hr_lower": [hazard_ratio(value) for value in effects - half],
            "hr_upper": [hazard_ratio(value) for value in effects + half],
        }
    )
    table["note"] = [beyond(*limits) for limits in table[["hr_lower", "hr_upper"]].to_numpy()]
    for row in rows:
        # Without a between-study variance there is a single study, whose weight is all of it.
        between = 0.0 if math.isnan(row["tau_squared"]) else row["tau_squared"]
        weights = 1.0 / (variances + between)
        table[f"weight_{row['method']}"] = 100.0 * weights / weights.sum()
    return table


def _notes(count: int) -> tuple[str, ...]:
    return {1: (ONE_STUDY,), 2: (TWO_STUDIES,)}.get(count, ())


def _known(what: str, name: str, known: Mapping[str, str]) -> None:
    if name not in known:
        listed = ", ".join(known)
        raise InputError(Problem(what, f"unknown {what} {name!r}; choose from {listed}"))


def _check(studies: pd.DataFrame, label: str, prob: float) -> None:
    problems = [
        Problem(f"column {column}", f"is needed; the table has {', '.join(map(str, studies))}")
        for column in (label, "log_hr", "se")
        if column not in studies
    ]
    problems += prob_problems(prob)
    if len(studies) == 0:
        problems.append(Problem("studies", "there is none; pooling needs one at least"))
    if problems:
        raise InputError(problems)
    names = studies[label].astype(str)
    log_hr, se = (pd.to_numeric(studies[one], errors="coerce") for one in ("log_hr", "se"))
    unnamed = studies[label].isna()
    largest, twice = LARGEST_LOG_RATIO, names.duplicated() & ~unnamed
    checks = (
        (
            "log_hr",
            ~(log_hr.abs() <= largest),
            f"must be finite, the logarithm of a hazard ratio, between {-largest:g} and "
            f"{largest:g}",
        ),
        (
            "se",
            ~((se >= 1.0 / LARGEST_SE) & (se <= LARGEST_SE)),
            f"must be positive and finite, between {1 / LARGEST_SE:g} and {LARGEST_SE:g}",
        ),
        (label, unnamed, "has a study without a name"),
        (
            label,
            twice,
            "names a study twice; pooled effects must be independent, so choose one row a study",
        ),
    )
    problems = [
        Problem(f"column {column}", message, tuple(names[wrong]))
        for column, wrong, message in checks
        if wrong.any()
    ]
    if problems:
        raise InputError(problems)
