"""What a load must bring: columns and types, from the schema, the table that is there, or the files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.errors import IngestError, nearest
from foretable.quality.casting import from_text, from_typed, inferred, is_text
from foretable.quality.check import declared_type, structure
from foretable.quality.readers import Staged
from foretable.quality.relation import exists, relation, type_tree
from foretable.quality.rules import columns as schema_columns
from foretable.sql import column, render, statement, table

_FIRST_ROWS = 10_000


@dataclass(frozen=True)
class Target:
    """The table that files are loaded into.

    ``columns`` maps names to DuckDB types, None where the files decide. ``optional`` may be missing from a
    file. ``extra`` says what becomes of further columns: refused, added to the new table, or left out.
    """

    name: str
    columns: dict[str, str | None]
    optional: frozenset[str] = frozenset()
    extra: str = "refuse"
    exists: bool = False
    decided_by: str = ""


def target_of(connection: duckdb.DuckDBPyConnection, name: str, schema: Any, *, replace: bool, recorded: Mapping[str, str] = {}) -> Target:
    """The columns wanted: those of the table that is there, else of the schema and the record, else whatever the files have.

    Raises
    ------
    IngestError
        The table that is there does not fit its schema.
    """
    optional = frozenset(key for key, each in schema.columns.items() if not each.required) if schema is not None else frozenset()
    filtering = schema is not None and schema.strict == "filter"
    if exists(connection, name) and not replace:
        there = relation(connection, name)
        broken = structure(there, schema, name) if schema is not None else []
        if broken:
            raise IngestError(
                f"the table that is there does not fit its schema: {broken[0]}",
                where=broken[0].where,
                hint="load all of it anew with --replace, or correct the schema",
            )
        extra = "leave out" if filtering else "refuse"
        return Target(name, dict(there.columns), optional, extra, True, f"table {name}")
    if schema is None:
        return Target(name, dict(recorded), extra="add", decided_by=f"the recorded schema of {name}")
    columns = {key: declared_type(schema, each) for key, each in schema.columns.items() if not each.regex}
    known = {key.casefold(): kind for key, kind in recorded.items()}
    columns = {key: kind or known.get(key.casefold()) for key, kind in columns.items()}
    columns |= {key: kind for key, kind in recorded.items() if key.casefold() not in _folded(columns)} if not filtering else {}
    extra = "refuse" if schema.strict is True else "leave out" if filtering else "add"
    return Target(name, columns, optional, extra, decided_by=f"the schema of {name}")


def completed(connection: duckdb.DuckDBPyConnection, target: Target, schema: Any, files: Sequence[Staged]) -> dict[str, str]:
    """The columns of the table with all their types, once the files are known.

    Raises
    ------
    IngestError
        A file lacks a column, or has one that nobody asked for.
    """
    names = dict(target.columns)
    patterned = _patterned(schema, [name for file in files for name in file.columns])
    if target.extra == "add":
        names |= {name: None for file in files for name in file.columns if name.casefold() not in _folded(names)}
        names |= patterned
    elif not target.exists:
        names |= patterned
    for file in files:
        _require_columns(target, names, file)
    if not target.exists:  # an optional column that no file has is not made
        found = {name.casefold() for file in files for name in file.columns}
        names = {name: kind for name, kind in names.items() if name.casefold() in found}
    return {name: kind or _type_from_files(connection, name, files) for name, kind in names.items()}


def _patterned(schema: Any, names: Iterable[str]) -> dict[str, str | None]:
    if schema is None:
        return {}
    return {name: declared_type(schema, each) for name, each in schema_columns(schema, dict.fromkeys(names)) if each.regex}


def _folded(names: Iterable[str]) -> set[str]:
    return {name.casefold() for name in names}


def _require_columns(target: Target, names: dict[str, str | None], file: Staged) -> None:
    found = _folded(file.columns)
    missing = [name for name in names if name.casefold() not in found and name not in target.optional]
    decided = target.decided_by or "another of the files"
    if missing:
        near = nearest(missing[0], file.columns)
        raise IngestError(f"column {missing[0]!r} is missing; {decided} has it", where=file.shown, hint=near)
    wanted = _folded(names)
    extra = [name for name in file.columns if name.casefold() not in wanted]
    if extra and target.extra == "refuse":
        raise IngestError(
            f"column {extra[0]!r} is not in {decided}",
            where=file.shown,
            hint="take it out of the file, add it to the schema, or load the whole table anew with --replace",
        )


def _type_from_files(connection: duckdb.DuckDBPyConnection, name: str, files: Sequence[Staged]) -> str:
    kinds = []
    for file in files:
        for i, (each, kind) in enumerate(file.columns.items()):
            if each.casefold() == name.casefold():
                kinds.append(_narrowest(connection, file, i) if is_text(kind) else kind)
    nulls = [exp.select(exp.cast(exp.null(), type_tree(kind)).as_("v")) for kind in kinds if kind is not None]
    if not nulls:
        return "VARCHAR"
    together: Any = nulls[0]
    for null in nulls[1:]:
        together = together.union(null, distinct=False)
    described = connection.execute(statement("DESCRIBE $rows", rows=together)).fetchall()
    return str(described[0][1])


def _narrowest(connection: duckdb.DuckDBPyConnection, file: Staged, number: int) -> str | None:
    """The narrowest type of a column of text; None where all of it is NULL. The first rows settle most columns of words."""
    text = _text(file, number)
    every: Any = exp.select(exp.func("count", text), inferred(text))
    first: Any = exp.select("*").from_(table(file.table)).limit(_FIRST_ROWS)
    count, kind = connection.execute(render(every.from_(first.subquery("first")))).fetchall()[0]
    if not count or kind != "VARCHAR":
        count, kind = connection.execute(render(every.from_(table(file.table)))).fetchall()[0]
    return str(kind) if count else None


def _text(file: Staged, number: int) -> Any:
    cell = column(f"c{number}")
    return exp.func("nullif", cell, exp.Literal.string("")) if file.empty_is_null else cell


def append(connection: duckdb.DuckDBPyConnection, file: Staged, into: str, columns: dict[str, str]) -> None:
    """Cast a staged file to the table's types and add it to ``into``, whose columns are those.

    Raises
    ------
    IngestError
        A value is not of its column's type; the message names the line and the value.
    """
    cells = _cells(file, columns)
    wrong = {
        name: exp.and_(given.is_(exp.null()).not_(), value.copy().is_(exp.null()))
        for name, (_, given, value) in cells.items()
        if given is not None
    }
    if wrong:
        counts = exp.select(*(exp.func("count_if", each) for each in wrong.values())).from_(table(file.table))
        found = dict(zip(wrong, connection.execute(render(counts)).fetchall()[0], strict=True))
        for name, count in found.items():
            if count:
                raise _mistyped(connection, file, name, columns[name], cells[name], wrong[name], count)
    values = [exp.alias_(cells[name][2] if name in cells else exp.null(), name, quoted=True) for name in columns]
    query = exp.select(*values).from_(table(file.table))
    connection.execute(statement("INSERT INTO $into SELECT * FROM $rows", into=table(into), rows=query.subquery()))


def _cells(file: Staged, columns: dict[str, str]) -> dict[str, tuple[int, Any, Any]]:
    """For each column that the file has: its number, the value given, and the value cast."""
    numbers = {name.casefold(): (i, kind) for i, (name, kind) in enumerate(file.columns.items())}
    cells: dict[str, tuple[int, Any, Any]] = {}
    for name, kind in columns.items():
        if name.casefold() not in numbers:
            continue
        number, given = numbers[name.casefold()]
        source = column(f"c{number}")
        if not is_text(given):
            cells[name] = number, source, from_typed(source, given, kind)
        elif is_text(kind):
            cells[name] = number, None, source
        else:
            text = _text(file, number)
            cells[name] = number, text, from_text(text, kind)
    return cells


def _mistyped(
    connection: duckdb.DuckDBPyConnection, file: Staged, name: str, kind: str, cell: tuple[int, Any, Any], wrong: Any, count: int
) -> IngestError:
    number, given, _ = cell
    first = exp.select(exp.column("rowid"), exp.cast(given.copy(), "text")).from_(table(file.table)).where(wrong).order_by("rowid").limit(1)
    row, value = connection.execute(render(first)).fetchall()[0]
    shown = f"a blank ({value!r})" if not value.strip() else repr(value[:80])
    more = f", nor are {count - 1:,} more" if count > 1 else ""
    return IngestError(
        f"column {name!r}: {shown} is not a value of type {kind}{more}",
        where=file.place(row, number, value),
        hint="correct the file, or declare the column as text in the schema and read it further on",
    )
