"""The result of an analysis: a frozen record that can be looked at, saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes.errors import InputError, Problem
from hccbayes.records import CohortSummary, Diagnosis
from hccbayes.report import folder
from hccbayes.report.figures import write_figures
from hccbayes.report.markdown import report_text
from hccbayes.score_tables import TABLE_FILES, TEXT_COLUMNS, ScoreTables
from hccbayes.spec import AnalysisSpec

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Analysis:
    """Everything one analysis found.

    Parameters
    ----------
    spec
        The resolved model.
    summary
        The cohort in numbers; no patient's row.
    estimates
        The estimate table, Bayesian and frequentist.
    crosscheck
        Bayesian against frequentist, under the analysis and the reference prior.
    posterior
        Draws and curves: groups ``posterior``, ``sample_stats``, ``prior``, ``estimands``,
        ``curves``, ``kaplan_meier``, ``numbers_at_risk``, ``predictive``, and
        ``reference_posterior`` of the reference fit.
    diagnosis
        The gate of the main fit.
    reference_diagnosis
        The gate of the reference fit.
    further_diagnoses
        The gates of the propensity model and of the weighted and matched fits, by name.
    score_tables
        Balance, weights and baseline characteristics; ``None`` without a propensity model.
    cautions
        Sentences to be read before a number is quoted.
    provenance
        Versions, seed, digest of the data.
    """

    spec: AnalysisSpec
    summary: CohortSummary
    estimates: pd.DataFrame
    crosscheck: pd.DataFrame
    posterior: xr.DataTree
    diagnosis: Diagnosis
    reference_diagnosis: Diagnosis
    further_diagnoses: Mapping[str, Diagnosis] = field(default_factory=dict)
    score_tables: ScoreTables | None = None
    cautions: tuple[str, ...]
    provenance: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether every fit whose numbers are reported passed its gate."""
        return self.diagnosis.passed and not self.failed

    @property
    def failed(self) -> Mapping[str, Diagnosis]:
        """Fits beside the main one that failed their gate, by name."""
        return {name: own for name, own in self.further_diagnoses.items() if not own.passed}

    def __post_init__(self) -> None:
        """Mark tables and draws of a synthetic cohort, so that every figure of them says so."""
        if self.summary.synthetic:
            own = () if self.score_tables is None else self.score_tables.tables.values()
            for table in (self.estimates, self.crosscheck, self.posterior, *own):
                table.attrs["synthetic"] = self.summary.synthetic
            for group in self.posterior.subtree:
                group.attrs["synthetic"] = self.summary.synthetic

    def report(self) -> str:
        """Return the report as Markdown."""
        return report_text(
            spec=self.spec,
            summary=self.summary,
            estimates=self.estimates,
            crosscheck=self.crosscheck,
            diagnosis=self.diagnosis,
            failed=self.failed,
            score_tables=self.score_tables,
            cautions=self.cautions,
        )

    def save(self, directory: str | Path, *, force: bool = False, command: str = "") -> Path:
        """Write the results folder.

        Everything is written to a temporary folder beside it that is renamed when whole, so that
        a folder that exists is complete.

        Parameters
        ----------
        directory
            The folder to make.
        force
            Replace an existing results folder.
        command
            The command that made it, for ``provenance.json``.

        Returns
        -------
        pathlib.Path
            The folder.

        Raises
        ------
        FolderExistsError
            If the folder exists and `force` is not set, or it is not a results folder.
        """
        with folder.new_folder(directory, force=force) as target:
            folder.write_table(self.estimates, target / "estimates.csv")
            folder.write_table(self.crosscheck, target / "crosscheck.csv")
            if self.score_tables is not None:
                for name, table in self.score_tables.tables.items():
                    folder.write_table(table, target / f"{name}.csv")
            folder.write_json(self._diagnostics(), target / "diagnostics.json")
            folder.write_json(self._provenance(command), target / "provenance.json")
            (target / "model.toml").write_text(self.spec.to_toml(), encoding="utf-8")
            self.posterior.to_netcdf(target / "posterior.nc", engine="h5netcdf")
            write_figures(
                self.posterior,
                self.estimates,
                self.crosscheck,
                target / "figures",
                self.score_tables,
            )
            (target / "report.md").write_text(self.report(), encoding="utf-8")
        return Path(directory)

    def _diagnostics(self) -> dict[str, Any]:
        return {
            "main": self.diagnosis.to_dict(),
            "reference": self.reference_diagnosis.to_dict(),
            "further": {name: own.to_dict() for name, own in self.further_diagnoses.items()},
            "passed": self.passed,
        }

    def _provenance(self, command: str) -> dict[str, Any]:
        return {
            **self.provenance,
            "command": command,
            "cohort": self.summary.to_dict(),
            "cautions": list(self.cautions),
            "balance_conventions": (
                None if self.score_tables is None else list(self.score_tables.conventions)
            ),
        }


def load(directory: str | Path) -> Analysis:
    """Read a results folder back.

    Raises
    ------
    InputError
        If the folder or one of its files is absent or unreadable.
    """
    path = Path(directory)
    diagnostics = folder.read_json(path, "diagnostics.json")
    provenance = folder.read_json(path, "provenance.json")
    try:
        summary = CohortSummary.from_dict(provenance.pop("cohort"))
        notes = tuple(provenance.pop("cautions"))
        main, reference = (Diagnosis.from_dict(diagnostics[fit]) for fit in ("main", "reference"))
        further = {
            str(name): Diagnosis.from_dict(own) for name, own in diagnostics["further"].items()
        }
        conventions = provenance.pop("balance_conventions")
    except (KeyError, TypeError) as error:
        problem = Problem("diagnostics.json or provenance.json", f"is damaged: {error} is missing")
        raise InputError(problem, source=str(path)) from None
    return Analysis(
        spec=AnalysisSpec.from_toml(path / "model.toml"),
        summary=summary,
        estimates=folder.read_table(path, "estimates.csv"),
        crosscheck=folder.read_table(path, "crosscheck.csv"),
        posterior=folder.read_tree(path, "posterior.nc"),
        diagnosis=main,
        reference_diagnosis=reference,
        further_diagnoses=further,
        score_tables=_score_tables(path, conventions),
        cautions=notes,
        provenance=provenance,
    )


def _score_tables(path: Path, conventions: list[str] | None) -> ScoreTables | None:
    if conventions is None:
        return None
    tables = {
        name: folder.read_table(path, f"{name}.csv", text=TEXT_COLUMNS[name])
        for name in TABLE_FILES
    }
    for name in ("balance", "balance_by_center"):
        judged = tables[name]["balanced"].map({"True": True, "False": False})
        tables[name] = tables[name].assign(balanced=judged.astype("boolean"))
    return ScoreTables(**tables, conventions=tuple(conventions))
