"""Values as text of a query."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sqlglot import exp

from foretable import sql
from foretable.errors import UsageError
from foretable.forms.dialect import written


@given(st.text())
@example("\0")
@example("a\0'b\0")
def test_a_text_is_read_back_as_it_was(text: str) -> None:
    with duckdb.connect() as connection:
        assert connection.execute(sql.render(exp.select(exp.Literal.string(text)))).fetchall() == [(text,)]


def test_a_text_that_another_database_cannot_write_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written in postgres"):
        written(exp.select(exp.Literal.string("a\0")), "postgres")
