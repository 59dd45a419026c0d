"""An empty warehouse in memory: it binds every query, so that names and types are DuckDB's own word."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import duckdb
from sqlglot import exp

from foretable.compile.answers import answer_type, kinds_of, table_columns
from foretable.compile.asof import AS_OF, MODEL_VERSION
from foretable.compile.recorded import Columns, recorded_text
from foretable.compile.references import called_model, calls
from foretable.declare.function import Function
from foretable.declare.model import Model
from foretable.declare.names import split
from foretable.declare.project import Macro
from foretable.errors import DeclarationError
from foretable.sql import DIALECT, parse, render, statement, table
from foretable.udf.macros import parameters


class Scratch:
    """Tables without rows, stubs of the functions, and DESCRIBE."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(":memory:")
        self._connection.execute("SET TimeZone = 'UTC'")
        self._connection.execute("CREATE MACRO as_of() AS TIMESTAMP '2000-01-01'")
        self._connection.execute("CREATE MACRO model_version(model, alias := 'champion') AS 1::INTEGER")
        self._attached: set[str] = set()
        self._stubs: set[str] = set()

    def add_table(self, name: str, columns: Columns) -> None:
        """An empty table of that name."""
        catalog, schema, _ = split(name)
        if catalog and catalog not in self._attached:
            self._connection.execute(statement("ATTACH ':memory:' AS $name", name=exp.to_identifier(catalog, quoted=True)))
            self._attached.add(catalog)
        qualified = exp.Table(
            db=exp.to_identifier(schema, quoted=True), catalog=exp.to_identifier(catalog, quoted=True) if catalog else None
        )
        self._connection.execute(render(exp.Create(kind="SCHEMA", this=qualified, exists=True)))
        self._connection.execute(recorded_text(name, columns))

    def add_functions(self, functions: Iterable[Function], macros: Iterable[Macro]) -> None:
        """Stubs for the project's Python functions, and its macros as they are."""
        for function in functions:
            names = [exp.to_identifier(f"p{i}") for i in range(len(function.parameters))]
            signature = exp.UserDefinedFunction(this=table(function.name), expressions=names, wrapped=True)
            body = exp.cast(exp.null(), function.returns)
            self._connection.execute(render(exp.Create(kind="MACRO", this=signature, expression=body)))
        create_macros(self._connection, macros)

    def add_calls(self, names: Iterable[str], models: Mapping[str, Model]) -> None:
        """Stubs of the functions of models among the names: for a row, and where there is such a form, for a table."""
        for name in sorted(set(names) - self._stubs):
            called = called_model(name, models)
            if called is None or called.kind not in kinds_of(models[called.model]):
                continue
            self._stubs.add(name)
            model = models[called.model]
            row = exp.UserDefinedFunction(this=table(name), expressions=parameters("f", reasons=called.kind == "explain"), wrapped=True)
            nothing = exp.cast(exp.null(), answer_type(called.kind, model.task), dialect=DIALECT)
            # Of the row, since DuckDB takes a field of what is NULL in any case for an INTEGER.
            answer = exp.case().when(exp.column("f").is_(exp.null()), nothing)
            self._connection.execute(render(exp.Create(kind="MACRO", this=row, expression=answer)))
            if called.kind == "predict":
                macro = parse("CREATE MACRO predict(f) AS TABLE SELECT * FROM query_table(f)")
                macro.this.set("this", table(name))
                added = table_columns(model).items()
                empty = (exp.alias_(exp.cast(exp.null(), kind, dialect=DIALECT), new, quoted=True) for new, kind in added)
                macro.set("expression", macro.expression.select(*empty))
                self._connection.execute(render(macro))

    def describe(self, query: exp.Expr) -> Mapping[str, str]:
        """Columns and types of a query.

        Raises
        ------
        duckdb.Error
            It does not bind.
        """
        rows = self._connection.execute(render(exp.Describe(this=query))).fetchall()
        return {str(row[0]): str(row[1]) for row in rows}

    def close(self) -> None:
        """Let go of the memory."""
        self._connection.close()


def create_macros(connection: duckdb.DuckDBPyConnection, macros: Iterable[Macro]) -> None:
    """Create macros, those that others call first.

    Raises
    ------
    DeclarationError
        One does not bind; it may call functions and models, but sees no table and no clock.
    """
    waiting = list(macros)
    for macro in waiting:
        if fixed := calls(macro.sql) & {AS_OF, MODEL_VERSION}:
            raise DeclarationError(
                f"macro {macro.name} calls {min(fixed)}(), which only a table can",
                where=macro.origin,
                hint="give the macro a parameter, and hand it in where the macro is called",
            )
    while waiting:
        late = [(macro, error) for macro in waiting if (error := _try_macro(connection, macro))]
        if len(late) == len(waiting):
            macro, error = late[0]
            reads = error.startswith("Catalog Error: Table")
            hint = "a macro reads no table: hand it what it needs, or declare a table and join it" if reads else ""
            raise DeclarationError(error.split("\n\nLINE")[0], where=macro.origin, hint=hint)
        waiting = [macro for macro, _ in late]


def _try_macro(connection: duckdb.DuckDBPyConnection, macro: Macro) -> str:
    try:
        connection.execute(macro.sql)
    except duckdb.Error as error:
        return str(error)
    return ""
