"""One table as declared now, built in the scratch file, checked as a wave would check it, compared with the live one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled, Graph
from foretable.compile.references import qualified
from foretable.compile.scoring import SCORED_AT
from foretable.compile.typed import places
from foretable.declare.scoring import ScoringTable
from foretable.preview.heaps import compare_heaps
from foretable.preview.pairs import Pairs, compare_pairs
from foretable.preview.result import ColumnChange, Difference
from foretable.preview.scratch import SCRATCH, in_scratch, within
from foretable.preview.sides import Shared, before, columns_of, shared
from foretable.quality import Violation, check_table
from foretable.quality.check import structure
from foretable.quality.relation import relation
from foretable.quality.verdict import judge
from foretable.refresh.check import keep_declared, require_determined, require_key
from foretable.refresh.restrict import restricted, view_name
from foretable.refresh.stage import STAGED, stage_all
from foretable.refresh.write import staged_count, write_all
from foretable.sql import column, parse, render, statement, table

_HELD = "SELECT count(*) FROM foretable_verdicts WHERE NOT is_copy"
_DELETE = "DELETE FROM $staged WHERE rowid IN (SELECT id FROM foretable_verdicts)"
_UNIQUE = "SELECT count(*) = count(DISTINCT $key) FILTER (WHERE $filled) FROM $rows"


@dataclass(frozen=True)
class Trial:
    """A table that was built: the rules that its rows break, how many would go to quarantine, whether a refresh would refuse them."""

    row_count: int
    violations: tuple[Violation, ...] = ()
    quarantined: int = 0
    refused: bool = False


def build(
    connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, as_of: datetime, champions: dict[str, int], built: Collection[str]
) -> Trial:
    """Compute a table into the scratch file.

    Parameters
    ----------
    as_of
        The date to evaluate it at.
    champions
        The version that scores, by model.
    built
        Tables to read from the scratch file, sources in files among them; all others are read where they live.

    Raises
    ------
    QualityViolation
        Two rows have one key, or a key is NULL.
    duckdb.Error
        The query fails.
    """
    compiled = graph.tables[name]
    stage_all(connection, _redirected(connection, compiled, built), as_of, champions)
    keep_declared(connection, compiled)
    trial = _cleaned(connection, graph, compiled)
    require_key(connection, compiled)
    unique = tuple((in_scratch(read) if read in built else read, columns) for read, columns in compiled.analysis.unique)
    found = replace(compiled.analysis, unique=unique)
    require_determined(connection, replace(compiled, analysed=lambda: found))
    with within(connection, SCRATCH):
        write_all(connection, compiled)
    return replace(trial or _checked(connection, graph, compiled), row_count=staged_count(connection))


def _redirected(connection: duckdb.DuckDBPyConnection, compiled: Compiled, built: Collection[str]) -> Compiled:
    """The table with a view in place of each one that stands in the scratch file; the text around stays."""
    found = {place: qualified(node) for place, node in enumerate(places(compiled.query)) if qualified(node) in built}
    for place, name in found.items():
        view = parse("CREATE OR REPLACE TEMP VIEW v AS SELECT 1")
        view.set("this", table(view_name(place)))
        view.set("expression", exp.select("*").from_(table(in_scratch(name))))
        connection.execute(render(view))
    return replace(compiled, query=restricted(compiled.query, found))


def _cleaned(connection: duckdb.DuckDBPyConnection, graph: Graph, compiled: Compiled) -> Trial | None:
    """Take staged rows of layer ``clean`` that break a rule out, as a wave would; None for any other layer."""
    declared = graph.project.schemas.get(compiled.name)
    if declared is None or not compiled.name.startswith("clean."):
        return None
    broken = tuple(check_table(connection, STAGED, declared.schema, name=compiled.name))
    if structure(relation(connection, STAGED), declared.schema, compiled.name):
        return Trial(0, broken, refused=True)
    judge(connection, STAGED, None, declared.schema)
    held = connection.execute(_HELD).fetchall()[0][0]
    connection.execute(statement(_DELETE, staged=table(STAGED)))
    return Trial(0, broken, held, refused=any(not violation.count for violation in broken))


def _checked(connection: duckdb.DuckDBPyConnection, graph: Graph, compiled: Compiled) -> Trial:
    """The rules that the table as it was built breaks."""
    declared = graph.project.schemas.get(compiled.name)
    broken = check_table(connection, in_scratch(compiled.name), declared.schema, name=compiled.name) if declared is not None else []
    return Trial(0, tuple(broken), refused=bool(broken))


def compare(connection: duckdb.DuckDBPyConnection, compiled: Compiled, limit: int) -> Difference:
    """What the live table and the one just built do not have in common.

    Parameters
    ----------
    limit
        How many examples of each sort to give.
    """
    held = columns_of(connection, before(compiled.name))
    old, new = ({name: kind for name, kind in kinds.items() if not _is_kept(compiled, name)} for kinds in (held, compiled.columns))
    both = shared(old, new)
    known = {one.name.lower() for one in both}
    moved = [ColumnChange(name, None, kind) for name, kind in new.items() if name.lower() not in known]
    moved += [ColumnChange(name, kind, None) for name, kind in old.items() if name.lower() not in known]
    keys = [one for key in (compiled.entity.keys if compiled.entity else ()) for one in both if one.name.lower() == key.lower()]
    unpaired = _unpaired(connection, compiled, keys)
    if unpaired:
        found = compare_heaps(connection, compiled.name, [one for one in both if one.same_type], limit)
        moved += [ColumnChange(one.name, one.before, one.after) for one in both if not one.same_type]
    else:
        found = compare_pairs(connection, Pairs(compiled.name, tuple(keys), tuple(both)), limit)
    order = [name.lower() for name in (*new, *old)]
    columns = sorted([*moved, *found.columns], key=lambda change: order.index(change.name.lower()))
    return replace(found, columns=tuple(columns), unpaired=unpaired)


def _is_kept(compiled: Compiled, name: str) -> bool:
    """``scored_at`` says when a row last changed: it is no part of what a definition gives."""
    return isinstance(compiled.declared, ScoringTable) and name == SCORED_AT


def _unpaired(connection: duckdb.DuckDBPyConnection, compiled: Compiled, keys: Sequence[Shared]) -> str:
    """Why rows of before and after cannot be paired; empty where they can."""
    if compiled.entity is None:
        return "it has no key"
    if len(keys) < len(compiled.entity.keys):
        present = {key.name.lower() for key in keys}
        return f"it had no column {', '.join(key for key in compiled.entity.keys if key.lower() not in present)}"
    parts = [column(key.name) for key in keys]
    key = parts[0] if len(parts) == 1 else exp.Anonymous(this="row", expressions=parts)
    filled = exp.and_(*(exp.not_(column(key.name).is_(exp.null())) for key in keys))
    unique = connection.execute(statement(_UNIQUE, key=key, rows=before(compiled.name), filled=filled)).fetchall()[0][0]
    return "" if unique else f"it had several rows for one {', '.join(key.name for key in keys)}"
