"""``[propensity]`` and ``[adjustment]``: every field, and every wrong value as a user reads it."""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hccbayes import defaults
from hccbayes.errors import InputError
from hccbayes.spec import AdjustmentSection, AnalysisSpec, PropensitySection

SCORED: dict[str, Any] = {
    "model": {"name": "toy"},
    "data": {
        "id": "id",
        "time": "months",
        "event": "death",
        "arm": {"column": "arm", "treated": "tace", "control": "systemic"},
        "center": "hospital",
    },
    "hazard": {"formula": "treatment + age"},
    "propensity": {"formula": "age + stage"},
}


def with_field(path: str, value: Any, base: dict[str, Any] = SCORED) -> dict[str, Any]:
    values = copy.deepcopy(base)
    *sections, field = path.split(".")
    target = values
    for section in sections:
        target = target.setdefault(section, {})
    target[field] = value
    return values


def without(section: str) -> dict[str, Any]:
    return {name: copy.deepcopy(own) for name, own in SCORED.items() if name != section}


def problems(values: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        AnalysisSpec.from_dict(values)
    return [str(problem) for problem in caught.value.problems]


def test_what_is_left_out_has_its_default() -> None:
    spec = AnalysisSpec.from_dict(SCORED)
    assert spec.propensity == PropensitySection(formula="age + stage")
    assert (spec.propensity.prior, spec.propensity.center) == ("student_t", "auto")
    own = spec.adjustment
    assert (own.method, own.target, own.calibration) == (("gcomp",), "ato", "curvature")
    assert (own.propagate, own.patients, own.truncate, own.trim) == ((), "sample", None, None)
    matching = own.matching
    assert (matching.method, matching.distance, matching.ratio) == ("nearest", "logit_score", 1)
    assert (matching.replace, matching.caliper) == (False, defaults.CALIPER)
    assert (matching.caliper_scale, matching.exact, matching.order) == ("sample", (), None)
    assert not own.needs_score


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *[("propensity.prior", prior) for prior in ("student_t", "normal", "horseshoe", "r2d2")],
        *[("propensity.center", kind) for kind in ("auto", "none", "fixed", "random")],
        ("propensity.formula", "log(age) + C(stage) + age:stage"),
        ("adjustment.method", ("weighted", "matched", "doubly_robust", "gcomp")),
        ("adjustment.method", ("none",)),
        *[("adjustment.target", name) for name in ("ate", "att", "atc", "ato", "matching")],
        *[("adjustment.calibration", name) for name in ("open_faced", "curvature", "none")],
        ("adjustment.propagate", ("cut", "bayesian_bootstrap")),
        ("adjustment.patients", "dirichlet"),
        ("adjustment.truncate", 97.5),
        ("adjustment.trim", 0.1),
        ("adjustment.matching.method", "optimal"),
        *[
            ("adjustment.matching.distance", name)
            for name in ("logit_score", "score", "mahalanobis")
        ],
        ("adjustment.matching.ratio", 3),
        ("adjustment.matching.replace", True),
        ("adjustment.matching.caliper", 0.0),
        ("adjustment.matching.caliper_scale", "pooled"),
        ("adjustment.matching.exact", ("stage", "hospital")),
        *[
            ("adjustment.matching.order", name)
            for name in ("largest", "smallest", "random", "data")
        ],
        ("estimands.populations", ("ate", "ato")),
    ],
)
def test_each_value_is_read_and_round_trips(path: str, value: Any, tmp_path: Path) -> None:
    made = AnalysisSpec.from_dict(with_field(path, value))
    target: Any = made
    for name in path.split("."):
        target = getattr(target, name)
    assert target == value
    file = tmp_path / "model.toml"
    file.write_text(made.to_toml(), encoding="utf-8")
    assert AnalysisSpec.from_toml(file) == made


@pytest.mark.parametrize("field", ["method", "propagate"])
def test_one_name_may_stand_without_brackets(field: str) -> None:
    name = {"method": "weighted", "propagate": "cut"}[field]
    text = tomllib.loads(f'[adjustment]\n{field} = "{name}"')
    listed = tomllib.loads(f'[adjustment]\n{field} = ["{name}"]')
    one, several = (AnalysisSpec.from_dict(SCORED | values) for values in (text, listed))
    assert one == several
    assert getattr(one.adjustment, field) == (name,)


METHODS = "[adjustment] method: Input should be 'none', 'gcomp', 'weighted', 'matched' or"


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("propensity.prior", "laplace", "[propensity] prior: Input should be 'student_t', 'nor"),
        ("propensity.center", "mixed", "[propensity] center: Input should be 'auto', 'none'"),
        ("propensity.formula", "age + treatment", "`treatment` is what the score explains"),
        ("propensity.formula", "arm ~ age", "[propensity] formula: give the right-hand side only"),
        ("propensity.formula", "1", "[propensity] formula: names no column"),
        ("propensity.formula", "open('x')", "[propensity] formula: `open` is not an allowed"),
        ("propensity.priors", "normal", "Did you mean `prior`?"),
        ("adjustment.method", "iptw", METHODS),
        ("adjustment.method", ["weighted", "iptw"], METHODS),
        ("adjustment.method", [], "[adjustment]: name one method at least"),
        ("adjustment.method", ["weighted", "weighted"], "[adjustment]: name each method once"),
        ("adjustment.propagate", ["cut", "cut"], "[adjustment]: name each method once"),
        ("adjustment.method", ["none", "gcomp"], "[adjustment]: `none` stands alone"),
        ("adjustment.target", "entropy", "[adjustment] target: Input should be 'ate', 'att'"),
        ("adjustment.calibration", "robust", "[adjustment] calibration: Input should be 'open_fac"),
        ("adjustment.propagate", "joint", "[adjustment] propagate: Input should be 'cut' or"),
        ("adjustment.patients", "bootstrap", "[adjustment] patients: Input should be 'sample' or"),
        ("adjustment.truncate", 50, "[adjustment] truncate: Input should be greater than 50; got"),
        ("adjustment.truncate", 100, "[adjustment] truncate: Input should be less than 100; got"),
        ("adjustment.truncate", 0.99, "greater than 50; got 0.99"),
        ("adjustment.trim", 0, "[adjustment] trim: Input should be greater than 0; got 0"),
        ("adjustment.trim", 0.5, "[adjustment] trim: Input should be less than 0.5; got 0.5"),
        ("adjustment.trimming", 0.1, "[adjustment]: `trimming` is not known here. Did you mean"),
        ("adjustment.matching.ratio", 0, "[adjustment] matching.ratio: Input should be greater"),
        ("adjustment.matching.ratio", 11, "[adjustment] matching.ratio: Input should be less"),
        ("adjustment.matching.ratio", 1.5, "[adjustment] matching.ratio: Input should be a valid"),
        ("adjustment.matching.caliper", -0.1, "matching.caliper: Input should be greater than or"),
        ("adjustment.matching.caliper", float("inf"), "matching.caliper: Input should be a finite"),
        ("adjustment.matching.method", "full", "matching.method: Input should be 'nearest' or"),
        ("adjustment.matching.distance", "glm", "matching.distance: Input should be 'logit_score'"),
        ("adjustment.matching.caliper_scale", "raw", "matching.caliper_scale: Input should be 's"),
        ("adjustment.matching.order", "seeded", "[adjustment] matching.order: Input should be"),
        ("adjustment.matching.exact", [""], "matching.exact: String should have at least 1 char"),
        ("adjustment.matching.replace", "often", "matching.replace: Input should be a valid bool"),
        ("adjustment.matching.callipers", 0.2, "Did you mean `caliper`?"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_named_with_its_place_and_what_may_stand(
    path: str, value: Any, problem: str
) -> None:
    (found,) = problems(with_field(path, value))
    assert problem in found
    assert found.startswith(f"[{path.split('.')[0]}]")


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("adjustment", "method", "weighted"),
        ("adjustment", "method", "matched"),
        ("adjustment", "method", ["gcomp", "doubly_robust"]),
        ("adjustment", "propagate", "cut"),
        ("adjustment", "propagate", "bayesian_bootstrap"),
        ("estimands", "populations", ["ate", "ato"]),
    ],
)
def test_what_needs_a_score_says_so(section: str, field: str, value: Any) -> None:
    (found,) = problems(with_field(f"{section}.{field}", value, without("propensity")))
    assert f"[{section}]" in found
    assert "need a propensity score: add [propensity] formula" in found


@pytest.mark.parametrize("method", ["none", "gcomp"])
def test_the_outcome_model_needs_no_score(method: str) -> None:
    values = with_field("adjustment.method", method, without("propensity"))
    assert AnalysisSpec.from_dict(values).propensity is None


@pytest.mark.parametrize("center", ["fixed", "random"])
def test_center_terms_need_a_center_column(center: str) -> None:
    values = with_field("propensity.center", center)
    del values["data"]["center"]
    (found,) = problems(values)
    assert found.endswith(f"[propensity] center = '{center}' needs a column: set [data] center")
    values["propensity"]["center"] = "auto"
    assert AnalysisSpec.from_dict(values).propensity is not None


def test_columns_of_score_and_exact_matching_are_read_from_the_data() -> None:
    values = with_field("adjustment.matching.exact", ["sex"])
    assert AnalysisSpec.from_dict(values).roles.covariates == ("age", "stage", "sex")


def test_several_wrong_values_are_named_at_once() -> None:
    values = with_field("adjustment.target", "all")
    values["adjustment"]["trim"] = 2
    values["propensity"]["prior"] = "flat"
    assert len(problems(values)) == 3


def test_the_sections_are_frozen() -> None:
    section = AdjustmentSection()
    with pytest.raises(ValidationError, match="frozen"):
        section.target = "ate"  # type: ignore[misc]


def test_values_can_be_set_on_the_command_line() -> None:
    made = AnalysisSpec.from_dict(SCORED).with_values(
        ["adjustment.method=['weighted', 'matched']", "adjustment.matching.ratio=2"]
    )
    assert made.adjustment.method == ("weighted", "matched")
    assert made.adjustment.matching.ratio == 2
    assert made.adjustment.needs_score
