"""Covariate matrices: scales, contrasts, coefficients on their own scale, and refusals."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hccbayes.design import Term, build_design
from hccbayes.errors import InputError

FRAME = pd.DataFrame(
    {
        "patient": [f"P{row}" for row in range(1, 9)],
        "treatment": [1, 0, 1, 0, 1, 0, 1, 0],
        "age": [50.0, 61, 47, 72, 66, 58, 63, 55],
        "invasion": [0.0, 1, 0, 0, 1, 1, 0, 0],
        "stage": ["B", "C", "C", "B", "A", "C", "A", "B"],
        "afp": [0.0, 3, 20, 400, 8, 0, 5, 60],
        "ecog": [0, 1, 2, 2, 0, 1, 1, 0],
    }
)


def cohort(**columns: Any) -> Any:
    """Return what a design reads of a cohort."""
    return SimpleNamespace(frame=FRAME.assign(**columns), source="cohort.csv")


def problems(formula: str, **columns: Any) -> list[tuple[str, str, tuple[str, ...]]]:
    with pytest.raises(InputError) as caught:
        build_design(cohort(**columns), formula)
    return [(one.where, one.message, one.rows) for one in caught.value.problems]


def test_continuous_covariates_are_centered_and_divided_by_two_standard_deviations() -> None:
    design = build_design(cohort(), "treatment + age")
    deviation = FRAME["age"] - 59.0  # the mean; sum of squares 480
    np.testing.assert_allclose(deviation.sum(), 0.0, atol=0)
    scale = 2 * np.sqrt(480 / 7)
    (term,) = design.terms
    assert (term.name, term.kind, term.mean, term.contrast) == (
        "age",
        "continuous",
        59.0,
        "age: per 1",
    )
    assert term.scale == pytest.approx(scale, rel=1e-15)
    np.testing.assert_allclose(design.matrix[:, 0], deviation / scale, rtol=1e-14)
    assert design.matrix.std(ddof=1) == pytest.approx(0.5, rel=1e-14)


def test_binary_covariates_are_centered_alone() -> None:
    design = build_design(cohort(), "treatment + invasion")
    assert design.terms == (
        Term(name="invasion", kind="binary", mean=0.375, scale=1.0, contrast="invasion: 1 / 0"),
    )
    np.testing.assert_array_equal(design.matrix[:, 0], FRAME["invasion"] - 0.375)


def test_factors_are_coded_against_their_first_level() -> None:
    design = build_design(cohort(), "treatment + stage")
    assert [term.contrast for term in design.terms] == ["stage: B / A", "stage: C / A"]
    np.testing.assert_array_equal(design.columns["stage[T.B]"], FRAME["stage"] == "B")
    np.testing.assert_array_equal(design.columns["stage[T.C]"], FRAME["stage"] == "C")


def test_numbers_may_be_made_factors() -> None:
    design = build_design(cohort(), "treatment + C(ecog)")
    assert [term.contrast for term in design.terms] == ["ecog: 1 / 0", "ecog: 2 / 0"]


def test_a_declared_order_of_levels_sets_the_reference() -> None:
    stage = pd.Categorical(FRAME["stage"], categories=["C", "B", "A"])
    design = build_design(cohort(stage=stage), "treatment + stage")
    assert [term.contrast for term in design.terms] == ["stage: B / C", "stage: A / C"]


@pytest.mark.parametrize(
    ("term", "values"),
    [
        ("log10(afp + 1)", np.log10(FRAME["afp"] + 1)),
        ("sqrt(age)", np.sqrt(FRAME["age"])),
        ("{age / 10}", FRAME["age"] / 10),
        ("age:invasion", FRAME["age"] * FRAME["invasion"]),
    ],
)
def test_transforms_are_kept_on_their_own_scale(term: str, values: pd.Series) -> None:
    design = build_design(cohort(), f"treatment + {term}")
    np.testing.assert_allclose(design.columns.iloc[:, 0], values, rtol=1e-15)
    assert design.terms[0].contrast.endswith(": per 1")


def test_a_coefficient_divided_by_its_scale_is_per_unit() -> None:
    design = build_design(cohort(), "treatment + age + invasion + stage")
    beta = np.array([0.4, -0.2, 0.3, 0.1])
    per_unit = beta / design.scales
    own = design.columns.to_numpy() @ per_unit
    standardized = design.matrix @ beta
    # They differ by the centering alone.
    np.testing.assert_allclose(np.diff(own), np.diff(standardized), atol=1e-14)


def test_conventional_design_names_its_contrasts() -> None:
    design = build_design(cohort(), "treatment + age + stage")
    assert design.conventional().columns.tolist() == [
        "treatment",
        "age",
        "stage[T.B]",
        "stage[T.C]",
    ]
    np.testing.assert_array_equal(design.conventional()["treatment"], FRAME["treatment"])
    assert design.contrasts() == {
        "treatment": "treated / control",
        "age": "age: per 1",
        "stage[T.B]": "stage: B / A",
        "stage[T.C]": "stage: C / A",
    }


def test_a_formula_of_the_treatment_alone_has_no_covariates() -> None:
    design = build_design(cohort(), "treatment")
    assert design.matrix.shape == (8, 0)
    assert design.conventional().columns.tolist() == ["treatment"]


def test_centers_are_sorted_and_indexed() -> None:
    design = build_design(cohort(center=["s", "n", "s", "w", "n", "n", "w", "s"]), "treatment")
    assert design.centers == ("n", "s", "w")
    assert design.center_index.tolist() == [1, 0, 1, 2, 0, 0, 2, 1]


def test_without_a_center_column_there_are_no_centers() -> None:
    design = build_design(cohort(), "treatment")
    assert design.centers == ()
    assert design.center_index.tolist() == [0] * 8


def test_patients_with_a_logarithm_of_zero_are_named() -> None:
    message = "is not finite; a logarithm of 0 or less?"
    assert problems("treatment + log(afp) + age") == [
        ("[hazard] term log(afp)", message, ("P1", "P6"))
    ]


def test_an_exponential_too_large_is_named() -> None:
    ((where, _, rows),) = problems("treatment + exp(age * 12)")
    assert where == "[hazard] term exp(age * 12)"
    assert rows == ("P2", "P4", "P5", "P7")  # exp(12 * 59.14) is the largest float


def test_a_constant_term_is_refused() -> None:
    assert problems("treatment + invasion", invasion=1.0) == [
        ("[hazard] term invasion", "is the same for every patient; remove it", ())
    ]


def test_collinear_terms_are_refused_with_those_before_them() -> None:
    message = "is a linear combination of treatment, age, afp; remove it"
    assert problems("treatment + age + afp + {age + 2*afp}") == [
        ("[hazard] term age + 2 * afp", message, ())
    ]


def test_a_copy_of_the_treatment_is_refused() -> None:
    message = "is a linear combination of treatment; remove it"
    assert problems("treatment + invasion", invasion=1 - FRAME["treatment"]) == [
        ("[hazard] term invasion", message, ())
    ]


def test_all_wrong_terms_are_named_at_once() -> None:
    found = problems("treatment + log(afp) + invasion", invasion=0.0)
    assert [where for where, *_ in found] == ["[hazard] term log(afp)", "[hazard] term invasion"]


@pytest.mark.parametrize(
    "term",
    [
        "log(stage)",
        "{age / stage}",
        "log()",
        "log(age, base=2, of=3)",
        "bs(age, df=1)",
        "C(stage, 3)",
        "nowhere",
    ],
)
def test_what_formulaic_cannot_evaluate_is_a_problem_of_the_formula(term: str) -> None:
    ((where, message, _),) = problems(f"treatment + {term}")
    assert where == "[hazard] formula"
    assert message


def test_names_of_the_program_are_not_within_reach_of_a_formula() -> None:
    # Formulas see the columns of the data and the allowed functions, not Python's own names.
    ((_, message, _),) = problems("treatment + frame")
    assert "`frame` is not present" in message
