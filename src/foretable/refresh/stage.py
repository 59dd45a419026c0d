"""Computing the rows of a table into ``temp.staged``: all of them, or those of its dirty keys."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import duckdb
from sqlglot import exp

from foretable.compile.asof import fill, literal
from foretable.compile.graph import Compiled
from foretable.compile.incremental.shape import Boundary, Effect
from foretable.compile.scoring import SCORED_AT
from foretable.declare.scoring import ScoringTable
from foretable.refresh.dirty import crossing, dirty_query
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import log_table
from foretable.refresh.plan import Build
from foretable.refresh.restrict import DIRTY, restricted, restricted_views, same_key
from foretable.refresh.state import State, TableState
from foretable.sql import column, parse, render, statement, table

STAGED = "temp.main.staged"
MOST = 0.45
"""Above this share of all keys a full refresh is cheaper: measured, see docs/benchmarks.md."""


def find_dirty(
    connection: duckdb.DuckDBPyConnection, compiled: Compiled, build: Build, state: State, feeds: dict[Effect, Feed]
) -> int | None:
    """Collect the dirty keys of a table in ``temp.dirty``.

    Returns
    -------
    int or None
        How many there are; None when a change reaches every key.
    """
    before = state.tables[build.table]
    changed = [effect for effect in feeds if state.feeds[effect.table, effect.columns].changed_at > before.epoch]
    moved = before.as_of is not None and before.as_of != build.as_of
    crossed = list(compiled.analysis.boundaries) if moved else []
    ticks = (before.as_of or build.as_of, build.as_of)
    if any(not effect.columns for effect in changed) or _crosses_all(connection, crossed, ticks):
        return None
    logs = [(effect, log_table(feeds[effect])) for effect in changed]
    crossed = [boundary for boundary in crossed if boundary.effect.columns]
    if not logs and not crossed:
        return 0
    connection.execute(_kept(DIRTY, dirty_query(logs, crossed, before.epoch, ticks)))
    return int(connection.execute(statement("SELECT count(*) FROM $dirty", dirty=table(DIRTY))).fetchall()[0][0])


def _crosses_all(connection: duckdb.DuckDBPyConnection, crossed: Sequence[Boundary], ticks: tuple[datetime, datetime]) -> bool:
    """Whether the clock moved over a row that every key depends on."""
    for boundary in crossed:
        if not boundary.effect.columns:
            found = crossing(boundary, ticks).select("1", append=False).limit(1)
            if connection.execute(render(found)).fetchall():
                return True
    return False


def too_many(connection: duckdb.DuckDBPyConnection, compiled: Compiled, before: TableState, dirty: int) -> bool:
    """Whether so many keys are dirty that computing all is cheaper; never where the declaration insists."""
    if compiled.declared.refresh_mode == "INCREMENTAL":
        return False
    keys = before.row_count
    if compiled.entity is not None and len(compiled.analysis.key) < len(compiled.entity.keys):
        key = [column(name) for name in compiled.analysis.key]
        distinct = exp.select(*key).distinct().from_(table(compiled.name)).subquery("keys")
        keys = int(connection.execute(render(exp.select(exp.Count(this=exp.Star())).from_(distinct))).fetchall()[0][0])
    return dirty > MOST * keys


def stage_all(connection: duckdb.DuckDBPyConnection, compiled: Compiled, as_of: datetime, champions: dict[str, int]) -> None:
    """Compute every row."""
    connection.execute(_kept(STAGED, _stamped(compiled, fill(compiled.query, as_of, champions), as_of)))


def stage_dirty(connection: duckdb.DuckDBPyConnection, compiled: Compiled, as_of: datetime, champions: dict[str, int]) -> None:
    """Compute the rows of the keys in ``temp.dirty``: the same query, over the rows of these keys alone."""
    nulls = _holds_null(connection, len(compiled.analysis.key))
    for text in _of_dirty(compiled, as_of, tuple(sorted(champions.items())), nulls):
        connection.execute(text)


@lru_cache(maxsize=256)
def _of_dirty(compiled: Compiled, as_of: datetime, champions: tuple[tuple[str, int], ...], nulls: bool) -> tuple[str, ...]:
    """The statements; writing them out takes as long as running them when few keys are dirty."""
    analysis = compiled.analysis
    texts = []
    for name, rows in restricted_views(compiled.query, analysis, nulls).items():
        view = parse("CREATE OR REPLACE TEMP VIEW v AS SELECT 1")
        view.set("this", table(name))
        view.set("expression", rows)
        texts.append(render(view))
    query = fill(restricted(compiled.query, analysis.restricted), as_of, dict(champions))
    rows = exp.select("r.*").from_(_stamped(compiled, query, as_of).subquery("r"))
    dirty = exp.alias_(table(DIRTY), "d", table=True)
    return (*texts, _kept(STAGED, rows.join(dirty, on=same_key(analysis.key, nulls), join_type="SEMI")))


def _stamped(compiled: Compiled, query: Any, as_of: datetime) -> Any:
    """The query of a scoring table with the time of scoring, which the engine keeps; any other as it is."""
    if not isinstance(compiled.declared, ScoringTable):
        return query
    return exp.select("*", exp.alias_(literal(as_of), SCORED_AT, quoted=True)).from_(query.subquery("scored"))


def dirty_rows(compiled: Compiled, nulls: bool = False) -> exp.Select:
    """The rows that a table holds of its dirty keys."""
    rows = exp.select("r.*").from_(exp.alias_(table(compiled.name), "r", table=True))
    return rows.join(exp.alias_(table(DIRTY), "d", table=True), on=same_key(compiled.analysis.key, nulls), join_type="SEMI")


def _holds_null(connection: duckdb.DuckDBPyConnection, width: int) -> bool:
    any_null = exp.or_(*(column(f"k{number + 1}").is_(exp.null()) for number in range(width)))
    return bool(connection.execute(render(exp.select("1").from_(table(DIRTY)).where(any_null).limit(1))).fetchall())


def _kept(name: str, query: exp.Expr) -> str:
    create = parse("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    create.set("this", table(name))
    create.set("expression", query)  # as it stands: a subquery would lose its ORDER BY
    return render(create)
