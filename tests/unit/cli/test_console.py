"""How values look to people, to JSON and to CSV."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from foretable.cli import console
from foretable.errors import DeclarationError


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "yes"),
        (12345, "12345"),
        (0.5, "0.5000"),
        (1234.5, "1,234.50"),
        (0.00001234, "1.2e-05"),
        (0.0, "0.00"),
        (float("nan"), ""),
        (Decimal("10.50"), "10.50"),
        (datetime(2026, 1, 31), "2026-01-31"),
        (datetime(2026, 1, 31, 4, 5), "2026-01-31 04:05"),
        (timedelta(hours=5), "5 h"),
        ("two\nlines", "two lines"),
    ],
)
def test_a_cell(value, text):
    assert console.cell(value) == text


def test_a_table_is_aligned_and_cut_with_a_word(capsys):
    console.table(["name", "rows"], [["a", 1], ["bcd", 20], ["e", 3]], limit=2)
    assert capsys.readouterr().out == "name  rows\na        1\nbcd     20\n… 1 more rows\n"


def test_json_has_only_what_json_knows(capsys):
    console.records(["a", "b", "c", "d"], [[float("inf"), Decimal("1.25"), datetime(2026, 1, 1), [timedelta(seconds=90)]]])
    assert json.loads(capsys.readouterr().out) == [{"a": None, "b": 1.25, "c": "2026-01-01T00:00:00", "d": [90.0]}]


def test_csv_keeps_cents_and_quotes():
    file = io.StringIO()
    console.comma_separated(["a", "b", "c", "d"], [[Decimal("50.00"), True, 'x,"y"', None]], file)
    assert file.getvalue() == 'a,b,c,d\n50.00,true,"x,""y""",\n'


def test_an_error_says_where_and_what_to_do(capsys):
    console.error(DeclarationError("no such column", where="a.py:3", hint="mend it"))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: a.py:3: no such column\nHint: mend it\n"


def test_nobody_to_ask_means_no(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert console.confirmed("sure?") is False


@pytest.mark.parametrize(("number", "text"), [(0, "0 rows"), (1, "1 row"), (None, "0 rows"), (4815, "4,815 rows")])
def test_counts(number, text):
    assert console.count(number, "row") == text


def test_json_keeps_money_exact(capsys):
    console.records(["a", "b"], [[Decimal("105.32"), Decimal("12345678901234567.89")]])
    assert json.loads(capsys.readouterr().out) == [{"a": 105.32, "b": "12345678901234567.89"}]
