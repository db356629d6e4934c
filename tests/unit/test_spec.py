"""Model files: round trips, and how wrong fields are named. Named analyses and provenance."""

from __future__ import annotations

import copy
import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

import hccbayes
from hccbayes import defaults
from hccbayes.errors import InputError
from hccbayes.model_files import model_file
from hccbayes.priors import TREATMENT_PRIORS, Prior
from hccbayes.provenance import provenance
from hccbayes.spec import AnalysisSpec, QuantileCuts

MODELS = sorted((Path(__file__).resolve().parents[2] / "models").glob("*.toml"))
SMALLEST: dict[str, Any] = {
    "model": {"name": "toy"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
    },
    "hazard": {"formula": "treatment + age"},
}


def with_field(path: str, value: Any) -> dict[str, Any]:
    """Return the smallest model with one dotted field set."""
    values = copy.deepcopy(SMALLEST)
    *sections, field = path.split(".")
    target = values
    for section in sections:
        target = target.setdefault(section, {})
    target[field] = value
    return values


def spec(path: str | None = None, value: Any = None) -> AnalysisSpec:
    return AnalysisSpec.from_dict(with_field(path, value) if path else SMALLEST)


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        AnalysisSpec.from_dict(values)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_files_are_named_after_their_model_and_round_trip(path: Path, tmp_path: Path) -> None:
    read = AnalysisSpec.from_toml(path)
    assert read.model.name == path.stem
    again = tmp_path / "again.toml"
    again.write_text(read.to_toml(), encoding="utf-8")
    assert AnalysisSpec.from_toml(again) == read
    assert AnalysisSpec.from_dict(read.to_dict()) == read


def test_the_named_analyses_are_there() -> None:
    assert {"ncctg_lung_os", "sysucc_targeted_os"} <= {path.stem for path in MODELS}
    assert len(MODELS) == 13


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("hazard.cuts", "fine"),
        ("hazard.cuts", (3.0, 6.5)),
        ("hazard.cuts", ()),
        ("hazard.cuts", QuantileCuts(quantile=5)),
        ("priors.treatment", Prior.of("student_t", nu=4, mu=0, sigma=1)),
        ("estimands.horizon", 30.0),
        ("estimands.populations", ("att", "atc")),
        ("data.arm.treated", 1),
        ("data.arm.treated", True),
        ("data.entry", "entered"),
        ("model.question", 'A "quoted" question\nof two lines: ä'),
    ],
)
def test_each_kind_of_value_round_trips(path: str, value: Any) -> None:
    made = spec(path, value)
    assert AnalysisSpec.from_dict(tomllib.loads(made.to_toml())) == made
    *sections, field = path.split(".")
    target: Any = made
    for section in sections:
        target = getattr(target, section)
    assert getattr(target, field) == value
    assert type(getattr(target, field)) is type(value)


def test_what_is_left_out_has_its_default() -> None:
    made = spec()
    assert made.hazard.cuts == "auto"
    assert made.hazard.baseline == "rw1"
    assert made.priors.treatment == TREATMENT_PRIORS["default"]
    assert made.estimands.times == defaults.ESTIMAND_TIMES
    assert made.estimands.horizon is None
    assert made.sampler.target_accept == defaults.TARGET_ACCEPT


def test_roles_hold_the_formula_s_columns() -> None:
    made = spec("hazard.formula", "treatment + log(age) + C(stage) + age:stage")
    assert made.roles.covariates == ("age", "stage")
    assert made.roles.columns == ("id", "months", "death", "arm", "age", "stage")
    assert (made.roles.time, made.roles.arm) == (made.data.time, made.data.arm)


def test_covariates_named_in_the_data_section_come_first() -> None:
    values = with_field("data.covariates", ["stage"])
    assert AnalysisSpec.from_dict(values).roles.covariates == ("stage", "age")


def test_arms_are_shown_by_their_names_or_labels() -> None:
    made = spec("data.arm.treated_name", "TACE + drug")
    assert made.data.arm.names == {"treated": "TACE + drug", "control": "systemic"}


def test_the_method_is_named_after_the_baseline() -> None:
    assert spec("hazard.baseline", "gamma").method == "pe_gamma"


FORM_OF_CUTS = "[hazard] cuts: must be 'auto', 'fine', a list of positive months"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("model.name", "a b", "[model] name: String should match pattern"),
        ("model.name", "../x", "[model] name: String should match pattern"),
        ("model.name", 3, "[model] name: Input should be a valid string; got 3"),
        ("data.time", "", "[data] time: String should have at least 1 character"),
        ("data.time", "  ", "[data] time: String should have at least 1 character"),
        ("data.event", "months", "[data]: the same column has two roles: months"),
        ("data.entry", "months", "[data]: the same column has two roles: months"),
        ("data.time_unit", "fortnights", "[data] time_unit: Input should be 'days', 'weeks'"),
        ("data.zero_time", "drop", "[data] zero_time: Input should be 'error', 'half_unit'"),
        ("data.missing", "guess", "[data] missing: Input should be 'error', 'exclude' or 'impute'"),
        ("data.arm.control", "tace", "[data] arm: `treated` and `control` carry the same label"),
        ("data.arm", "arm", "[data] arm: Input should be a valid dictionary"),
        ("data", "cohort.csv", "[data]: Input should be a valid dictionary"),
        ("hazard.formula", "age", "[hazard] formula: the formula must contain `treatment`"),
        ("hazard.formula", "treatment + eval(x)", "[hazard] formula: `eval` is not an allowed"),
        ("hazard.cuts", "automatic", FORM_OF_CUTS),
        ("hazard.cuts", [3, -6], FORM_OF_CUTS),
        ("hazard.cuts", [0, 6], FORM_OF_CUTS),
        ("hazard.cuts", [True], FORM_OF_CUTS),
        ("hazard.cuts", [float("inf")], FORM_OF_CUTS),
        ("hazard.cuts", {"quantile": 0}, FORM_OF_CUTS),
        ("hazard.cuts", {"quantile": 101}, FORM_OF_CUTS),
        ("hazard.cuts", {"quantiles": 5}, FORM_OF_CUTS),
        ("hazard.cuts", [6, 3], "[hazard] cuts: cut points must increase strictly"),
        ("hazard.cuts", [3, 3], "[hazard] cuts: cut points must increase strictly"),
        ("hazard.baseline", "weibull", "[hazard] baseline: Input should be 'rw1', 'rw2'"),
        ("hazard.center", "random", "[hazard] center: Input should be 'none', 'fixed'"),
        ("priors.treatment", "hopeful", "[priors] treatment: unknown prior 'hopeful'; choose from"),
        ("priors.treatment", 0.7, "[priors] treatment: must be a table such as { dist = 'normal'"),
        (
            "priors.treatment",
            {"dist": "half_normal", "sigma": 1},
            "[priors] treatment: must be one of normal, student_t, not half_normal",
        ),
        (
            "priors.walk_sd",
            {"dist": "normal", "mu": 0, "sigma": 1},
            "[priors] walk_sd: must be one of half_normal, not normal",
        ),
        ("priors.center_sd", {"dist": "half_normal"}, "[priors] center_sd: takes sigma; got []"),
        ("priors.median_survival", 0, "[priors] median_survival: Input should be greater than 0"),
        ("priors.gamma_shape", float("inf"), "[priors] gamma_shape: Input should be a finite"),
        ("estimands.times", [6, 0], "[estimands] times: Input should be greater than 0; got 0"),
        ("estimands.times", [6, 12, 6], "[estimands] times: name each once, not 6.0, 12.0, 6.0"),
        ("estimands.horizon", -1, "[estimands] horizon: Input should be greater than 0; got -1"),
        (
            "estimands.populations",
            [],
            "[estimands] populations: name one at least: ate, att, atc or ato",
        ),
        ("estimands.populations", ["overlap"], "[estimands] populations: Input should be 'ate'"),
        (
            "estimands.populations",
            ["att", "att"],
            "[estimands] populations: name each once, not att, att",
        ),
        ("estimands.hr_thresholds", [1, 1.0], "[estimands] hr_thresholds: name each once"),
        ("estimands.interval.prob", 95, "[estimands] interval.prob: Input should be less than 1"),
        ("estimands.interval.kind", "wald", "[estimands] interval.kind: Input should be 'eti'"),
        ("sampler.draws", 9, "[sampler] draws: Input should be greater than or equal to 10"),
        ("sampler.draws", 10.5, "[sampler] draws: Input should be a valid integer"),
        ("sampler.chains", 1, "[sampler] chains: Input should be greater than or equal to 2"),
        ("sampler.target_accept", 1, "[sampler] target_accept: Input should be less than 1"),
        ("sampler.seed", -1, "[sampler] seed: Input should be greater than or equal to 0"),
        ("sampler.seed", 2**32, "[sampler] seed: Input should be less than 4294967296"),
        ("sampler.backend", "stan", "[sampler] backend: Input should be 'nutpie', 'pymc'"),
    ],
)
def test_a_wrong_field_is_named_with_its_section(path: str, value: Any, problem: str) -> None:
    (found,) = problems(with_field(path, value))
    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("path", "where", "unknown", "meant"),
    [
        ("hazards.cuts", "model file", "hazards", "hazard"),
        ("model.nmae", "[model]", "nmae", "name"),
        ("data.time_units", "[data]", "time_units", "time_unit"),
        ("data.arm.treted", "[data] arm", "treted", "treated"),
        ("priors.covariate", "[priors]", "covariate", "covariates"),
        ("estimands.interval.probs", "[estimands] interval", "probs", "prob"),
        ("sampler.cores", "[sampler]", "cores", None),
    ],
)
def test_an_unknown_field_is_named_with_those_known(
    path: str, where: str, unknown: str, meant: str | None
) -> None:
    (found,) = problems(with_field(path, "x"))
    hint = f" Did you mean `{meant}`?" if meant else ""
    assert found.startswith(f"{where}: `{unknown}` is not known here.{hint} Known: ")


@pytest.mark.parametrize(
    ("section", "field", "where"),
    [("data", "time", "[data]"), ("hazard", "formula", "[hazard]"), (None, "model", "model file")],
)
def test_a_missing_field_is_named(section: str | None, field: str, where: str) -> None:
    values = copy.deepcopy(SMALLEST)
    del (values[section] if section else values)[field]
    assert problems(values) == [f"{where}: `{field}` is missing"]


def test_all_problems_are_named_at_once() -> None:
    values = with_field("sampler.draws", 1)
    values["hazard"] |= {"baseline": "spline", "cuts": "x"}
    values["model"]["nam"] = 1
    del values["data"]["time"]
    found = problems(values)
    assert len(found) == 5
    for where in ("[model]", "[data]", "[hazard] cuts", "[hazard] baseline", "[sampler] draws"):
        assert any(problem.startswith(f"{where}: ") for problem in found)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"cuts": "fine", "baseline": "gamma"},
            "[hazard]: cuts = 'fine' needs a smoothed baseline (rw1 or rw2), not gamma",
        ),
        (
            {"cuts": "fine", "baseline": "independent"},
            "[hazard]: cuts = 'fine' needs a smoothed baseline (rw1 or rw2), not independent",
        ),
        (
            {"center_slope": True},
            "[hazard]: center_slope needs center = 'hierarchical' or 'fixed'",
        ),
        (
            {"center_slope": True, "center": "stratified"},
            "[hazard]: center_slope needs center = 'hierarchical' or 'fixed'",
        ),
        (
            {"center": "hierarchical"},
            "model file: [hazard] center = 'hierarchical' needs a column: set [data] center",
        ),
    ],
)
def test_fields_that_do_not_go_together(fields: dict[str, Any], problem: str) -> None:
    values = copy.deepcopy(SMALLEST)
    values["hazard"] |= fields
    (found,) = problems(values)
    assert found.startswith(problem)


def test_a_number_beyond_any_float_is_a_problem_and_no_crash() -> None:
    assert "too large" in problems(with_field("hazard.cuts", [10**400]))[0]


def test_a_spec_is_frozen() -> None:
    made = spec()
    with pytest.raises(ValidationError, match="frozen"):
        made.hazard.baseline = "gamma"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("assignment", "path", "value"),
    [
        ("sampler.draws=2000", "sampler.draws", 2000),
        ("hazard.cuts=fine", "hazard.cuts", "fine"),
        ("hazard.cuts=[3, 6]", "hazard.cuts", (3.0, 6.0)),
        ("hazard.cuts={quantile = 4}", "hazard.cuts", QuantileCuts(quantile=4)),
        ("priors.treatment=sceptical", "priors.treatment", TREATMENT_PRIORS["sceptical"]),
        ("priors.treatment.sigma=0.2", "priors.treatment", Prior.of("normal", mu=0, sigma=0.2)),
        ("hazard.formula=treatment + log(x)", "hazard.formula", "treatment + log(x)"),
        ("model.question=a=b", "model.question", "a=b"),
        (' sampler . seed = "7"', "sampler.seed", 7),
    ],
)
def test_values_are_set_on_a_copy(assignment: str, path: str, value: Any) -> None:
    made = spec()
    changed = made.with_values([assignment])
    section, field = path.split(".")
    assert getattr(getattr(changed, section), field) == value
    assert made == spec()
    assert changed.data == made.data


@pytest.mark.parametrize(
    ("assignment", "message"),
    [
        ("sampler.draws", "write section.field=value"),
        ("draws=5", "write section.field=value"),
        ("sampler..draws=5", "write section.field=value"),
        ("=5", "write section.field=value"),
        ("hazard.cuts.quantile=3", "`cuts` is a value, not a section"),
        ("sampler.drws=5", "`drws` is not known here. Did you mean `draws`?"),
        ("sampler.draws=1", r"[sampler] draws: Input should be greater"),
    ],
)
def test_wrong_assignments_are_refused(assignment: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        spec().with_values([assignment])
    assert message in str(caught.value)


def test_all_wrong_assignments_are_named_at_once() -> None:
    with pytest.raises(InputError) as caught:
        spec().with_values(["a", "b", "sampler.draws=20"])
    assert [problem.where for problem in caught.value.problems] == ["--set a", "--set b"]


def test_an_absent_file(tmp_path: Path) -> None:
    path = tmp_path / "no.toml"
    with pytest.raises(InputError, match="model file: No such file or directory: .*no.toml"):
        AnalysisSpec.from_toml(path)


def test_a_folder_is_not_a_model_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="model file: Is a directory"):
        AnalysisSpec.from_toml(tmp_path)


@pytest.mark.parametrize(
    "content", [b"[model\nname = 1", b"model = {", b"\xff\xfe[model]", b"[model]\nname = a b"]
)
def test_a_file_that_is_not_toml(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match="model file: not TOML") as caught:
        AnalysisSpec.from_toml(path)
    assert caught.value.source == str(path)


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_named_analyses_are_found_by_name(path: Path) -> None:
    assert model_file(path.stem).read_bytes() == path.read_bytes()


def test_an_unknown_analysis_is_refused_with_those_known() -> None:
    with pytest.raises(
        InputError, match="known: chen2025_os, .*, ncctg_lung_os, .*, sysucc_targeted_os"
    ):
        model_file("lung")


def test_provenance_says_what_made_a_result() -> None:
    made = provenance(spec("sampler.seed", 7))
    assert (made["model"], made["seed"], made["sampler"]) == ("toy", 7, "nutpie")
    assert made["packages"]["hccbayes"] == hccbayes.__version__
    assert {"pymc", "nutpie", "numpy", "lifelines"} <= set(made["packages"])
    finished = datetime.fromisoformat(made["finished"])
    assert finished.utcoffset() == timedelta(0)


def test_provenance_leaves_out_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hccbayes.provenance._PACKAGES", ("numpy", "no-such-package"))
    assert list(provenance(spec())["packages"]) == ["numpy"]
