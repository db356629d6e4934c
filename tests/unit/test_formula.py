"""What a model formula may hold; it is user text, and formulaic would evaluate any Python in it."""

from __future__ import annotations

import pytest

from hccbayes.errors import InputError
from hccbayes.formula import ALLOWED_TRANSFORMS, covariate_columns, covariate_formula


@pytest.mark.parametrize(
    ("formula", "columns", "without_treatment"),
    [
        ("treatment", (), "1"),
        ("treatment + age + stage", ("age", "stage"), "1 + age + stage"),
        ("age + treatment + 1", ("age",), "1 + age"),
        ("treatment + C(stage)", ("stage",), "1 + C(stage)"),
        ("treatment + log10(afp + 1)", ("afp",), "1 + log10(afp + 1)"),
        ("treatment + {bilirubin / 17.1}", ("bilirubin",), "1 + {bilirubin / 17.1}"),
        ("treatment + age:stage", ("age", "stage"), "1 + age:stage"),
        ("treatment + age*stage", ("age", "stage"), "1 + age + stage + age:stage"),
        ("treatment + poly(age, degree=2)", ("age",), "1 + poly(age, degree=2)"),
        ("treatment + bs(log(age), df=4)", ("age",), "1 + bs(log(age), df=4)"),
        ("treatment + log(age) + sqrt(age)", ("age",), "1 + log(age) + sqrt(age)"),
        ("treatment + `age`", ("age",), "1 + age"),
    ],
)
def test_columns_of_a_formula_and_what_formulaic_gets(
    formula: str, columns: tuple[str, ...], without_treatment: str
) -> None:
    assert covariate_columns(formula) == columns
    assert covariate_formula(formula) == without_treatment


@pytest.mark.parametrize("function", ALLOWED_TRANSFORMS)
def test_every_allowed_function_may_be_called(function: str) -> None:
    assert covariate_columns(f"treatment + {function}(age)") == ("age",)


NOT_ALLOWED = "is not an allowed function; use one of C, log, log10"
ONLY = "may hold only columns, numbers"
MAIN_EFFECT = "only as a main effect"


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("treatment + __import__('os')", f"`__import__` {NOT_ALLOWED}"),
        ("treatment + eval(age)", f"`eval` {NOT_ALLOWED}"),
        ("treatment + open(age)", f"`open` {NOT_ALLOWED}"),
        ("treatment + log(exec(age))", f"`exec` {NOT_ALLOWED}"),
        ("treatment + log({eval(age)} + 1)", ONLY),
        ("treatment + age.__class__", ONLY),
        ("treatment + np.log(age)", ONLY),
        ("treatment + {(lambda: 1)()}", ONLY),
        ("treatment + {lambda: age}", ONLY),
        ("treatment + {[x for x in age]}", ONLY),
        ("treatment + {age if age else stage}", ONLY),
        ("treatment + {age > 60}", ONLY),
        ("treatment + {age @ stage}", ONLY),
        ("treatment + {(y := age)}", ONLY),
        ("treatment + {f'age'}", ONLY),
        ("treatment + age[0]", ONLY),
        ("treatment + log(*age)", ONLY),
        ("treatment + log('age')", ONLY),
        ("treatment + bs(age, df='4')", ONLY),
        ("treatment + bs(age, **age)", "may not unpack arguments"),
        ("treatment + {1j}", ONLY),
        ("treatment + 'age'", "cannot be read"),
        ("treatment + .", "cannot be read"),
        ("treatment +", "cannot be read"),
        ("treatment + (age", "cannot be read"),
        ("treatment + log(age", "cannot be read"),
        ("treatment + age stage", "cannot be read"),
        ("treatment + 3", "cannot be read"),
        ("treatment + `age years`", "is not a column name; rename the column"),
        ("treatment | age", "has several parts"),
        ("os_months ~ treatment", "right-hand side only"),
        ("treatment - 1", "intercept may not be removed"),
        ("0 + treatment", "intercept may not be removed"),
        ("", "must contain `treatment`"),
        ("age + stage", "must contain `treatment`"),
        ("treatment * age", MAIN_EFFECT),
        ("treatment + treatment:age", MAIN_EFFECT),
        ("log(treatment)", MAIN_EFFECT),
        ("C(treatment)", MAIN_EFFECT),
        ("treatment + {treatment + 1}", MAIN_EFFECT),
    ],
)
def test_everything_else_is_refused(formula: str, message: str) -> None:
    for function in (covariate_columns, covariate_formula):
        with pytest.raises(InputError) as caught:
            function(formula)
        (problem,) = caught.value.problems
        assert problem.where == "formula"
        assert message in problem.message
