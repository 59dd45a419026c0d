"""One file into one temporary table, as it stands: columns ``c0``, ``c1``, …, rows in the file's order."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.errors import IngestError, UsageError
from foretable.quality.csvfile import Dialect, line_of, not_utf8, opened, ragged_line, sniff, undecodable_line
from foretable.sql import column, parse, statement, table

_ENDINGS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".json": "json",
    ".jsonl": "json",
    ".ndjson": "json",
}
_NAMES = {"csv": "csv", "parquet": "parquet", "json": "json", "jsonl": "json", "ndjson": "json"}

_CSV = """
CREATE OR REPLACE TEMP TABLE $into AS
SELECT * FROM read_csv(
    ?, delim = ?, quote = ?, escape = ?, columns = ?, header = true, auto_detect = false, strict_mode = true,
    null_padding = false, allow_quoted_nulls = false, nullstr = ''
)
"""
_JSON = "SELECT * FROM read_json(?, format = 'auto', maximum_depth = 1, sample_size = -1)"
_PARQUET = "SELECT * FROM read_parquet(?)"
_INTO = "CREATE OR REPLACE TEMP TABLE $into AS SELECT * FROM $rows"


@dataclass(frozen=True)
class Staged:
    """A file in a temporary table.

    ``columns`` maps the names in the file to DuckDB types (VARCHAR for all of CSV and JSON); the table's
    own columns are ``c0``, ``c1``, … in this order. ``empty_is_null``: an empty text means that nothing
    is there. ``place(row, column, value)`` says where a row (from 0) stands: ``orders.csv:17``.
    """

    table: str
    shown: str
    columns: dict[str, str]
    rows: int
    empty_is_null: bool
    place: Callable[[int, int, str | None], str]


def format_of(shown: str, given: str | None) -> str:
    """``csv``, ``parquet`` or ``json``: as given, else by the file's ending."""
    if given is not None:
        if given.lower() not in _NAMES:
            raise UsageError(f"format {given!r} is unknown", hint="csv, parquet or json")
        return _NAMES[given.lower()]
    endings = [ending for ending in Path(shown).suffixes[-2:] if ending != ".gz"]
    known = _ENDINGS.get(endings[-1].lower()) if endings else None
    if known is None:
        raise UsageError(f"the format of {shown} cannot be told from its name", hint="add --format csv, parquet or json")
    return known


def stage(connection: duckdb.DuckDBPyConnection, into: str, path: Path, shown: str, kind: str, expected: Collection[str]) -> Staged:
    """Read a file into the temporary table ``into``.

    Raises
    ------
    IngestError
        The file is not of that format, has no rows, or is broken; the message names the line.
    """
    readers = {"csv": _csv, "json": _json, "parquet": _parquet}
    staged = readers[kind](connection, into, path, shown, expected)
    if not staged.rows:
        header = "only a header, no rows" if kind == "csv" else "no rows"
        raise IngestError(f"the file has {header}", where=shown, hint="leave it out, or look at how it was written")
    return staged


def _csv(connection: duckdb.DuckDBPyConnection, into: str, path: Path, shown: str, expected: Collection[str]) -> Staged:
    dialect = sniff(path, shown, expected)
    names = {f"c{i}": "VARCHAR" for i in range(len(dialect.header))}
    try:
        connection.execute(statement(_CSV, into=table(into)), [str(path), dialect.delimiter, dialect.quote, dialect.quote, names])
    except duckdb.InvalidInputException as error:
        raise _csv_error(str(error), path, shown, dialect) from None

    def place(row: int, cell: int, value: str | None) -> str:
        line = line_of(path, dialect, row + 1, cell, value)
        return f"{shown}:{line}" if line else f"{shown}, row {row + 1}"

    return Staged(into, shown, dict.fromkeys(dialect.header, "VARCHAR"), _count(connection, into), True, place)


def _csv_error(text: str, path: Path, shown: str, dialect: Dialect) -> IngestError:
    if "Invalid unicode" in text and (found := undecodable_line(path)):
        return not_utf8(shown, *found)
    if "Expected Number of Columns" in text and (ragged := ragged_line(path, dialect)):
        fields = "1 field" if ragged[1] == 1 else f"{ragged[1]} fields"
        return IngestError(
            f"the line has {fields}, the header {len(dialect.header)}",
            where=f"{shown}:{ragged[0]}",
            hint=f"a field that holds the delimiter {dialect.delimiter!r} must stand in quotes",
        )
    record = re.search(r"CSV Error on Line: (\d+)", text)
    original = re.search(r"Original Line: (.*)", text)
    what = f": {original[1].strip()[:80]!r}" if original else ""
    where = f"{shown}, row {int(record[1]) - 1}" if record else shown
    if "unterminated quote" in text:
        return IngestError(f"a quote is not closed, or text follows it{what}", where=where, hint="a quote inside a field is written twice")
    if "invalid state" in text:
        return IngestError("the file is no proper CSV", where=shown, hint="its line endings may be mixed; convert them: dos2unix")
    message = f"this is not a CSV file that can be read: {text.splitlines()[0]}{what}"
    return IngestError(message, where=where, hint="open it in an editor, and export it anew as CSV in UTF-8")


def _json(connection: duckdb.DuckDBPyConnection, into: str, path: Path, shown: str, expected: Collection[str]) -> Staged:
    try:
        found = [row[0] for row in connection.execute(statement("DESCRIBE $rows", rows=parse(_JSON)), [str(path)]).fetchall()]
        texts = [
            exp.alias_(exp.Anonymous(this="json_extract_string", expressions=[column(name), exp.Literal.string("$")]), f"c{i}")
            for i, name in enumerate(found)
        ]
        query = exp.select(*texts).from_(parse(_JSON).subquery("file"))
        connection.execute(statement(_INTO, into=table(into), rows=query.subquery()), [str(path)])
    except duckdb.InvalidInputException as error:
        raise _json_error(str(error), path, shown) from None
    rows = _count(connection, into)
    if rows and found == ["json"] and "json" not in expected:
        raise IngestError("the records are no JSON objects", where=shown, hint='each line is one object: {"id": 1, "amount": 2.5}')

    def place(row: int, cell: int, value: str | None) -> str:
        with opened(path) as file:
            lines = [number for number, line in enumerate(file, start=1) if line.strip()]
        return f"{shown}:{lines[row]}" if len(lines) == rows else f"{shown}, record {row + 1}"

    return Staged(into, shown, dict.fromkeys(found, "VARCHAR"), rows, False, place)


def _json_error(text: str, path: Path, shown: str) -> IngestError:
    """DuckDB counts one line too many; the line is looked up in a file of JSON lines."""
    with opened(path) as file:
        start = file.read(64).lstrip()
        file.seek(0)
        for number, line in enumerate(file, start=1):
            try:
                if line.strip() and not start.startswith(b"["):
                    json.loads(line)
            except UnicodeDecodeError:
                return not_utf8(shown, number, line.decode("latin-1").strip())
            except ValueError as error:
                return IngestError(
                    f"the line is not JSON: {line.decode(errors='replace').strip()[:80]!r} ({error})",
                    where=f"{shown}:{number}",
                    hint="each line is one object; --format csv, if the file is one",
                )
    what = text.split("at byte", 1)[-1].split("\n", 1)[0]
    return IngestError(f"the file is not JSON: at byte{what}", where=shown, hint="look at it with: python -m json.tool")


def _parquet(connection: duckdb.DuckDBPyConnection, into: str, path: Path, shown: str, expected: Collection[str]) -> Staged:
    try:
        described = connection.execute(statement("DESCRIBE $rows", rows=parse(_PARQUET)), [str(path)]).fetchall()
        found = {row[0]: row[1] for row in described}
        cells = [exp.alias_(column(name), f"c{i}") for i, name in enumerate(found)]
        query = exp.select(*cells).from_(parse(_PARQUET).subquery("file"))
        connection.execute(statement(_INTO, into=table(into), rows=query.subquery()), [str(path)])
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        message = f"this is not a Parquet file that can be read: {str(error).splitlines()[0]}"
        raise IngestError(message, where=shown, hint="write it anew, or name its format: --format csv") from None

    def place(row: int, cell: int, value: str | None) -> str:
        return f"{shown}, row {row + 1}"

    return Staged(into, shown, found, _count(connection, into), False, place)


def _count(connection: duckdb.DuckDBPyConnection, name: str) -> int:
    return int(connection.execute(statement("SELECT count(*) FROM $rows", rows=table(name))).fetchall()[0][0])
