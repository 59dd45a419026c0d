"""Pieces of models as SQL."""

from __future__ import annotations

import math

import duckdb
from sqlglot import exp

from foretable.forms.expression_parts import by_level, number
from foretable.sql import column, render


def test_what_stands_for_no_number_is_null() -> None:
    """An ordinal encoding has no place for an unseen category: trees read it as missing."""
    assert render(number(math.nan)) == "NULL"
    query = exp.select(by_level(column("v"), {"a": 0.0, "b": 1.0}, math.nan, None))
    query = query.from_("(VALUES (1, 'a'), (2, 'b'), (3, 'unseen'), (4, NULL)) AS rows(i, v)").order_by("i")
    with duckdb.connect() as connection:
        assert connection.execute(render(query)).fetchall() == [(0.0,), (1.0,), (None,), (None,)]
