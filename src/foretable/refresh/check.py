"""What staged rows must be before a table takes them: the declared columns, the rules, one row per key."""

from __future__ import annotations

from functools import lru_cache

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled, Graph
from foretable.errors import QualityViolation
from foretable.quality import Keys, require, split_clean
from foretable.refresh.restrict import DIRTY
from foretable.refresh.stage import STAGED
from foretable.sql import column, render, statement, table


def keep_declared(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """Leave out what ``SELECT *`` has taken from columns that a source got since its schema was recorded."""
    known = {name.lower() for name in compiled.columns}
    for name, *_ in connection.execute(statement("DESCRIBE $staged", staged=exp.select("*").from_(table(STAGED)))).fetchall():
        if name.lower() not in known:
            drop = statement("ALTER TABLE $staged DROP COLUMN $extra", staged=table(STAGED), extra=exp.to_identifier(name, quoted=True))
            connection.execute(drop)


def require_rules(connection: duckdb.DuckDBPyConnection, graph: Graph, compiled: Compiled, wave: int, *, dirty: bool) -> int:
    """Check the staged rows: layer ``clean`` sends bad ones to quarantine, every other layer refuses.

    Parameters
    ----------
    dirty
        Only the rows of the dirty keys are staged.

    Returns
    -------
    int
        How many rows of the table lie in quarantine now.
    """
    declared = graph.project.schemas.get(compiled.name)
    if declared is None:
        return 0
    if compiled.name.startswith("clean."):
        keys = Keys(DIRTY, compiled.analysis.key) if dirty else None
        return int(split_clean(connection, "staged", compiled.name, declared.schema, wave, keys))
    require(connection, "staged", declared.schema, name=compiled.name)
    return 0


def require_key(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """Refuse two rows for one key, and a key that is NULL.

    Raises
    ------
    QualityViolation
        Names table and keys.
    """
    if compiled.entity is None:
        return
    broken = connection.execute(_broken_keys(compiled)).fetchall()
    nulls = [row for row in broken if None in row]
    for found, problem in (([row for row in broken if None not in row], "more than one row for"), (nulls, "a NULL key in")):
        if found:
            shown = ", ".join(str(row[0]) if len(row) == 1 else str(row) for row in found)
            raise QualityViolation(
                f"{problem} {compiled.entity.name} {shown}",
                where=compiled.name,
                hint=f"a {compiled.kind} has exactly one row per {', '.join(compiled.entity.keys)}; group or deduplicate",
            )


@lru_cache(maxsize=256)
def _broken_keys(compiled: Compiled) -> str:
    """Three keys that are NULL or twice there."""
    keys = [column(key) for key in (compiled.entity.keys if compiled.entity else ())]
    empty = [key.is_(exp.null()) for key in keys]
    grouped = exp.select(*keys).from_(table(STAGED)).group_by(*keys)
    return render(grouped.having(exp.or_("count(*) > 1", *empty)).limit(3))


def require_determined(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    """Refuse an ASOF join whose right side has two rows for one key and time: which of them counts would be chance.

    Raises
    ------
    QualityViolation
        Names table and key.
    """
    for name, columns in compiled.analysis.unique:
        keys = [column(key) for key in columns]
        twice = exp.select(*keys).from_(table(name)).group_by(*keys).having("count(*) > 1").limit(1)
        found = connection.execute(render(twice)).fetchall()
        if found:
            raise QualityViolation(
                f"an ASOF join finds two rows of {name} for {', '.join(map(str, found[0]))}",
                where=compiled.name,
                hint=f"{', '.join(columns)} must be unique in {name}; deduplicate it first",
            )
