"""Files into a table: all of them or nothing, bad rows to quarantine."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from sqlglot import exp

from foretable.declare.names import checked, split
from foretable.errors import IngestError, QualityViolation, UsageError
from foretable.progress import Listener, Progress, silent
from foretable.quality.files import File, resolved
from foretable.quality.quarantine import hold, now, supersede, whole_table
from foretable.quality.readers import Staged, stage
from foretable.quality.redrive import require_loadable
from foretable.quality.relation import exists, type_tree
from foretable.quality.target import Target, append, completed, target_of
from foretable.quality.verdict import judge
from foretable.sql import render, statement, table
from foretable.warehouse import ensure_catalog, translate, wave

_STAGED = "foretable_staged"


@dataclass(frozen=True)
class LoadedFile:
    """What became of one file: ``rows`` entered the table, ``quarantined`` and ``copies`` did not."""

    name: str
    sha256: str
    rows: int
    quarantined: int
    copies: int


@dataclass(frozen=True)
class IngestReport:
    """What a load did.

    ``rows`` entered the table, ``quarantined`` went to quarantine, ``copies`` equal a row with the same
    unique key in every column and were left out; together they are the rows of the files. ``rules`` gives
    the quarantined rows by (rule, column).
    """

    table: str
    batch: int
    files: tuple[LoadedFile, ...]
    rows: int
    quarantined: int
    copies: int
    rules: dict[tuple[str, str], int]
    created: bool
    replaced: bool


def ingest(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    files: Sequence[str | Path],
    schema: Any,
    *,
    replace: bool = False,
    again: bool = False,
    format: str | None = None,
    recorded: Mapping[str, str] = {},
    listen: Listener = silent,
) -> IngestReport:
    """Load files into a table of the warehouse in one transaction.

    Parameters
    ----------
    name
        ``layer.table``; made if it is not there. Its columns are those of the table, else of the schema,
        else of the files, typed as narrowly as all their values allow.
    files
        CSV (a header line; UTF-8; delimiter found), Parquet or JSON lines; paths, globs, or ``-`` for
        standard input. In CSV an empty field is NULL, an empty field in quotes an empty text.
    schema
        The ``pandera.ibis.DataFrameSchema`` of the table, or None. Rows that break a row rule, and rows
        that share a unique key with a different row, go to ``quarantine.<table>``.
    replace
        Put the files in place of what the table holds, and close what waits in its quarantine.
    again
        Load a file although the table has been given the same content before.
    format
        ``csv``, ``parquet`` or ``json``, where the name does not say.
    recorded
        Columns and types that other tables count on: with ``replace``, the files must bring them.

    Raises
    ------
    IngestError
        A file is missing, empty, broken or not of its format, a column is missing, extra or mistyped, or
        the content was loaded before. Nothing was written.
    QualityViolation
        No row passes, or a rule about the table as a whole would not hold. Nothing was written.
    UsageError
        The table is one that foretable makes itself.
    """
    start = time.perf_counter()
    name = checked(name)
    _require_own_layer(name)
    ensure_catalog(connection)
    require_loadable(connection, name)
    with resolved(files, format) as found:
        target = target_of(connection, name, schema, replace=replace, recorded=recorded)
        if not again:
            _require_new(connection, target, found)
        try:
            staged = [_stage(connection, i, file, list(target.columns), listen) for i, file in enumerate(found)]
            columns = completed(connection, target, schema, staged)
            _typed(connection, staged, columns)
            with wave(connection):
                report = _load(connection, target, schema, columns, found, [file.rows for file in staged])
                whole_table(connection, name, schema)
        except duckdb.Error as error:
            told = translate(error, where=name)
            if told is None:
                raise
            raise told from error
        finally:
            _drop_staged(connection, len(found))
    seconds = time.perf_counter() - start
    for file in report.files:
        listen(Progress(file.name, "done", f"{file.rows:,} rows", seconds))
    return report


def _require_own_layer(name: str) -> None:
    catalog, schema, _ = split(name)
    if catalog or schema in ("foretable", "quarantine"):
        whose = "another file, attached to be read" if catalog else "foretable's own"
        raise UsageError(f"nothing can be loaded into {name}: it is {whose}", hint="load into layer raw, for example raw.orders")


def _require_new(connection: duckdb.DuckDBPyConnection, target: Target, files: Sequence[File]) -> None:
    query = "SELECT file, loaded_at, batch FROM foretable.ingests WHERE table_name = ? AND sha256 = ? AND replaced_at IS NULL"
    seen: dict[str, str] = {}
    for file in files:
        if file.sha256 in seen:
            raise IngestError(f"its content is that of {seen[file.sha256]}", where=file.shown, hint="name it once, or mean it with --again")
        seen[file.sha256] = file.shown
        before = connection.execute(query, [target.name, file.sha256]).fetchall() if target.exists else []
        if before:
            raise IngestError(
                f"the same content was loaded into {target.name} on {before[0][1]:%Y-%m-%d %H:%M} UTC, from {before[0][0]}",
                where=file.shown,
                hint="leave the file out, replace the table with --replace, or add the rows once more with --again",
            )


def _stage(connection: duckdb.DuckDBPyConnection, number: int, file: File, expected: list[str], listen: Listener) -> Staged:
    listen(Progress(file.shown, "started"))
    return stage(connection, f"foretable_file_{number}", file.path, file.shown, file.kind, expected)


def _typed(connection: duckdb.DuckDBPyConnection, files: Sequence[Staged], columns: dict[str, str]) -> None:
    """All files in one temporary table with the types of the target; file after file, so that row numbers tell them apart."""
    connection.execute(_create(_STAGED, columns, temporary=True))
    for file in files:
        append(connection, file, _STAGED, columns)
        connection.execute(statement("DROP TABLE $file", file=table(file.table)))


def _create(name: str, columns: dict[str, str], *, temporary: bool = False) -> str:
    definitions = [exp.ColumnDef(this=exp.to_identifier(each, quoted=True), kind=type_tree(kind)) for each, kind in columns.items()]
    properties = exp.Properties(expressions=[exp.TemporaryProperty()]) if temporary else None
    return render(exp.Create(this=exp.Schema(this=table(name), expressions=definitions), kind="TABLE", replace=True, properties=properties))


def _load(
    connection: duckdb.DuckDBPyConnection, target: Target, schema: Any, columns: dict[str, str], files: Sequence[File], sizes: Sequence[int]
) -> IngestReport:
    """The typed rows into the table, inside the caller's transaction."""
    name, at = target.name, now()
    replaced = not target.exists and exists(connection, name)
    batch = int(connection.execute("SELECT coalesce(max(batch), 0) + 1 FROM foretable.ingests").fetchall()[0][0])
    if not target.exists:
        _make(connection, name, columns, replaced)
    judge(connection, _STAGED, name if target.exists else None, schema)
    loaded = _outcome(connection, files, sizes)
    rules = _rules(connection)
    if not any(file.rows + file.copies for file in loaded):
        (rule, column), count = max(rules.items(), key=lambda one: one[1])
        raise QualityViolation(
            f"none of the {sum(sizes):,} rows passes; {count:,} break {rule}",
            where=f"{name}.{column}" if column else name,
            hint="look at the file: is it the right one, with the units and codes that the schema expects?",
        )
    quarantined = hold(connection, _STAGED, name, batch)
    connection.execute(statement("INSERT INTO $target BY NAME SELECT * FROM $staged", target=table(name), staged=table(_STAGED)))
    _log(connection, target, columns)
    for file in loaded:
        connection.execute(
            "INSERT INTO foretable.ingests VALUES (?, ?, ?, ?, ?, ?, ?, NULL)",
            [batch, name, file.name, file.sha256, file.rows, file.quarantined, at],
        )
    rows, copies = sum(file.rows for file in loaded), sum(file.copies for file in loaded)
    created = not target.exists and not replaced
    return IngestReport(name, batch, tuple(loaded), rows, quarantined, copies, rules, created, replaced)


def _log(connection: duckdb.DuckDBPyConnection, target: Target, columns: dict[str, str]) -> None:
    # Waves check rows with this package, so what they keep can only be imported once both are there.
    from foretable.refresh.feeds.loaded import log_loaded, log_replaced

    if target.exists:
        log_loaded(connection, target.name, exp.select("*").from_(table(_STAGED)), columns)
    else:
        log_replaced(connection, target.name)


def _make(connection: duckdb.DuckDBPyConnection, name: str, columns: dict[str, str], replaced: bool) -> None:
    layer = exp.to_identifier(name.split(".")[0], quoted=True)
    connection.execute(statement("CREATE SCHEMA IF NOT EXISTS $layer", layer=layer))
    connection.execute(_create(name, columns))
    if replaced:
        supersede(connection, name)
    connection.execute("UPDATE foretable.ingests SET replaced_at = ? WHERE table_name = ? AND replaced_at IS NULL", [now(), name])


def _outcome(connection: duckdb.DuckDBPyConnection, files: Sequence[File], sizes: Sequence[int]) -> list[LoadedFile]:
    """Rows of each file that enter, go to quarantine, or are copies; row numbers run through the files in order."""
    loaded, first = [], 0
    for file, size in zip(files, sizes, strict=True):
        query = "SELECT count(*) FILTER (NOT is_copy), count(*) FILTER (is_copy) FROM foretable_verdicts WHERE id >= ? AND id < ?"
        held, copies = connection.execute(query, [first, first + size]).fetchall()[0]
        loaded.append(LoadedFile(file.shown, file.sha256, size - held - copies, held, copies))
        first += size
    return loaded


def _rules(connection: duckdb.DuckDBPyConnection) -> dict[tuple[str, str], int]:
    query = "SELECT rule, column_name, count(*) FROM foretable_verdicts WHERE NOT is_copy GROUP BY ALL ORDER BY 3 DESC, 1"
    return {(rule, column): count for rule, column, count in connection.execute(query).fetchall()}


def _drop_staged(connection: duckdb.DuckDBPyConnection, files: int) -> None:
    for name in (_STAGED, "foretable_verdicts", *(f"foretable_file_{i}" for i in range(files))):
        connection.execute(statement("DROP TABLE IF EXISTS $name", name=table(name)))
