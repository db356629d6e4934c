"""A printed number is an interval of values."""

from __future__ import annotations

import math

import pytest

from hccbayes.evidence.printed import is_number, number, parse


@pytest.mark.parametrize(
    ("text", "low", "high", "decimals"),
    [
        ("0.36", 0.355, 0.365, 2),
        ("1.00", 0.995, 1.005, 2),
        ("12%", 11.5, 12.5, 0),
        ("6.670", 6.6695, 6.6705, 3),
        ("-0.5", -0.55, -0.45, 1),
        ("\N{MINUS SIGN}0.5", -0.55, -0.45, 1),
        ("1.5e-3", 0.00145, 0.00155, 4),
        (".05", 0.045, 0.055, 2),
    ],
)
def test_half_a_unit_of_the_last_digit_on_either_side(text, low, high, decimals):
    found = parse(text)
    assert found.low == pytest.approx(low, abs=1e-12)
    assert found.high == pytest.approx(high, abs=1e-12)
    assert found.decimals == decimals


def test_bounds_are_open_on_one_side():
    below, above = parse("<0.001"), parse(">0.999")
    assert (below.low, below.high) == (-math.inf, 0.001)
    assert (above.low, above.high) == (0.999, math.inf)
    assert below.holds(1e-9)
    assert not below.holds(0.0011)


def test_times_that_are_not_reached_are_infinite():
    assert number("not reached") == number("NA") == math.inf


@pytest.mark.parametrize("cell", ["", "  ", "-", "\N{EN DASH}", None, float("nan")])
def test_empty_cells_are_no_number(cell):
    assert parse(cell) is None
    assert math.isnan(number(cell))


@pytest.mark.parametrize("text", ["1.1.674", "11.4-13.3", "about 60", "0,36"])
def test_what_is_no_number_raises_and_is_named(text):
    assert not is_number(text)
    with pytest.raises(ValueError, match="is not a number"):
        parse(text)


def test_a_number_that_lost_its_zeros_has_a_wider_interval():
    assert parse(0.8).high - parse(0.8).low > parse("0.80").high - parse("0.80").low


def test_holds_includes_the_ends_and_may_equal_does_not():
    one, other = parse("0.26"), parse("0.27")
    assert one.holds(0.265)
    assert other.holds(0.265)
    assert not one.may_equal(other)
    assert parse("15").may_equal(parse("15.0"))
    assert parse("0.57").may_equal(parse("0.573"))


def test_cut_off_is_told_from_rounded():
    assert parse("10.66").cut_from(100 * 8 / 75)
    assert not parse("10.67").cut_from(100 * 8 / 75)
    assert parse("10.67").holds(100 * 8 / 75)


def test_whole_numbers_count_patients_and_weights_do_not():
    assert parse("26").is_count
    assert not parse("19.4").is_count
    assert not parse("<5").is_count
    assert not parse("not reached").is_count
