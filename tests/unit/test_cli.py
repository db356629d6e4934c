"""The commands: exit status 0, 1 or 2, what is said, and never a traceback for a user's mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

import hccbayes
from hccbayes.analysis import Analysis
from hccbayes.cli import app

MODELS = Path(__file__).resolve().parents[2] / "models"
LUNG = MODELS / "ncctg_lung_os.toml"
Make = Callable[..., Analysis]
MODEL = """
[model]
name = "toy"

[data]
source = "toy.csv"
id = "id"
time = "months"
event = "death"
arm = { column = "arm", treated = "tace", control = "systemic" }
time_zero = "first therapy"

[hazard]
formula = "treatment + age"

[estimands]
times = [6]
"""


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


def hccbayes_command(*arguments: object) -> Result:
    """Run a command; an exception that is no exit is an error of the test."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert "Traceback" not in result.output
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refused(*arguments: object) -> str:
    """Return what a command says on standard error while it leaves with status 2."""
    result = hccbayes_command(*arguments)
    assert result.exit_code == 2
    return result.stderr


def patients() -> pd.DataFrame:
    count = 40
    return pd.DataFrame(
        {
            "id": [f"P{row:02d}" for row in range(count)],
            "months": [1.5 + row % 17 for row in range(count)],
            "death": [int(row % 4 != 3) for row in range(count)],
            "arm": ["tace", "systemic"] * (count // 2),
            "age": [45 + (row * 7) % 31 for row in range(count)],
        }
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Return a model file with sound data beside it."""
    patients().to_csv(tmp_path / "toy.csv", index=False)
    path = tmp_path / "toy.toml"
    path.write_text(MODEL, encoding="utf-8")
    return path


@pytest.fixture
def fake_fit(monkeypatch: pytest.MonkeyPatch, make_analysis: Make) -> Callable[[bool], list[Any]]:
    """Return a function that puts a made-up analysis in the place of fits, and records calls."""

    def put(passed: bool) -> list[Any]:
        calls: list[Any] = []

        def analyse(cohort: Any, spec: Any, *, progress: Any) -> Analysis:
            progress.stage("sampling")
            progress.draws(1, 2)
            calls.append((cohort, spec))
            return make_analysis(passed=passed)

        monkeypatch.setattr("hccbayes.pipeline.analyse", analyse)
        monkeypatch.setattr("hccbayes.analysis.write_figures", lambda *arguments: [])
        return calls

    return put


# Options that stand alone.


def test_version() -> None:
    result = hccbayes_command("--version")
    assert (result.exit_code, result.stdout) == (0, f"hccbayes {hccbayes.__version__}\n")


def test_help_lists_the_commands() -> None:
    result = hccbayes_command("--help")
    assert result.exit_code == 0
    for text in ("run", "check", "show", "demo", "locoregional therapy"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("run", ["MODEL.toml", "--data", "--out", "--seed", "--draws", "--set", "--force",
                 "--quiet"]),
        ("check", ["MODEL.toml", "--data", "--set"]),
        ("show", ["DIR"]),
        ("demo", ["--out", "--seed", "--draws"]),
    ],
)  # fmt: skip
def test_each_command_has_its_help(command: str, options: list[str]) -> None:
    result = hccbayes_command(command, "--help")
    assert result.exit_code == 0
    for option in options:
        assert option in result.stdout


@pytest.mark.parametrize("arguments", [["fit"], ["run"], ["run", "x.toml", "--seed", "abc"]])
def test_wrong_usage_is_bad_input(arguments: list[str]) -> None:
    assert refused(*arguments)


# check.


def test_check_of_sound_input(model: Path) -> None:
    result = hccbayes_command("check", model)
    assert result.exit_code == 0
    assert result.stdout.startswith("No problem found.")
    assert result.stderr == ""


def test_check_of_the_lung_model() -> None:
    result = hccbayes_command("check", LUNG)
    assert result.exit_code == 0
    assert "Cohort: dataset:ncctg_lung" in result.stdout


def test_check_of_the_liver_model(shared_data: Path) -> None:
    result = hccbayes_command(
        "check", MODELS / "sysucc_targeted_os.toml", "--data", shared_data / "sysucc_targeted.csv"
    )
    assert result.exit_code == 0
    assert "Embolization + targeted" in result.stdout


def test_check_with_changed_fields(model: Path) -> None:
    result = hccbayes_command("check", model, "--set", "hazard.cuts=[4.5, 9]")
    assert result.exit_code == 0
    assert "4.5-9" in result.stdout


@pytest.mark.parametrize("command", ["run", "check"])
class TestBadInput:
    """Faults that both commands find before anything is fitted."""

    def test_absent_model_file(self, command: str, tmp_path: Path) -> None:
        said = refused(command, tmp_path / "no.toml")
        assert "model file: No such file or directory" in said

    def test_a_folder_as_model_file(self, command: str, tmp_path: Path) -> None:
        assert "model file: Is a directory" in refused(command, tmp_path)

    def test_unreadable_model_file(
        self, command: str, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(*arguments: Any, **options: Any) -> str:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_text", deny)
        assert "model file: Permission denied" in refused(command, model)

    def test_a_file_that_is_not_toml(self, command: str, model: Path) -> None:
        model.write_text("[model\n", encoding="utf-8")
        said = refused(command, model)
        assert said.startswith(f"1 problem in {model}:")
        assert "not TOML" in said

    def test_unknown_and_wrong_fields_are_all_listed(self, command: str, model: Path) -> None:
        model.write_text(MODEL.replace("formula", "formla") + "\n[sampler]\ndraws = 1\n")
        said = refused(command, model)
        assert "[hazard]: `formla` is not known here. Did you mean `formula`?" in said
        assert "[hazard]: `formula` is missing" in said
        assert "[sampler] draws: Input should be greater than or equal to 10" in said

    def test_absent_data(self, command: str, model: Path) -> None:
        (model.parent / "toy.csv").unlink()
        assert "data file: No such file or directory: toy.csv" in refused(command, model)

    def test_no_data_named(self, command: str, model: Path) -> None:
        model.write_text(MODEL.replace('source = "toy.csv"', ""), encoding="utf-8")
        assert "[data] source: is not set; give --data FILE" in refused(command, model)

    def test_unknown_data_set(self, command: str, model: Path) -> None:
        said = refused(command, model, "--data", "dataset:breast")
        assert "unknown name 'breast'; choose from ncctg_lung" in said

    @pytest.mark.parametrize("suffix", [".csv", ""])
    def test_a_folder_as_data(self, command: str, model: Path, suffix: str) -> None:
        folder = model.parent / f"folder{suffix}"
        folder.mkdir()
        assert "data file: " in refused(command, model, "--data", folder)

    def test_unreadable_data(
        self, command: str, model: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(self: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "read_bytes", deny)
        assert "data file: Permission denied" in refused(command, model)

    def test_every_fault_of_the_data_is_listed(self, command: str, model: Path) -> None:
        frame = patients().astype(object)
        frame.loc[3, "months"] = -2
        frame.loc[4, "death"] = 7
        frame.loc[5, "arm"] = "surgery"
        frame.loc[6, "id"] = "P00"
        frame.drop(columns="age").to_csv(model.parent / "toy.csv", index=False)
        said = refused(command, model)
        for where in ("column months", "column death", "column arm", "column id", "age"):
            assert where in said
        for patient in ("P03", "P04", "P05", "P00"):
            assert patient in said

    def test_every_misfit_of_model_and_data_is_listed(self, command: str, model: Path) -> None:
        # The follow-up of the control arm ends at 17.5 months.
        said = refused(
            command,
            model,
            "--set", "estimands.times=[6, 99]",
            "--set", "hazard.cuts=[6, 98]",
            "--set", "hazard.formula=treatment + age + {age * 2}",
        )  # fmt: skip
        assert "[estimands] times" in said
        assert "[hazard] cuts" in said
        assert "term age * 2: is a linear combination" in said

    def test_a_formula_that_is_a_program(self, command: str, model: Path) -> None:
        said = refused(command, model, "--set", "hazard.formula=treatment + __import__('os')")
        assert "[hazard] formula: `__import__` is not an allowed function" in said

    def test_a_transform_of_text(self, command: str, model: Path) -> None:
        patients().assign(age=["old", "young"] * 20).to_csv(model.parent / "toy.csv", index=False)
        said = refused(command, model, "--set", "hazard.formula=treatment + log(age)")
        assert "[hazard] formula: Unable to evaluate factor `log(age)`" in said

    @pytest.mark.parametrize("nonsense", ["sampler.draws", "x", "=", "sampler.draws=many", "a.b=1"])
    def test_nonsense_to_set(self, command: str, model: Path, nonsense: str) -> None:
        assert "1 problem" in refused(command, model, "--set", nonsense)


# run.


def test_run_writes_its_folder_and_leaves_with_zero(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    calls = fake_fit(True)
    out = model.parent / "out"
    result = hccbayes_command("run", model, "--out", out, "--seed", 7, "--draws", 50)
    assert result.exit_code == 0
    assert result.stdout.startswith("Diagnostics passed")
    assert (out / "report.md").is_file()
    ((cohort, spec),) = calls
    assert (spec.sampler.seed, spec.sampler.draws) == (7, 50)
    assert len(cohort.frame) == 40


def test_a_failed_gate_leaves_with_one_and_writes_its_results(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    fake_fit(False)
    out = model.parent / "out"
    result = hccbayes_command("run", model, "--out", out)
    assert result.exit_code == 1
    assert result.stdout.startswith("DIAGNOSTICS FAILED, do not use these estimates")
    assert "DIAGNOSTICS FAILED" in (out / "report.md").read_text(encoding="utf-8").splitlines()[0]


def test_a_quiet_run_prints_the_verdict_alone(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    fake_fit(True)
    result = hccbayes_command("run", model, "--out", model.parent / "out", "--quiet")
    assert len(result.stdout.splitlines()) == 2
    assert result.stderr == ""


def test_the_default_folder_bears_the_model_s_name(
    model: Path, fake_fit: Callable[[bool], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_fit(True)
    monkeypatch.chdir(model.parent)
    assert hccbayes_command("run", model, "--quiet").exit_code == 0
    assert (model.parent / "results" / "toy" / "provenance.json").is_file()


def test_data_given_stand_before_the_model_s(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    calls = fake_fit(True)
    other = model.parent / "other.csv"
    patients().iloc[:30].to_csv(other, index=False)
    out = model.parent / "out"
    assert hccbayes_command("run", model, "--data", other, "--out", out).exit_code == 0
    assert len(calls[0][0].frame) == 30


def test_an_existing_folder_is_refused_before_the_fit(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    calls = fake_fit(True)
    out = model.parent / "out"
    assert hccbayes_command("run", model, "--out", out).exit_code == 0
    assert "use --force to replace it" in refused("run", model, "--out", out)
    assert len(calls) == 1
    assert hccbayes_command("run", model, "--out", out, "--force").exit_code == 0
    assert len(calls) == 2


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_a_folder_of_something_else_is_never_replaced(
    model: Path, fake_fit: Callable[[bool], list[Any]], force: list[str]
) -> None:
    calls = fake_fit(True)
    out = model.parent / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years of work")
    assert "thesis" in refused("run", model, "--out", out, *force)
    assert calls == []
    assert [path.name for path in out.iterdir()] == ["chapter.txt"]


def test_a_folder_that_cannot_be_made_is_refused_before_the_fit(
    model: Path, fake_fit: Callable[[bool], list[Any]]
) -> None:
    calls = fake_fit(True)
    assert "cannot be made" in refused("run", model, "--out", model / "below")
    assert calls == []


# show and demo.


def test_show_prints_a_folder_again(model: Path, fake_fit: Callable[[bool], list[Any]]) -> None:
    for passed, status in ((True, 0), (False, 1)):
        fake_fit(passed)
        out = model.parent / f"out{status}"
        first = hccbayes_command("run", model, "--out", out)
        again = hccbayes_command("show", out)
        assert again.exit_code == first.exit_code == status
        assert again.stdout == first.stdout


def test_show_of_what_is_no_results_folder(tmp_path: Path, model: Path) -> None:
    for path in (tmp_path / "nowhere", tmp_path, model):
        assert "is this a folder that hccbayes run wrote?" in refused("show", path)


def test_demo_runs_the_synthetic_chen_cohort(
    tmp_path: Path, fake_fit: Callable[[bool], list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = fake_fit(True)
    monkeypatch.chdir(tmp_path)
    assert hccbayes_command("demo", "--draws", 20, "--seed", 3).exit_code == 0
    ((cohort, spec),) = calls
    assert spec.model.name == "chen2025_os"
    assert (spec.sampler.draws, spec.sampler.seed) == (20, 3)
    assert cohort.source == "synthetic:chen2025"
    assert (tmp_path / "results" / "demo" / "report.md").is_file()


def test_demo_with_too_few_draws(tmp_path: Path) -> None:
    said = refused("demo", "--draws", 1, "--out", tmp_path / "out")
    assert "[sampler] draws: Input should be greater than or equal to 10" in said
