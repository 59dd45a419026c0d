"""Numbers as people read them."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretable.report.words import interval, moment, number, percent, short, value


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        ((0.8642, 0.852, 0.876), "0.864 [0.852, 0.876]"),
        ((0.0312, 0.0298, 0.0330), "0.0312 [0.0298, 0.0330]"),
        ((12340.2, 11900.0, 12900.0), "12,340 [11,900, 12,900]"),
        ((-0.5, -1.0, 0.25), "−0.500 [−1.000, 0.250]"),
        ((0.5, None, None), "0.500"),
        ((0.00042, None, None), "0.00042"),
        ((1.0, 1.0, 1.0), "1.000 [1.000, 1.000]"),
        ((1.0, 1.0 - 1e-16, 1.0), "1.000 [1.000, 1.000]"),
        ((0.0, 0.0, 0.0), "0.000 [0.000, 0.000]"),
        ((1e-5, 1e-5, 1e-5), "0.000010 [0.000010, 0.000010]"),
        ((float("nan"), 0.0, 1.0), "–"),
        ((None, None, None), "–"),
        ((0.5, float("-inf"), 1.0), "0.500"),
    ],
    ids=str,
)
def test_as_many_digits_as_the_interval_bears(given_, text):
    assert interval(*given_) == text


finite = st.floats(-1e9, 1e9, allow_subnormal=False)


@given(finite, finite, finite)
def test_an_interval_keeps_its_order_and_its_value(a, b, c):
    low, middle, high = sorted((a, b, c))
    text = interval(middle, low, high).replace("−", "-").replace(",", "").replace("[", "").replace("]", "").split()
    said = [float(part) for part in (text[1], text[0], text[2])]
    assert said == sorted(said)
    off = max(abs(told - true) for told, true in zip(said, (low, middle, high), strict=True))
    width = high - low or abs(high)  # without a width, two digits of the value itself
    assert off <= max(0.05 * width, 0.00051 * max(abs(low), abs(high)), 0.5e-6)


@pytest.mark.parametrize(
    ("given_", "text"),
    [
        (None, "–"),
        (True, "yes"),
        (1234567, "1,234,567"),
        (0.5, "0.5"),
        (9.0, "9"),
        (0.000999, "0.000999"),
        (1e-7, "1e−07"),
        (2868.0, "2,868"),
        (123456.7, "123,457"),
        ([1, "a"], "1, a"),
        ({"p": 0.05, "groups": ["x"]}, "p: 0.05; groups: x"),
        (datetime(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 4, 5), "2026-01-31 04:05"),
    ],
    ids=str,
)
def test_values(given_, text):
    assert value(given_) == text


def test_small_things():
    assert (number(1234.0), number(float("inf")), percent(0.145), percent(0.999)) == ("1,234", "–", "14.5 %", "99.90 %")
    assert moment(None) == "–"
    assert short("a\nb\u202ec") == "a b c"
    assert short("x" * 60 + "_17").endswith("_17") and len(short("x" * 60)) == 44
