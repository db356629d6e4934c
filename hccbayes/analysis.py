"""The result of an analysis: a frozen record that can be looked at, saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hccbayes.errors import InputError, Problem
from hccbayes.records import CohortSummary, Diagnosis
from hccbayes.report import folder
from hccbayes.report.figures import write_figures
from hccbayes.report.markdown import report_text
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
    cautions: tuple[str, ...]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Mark tables and draws of a synthetic cohort, so that every figure of them says so."""
        if self.summary.synthetic:
            for table in (self.estimates, self.crosscheck, self.posterior):
                table.attrs["synthetic"] = self.summary.synthetic

    def report(self) -> str:
        """Return the report as Markdown."""
        return report_text(
            spec=self.spec,
            summary=self.summary,
            estimates=self.estimates,
            crosscheck=self.crosscheck,
            diagnosis=self.diagnosis,
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
            folder.write_json(self._diagnostics(), target / "diagnostics.json")
            folder.write_json(self._provenance(command), target / "provenance.json")
            (target / "model.toml").write_text(self.spec.to_toml(), encoding="utf-8")
            self.posterior.to_netcdf(target / "posterior.nc", engine="h5netcdf")
            write_figures(self.posterior, self.estimates, self.crosscheck, target / "figures")
            (target / "report.md").write_text(self.report(), encoding="utf-8")
        return Path(directory)

    def _diagnostics(self) -> dict[str, Any]:
        return {
            "main": self.diagnosis.to_dict(),
            "reference": self.reference_diagnosis.to_dict(),
            "passed": self.diagnosis.passed,
        }

    def _provenance(self, command: str) -> dict[str, Any]:
        return {
            **self.provenance,
            "command": command,
            "cohort": self.summary.to_dict(),
            "cautions": list(self.cautions),
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
        cautions=notes,
        provenance=provenance,
    )
