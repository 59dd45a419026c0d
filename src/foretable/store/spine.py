"""The rows that features are joined to: a file, a query or a table in memory, checked cell by cell."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from foretable.errors import IngestError, UsageError, nearest
from foretable.sql import DIALECT, column, statement, table, tree

if TYPE_CHECKING:
    from typing import TypeAlias

    import pyarrow as pa

    Given: TypeAlias = str | Path | pa.Table | Mapping[str, Sequence[Any]] | Any

STAGED, SPINE = "temp.main.spine_staged", "temp.main.spine"
_QUERY = re.compile(r"\s*(\(\s*)*(SELECT|FROM|WITH|VALUES|TABLE|--|/\*)(?=[\s(*]|$)", re.IGNORECASE)
_READABLE = """
SELECT
    bool_and(coalesce(CAST(TRY_CAST($cell AS BIGINT) AS VARCHAR) = $cell, false)),
    bool_and(TRY_CAST($cell AS DOUBLE) IS NOT NULL AND NOT regexp_matches($cell, '^[+-]?0\\d')),
    bool_and($cell IN ('true', 'false'))
FROM $rows WHERE $cell IS NOT NULL
"""
_PLACE = "rowid - (SELECT min(rowid) FROM $rows) AS place"
"""Rows that their own transaction has written are not counted from 0."""
_BAD = """
SELECT rowid - (SELECT min(rowid) FROM $rows) AS place, CAST($cell AS VARCHAR) FROM $rows WHERE $good IS NULL ORDER BY place LIMIT 1
"""
_COPY = "CREATE OR REPLACE TEMP TABLE $into AS $rows"
_WHOLE = "U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER"
_BROKEN = "FLOAT|DOUBLE|DECIMAL.*|VARCHAR"
_WHOLE_TEXT = r"CASE WHEN regexp_full_match($value, '\s*[+-]?\d+(\.0*)?\s*') THEN $cast END"
_WHOLE_NUMBER = "CASE WHEN trunc($value) = $value THEN $cast END"
_WHOLE_DAY = "CASE WHEN CAST($cast AS TIMESTAMP) = TRY_CAST($value AS TIMESTAMP) THEN $cast END"
_BOUNDED = "CASE WHEN $found BETWEEN CAST($low AS TIMESTAMP) AND CAST($high AS TIMESTAMP) THEN $found END"
_DAY = r"\d{4}-\d{2}-\d{2}"
FIRST, LAST = "0001-01-02", "9999-12-30"
"""The days that a timestamp may lie between: what Python's calendar knows in any time zone."""


@dataclass(frozen=True)
class Spine:
    """Rows in temporary table ``STAGED``, its columns called ``c0``, ``c1``, ….

    ``columns`` maps their names to DuckDB's types; ``text`` says that all of them are text, as in CSV; ``empty_is_null`` that an
    empty text is nothing; ``place(row, column, value)`` says where a row (from 0) stands, such as ``spine.csv:17``.
    """

    shown: str
    columns: Mapping[str, str]
    rows: int
    text: bool
    place: Callable[[int, int, str | None], str]

    def position(self, name: str) -> int | None:
        """Place of a column, whatever its case."""
        return next((number for number, known in enumerate(self.columns) if known.lower() == name.lower()), None)

    def require(self, name: str, why: str, hint: str = "") -> int:
        """Place of a column that must be there.

        Raises
        ------
        UsageError
            It is not.
        """
        found = self.position(name)
        if found is None:
            where = f"{self.shown}:1" if self.text and self.shown.endswith((".csv", ".tsv", ".txt")) else self.shown
            raise UsageError(f"there is no column {name!r}, {why}", where=where, hint=hint or nearest(name, self.columns))
        return found


def is_query(given: str) -> bool:
    """Whether a text is SQL, not the path of a file."""
    return _QUERY.match(given) is not None


def stage_spine(
    connection: duckdb.DuckDBPyConnection, root: Path, given: Given, expected: tuple[str, ...] = (), shown: str = "the spine"
) -> Spine:
    """Read a spine into ``STAGED``.

    Parameters
    ----------
    connection
        The warehouse, which a query is run in.
    root
        The project's folder.
    given
        Path of a CSV, Parquet or JSON file; SQL; an Arrow table, a data frame, or lists by column.
    expected
        Columns that a CSV should have; they settle how it is written.
    shown
        What a table in memory is called in messages.

    Raises
    ------
    IngestError
        The file is not there, broken, or has no rows.
    UsageError
        Its format is unknown, or it is nothing of the above.
    """
    if isinstance(given, Path) or (isinstance(given, str) and not is_query(given)):
        return _file(connection, Path(given).expanduser(), str(given), expected)
    if isinstance(given, str):
        from foretable.statements.answer import answer

        return _arrow(connection, answer(connection, root, given), "the query")
    if isinstance(given, Mapping):
        return _lists(connection, given, shown)
    return _arrow(connection, _as_arrow(given), shown)


def _lists(connection: duckdb.DuckDBPyConnection, given: Mapping[str, Sequence[Any]], shown: str) -> Spine:
    """Values by column. Small lists, as a look-up has, need no Arrow, which takes half a second to import with what it brings."""
    values = [list(column) for column in given.values()]
    if not values or not values[0]:
        raise IngestError("no keys are given", where=shown, hint="give one key at least")
    alike = [
        one if len({type(each) for each in one} - {type(None)}) < 2 else [None if each is None else str(each) for each in one]
        for one in values
    ]
    cells = [exp.alias_(tree("unnest($list)", list=_listed(one)), f"c{number}", quoted=True) for number, one in enumerate(alike)]
    bound = [one for one in alike if not _texts(one)]
    connection.execute(statement(_COPY, into=table(STAGED), rows=exp.select(*cells)), bound)
    return _in_memory(connection, list(given), len(values[0]), shown)


def _file(connection: duckdb.DuckDBPyConnection, path: Path, shown: str, expected: tuple[str, ...]) -> Spine:
    if not path.is_file():
        what = "this is a folder" if path.is_dir() else "there is no such file"
        raise IngestError(what, where=shown, hint="give a CSV or Parquet file, or SQL that starts with SELECT")
    from foretable.quality.readers import format_of, stage

    kind = format_of(shown, None)
    staged = stage(connection, STAGED, path, shown, kind, expected)
    if staged.empty_is_null:
        _blank_as_null(connection, len(staged.columns))
    return Spine(shown, staged.columns, staged.rows, kind != "parquet", staged.place)


def _blank_as_null(connection: duckdb.DuckDBPyConnection, width: int) -> None:
    cells = [tree("NULLIF($cell, '') AS $cell", cell=column(f"c{number}")) for number in range(width)]
    rows = exp.select(*cells).from_(table(STAGED))
    connection.execute(statement(_COPY, into=table(STAGED), rows=rows))


def _as_arrow(given: Any) -> pa.Table:
    import pyarrow as pa

    if isinstance(given, pa.Table):
        return given
    if hasattr(given, "__arrow_c_stream__") and not hasattr(given, "iloc"):
        return pa.table(given)
    if hasattr(given, "iloc"):
        return pa.Table.from_pandas(given, preserve_index=False)
    raise UsageError(
        f"a {type(given).__name__} is no spine",
        hint="give a data frame, an Arrow table, the path of a file, or SQL that starts with SELECT",
    )


def _arrow(connection: duckdb.DuckDBPyConnection, rows: pa.Table, shown: str) -> Spine:
    names = [str(name) for name in rows.column_names]
    twice = next((name for name in names if [one.lower() for one in names].count(name.lower()) > 1), None)
    if twice is not None:
        raise UsageError(f"column {twice!r} is there twice", where=shown, hint="names must differ by more than upper and lower case")
    if not rows.num_rows:
        raise IngestError("no rows", where=shown, hint="give a key and a timestamp for every row")
    connection.register("spine_given", rows.rename_columns([f"c{number}" for number in range(len(names))]))
    connection.execute(statement(_COPY, into=table(STAGED), rows=exp.select("*").from_(table("spine_given"))))
    connection.unregister("spine_given")
    return _in_memory(connection, names, rows.num_rows, shown)


def _texts(values: Sequence[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _listed(values: Sequence[Any]) -> exp.Expr:
    """A list to bind; of texts, as the command line gives them, a constant: to bind anything, DuckDB imports pandas first."""
    return exp.Array(expressions=[exp.Literal.string(value) for value in values]) if _texts(values) else exp.Placeholder()


def _in_memory(connection: duckdb.DuckDBPyConnection, names: Sequence[str], rows: int, shown: str) -> Spine:
    kinds = [row[1] for row in connection.execute(statement("DESCRIBE $rows", rows=table(STAGED))).fetchall()]

    def place(row: int, cell: int, value: str | None) -> str:
        return f"{shown}, row {row + 1}" if shown else ""

    return Spine(shown, dict(zip(names, kinds, strict=True)), rows, False, place)


def build_spine(
    connection: duckdb.DuckDBPyConnection, spine: Spine, timestamp: str | None, keys: Mapping[str, str], time_zone: str
) -> None:
    """Make ``SPINE``: ``place`` (from 0), ``moment`` (TIMESTAMP in UTC) and the keys ``k0``, ``k1``, … in the views' types.

    Parameters
    ----------
    spine
        What was read.
    timestamp
        The column with the time of a row; None where there is none. A day is the start of that day in ``time_zone``; a time
        without an offset is UTC.
    keys
        The key columns, with the type that the views give them.

    Raises
    ------
    UsageError
        A column is missing.
    IngestError
        A key or a timestamp is missing in a row, or is none; the message says where.
    """
    moment: exp.Expr = exp.cast(exp.null(), "TIMESTAMP")
    if timestamp is not None:
        place = spine.require(timestamp, "the time of a row", "name it: --timestamp COLUMN" if timestamp == "as_of" else "")
        moment = moment_of(column(f"c{place}"), list(spine.columns.values())[place], time_zone, f"{spine.shown}: {timestamp}")
        _require(connection, spine, place, moment, "no time", "write 2025-06-30, or 2025-06-30 14:00 in UTC")
    cast: list[exp.Expr] = []
    for name, kind in keys.items():
        place = spine.require(name, "a key of the features")
        cast.append(_key(column(f"c{place}"), list(spine.columns.values())[place], kind))
        _require(connection, spine, place, cast[-1], f"no {kind}", f"{name} of the features is a {kind}")
    named = [exp.alias_(value, f"k{number}", quoted=True) for number, value in enumerate(cast)]
    rows = exp.select(tree(_PLACE, rows=table(STAGED)), exp.alias_(moment, "moment", quoted=True), *named, tree("*")).from_(table(STAGED))
    connection.execute(statement(_COPY, into=table(SPINE), rows=rows))


def moment_of(value: exp.Expr, kind: str, time_zone: str, where: str) -> exp.Expr:
    """A value as TIMESTAMP in UTC, NULL where it is none.

    Raises
    ------
    UsageError
        Its type is neither a time nor text.
    """
    zone = exp.Literal.string(time_zone)
    value = tree("trim($value)", value=value) if kind == "VARCHAR" else value
    day = tree("timezone('UTC', timezone($zone, TRY_CAST($value AS TIMESTAMP)))", value=value, zone=zone)
    zoned = tree("timezone('UTC', TRY_CAST($value AS TIMESTAMPTZ))", value=value)
    if kind == "DATE":
        found = day
    elif kind == "VARCHAR":
        found = tree(
            "CASE WHEN regexp_full_match($value, $pattern) THEN $day ELSE $zoned END",
            value=value, pattern=exp.Literal.string(_DAY), day=day, zoned=zoned,
        )  # fmt: skip
    elif kind == "TIMESTAMP WITH TIME ZONE":
        found = zoned
    elif kind.startswith("TIMESTAMP"):
        found = tree("TRY_CAST($value AS TIMESTAMP)", value=value)
    else:
        raise UsageError(f"the column is {kind}, no time", where=where, hint="give dates or timestamps")
    low, high = exp.Literal.string(FIRST), exp.Literal.string(LAST)
    bounded: exp.Expr = tree(_BOUNDED, found=found, low=low, high=high)
    return bounded


def _key(value: exp.Expr, kind: str, wanted: str) -> exp.Expr:
    """A value as the type of a key; NULL where that would change it, as a cast of 42.7 to BIGINT does, or of noon to a day."""
    cast = exp.TryCast(this=value.copy(), to=exp.DataType.build(wanted, dialect=DIALECT, udt=True))
    if wanted == "DATE" and kind != "DATE":
        day: exp.Expr = tree(_WHOLE_DAY, value=value, cast=cast)
        return day
    if not (re.fullmatch(_WHOLE, wanted) and re.fullmatch(_BROKEN, kind)):
        return cast
    whole: exp.Expr = tree(_WHOLE_TEXT if kind == "VARCHAR" else _WHOLE_NUMBER, value=value, cast=cast)
    return whole


def _require(connection: duckdb.DuckDBPyConnection, spine: Spine, place: int, good: exp.Expr, none: str, hint: str) -> None:
    """Refuse the first row whose value is not good."""
    query = tree(
        _BAD,
        cell=column(f"c{place}"), rows=table(STAGED), good=good,
    )  # fmt: skip
    bad = connection.execute(statement("$query", query=query)).fetchall()
    if bad:
        (row, value), name = bad[0], list(spine.columns)[place]
        said = f"column {name!r} is empty" if value is None else f"column {name!r}: {value!r} is {none}"
        raise IngestError(said, where=spine.place(row, place, value), hint=hint)


def readable_type(connection: duckdb.DuckDBPyConnection, place: int) -> str:
    """What a column of text can be read as without loss: BIGINT, DOUBLE, BOOLEAN, else VARCHAR, as 007 has to stay."""
    found = connection.execute(statement(_READABLE, cell=column(f"c{place}"), rows=table(STAGED))).fetchall()[0]
    return next((kind for kind, good in zip(("BIGINT", "DOUBLE", "BOOLEAN"), found, strict=True) if good), "VARCHAR")
