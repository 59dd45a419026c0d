"""The answer to a statement that only reads, as a table: DuckDB's SQL, or one of ours."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from foretable.faces import in_catalog, rewritten
from foretable.statements.carry import carry_out
from foretable.statements.read import Plain, read


def answer(connection: duckdb.DuckDBPyConnection, root: Path, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
    """Run a query, or ``SHOW DYNAMIC TABLES`` and its like.

    Raises
    ------
    UsageError
        The statement changes something.
    """
    first, *rest = read(query)
    if rest or isinstance(first, Plain):
        return connection.execute(rewritten(query, in_catalog(connection)), list(parameters)).to_arrow_table()
    told = carry_out(first, connection, root, write=False)
    return pa.Table.from_pylist([dict(zip(told.columns, row, strict=True)) for row in told.rows])
