"""How columns share the width of a screen."""

from __future__ import annotations

from decimal import Decimal

import pytest

from foretable.cli import console, layout


def test_measurements_of_a_column_have_their_points_in_line():
    assert layout.column([0.5, 12.25, None, 0.0]) == (["0.5000", "12.2500", "", "0.0000"], True)
    assert layout.column([1234.5, 1.0]) == (["1,234.50", "1.00"], True)


@pytest.mark.parametrize(
    ("value", "text"), [(Decimal("-101683.56"), "-101,683.56"), (1e20, "1.0e+20"), (float("inf"), "inf"), (Decimal("NaN"), "")]
)
def test_large_numbers_and_none(value, text):
    assert layout.cell(value) == text


NAMES = ["table", "rows", "what it says"]
CELLS = [["features.telco_customer_months", "75762", "One row per customer and complete month of tenure, from the third on."]]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_names_stay_whole_and_words_wrap(width):
    widths = layout.fitted(NAMES, CELLS, width)
    assert widths is not None
    assert widths[:2] == [30, 5]
    assert sum(widths) + 2 * layout.GAP <= width
    assert widths[2] == min(len(CELLS[0][2]), width - 35 - 2 * layout.GAP)


def test_what_cannot_fit_is_not_squeezed():
    assert layout.fitted(NAMES, CELLS, 40) is None


@pytest.fixture
def on_screen(monkeypatch, capsys):
    """What ``console.table`` shows on a terminal of 40 characters."""
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setattr(console, "terminal", lambda: True)

    def shown(names, rows):
        console.table(names, rows)
        return capsys.readouterr().out

    return shown


def test_few_wide_rows_stand_one_below_the_other(on_screen):
    names = [f"name_{i}" for i in range(8)]
    assert on_screen(names, [["value" * 3] * 8]).split("\n")[1:3] == ["name_0  valuevaluevalue", "name_1  valuevaluevalue"]


def test_many_wide_rows_lose_their_last_columns_and_say_which(on_screen):
    text = on_screen([f"name_{i}" for i in range(4)], [["value" * 3] * 4] * 9)
    assert text.count("valuevaluevalue") == 18
    assert text.endswith("no room for: name_2, name_3\n")


def test_no_line_is_longer_than_the_screen(on_screen):
    lines = on_screen(NAMES, [*CELLS, ["b", 2, "short"]] * 4).splitlines()
    assert max(map(len, lines)) <= 40
