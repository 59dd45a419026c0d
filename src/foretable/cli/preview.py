"""``plan --diff``: what changed definitions would change, for people and as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from foretable.cli import console
from foretable.errors import RefreshFailed

if TYPE_CHECKING:
    from foretable.preview import ColumnChange, Preview, TableChange
    from foretable.session import Session


def diff(session: Session, select: Sequence[str], exclude: Sequence[str], *, limit: int, json: bool) -> None:
    """Build what changed beside the warehouse, and tell what would differ.

    Raises
    ------
    RefreshFailed
        A definition cannot be computed; everything else was told.
    """
    from foretable.preview import preview, record_missing, scratch_warehouse

    with scratch_warehouse(session.root, session.config, session.wait) as connection, console.progress() as listen:
        record_missing(connection, session.project)
        found = preview(connection, session.graph, select=session.selected(select, exclude), limit=limit, listen=listen)
    if json:
        console.document(_facts(found))
    else:
        _show(found)
    if found.failed:
        first = found.failed[0]
        names = ", ".join(change.table for change in found.failed)
        hint = first.error.hint if first.error is not None else ""
        raise RefreshFailed(f"{console.count(len(found.failed), 'definition')} cannot be computed: {names}", hint=hint)


def _show(found: Preview) -> None:
    if found.tables:
        console.table(SUMMARY, [_summary(change) for change in found.tables], limit=None)
    else:
        console.say("nothing would differ: no definition has changed")
    for change in found.tables:
        _details(change)
    if found.drops:
        console.heading("declared no more")
        for name, rows in found.drops.items():
            console.say(f"{name}, {console.count(rows, 'row')}: dropped only with --prune")
    if found.tables:
        console.say()
        console.say(f"nothing was applied ({console.duration(found.seconds)}){'' if found.failed else '; to apply it: foretable run'}")


SUMMARY = ("table", "outcome", "before", "after", "gone", "new", "changed", "same", "why")


def _summary(change: TableChange) -> list[Any]:
    differ = change.difference
    counts: list[Any] = [None] * 4
    if change.outcome in ("DIFFERS", "SAME"):
        counts = [differ.only_before, differ.only_after, None if differ.unpaired else differ.changed, differ.same]
    return [change.table, change.outcome, change.rows_before, change.rows_after, *counts, change.reason]


def _details(change: TableChange) -> None:
    lines = _remarks(change)
    if not (lines or change.difference.columns or change.difference.gone or change.difference.fresh):
        return
    console.heading(f"{change.table}{f', as of {console.cell(change.as_of)}' if change.as_of is not None else ''}")
    for line in lines:
        console.say(line)
    if change.outcome == "NEW":
        console.say(f"its columns: {', '.join(f'{column.name} {column.after}' for column in change.difference.columns)}")
    elif change.difference.columns:
        _columns(change.difference.columns)
    _examples(change)


def _remarks(change: TableChange) -> list[str]:
    differ, lines = change.difference, []
    if change.error is not None:
        lines.append(f"error: {change.error.message}")
    if change.outcome == "SAME":
        lines.append("the definition changed, the content does not" if " reads " not in f" {change.reason}" else "")
    if differ.unpaired and change.outcome in ("DIFFERS", "SAME"):
        lines.append(f"rows are compared as a whole, for {differ.unpaired}")
    for violation in change.violations:
        lines.append(f"rule: {violation.where}: {violation}")
    if change.quarantined:
        lines.append(f"{console.count(change.quarantined, 'row')} would go to quarantine")
    if change.moved:
        lines.append(f"note: {', '.join(change.moved)} changed since the last refresh: part of the difference is news, not the definition")
    return [*filter(None, lines), *(f"note: {note}" for note in change.notes)]


def _columns(columns: Sequence[ColumnChange]) -> None:
    rows = [[one.name, _kind(one), one.rows, *map(_number, (one.mean_before, one.mean_after)), _step(one.largest)] for one in columns]
    names = ["column", "type", "rows that differ", "mean before", "mean after", "largest change"]
    kept = [i for i in range(len(names)) if i < 2 or any(row[i] not in (None, "") for row in rows)]
    console.table([names[i] for i in kept], [[row[i] for i in kept] for row in rows], limit=None)


def _kind(column: ColumnChange) -> str:
    if column.before is None:
        return f"{column.after}, new"
    if column.after is None:
        return f"{column.before}, gone"
    return column.after if column.before == column.after else f"{column.before} → {column.after}"


def _number(value: float | None) -> str:
    """Six digits: before and after are often close to each other."""
    return f"{value:,.6g}" if value is not None else ""


def _step(value: float | None) -> str:
    return f"{value:+,.6g}" if value is not None else ""


def _examples(change: TableChange) -> None:
    differ = change.difference
    if differ.examples:
        console.say("for example")
        keys = list(differ.examples[0].key)
        rows = [[*one.key.values(), one.column, *_pair(one.before, one.after)] for one in differ.examples]
        console.table([*keys, "column", "before", "after"], rows, limit=None)
    for title, found in (("rows that go", differ.gone), ("rows that come", differ.fresh)):
        if found:
            console.say("its first rows" if change.outcome == "NEW" else title)
            console.table(list(found[0]), [list(row.values()) for row in found], limit=None)


def _pair(before: Any, after: Any) -> tuple[str, str]:
    """Two values as texts that differ, as the values do."""
    short = [console.cell(value) if value is not None else "NULL" for value in (before, after)]
    whole = [repr(value) if isinstance(value, float) else "NULL" if value is None else str(value) for value in (before, after)]
    texts = whole if short[0] == short[1] else short
    return texts[0], texts[1]


def _facts(found: Preview) -> dict[str, Any]:
    return {"tables": [_table_facts(change) for change in found.tables], "drop": dict(found.drops), "seconds": found.seconds}


def _table_facts(change: TableChange) -> dict[str, Any]:
    differ, error = change.difference, change.error
    return {
        "table": change.table,
        "outcome": change.outcome,
        "reason": change.reason,
        "as_of": change.as_of,
        "rows_before": change.rows_before,
        "rows_after": change.rows_after,
        "only_before": differ.only_before,
        "only_after": differ.only_after,
        "changed": None if differ.unpaired else differ.changed,
        "same": differ.same,
        "unpaired": differ.unpaired or None,
        "columns": [_column_facts(column) for column in differ.columns],
        "examples": {
            "changed": [{"key": dict(one.key), "column": one.column, "before": one.before, "after": one.after} for one in differ.examples],
            "only_before": [dict(row) for row in differ.gone],
            "only_after": [dict(row) for row in differ.fresh],
        },
        "violations": [{"where": one.where, "rule": one.rule, "rows": one.count, "examples": one.examples} for one in change.violations],
        "quarantined": change.quarantined,
        "refused": change.refused,
        "moved_sources": list(change.moved),
        "notes": list(change.notes),
        "error": {"message": error.message, "where": error.where, "hint": error.hint} if error is not None else None,
    }


def _column_facts(column: ColumnChange) -> Mapping[str, Any]:
    return {
        "column": column.name,
        "type_before": column.before,
        "type_after": column.after,
        "rows": column.rows,
        "mean_before": column.mean_before,
        "mean_after": column.mean_after,
        "largest": column.largest,
    }
