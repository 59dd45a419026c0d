"""Files in another shape than their source: the query between them, over a table called ``file``."""

from __future__ import annotations

from typing import Any, cast

import duckdb
from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.compile.deterministic import deterministic
from foretable.compile.functions import RANDOM
from foretable.compile.recorded import Columns
from foretable.compile.references import calls, tables_of
from foretable.compile.spliced import ALIASED, spliced
from foretable.compile.unseen import require_seen
from foretable.declare.source import Source
from foretable.declare.statement import statements
from foretable.errors import DeclarationError
from foretable.sql import Spliced, parse, statement

FILE = "file"
EXAMPLE = "SELECT CustomerID AS customer_id, … FROM file"


def file_query(source: Source) -> Spliced:
    """The query of a source that has one, as it is written.

    Raises
    ------
    DeclarationError
        It does not parse, is no single SELECT, reads something else than ``file``, or would give other rows tomorrow.
    """
    where = str(source.origin)
    try:
        found = statements(source.query)
        tree: Any = parse(found[0].text) if len(found) == 1 else None
    except (SqlglotError, DeclarationError) as error:
        message = error.message if isinstance(error, DeclarationError) else str(error).splitlines()[0]
        raise _refusal(source, f"does not parse: {message}") from None
    if not isinstance(tree, exp.Query):
        raise _refusal(source, "is not one SELECT")
    read = tables_of(cast(exp.Expression, tree))
    functions = [node.sql() for node in tree.find_all(exp.Table) if not isinstance(node.this, exp.Identifier)]
    require_seen(found[0].text, (), where=where)
    for other in [name for name in read if name != FILE] + functions:
        raise _refusal(source, f"reads {other}, whose changes nobody would notice")
    if FILE not in read:
        raise _refusal(source, "does not read the table file")
    if random := sorted(calls(found[0].text) & RANDOM):
        raise _refusal(source, f"gives other rows every time, by {random[0]}()")
    if tree.find(exp.TableSample):
        raise _refusal(source, "gives other rows every time, by a sample")
    return spliced(found[0].text)


def _refusal(source: Source, problem: str) -> DeclarationError:
    return DeclarationError(f"source {source.name}: its query {problem}", where=str(source.origin), hint=f"write: {EXAMPLE}")


def reshaped(connection: duckdb.DuckDBPyConnection, source: Source, reader: exp.Table) -> exp.Query:
    """The query of a source with ``file`` read by a call such as ``read_csv('…')``, completed so that equal files give equal rows.

    Raises
    ------
    DeclarationError
        The query cannot be used; see :func:`file_query`.
    """
    filled = deterministic(file_query(source), {FILE: columns_of_file(connection, reader)}, {})
    for part in list(filled.find_all(exp.Table)):
        named = exp.TableAlias(this=exp.to_identifier(FILE, quoted=True))
        part.replace(exp.Table(this=reader.this.copy(), alias=None if part.meta.get(ALIASED) else named))
    return filled


def columns_of_file(connection: duckdb.DuckDBPyConnection, reader: exp.Table) -> Columns:
    """What the files hold, before the query."""
    rows = connection.execute(statement("DESCRIBE SELECT * FROM $reader", reader=reader)).fetchall()
    return {row[0]: row[1] for row in rows}


def unbound(source: Source, error: duckdb.Error, columns: Columns) -> DeclarationError:
    """That DuckDB cannot bind the query, in its words."""
    message = str(error).split("\n")[0]
    return DeclarationError(
        f"source {source.name}: its query does not fit the files: {message}",
        where=str(source.origin),
        hint=f"the columns of file: {', '.join(columns)}",
    )
