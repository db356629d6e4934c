"""The propensity matching of Chen et al. 2025 on the synthetic cohort, beside what they printed.

    python docs/matching_chen2025.py

writes ``matching_chen2025.md`` beside it. The cohort is synthetic: the page shows the software,
never the therapy.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

import hccbayes as hb
from hccbayes import evidence
from hccbayes.balance import balance_table
from hccbayes.frequentist.adjusted import matched_estimates
from hccbayes.frequentist.stepwise_logistic import StepwiseSelection, stepwise_logistic
from hccbayes.matching import MatchedPairs, match
from hccbayes.report.numbers import METHOD_NAMES, format_interval

PAGE: Final = Path(__file__).with_suffix(".md")
COVARIATES: Final = (
    "age_above_50",
    "sex",
    "ecog_score",
    "etiology",
    "tumor_number",
    "tumor_above_10_cm",
    "lung_metastasis_number",
    "portal_vein_thrombus",
    "afp_above_400",
    "albi_grade",
    "child_pugh",
)
"""What the study's score was chosen from; ECOG status and ALBI grade as numbers."""
TREATED: Final = "HAIC + lenvatinib + PD-1"
SEEDS: Final = range(200)
CALIPER: Final = 0.2


def columns(cohort: pd.DataFrame) -> pd.DataFrame:
    """Return the covariates as numbers, text as a dummy of its second level."""
    return pd.get_dummies(cohort[list(COVARIATES)], drop_first=True, dtype=float).astype(float)


def selection(cohort: pd.DataFrame) -> StepwiseSelection:
    """Return the stepwise logistic score, by AIC in both directions."""
    found = columns(cohort)
    factors = {name: [own for own in found if own.startswith(name)] for name in COVARIATES}
    return stepwise_logistic(found, arm(cohort), factors=factors)


def arm(cohort: pd.DataFrame) -> np.ndarray:
    return (cohort["arm"] == TREATED).to_numpy(dtype=float)


def matchings(cohort: pd.DataFrame, score: np.ndarray) -> Iterator[tuple[str, MatchedPairs]]:
    """Yield the conventions that the paper leaves open, with the pairs each gives."""
    usual: dict[str, Any] = {"caliper": CALIPER}
    treatment = arm(cohort)
    yield "largest score first, SD of all patients", match(score, treatment, **usual)
    pooled = match(score, treatment, caliper_scale="pooled", **usual)
    yield "largest score first, pooled SD within arms", pooled
    yield "order of the data", match(score, treatment, order="data", **usual)
    yield "random order, seed 1", match(score, treatment, order="random", seed=1, **usual)
    yield "optimal", match(score, treatment, method="optimal", **usual)
    yield "no caliper", match(score, treatment)


def hazard_ratio(cohort: pd.DataFrame, pairs: MatchedPairs, endpoint: str) -> str:
    """Return the pair-clustered Cox hazard ratio of the matched patients."""
    time, event = {
        "OS": ("os_months", "death"),
        "PFS": ("pfs_months", "progression_or_death"),
    }[endpoint]
    own = pd.DataFrame(
        {
            "patient": cohort["patient_id"],
            "entry": 0.0,
            "time": cohort[time],
            "event": cohort[event],
            "treatment": arm(cohort),
        }
    ).iloc[pairs.matched]
    table = matched_estimates(
        own.reset_index(drop=True),
        pairs.cluster[pairs.matched],
        times=[12],
        horizon=12,
        model="chen2025",
    )
    return format_interval(table[table["estimand"] == "marginal_hr"].iloc[0])


def printed(endpoint: str) -> str:
    """Return the printed matched hazard ratio of the Cox table."""
    table = evidence.table("hazard_ratios", usable_only=False)
    rows = table[
        (table["study"] == "Chen2025")
        & (table["endpoint"] == endpoint)
        & (table["analysis_set"] == "matched")
        & (table["model"] == "univariable Cox")
        & (table["covariate"] == "treatment")
    ]
    row = rows.iloc[0]
    return f"{row['printed_hr']} ({row['printed_lower']} to {row['printed_upper']})"


def differences(cohort: pd.DataFrame, pairs: MatchedPairs) -> list[list[str]]:
    """Return standardized differences before, in the printed pairs and in ours."""
    found, treatment = columns(cohort), arm(cohort)
    as_printed = (cohort["matched"] == "yes").to_numpy(dtype=float)
    tables = [
        balance_table(found, treatment, weights=weights, target="att", statistics=["smd"])
        for weights in (as_printed, pairs.weights)
    ]
    return [
        [
            str(first["term"]),
            f"{first['unadjusted']:+.3f}",
            f"{first['adjusted']:+.3f}",
            f"{second['adjusted']:+.3f}",
        ]
        for first, second in zip(
            tables[0].to_dict("records"), tables[1].to_dict("records"), strict=True
        )
    ]


def bayesian_rows() -> list[list[str]]:
    """Return the marginal hazard ratios of the named analysis, by method."""
    models = Path(__file__).resolve().parents[1] / "models"
    spec = hb.AnalysisSpec.from_toml(models / "chen2025_os_adjusted.toml")
    analysis = hb.analyse(hb.read_cohort(spec.data.source, spec.roles), spec)
    rows = analysis.estimates[analysis.estimates["estimand"] == "marginal_hr"]
    return [
        [METHOD_NAMES.get(row["method"], row["method"]), row["population"], format_interval(row)]
        for _, row in rows.iterrows()
    ]


def markdown(header: list[str], rows: list[list[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def frequentist_part(cohort: pd.DataFrame) -> str:
    """Return the part of the page that needs no fit of a Bayesian model."""
    chosen = selection(cohort)
    found = list(matchings(cohort, chosen.fit.score))
    sizes = [
        len(match(chosen.fit.score, arm(cohort), caliper=CALIPER, order="random", seed=seed).pairs)
        for seed in SEEDS
    ]
    by_convention = [
        [
            name,
            str(len(pairs.pairs)),
            f"{max(abs(float(row[3])) for row in differences(cohort, pairs)):.3f}",
            hazard_ratio(cohort, pairs, "OS"),
            hazard_ratio(cohort, pairs, "PFS"),
        ]
        for name, pairs in found
    ]
    first = found[0][1]
    as_matched = cohort["matched"].eq("yes").to_numpy() & (arm(cohort) == 0)
    shared = int(as_matched[first.pairs["control"]].sum())
    header = ["pairs made by", "pairs", "largest SMD", "OS", "PFS"]
    as_printed = ["as printed", "151", "", printed("OS"), printed("PFS")]
    return f"""\
## The score

Stepwise logistic regression by AIC, both directions, over the eleven covariates of the paper keeps {", ".join(chosen.factors)}. The paper does not print which covariates its score kept, nor the criterion. Stepwise choice of a score is shown because the study did it: it throws away prognostic covariates that happen to be balanced, and its p-values mean nothing. ECOG status 2 occurs in the control arm alone; as a factor it would have no finite coefficient, so it enters as a number.

## The pairs

1:1 nearest neighbors without replacement within {CALIPER:g} standard deviations. The paper names the 0.2 but not of what; each row is one reading. In {len(SEEDS)} random orders of the same matching the number of pairs ran from {min(sizes)} to {max(sizes)}. Hazard ratios: Cox regression in the matched patients, treated over control, variance clustered by pair.

{markdown(header, [as_printed, *by_convention])}

The printed number of pairs comes back, whatever the order: a score of so few values puts patients into a handful of groups, a caliper of 0.2 allows pairs within a group alone, and a treated patient stays single where his group has run out of controls. Which controls of a group are taken is left to the order of the data; that is why the number of pairs says little about the pairs. Hazard ratios differ from the printed ones because those are targets of the printed pairs (the column `matched` of the cohort), not of pairs made anew: {shared} of the {len(first.pairs)} controls are in both. The joint distribution of the covariates, and with it the score of the paper, is not in print.

## Standardized differences

Denominator: standard deviation of the treated before matching. `printed pairs` are the cohort's own column `matched`, which has the printed counts of every covariate; `our pairs` are those of the first row above.

{markdown(["covariate", "before", "printed pairs", "our pairs"], differences(cohort, first))}
"""


def page() -> str:
    """Return the whole page."""
    cohort = hb.synthetic.load("chen2025")
    return f"""\
# Matching as Chen et al. 2025 did it

On the synthetic cohort with the printed margins of the study; what it shows is the software, never the therapy. Made by `python docs/matching_chen2025.py`.

{frequentist_part(cohort)}
## Every method in one table

The named analysis `models/chen2025_os_adjusted.toml`: score and outcome model hold ten of the covariates and the centers, chosen before the outcome was seen, and no covariate is dropped. Marginal hazard ratios of overall survival with 95% intervals.

{markdown(["method", "population", "hazard ratio"], bayesian_rows())}

The matched and the weighted effects are about different patients and need not agree; here they do within their intervals. How often intervals of these methods hold the truth at the size of such studies is measured in [adjustment.md](adjustment.md).
"""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
