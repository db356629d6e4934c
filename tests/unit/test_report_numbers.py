"""Numbers, estimands and hostile text as a reader of a table sees them."""

from __future__ import annotations

import pandas as pd
import pytest

from hccbayes.report.numbers import (
    escape_markdown,
    estimand_name,
    format_interval,
    format_number,
    format_probability,
)

INF, NAN = float("inf"), float("nan")


@pytest.mark.parametrize(
    ("value", "estimand", "text"),
    [
        (0.6249, "hr", "0.62"),
        (0.9512, "hr", "0.951"),  # effects per unit lie close to 1
        (1.0494, "hr", "1.049"),
        (1.06, "hr", "1.06"),
        (-0.4789, "log_hr", "-0.479"),
        (0.12345, "survival", "0.123"),
        (11.848497, "rmst", "11.85"),
        (INF, "median", "not reached"),
        (-INF, "median_difference", "-inf"),
        (NAN, "rmst", ""),
        (0.98765, "prob_hr_below_0.8", "0.988"),
        (1.0, "prob_hr_below_0.8", "> 0.999"),
    ],
)
def test_numbers_have_the_digits_of_their_kind(value: float, estimand: str, text: str) -> None:
    assert format_number(value, estimand) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.5, "0.500"), (0.999, "0.999"), (0.9991, "> 0.999"), (1.0, "> 0.999"),
     (0.0, "< 0.001"), (0.0009, "< 0.001"), (0.0011, "0.001"), (NAN, "")],
)  # fmt: skip
def test_probabilities_are_never_zero_or_one(value: float, text: str) -> None:
    assert format_probability(value) == text


@pytest.mark.parametrize(
    ("numbers", "estimand", "text"),
    [
        ((0.62, 0.4149, 0.94), "hr", "0.62 (0.41 to 0.94)"),
        ((1.012, 0.99, 1.2345), "hr", "1.012 (0.990 to 1.234)"),  # digits follow the point
        ((14, 10, INF), "median", "14.00 (10.00 to not reached)"),
        ((INF, 10, INF), "median", "not reached (10.00 to not reached)"),
        ((0.97, NAN, NAN), "prob_hr_below_1", "0.970"),
        ((NAN, NAN, NAN), "median_difference", ""),
    ],
)
def test_intervals(numbers: tuple[float, float, float], estimand: str, text: str) -> None:
    row = pd.Series(dict(zip(("estimate", "lower", "upper"), numbers, strict=True)))
    assert format_interval(pd.Series({**row, "estimand": estimand})) == text


def test_estimands_in_words() -> None:
    assert estimand_name("prob_hr_below_0.8") == "P(HR < 0.8)"
    assert estimand_name("marginal_hr") == "marginal hazard ratio"
    assert estimand_name("something_new") == "something_new"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<script>", "&lt;script&gt;"),
        ("a & b &lt;", "a &amp; b &amp;lt;"),
        ("a | b", r"a \| b"),
        (r"a \| b", r"a \\\| b"),
        ("`x` *y* _z_", r"\`x\` \*y\* \_z\_"),
        ("[x](y) ~z~", r"\[x\](y) \~z\~"),
        ("a\n\nb\tc\r\n# d", "a b c # d"),
        ("# a", r"\# a"),
        ("- a", r"\- a"),
        ("+ a", r"\+ a"),
        ("=====", r"\====="),
        ("-0.3 to 0.4", r"\-0.3 to 0.4"),
        ("", ""),
    ],
)
def test_markdown_shows_text_as_it_stands(text: str, escaped: str) -> None:
    assert escape_markdown(text) == escaped
