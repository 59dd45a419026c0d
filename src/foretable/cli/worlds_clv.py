"""Where the tables of the lifetime-value worlds go: a folder of Parquet files or a DuckDB file, chunk by chunk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretable.cli import files
from foretable.errors import UsageError

if TYPE_CHECKING:
    import pyarrow as pa

Write = Callable[[Mapping[str, "pa.Table"]], None]
BY_DIFFERENCE = {"transaction_id", "interaction_id", "customer_id", "transaction_date", "event_date", "observed_at", "signup_date"}
"""Columns that grow from row to row: small, and written fast, when their differences are."""


@contextmanager
def writer(target: Path) -> Iterator[Write]:
    """What takes the tables of one chunk after the other; at the end of the block they are all in place, or none is."""
    if target.suffix == ".duckdb":
        with files.replacing(target) as part, _database(part) as write:
            yield write
    else:
        with _folder(target) as write:
            yield write


@contextmanager
def parquet(target: Path) -> Iterator[Callable[[pa.Table], None]]:
    """A Parquet file that takes one table of the same columns after the other."""
    with files.replacing(target) as part, ExitStack() as opened:
        found: list[Any] = []

        def write(rows: pa.Table) -> None:
            if not found:
                found.append(opened.enter_context(_parquet_writer(part, rows.schema)))
            found[0].write_table(rows)

        yield write


@contextmanager
def _folder(target: Path) -> Iterator[Write]:
    if target.is_file() or (target.suffix and not target.is_dir()):
        raise UsageError(f"cannot write {target}", hint="name a folder, for one Parquet file a table, or a .duckdb file")
    try:
        target.mkdir(exist_ok=True)
    except OSError as problem:
        raise files.failure(problem, str(target)) from problem
    with ExitStack() as stack:
        found: dict[str, Callable[[pa.Table], None]] = {}

        def write(tables: Mapping[str, pa.Table]) -> None:
            for name, rows in tables.items():
                if name not in found:
                    found[name] = stack.enter_context(parquet(target / f"{name}.parquet"))
                found[name](rows)

        yield write


def _parquet_writer(path: Path, schema: pa.Schema) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    words = [each.name for each in schema if pa.types.is_dictionary(each.type)]
    encoded = {each.name: "DELTA_BINARY_PACKED" for each in schema if each.name in BY_DIFFERENCE}
    return pq.ParquetWriter(path, schema, use_dictionary=words, column_encoding=encoded, store_schema=False)


@contextmanager
def _database(path: Path) -> Iterator[Write]:
    import duckdb
    from sqlglot import exp

    from foretable.sql import statement, table
    from foretable.warehouse.open import NO_PROGRESS

    path.unlink(missing_ok=True)
    connection = duckdb.connect(path)
    connection.execute(NO_PROGRESS)
    there: set[str] = set()

    def write(tables: Mapping[str, pa.Table]) -> None:
        for name, rows in tables.items():
            connection.register("made", rows)
            text = "INSERT INTO $target SELECT * FROM made" if name in there else "CREATE TABLE $target AS SELECT * FROM made"
            connection.execute(statement(text, target=table(f"raw.{name}")))
            connection.unregister("made")
            there.add(name)

    try:
        connection.execute(statement("CREATE SCHEMA $schema", schema=exp.to_identifier("raw", quoted=True)))
        yield write
    finally:
        connection.close()
