"""The figures of a conventional analysis, each as PNG and SVG."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from hccbayes import plots
from hccbayes.conventional_curves import ArmCurves, ConventionalCurves, has_steps
from hccbayes.formula import TREATMENT
from hccbayes.frequentist.workflow import ConventionalAnalysis
from hccbayes.report.conventional_tables import split_note

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from hccbayes.spec import AnalysisSpec

_SUBGROUP_NAMES: Final = {
    "covariate": "subgroup",
    "treated_n": "treated_patients",
    "control_n": "control_patients",
}
_NO_STEPS: Final = (
    "log_minus_log: not drawn, since an arm's survival is nowhere between 0 and 1 after time 0."
)


def conventional_figures(
    result: ConventionalAnalysis, drawn: ConventionalCurves, spec: AnalysisSpec
) -> dict[str, Callable[[], Axes]]:
    """Return how each figure is drawn, by name, in the order in which a reader wants them.

    Parameters
    ----------
    result
        The tables.
    drawn
        Curves and residuals.
    spec
        Interval probability and name of the event.
    """
    prob, event = spec.estimands.interval.prob, in_words(spec.data.event)
    curves: dict[str, Any] = {"at_risk": drawn.plain.at_risk, "arm_names": drawn.arm_names}
    found: dict[str, Callable[[], Axes]] = {
        "kaplan_meier": partial(
            plots.kaplan_meier, drawn.plain.curves, medians=drawn.plain.medians, **curves
        ),
    }
    if drawn.weighted is not None:
        found["kaplan_meier_weighted"] = partial(_weighted, drawn.weighted, curves)
    found["cumulative_incidence"] = partial(
        plots.cumulative_incidence, drawn.plain.curves, event_name=event, **curves
    )
    if has_steps(drawn.plain.curves):
        found["log_minus_log"] = partial(
            plots.log_minus_log, drawn.plain.curves, arm_names=drawn.arm_names
        )
    if drawn.residuals is not None:
        found["schoenfeld"] = partial(_schoenfeld, drawn)
    found["subgroups"] = partial(
        plots.subgroups,
        subgroup_rows(result.subgroups),
        arm_names=drawn.arm_names,
        interval_prob=prob,
    )
    found["covariates"] = partial(
        plots.covariates,
        covariate_rows(result),
        labels=term_words(result.univariable),
        interval_prob=prob,
    )
    return found


def figure_notes(drawn: ConventionalCurves) -> tuple[str, ...]:
    """Return what is to be read with the figures, and which are not drawn and why."""
    return drawn.notes if has_steps(drawn.plain.curves) else (*drawn.notes, _NO_STEPS)


def write_conventional_figures(
    figures: Mapping[str, Callable[[], Axes]], directory: Path
) -> list[Path]:
    """Draw and write figures; return the PNG files."""
    directory.mkdir(parents=True)
    return [plots.save_figure(draw(), directory / name)[0] for name, draw in figures.items()]


def _weighted(weighted: ArmCurves, words: Mapping[str, Any]) -> Axes:
    return plots.kaplan_meier(
        weighted.curves, medians=weighted.medians, weighted_at_risk=weighted.at_risk, **words
    )


def _schoenfeld(drawn: ConventionalCurves) -> Axes:
    own = drawn.residuals
    assert own is not None
    return plots.schoenfeld(
        own.test.residuals,
        term=TREATMENT,
        smooth=own.smooth,
        tests=own.test.table,
        coefficient=own.coefficient,
        transform=own.test.transform,
        labels={TREATMENT: " vs ".join(drawn.arm_names)},
    )


def subgroup_rows(subgroups: pd.DataFrame) -> pd.DataFrame:
    """Return the table of subgroups as :func:`hccbayes.plots.subgroups` takes it.

    A level without a hazard ratio keeps its reason; what a note says of the interaction test stays
    in the table.
    """
    reasons = [split_note(str(note))[0] for note in subgroups["note"]]
    rows = subgroups.rename(columns=_SUBGROUP_NAMES)
    return rows.assign(subgroup=rows["subgroup"].map(in_words), reason=reasons)


def covariate_rows(result: ConventionalAnalysis) -> pd.DataFrame:
    """Return both Cox tables one below the other, as :func:`hccbayes.plots.covariates` takes them.

    Terms that no univariable model was made for, as interactions, stand there without a number.
    """
    parts = {"univariable": result.univariable, "multivariable": result.multivariable}
    columns = ["term", "hr", "lower", "upper", "p_value"]
    rows = [own[columns].assign(analysis=name) for name, own in parts.items()]
    return pd.concat(rows, ignore_index=True).rename(columns={"p_value": "p"})


def term_words(univariable: pd.DataFrame) -> dict[str, str]:
    """Return the contrast of each term, words apart where the data have underscores."""
    return {
        str(term): in_words(str(contrast))
        for term, contrast in univariable[["term", "contrast"]].itertuples(index=False)
    }


def in_words(name: str) -> str:
    """Return a column's name with blanks for underscores, where a line may be broken."""
    return str(name).replace("_", " ")
