"""The report of one analysis as Markdown. It writes what others computed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from hccbayes.records import ARM_CONTRASTS, POPULATION_NAMES, CohortSummary, Diagnosis
from hccbayes.report.baseline import baseline_markdown
from hccbayes.report.numbers import (
    escape_markdown,
    estimand_name,
    format_interval,
    format_probability,
)
from hccbayes.score_tables import ScoreTables
from hccbayes.spec import AnalysisSpec
from hccbayes.time_zero.protocol import target_trial

if TYPE_CHECKING:
    import pandas as pd


def report_text(
    *,
    spec: AnalysisSpec,
    summary: CohortSummary,
    estimates: pd.DataFrame,
    crosscheck: pd.DataFrame,
    diagnosis: Diagnosis,
    cautions: Sequence[str],
    failed: Mapping[str, Diagnosis] | None = None,
    score_tables: ScoreTables | None = None,
) -> str:
    """Return the report; its first lines say whether the fits may be used."""
    interval = spec.estimands.interval
    bayes = estimates["source"] == "bayes"
    arms = estimates["contrast"].isin(ARM_CONTRASTS)
    parts = [
        f"**{escape_markdown(diagnosis.headline())}**",
        *(
            f"**{escape_markdown(f'{name}: {own.headline()}')}**"
            for name, own in (failed or {}).items()
        ),
        f"# {escape_markdown(spec.model.name)}{' (synthetic cohort)' if summary.synthetic else ''}",
        f"**{escape_markdown(summary.notice)}**" if summary.synthetic else "",
        escape_markdown(spec.model.question),
        "## Cohort",
        cohort_markdown(summary, spec, centers=f", modeled as {spec.hazard.center}"),
        "## Read this before quoting a number",
        bullets(cautions) or "No caution was raised.",
        *_target_trial(spec),
        "## Effect of treatment",
        (
            f"Effects are treated over control. Intervals hold {interval.prob:.0%} "
            f"({interval.kind} for Bayesian rows). The conditional hazard ratio compares patients "
            "with equal covariates; the marginal one, survival, restricted mean and median compare "
            "the whole population under each arm and are the numbers to set beside a trial's."
        ),
        _estimates(_headline_first(estimates[bayes & arms], spec), benefit=True),
        *_propensity(score_tables, spec),
        "## Covariates and centers",
        _estimates(estimates[bayes & ~arms], benefit=False),
        "## Conventional analysis",
        _estimates(estimates[~bayes], benefit=False),
        "## Cross-check",
        (
            "Log hazard ratios beside Cox regression. The reference fit has neither prior nor "
            "coarse intervals nor centers and should lie within 0.1 posterior standard deviations "
            "of Cox; the analysis may differ where its prior or its centers speak."
        ),
        _crosscheck(crosscheck),
        "## Model",
        _model(spec),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of cells that are escaped already."""
    lines = [list(header), ["---"] * len(header), *[list(row) for row in rows]]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bullets(sentences: Iterable[str]) -> str:
    """Return sentences as an escaped list."""
    return "\n".join(f"- {escape_markdown(sentence)}" for sentence in sentences)


def cohort_markdown(summary: CohortSummary, spec: AnalysisSpec, *, centers: str = "") -> str:
    """Return the arms as a table, and where they come from.

    Parameters
    ----------
    summary, spec
        The cohort in numbers, and what its model file says of time zero.
    centers
        What is said after the number of centers.
    """
    rows = [
        [
            escape_markdown(arm),
            escape_markdown(own.label),
            str(own.patients),
            str(own.events),
            f"{own.person_months:.1f}",
        ]
        for arm, own in summary.arms.items()
    ]
    table = markdown_table(["arm", "label", "patients", "events", "person-months"], rows)
    facts = [
        f"Source {summary.source}, {summary.rows_read} rows read, SHA-256 {summary.sha256[:12]}.",
        f"Time zero: {spec.data.time_zero or 'not documented'}.",
    ]
    if summary.centers:
        facts.append(f"{summary.centers} centers{centers}.")
    facts += [f"Left out: {count}, {reason}." for reason, count in summary.exclusions]
    return f"{table}\n\n{bullets(facts)}"


def _headline_first(rows: pd.DataFrame, spec: AnalysisSpec) -> pd.DataFrame:
    """Return the rows that answer the question before those that stand beside them."""
    other = rows["method"] != spec.headline
    return rows.assign(other=other).sort_values("other", kind="stable").drop(columns="other")


def _target_trial(spec: AnalysisSpec) -> list[str]:
    """Return the protocol beside its emulation, where the model file states one."""
    if spec.design is None:
        return []
    table = target_trial(spec)
    rows = [[escape_markdown(str(cell)) for cell in row] for row in table.to_numpy()]
    return ["## Target trial and its emulation", markdown_table(list(table.columns), rows)]


def _estimates(rows: pd.DataFrame, *, benefit: bool) -> str:
    if rows.empty:
        return "None."
    header = ["estimand", "contrast", "population", "months", "estimate", "method"]
    body = []
    for _, row in rows.iterrows():
        line = [
            escape_markdown(estimand_name(str(row["estimand"]))),
            escape_markdown(str(row["contrast"])),
            escape_markdown(str(row["population"])),
            "" if row["time"] != row["time"] else f"{row['time']:g}",
            format_interval(row),
            escape_markdown(str(row["method"])),
        ]
        if benefit:
            line.append(format_probability(float(row["prob_benefit"])))
        body.append(line)
    return markdown_table([*header, "P(benefit)"] if benefit else header, body)


def _propensity(tables: ScoreTables | None, spec: AnalysisSpec) -> list[str]:
    if tables is None or spec.propensity is None:
        return []
    weights = [
        [
            escape_markdown(str(row["arm"])),
            str(row["patients"]),
            f"{row['total']:.1f}",
            f"{row['effective_sample_size']:.1f}",
            f"{row['largest']:.2f}",
        ]
        for _, row in tables.weights.iterrows()
    ]
    header = ["arm", "patients", "sum of weights", "effective sample size", "largest weight"]
    return [
        "## Propensity score and balance",
        (
            f"Score: {escape_markdown(spec.propensity.formula)}; prior "
            f"{escape_markdown(spec.propensity.prior)}. Weights stand for "
            f"{POPULATION_NAMES[spec.adjustment.target]}."
        ),
        _log_odds(tables.propensity),
        markdown_table(header, weights),
        _balance(tables.balance),
        bullets(tables.conventions),
        "### Patients before and after weighting",
        baseline_markdown(tables.baseline),
    ]


def _log_odds(table: pd.DataFrame) -> str:
    header = ["log odds ratio of treatment", "Bayes (sd)", "maximum likelihood (SE)", "Firth (SE)"]
    kinds = (
        ("bayes", "bayes_sd"),
        ("maximum_likelihood", "maximum_likelihood_se"),
        ("firth", "firth_se"),
    )
    body = [
        [
            escape_markdown(str(row["term"])),
            *(
                "no maximum" if row[name] != row[name] else f"{row[name]:.3f} ({row[error]:.3f})"
                for name, error in kinds
            ),
        ]
        for _, row in table.iterrows()
    ]
    return markdown_table(header, body)


def _balance(balance: pd.DataFrame) -> str:
    header = ["term", "sample", "statistic", "before", "after", "limit", ""]
    body = [
        [
            escape_markdown(str(row["term"])),
            escape_markdown(str(row["sample"])),
            escape_markdown(str(row["statistic"]).replace("_", " ")),
            f"{row['unadjusted']:.3f}",
            f"{row['adjusted']:.3f}",
            "" if row["threshold"] != row["threshold"] else f"{row['threshold']:g}",
            "not balanced" if str(row["balanced"]) == "False" else "",
        ]
        for _, row in balance.iterrows()
    ]
    return markdown_table(header, body)


def _crosscheck(crosscheck: pd.DataFrame) -> str:
    rows = crosscheck[crosscheck["estimand"].isin(["log_hr", "log_marginal_hr"])]
    header = ["term", "fit", "against", "Bayes (sd)", "frequentist (SE)", "difference in sd", ""]
    body = [
        [
            escape_markdown(str(row["term"])),
            str(row["prior"]),
            escape_markdown(str(row["method"])),
            f"{row['bayes']:.3f} ({row['bayes_sd']:.3f})",
            f"{row['frequentist']:.3f} ({row['frequentist_se']:.3f})",
            f"{row['difference_in_sd']:+.2f}",
            escape_markdown(str(row["remark"])),
        ]
        for _, row in rows.iterrows()
    ]
    return markdown_table(header, body)


def _model(spec: AnalysisSpec) -> str:
    hazard, priors = spec.hazard, spec.priors
    facts = [
        f"Formula: {hazard.formula}.",
        f"Baseline {hazard.baseline}, cut points {hazard.cuts}, centers {hazard.center}.",
        f"Treatment: {priors.treatment.describe_hr()}.",
        f"Covariates, standardized: {priors.covariates.describe_hr()}.",
        f"Sampler {spec.sampler.backend}: {spec.sampler.chains} chains of {spec.sampler.draws} "
        f"draws after {spec.sampler.tune}, seed {spec.sampler.seed}.",
    ]
    return bullets(facts)
