"""The page `docs/reproduction.md` as text, made from the rows and from nothing else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

import pandas as pd

from hccbayes import evidence
from hccbayes.report.numbers import escape_markdown
from reproduction_cohorts import NULL, STUDIES
from reproduction_reasons import BAYESIAN_REASONS, REASONS
from reproduction_record import AGREE, DIFFER, ESTIMATE_ONLY, NOT_COMPARED, leading
from reproduction_tables_page import (
    AGREEMENTS,
    SAMPLES,
    folded,
    folded_tables,
    in_words,
    other_tests,
    overview,
    p_overview,
    why,
)

HEADINGS: Final = (
    *("Analysis", "Quantity", "Arm or contrast", "Printed"),
    *("Frequentist", "Bayesian", "Agrees", "Why"),
)
FIGURE: Final = "figures/reproduction.png"

INTRODUCTION: Final = """\
# Comparison with print

Every survival number of four cohort studies, and every row of their conventional tables (Table 1, \
univariable and multivariable Cox regression, response, adverse events), beside what this package \
computes from the synthetic cohort of the study. The cohorts are not patients. They were built \
from the printed margins, so that a number they were built to carry must come back, and a number \
they were not built to carry shows how little print determines. **They show the software and never \
a therapy**: nothing on this page says whether a treatment works.

`make reproduction` writes this page, its rows (`reproduction.csv`) and its figure anew; the fits \
take some minutes. Printed numbers are read from `hb.evidence.table(..., usable_only=False)`; none \
is typed here. The default tests recompute every frequentist number and compare it with the rows, \
and this page with what the rows make; a slow test refits one of the Bayesian models.
"""

GUIDE: Final = f"""\
![Printed, Cox and Bayesian hazard ratios of treatment]({FIGURE})

*Hazard ratios of treatment, treated over control, with 95% intervals: as printed (misprints \
included; Lu2025 prints none), and by Cox regression and Bayesian model of the synthetic cohorts.*

## How to read it

- **Printed**: the digits of the paper, misprints included. Hazard ratios stand as printed: \
Lin2023 and Sun2025 have control over treated, and so have their rows in all three columns. The \
figure has treated over control throughout. The whole cohort is `unadjusted` in the evidence tables.
- **Frequentist**: Kaplan-Meier medians with log limits (the default of R), follow-up by reverse \
Kaplan-Meier, log-rank test, Cox regression with ties as Efron has them, Wald limits and Wald p; \
counts of events. A regression holds what the printed one held: treatment alone, one covariate \
alone, or all of the multivariable table.
- **Conventional** (Table 1, response, adverse events, entry rule): \
`hb.frequentist.conventional_analysis` of the study's named analysis without centers. The test is \
the one its rule takes, from expected counts or the Shapiro-Wilk test, and is named; the printed p \
has no say in it. Where another usual test of the same counts gives the printed p, the row says \
which. Counts and means stand in the order of the arms named; the SMD is of all levels as one \
factor; a risk difference is treated less control with Newcombe's limits. The entry rule is that \
of the study: univariable p below 0.1 (Chen2025) or 0.05 (Lin2023, Sun2025).
- **Bayesian**: piecewise-exponential model of the study's named analysis (`models/`), its formula \
replaced by treatment alone or by the printed covariates, without centers; 4 chains of 1,000 \
draws, fixed seed. Posterior median and 95% equal-tailed interval, for survival the posterior \
mean; for a p the posterior probability that treatment lowers the hazard, which is another \
question. Medians and survival are standardized over the sample and assume proportional hazards; \
a median beyond the follow-up common to both arms is not reached. Priors are the default ones, \
Normal(0, 0.7) for the log hazard ratio of treatment and Normal(0, 0.5) for that of a covariate. \
They draw ratios towards 1, much in 46 matched patients and little in 422. Every model of the \
package compares two arms, so that a regression on one covariate alone has no Bayesian \
counterpart; nor have counts, responses and censoring. A fit that fails its diagnostics says so.
- **Agrees**: `yes` where the frequentist numbers round to everything printed in the row, \
`estimate` where the estimate does (or the counts, means or medians) and a limit, a p, an SMD or a \
percentage does not, `no` where the estimate does not; of the entry rule, whether the covariate \
enters. Empty where print or cohort has no such number.
- **Why**: one or more of the reasons below, then what the evidence tables say of this number. \
Where a Bayesian interval misses the frequentist estimate, that is said here too.

### Reasons
"""


def page(rows: pd.DataFrame) -> str:
    """Return the page of the rows."""
    parts = [INTRODUCTION, *_overview(rows), "", GUIDE, *_legend(rows)]
    for study in (*STUDIES, NULL):
        parts += ["", *_study(study, rows[rows["study"] == study])]
    return "\n".join(parts) + "\n"


def labels(reason: str) -> list[str]:
    """Return the labels of a reason."""
    return [label for label in reason.split("; ") if label]


def compared(rows: pd.DataFrame) -> Counter[str]:
    """Return how many rows agree, by degree."""
    return Counter(rows["agreement"])


def reasons_of(rows: pd.DataFrame) -> Counter[str]:
    """Return how many rows that do not agree in all name each reason."""
    apart = rows[rows["agreement"].isin([ESTIMATE_ONLY, DIFFER])]
    return Counter(label for reason in apart["reason"] for label in labels(reason))


def _legend(rows: pd.DataFrame) -> Iterator[str]:
    used = {label for reason in rows["reason"] for label in labels(reason)}
    yield "| reason | meaning |"
    yield "| --- | --- |"
    for label, meaning in REASONS.items():
        if label in used:
            yield f"| {label} | {meaning} |"
    for label, meaning in BAYESIAN_REASONS.items():
        if (rows["bayes_remark"] == label).any():
            yield f"| Bayes: {label} | {meaning} |"


def _overview(rows: pd.DataFrame) -> Iterator[str]:
    yield "## In short"
    yield ""
    yield from overview(rows)
    yield ""
    yield f"Reasons, of which a row may have two: {_apart(rows)}."
    yield ""
    yield "### The conventional tables"
    yield ""
    yield from in_words(rows)
    yield ""
    yield "Which test gives the printed p, of the rows that have one and a counterpart:"
    yield ""
    yield from p_overview(rows)
    yield ""
    yield other_tests(rows)


def _study(study: str, rows: pd.DataFrame) -> Iterator[str]:
    yield f"## {study}"
    yield ""
    yield _source(study)
    yield ""
    yield _agreement_text(rows)
    yield ""
    yield "| " + " | ".join(HEADINGS) + " |"
    yield "|" + " --- |" * len(HEADINGS)
    for _, row in rows[~folded(rows)].iterrows():
        yield "| " + " | ".join(_cells(row)) + " |"
    yield from folded_tables(rows)


def _source(study: str) -> str:
    if study == NULL:
        return (
            "The printed covariates and arm sizes of Lu2025 in a cohort in which treatment does "
            "nothing: the true hazard ratio is 1 at every time. Printed numbers are those of "
            "Lu2025."
        )
    known = evidence.studies().set_index("study").loc[study]
    return (
        f"{escape_markdown(known['citation'])}, doi {known['doi']}; "
        f'`hb.synthetic.load("{study.lower()}")`.'
    )


def _agreement_text(rows: pd.DataFrame) -> str:
    found = compared(rows)
    apart = _apart(rows)
    held = _held(rows)
    beyond = f"; {found[NOT_COMPARED]} have no counterpart" if found[NOT_COMPARED] else ""
    sentences = [
        f"Of {len(rows)} rows {found[AGREE]} agree in every printed digit, {found[ESTIMATE_ONLY]} "
        f"in the estimate alone, and {found[DIFFER]} differ{beyond}."
    ]
    if apart:
        sentences.append(f"Reasons, of which a row may have two: {apart}.")
    if held[1]:
        sentences.append(
            f"The Bayesian interval holds the frequentist estimate in {held[0]} of {held[1]} rows."
        )
    return " ".join(sentences)


def _apart(rows: pd.DataFrame) -> str:
    return ", ".join(f"{label} {count}" for label, count in reasons_of(rows).most_common())


def _held(rows: pd.DataFrame) -> tuple[int, int]:
    """Return how many Bayesian intervals hold the frequentist estimate, of how many."""
    both = [
        row["bayes_remark"] == ""
        for _, row in rows[rows["fit"] != ""].iterrows()
        if leading(row["frequentist"])[0] == leading(row["frequentist"])[0]
        and leading(row["bayes"])[1] == leading(row["bayes"])[1]
    ]
    return sum(both), len(both)


def _cells(row: pd.Series) -> list[str]:
    bayes = f"Bayes: {row['bayes_remark']}" if row["bayes_remark"] else ""
    texts = [
        f"{row['endpoint']}, {SAMPLES[row['sample']]}",
        *(row[name] for name in ("quantity", "item", "printed", "frequentist", "bayes")),
        AGREEMENTS[row["agreement"]],
        ". ".join(part for part in (why(row), bayes) if part),
    ]
    return [escape_markdown(text) for text in texts]
