"""Python functions that a project declares, as functions of the engine."""

from __future__ import annotations

import duckdb
import pyarrow.compute as pc
import pytest

from foretable.declare.function import Function, function
from foretable.errors import DeclarationError
from foretable.udf import connect, register_functions


def declared(factor: float) -> dict[str, Function]:
    @function(parameters=["DOUBLE", "DOUBLE"], returns="DOUBLE")
    def weighted(x, y):
        return pc.multiply(pc.fill_null(x, 1.0), pc.multiply(y, factor))

    return {"weighted": weighted}


def ask(connection: duckdb.DuckDBPyConnection, query: str = "SELECT weighted(2, 5), weighted(NULL, 5)") -> tuple[object, ...]:
    return connection.execute(query).fetchall()[0]


def test_a_declared_function_is_called_by_its_name_and_sees_nulls():
    with connect(":memory:") as connection:
        register_functions(connection, declared(2.0))
        assert ask(connection) == (20.0, 10.0)
        assert ask(connection, "SELECT sum(weighted(i, 1)) FROM range(100000) AS t(i)") == (2.0 * 99999 * 50000,)


def test_a_reloaded_project_replaces_its_functions_on_every_connection(tmp_path):
    with connect(tmp_path / "w.duckdb") as first, connect(tmp_path / "w.duckdb") as second:
        register_functions(first, declared(1.0))
        register_functions(second, declared(3.0))
        assert ask(first) == ask(second) == (30.0, 15.0)


def test_closing_the_connection_that_registered_leaves_the_other_working(tmp_path):
    first, second = connect(tmp_path / "w.duckdb"), connect(tmp_path / "w.duckdb")
    register_functions(first, declared(1.0))
    first.close()
    assert ask(second) == (10.0, 5.0)
    second.close()


def test_two_files_have_functions_of_their_own(tmp_path):
    with connect(tmp_path / "a.duckdb") as first, connect(tmp_path / "b.duckdb") as second:
        register_functions(first, declared(1.0))
        register_functions(second, declared(2.0))
        assert (ask(first)[0], ask(second)[0]) == (10.0, 20.0)


def test_an_unknown_type_names_the_function_and_its_place():
    with connect(":memory:") as connection, pytest.raises(DeclarationError, match=r"test_functions\.py:.*function broken"):
        register_functions(connection, {"broken": Function("broken", lambda x: x, ["NUMBRE"], "DOUBLE", declared(1.0)["weighted"].origin)})
