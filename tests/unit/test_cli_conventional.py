"""The command ``conventional``: its folder, its words, its exit status, and broken input."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import hccbayes as hb
from hccbayes.cli import app
from hccbayes.console_conventional import print_conventional
from hccbayes.conventional_curves import conventional_curves
from hccbayes.report import conventional_folder
from hccbayes.report.conventional_figures import (
    conventional_figures,
    figure_notes,
    subgroup_rows,
)
from hccbayes.report.conventional_tables import split_note, text_tables

MODELS = Path(__file__).resolve().parents[2] / "models"
MODEL = """
[model]
name = "toy"
question = "Does [bold]it[/bold] work in <b>all</b>?"
caveats = ["Mind the gap."]

[data]
source = "toy.csv"
id = "id"
time = "months"
event = "death"
arm = { column = "arm", treated = "tace", control = "systemic", treated_name = "TACE <b>|*" }
time_zero = "first therapy"

[hazard]
formula = "treatment + age + stage"

[estimands]
times = [4]
"""
TABLES = {"estimates", "baseline", "univariable", "multivariable", "subgroups", "curves"}
FIGURES = {
    *("kaplan_meier", "cumulative_incidence", "log_minus_log", "schoenfeld"),
    *("subgroups", "covariates"),
}


def patients() -> pd.DataFrame:
    rng = np.random.default_rng(1)
    count = 60
    return pd.DataFrame(
        {
            "id": [f"P{row:03d}" for row in range(count)],
            "months": np.round(rng.exponential(12, count) + 0.5, 1),
            "death": (rng.random(count) < 0.7).astype(int),
            "arm": ["tace", "systemic"] * (count // 2),
            "age": rng.integers(40, 80, count),
            "stage": rng.choice(["A", "B|C<b>"], count),
            "response": rng.choice(["CR", "PR", "SD", "PD"], count),
            "rash": rng.choice(["0", "1-2", "3-4"], count),
        }
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    patients().to_csv(tmp_path / "toy.csv", index=False)
    path = tmp_path / "toy.toml"
    path.write_text(MODEL, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def made() -> SimpleNamespace:
    """Return the toy's analysis, made once."""
    import tomllib

    spec = hb.AnalysisSpec.from_dict(tomllib.loads(MODEL)).with_values(
        ["data.covariates=['response', 'rash']"]
    )
    cohort = hb.read_cohort(patients(), spec.roles)
    result = hb.frequentist.conventional_analysis(
        cohort, spec, response="response", adverse_events=("rash",)
    )
    drawn = conventional_curves(cohort, spec)
    return SimpleNamespace(spec=spec, summary=cohort.summary(), result=result, drawn=drawn)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, made: SimpleNamespace) -> list[dict[str, Any]]:
    """Put the toy's tables in the place of an analysis, leave out figures, and record calls."""
    calls: list[dict[str, Any]] = []

    def analysis(cohort: hb.Cohort, spec: hb.AnalysisSpec, **options: Any) -> Any:
        calls.append({"cohort": cohort, "spec": spec, **options})
        return made.result

    workflow = "hccbayes.frequentist.workflow.conventional_analysis"
    monkeypatch.setattr(workflow, analysis)
    monkeypatch.setattr(conventional_folder, "conventional_figures", lambda *arguments: {})
    return calls


def save(made: SimpleNamespace, directory: Path, **options: Any) -> Path:
    return conventional_folder.save_conventional(
        made.result,
        made.drawn,
        directory,
        spec=made.spec,
        summary=made.summary,
        **({"provenance": {"command": "hccbayes conventional toy.toml"}} | options),
    )


def command(*arguments: object, width: int = 100) -> Result:
    """Run the command; an exception that is no exit is an error of the test."""
    words = ["conventional", *map(str, arguments)]
    result = CliRunner().invoke(app, words, env={"COLUMNS": str(width)})
    assert "Traceback" not in result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*arguments: object) -> str:
    result = command(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    return result.stderr


# The whole way.


def test_the_command_writes_its_folder(model: Path) -> None:
    out = model.parent / "out"
    result = command(model, "--out", out, "--response", "response", "--adverse-events", "rash")
    assert result.exit_code == 0
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    tables = {f"{name}.csv" for name in {*TABLES, "response", "adverse_events"}}
    figures = {f"figures/{name}.{kind}" for name in FIGURES for kind in ("png", "svg")}
    assert names == {*tables, *figures, "report.md", "provenance.json", "model.toml"}
    assert [path.name for path in model.parent.iterdir() if path.name.startswith(".")] == []
    found = json.loads((out / "provenance.json").read_text(encoding="utf-8"))
    assert found["analysis"] == "conventional"
    assert found["cohort"]["rows_read"] == 60
    assert len(found["cohort"]["sha256"]) == 64
    assert {"numpy", "lifelines"} <= set(found["packages"])
    assert not {"seed", "sampler"} & set(found), "nothing is sampled"
    again = hb.AnalysisSpec.from_toml(out / "model.toml")
    assert again.data.covariates == ("response", "rash")


def test_no_patient_is_in_the_folder(made: SimpleNamespace, tmp_path: Path) -> None:
    out = save(made, tmp_path / "out")
    identifier = re.compile(r"\bP[0-9]{3}\b")
    for path in out.rglob("*"):
        if path.suffix in {".csv", ".json", ".md", ".toml", ".svg"}:
            assert identifier.search(path.read_text(encoding="utf-8")) is None, path.name
    curves = pd.read_csv(out / "curves.csv")
    assert not {"id", "patient", "age", "stage", "response", "rash"} & set(curves.columns)


def test_tables_are_written_as_they_are(made: SimpleNamespace, tmp_path: Path) -> None:
    out = save(made, tmp_path / "out")
    for name in ("univariable", "subgroups", "response"):
        written = pd.read_csv(out / f"{name}.csv", keep_default_na=False, na_values=[""])
        own = getattr(made.result, name)
        assert list(written.columns) == list(own.columns)
        numbers = own.select_dtypes("number").columns
        np.testing.assert_allclose(
            written[numbers].to_numpy(float), own[numbers].to_numpy(float), rtol=1e-9
        )


# What is said.


def test_markdown_and_html_of_the_data_are_text(made: SimpleNamespace, tmp_path: Path) -> None:
    report = (save(made, tmp_path / "out") / "report.md").read_text(encoding="utf-8")
    assert "<b>" not in report
    assert "Does \\[bold\\]it\\[/bold\\] work in &lt;b&gt;all" in report
    assert "B\\|C&lt;b&gt;" in report
    assert "- Mind the gap." in report
    for line in report.splitlines():
        if line.startswith("|"):
            assert len(re.findall(r"(?<!\\)\|", line)) in {3, 4, 5, 6, 7}
    for name in FIGURES:
        assert f"](figures/{name}.png)" in report
    for note in made.result.estimates.attrs["notes"]:
        assert note.split(":")[-1].strip()[:20].replace("_", "\\_") in report


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_terminal(
    width: int, made: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    show(made, quiet=False)
    text = capsys.readouterr().out
    assert max(len(line) for line in text.splitlines()) <= width
    assert "\N{HORIZONTAL ELLIPSIS}" not in text, "a number was cut"
    for title in [table.title for table in text_tables(made.result)]:
        assert title.split(";")[0] in text
    assert "Does [bold]it[/bold] work" in text
    row = made.result.univariable.iloc[0]
    assert f"{row['hr']:.2f} ({row['lower']:.2f} to {row['upper']:.2f})" in text
    assert "Note: Mind the gap." in text


def show(made: SimpleNamespace, *, quiet: bool) -> None:
    print_conventional(
        made.result,
        spec=made.spec,
        summary=made.summary,
        notes=(*made.result.notes, *made.drawn.notes),
        directory=Path("out"),
        quiet=quiet,
    )


def test_a_quiet_one_prints_the_effect_alone(made: SimpleNamespace, capsys: Any) -> None:
    show(made, quiet=True)
    (line,) = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"Hazard ratio, .*: \S+ \(.*\) unadjusted, \S+ \(.*\) adjusted", line)


def test_every_empty_ratio_is_said_to_be_one(made: SimpleNamespace) -> None:
    estimates = made.result.estimates.copy()
    crude = estimates["method"] == "cox_crude"
    estimates.loc[crude, ["estimate", "lower", "upper"]] = np.nan
    effects = {table.title: table for table in text_tables(replace_estimates(made, estimates))}
    rows = dict(effects["Hazard ratio of the treatment, treated / control"].rows)
    assert rows["Cox, unadjusted"] == "not estimable"
    assert "nan" not in " ".join(cell for t in effects.values() for row in t.rows for cell in row)


def replace_estimates(made: SimpleNamespace, estimates: pd.DataFrame) -> Any:
    return replace(made.result, estimates=estimates)


@pytest.mark.parametrize(
    ("note", "reason", "interaction"),
    [
        ("", "", ""),
        ("interaction without the level 2", "", "interaction without the level 2"),
        ("not estimable: no treated patient", "no treated patient", ""),
        (
            "not estimable: no treated patient; interaction without the level 0, 1",
            "no treated patient",
            "interaction without the level 0, 1",
        ),
        (
            "not estimable: no event among the treated; no interaction test: fewer than two levels",
            "no event among the treated",
            "no interaction test: fewer than two levels",
        ),
        (
            "not estimable: term treatment: has no finite log hazard ratio: it, or a combination "
            "with it, is largest in those who die at every event (separation)",
            "no finite log hazard ratio",
            "",
        ),
    ],
)
def test_notes_of_subgroups_are_parted(note: str, reason: str, interaction: str) -> None:
    assert split_note(note) == (reason, interaction)


def test_a_level_without_a_ratio_has_a_reason_in_the_forest(made: SimpleNamespace) -> None:
    rows = subgroup_rows(
        made.result.subgroups.assign(note="not estimable: no treated patient", hr=np.nan)
    )
    assert set(rows["reason"]) == {"no treated patient"}


# Figures.


def test_a_synthetic_cohort_says_so_in_every_figure(tmp_path: Path) -> None:
    spec = hb.AnalysisSpec.from_toml(MODELS / "lin2023_os.toml")
    cohort = hb.read_cohort(spec.data.source, spec.roles)
    result = hb.frequentist.conventional_analysis(cohort, spec)
    drawn = conventional_curves(cohort, spec)
    made = SimpleNamespace(spec=spec, summary=cohort.summary(), result=result, drawn=drawn)
    out = save(made, tmp_path / "out")
    report = (out / "report.md").read_text(encoding="utf-8")
    assert report.count("Synthetic cohort") == 1
    for draw in conventional_figures(result, drawn, spec).values():
        assert "synthetic cohort" in {text.get_text() for text in draw().texts}


def test_a_curve_that_falls_at_once_has_no_log_minus_log(made: SimpleNamespace) -> None:
    curves = made.drawn.plain.curves
    fallen = curves[(curves["arm"] == "control") | (curves["time"] == 0.0)]
    last = curves[curves["arm"] == "treated"].tail(1).assign(survival=0.0)
    plain = replace(made.drawn.plain, curves=pd.concat([fallen, last], ignore_index=True))
    drawn = replace(made.drawn, plain=plain)
    assert "log_minus_log" not in conventional_figures(made.result, drawn, made.spec)
    assert figure_notes(drawn)[-1].startswith("log_minus_log: not drawn")
    assert figure_notes(made.drawn) == made.drawn.notes


# Folders.


def test_an_existing_folder_is_replaced_by_force_alone(
    model: Path, quick: list[dict[str, Any]]
) -> None:
    out = model.parent / "out"
    assert command(model, "--out", out, "--quiet").exit_code == 0
    assert "use --force to replace it" in refused(model, "--out", out)
    assert len(quick) == 1, "refused before any work"
    assert command(model, "--out", out, "--force", "--quiet").exit_code == 0
    assert len(quick) == 2


def test_posterior_draws_are_never_replaced(model: Path, quick: list[dict[str, Any]]) -> None:
    out = model.parent / "out"
    out.mkdir()
    for name in ("provenance.json", "diagnostics.json"):
        (out / name).write_text("{}")
    assert "results of `hccbayes run`" in refused(model, "--out", out, "--force")
    assert sorted(path.name for path in out.iterdir()) == ["diagnostics.json", "provenance.json"]
    assert quick == []


def test_an_interrupted_folder_is_not_there(
    made: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(conventional_folder, "conventional_text", interrupt)
    monkeypatch.setattr(conventional_folder, "conventional_figures", lambda *arguments: {})
    with pytest.raises(KeyboardInterrupt):
        save(made, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_the_default_folder_is_not_that_of_run(
    model: Path, quick: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(model.parent)
    assert command(model, "--quiet").exit_code == 0
    assert (model.parent / "results" / "toy_conventional" / "report.md").is_file()


def test_options_reach_the_analysis(model: Path, quick: list[dict[str, Any]]) -> None:
    out = model.parent / "out"
    options = ("--p-enter", 0.1, "--response", "response", "--adverse-events", "rash, stage")
    model.write_text(MODEL.replace(" + stage", ""), encoding="utf-8")
    assert command(model, "--out", out, "--quiet", *options).exit_code == 0
    (call,) = quick
    assert call["p_enter"] == 0.1
    assert (call["response"], call["adverse_events"]) == ("response", ("rash", "stage"))
    assert {"age", "response", "rash", "stage"} <= set(call["cohort"].frame.columns)


# Broken input.


def test_absent_files(model: Path) -> None:
    said = refused(model.parent / "no.toml")
    assert "model file: No such file or directory" in said
    assert "data file: No such file" in refused(model, "--data", model.parent / "no.csv")


def test_absent_columns_are_all_named(model: Path) -> None:
    said = refused(model, "--response", "recist", "--adverse-events", "rash,fever")
    assert "2 problems" in said
    for name in ("recist", "fever"):
        assert f"column {name}: is not in the data; columns are 'id', 'months'" in said


@pytest.mark.parametrize(
    ("section", "text"),
    [
        ("hazard", MODEL.replace("+ stage", "+ response")),
        ("propensity", MODEL + '[propensity]\nformula = "age + response"\n'),
    ],
)
def test_a_response_in_a_formula(model: Path, section: str, text: str) -> None:
    model.write_text(text, encoding="utf-8")
    said = refused(model, "--out", model.parent / "out", "--response", "response")
    problem = f"column response: comes after time zero; take it out of the [{section}] formula"
    assert problem in said
    assert not (model.parent / "out").exists()


@pytest.mark.parametrize("everyone", [False, True])
def test_an_arm_without_events_and_all_censored(model: Path, everyone: bool) -> None:
    frame = patients()
    frame.loc[everyone | (frame["arm"] == "tace"), "death"] = 0
    frame.to_csv(model.parent / "toy.csv", index=False)
    said = refused(model)
    assert "none of the 30 patients of arm 'tace' has the event" in said
    assert ("arm 'systemic'" in said) == everyone


def test_missing_responses_and_unknown_grades(model: Path) -> None:
    frame = patients()
    frame.loc[[3, 7], "response"] = None
    frame.to_csv(model.parent / "toy.csv", index=False)
    said = refused(model, "--response", "response")
    assert "column response: 2 values missing" in said
    assert "P003, P007" in said
    assert "column stage" in refused(
        model, "--data", save_patients(model), "--adverse-events", "stage"
    )


def save_patients(model: Path) -> Path:
    path = model.parent / "whole.csv"
    patients().to_csv(path, index=False)
    return path


@pytest.mark.parametrize("limit", ["0", "2", "-0.1", "nan"])
def test_a_limit_that_is_none(model: Path, limit: str) -> None:
    said = refused(model, f"--p-enter={limit}")
    assert "--p-enter: must lie above 0 and not above 1" in said


@pytest.mark.parametrize(("listed", "fault"), [("rash,,", "empty"), ("rash,rash", "twice")])
def test_a_list_of_events_that_is_none(model: Path, listed: str, fault: str) -> None:
    assert fault in refused(model, "--adverse-events", listed)


def test_help_names_the_options() -> None:
    result = command("--help", width=200)
    assert result.exit_code == 0
    for option in ("MODEL.toml", "--data", "--out", "--p-enter", "--response", "--adverse-events"):
        assert option in result.stdout
    for option in ("--force", "--quiet"):
        assert option in result.stdout
