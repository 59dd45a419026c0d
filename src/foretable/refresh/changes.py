"""Change history: every version of every row of a table, in ``<layer>.<name>_history``, where a table asks for it.

A version is a row of the table with ``valid_from`` and ``valid_to`` (UTC, the moments of the waves that brought and
ended it; ``valid_to`` is NULL while it stands). The table as it was at a moment ``t``::

    SELECT * FROM predictions.churn_history WHERE valid_from <= t AND (valid_to > t OR valid_to IS NULL)
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled
from foretable.compile.history import FROM, TO, history_name
from foretable.declare.clock import duration
from foretable.declare.names import split
from foretable.errors import RefreshFailed
from foretable.refresh.diff import differs, equal_keys
from foretable.sql import column, parse, render, statement, table

COMPARED = "temp.main.compared_versions"
COLUMNS = (
    "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = current_database() AND schema_name = ? AND table_name = ?"
)
LAST = timedelta(microseconds=1)


def keep_changes(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime, changed: str | None) -> str:
    """Keep the versions that a refresh has brought; inside the wave's transaction, when the table is written.

    Parameters
    ----------
    connection
        The warehouse.
    compiled
        The table. Without ``history`` in its declaration nothing is kept, and a history kept before ends.
    moment
        When the wave started, UTC. A clock that was set back is taken for the first moment after the last change.
    changed
        A table whose columns ``k1``, ``k2``, … are the keys of all rows inserted, updated or deleted; None when the
        table was made anew: the rows are compared then.

    Returns
    -------
    str
        What a reader of the history should know; mostly nothing.

    Raises
    ------
    RefreshFailed
        A table of that name is there which holds no history.
    """
    before = _kept_at(connection, compiled.name)
    if before is None or compiled.declared.history is None or not _columns(connection, history_name(compiled.name)):
        return settle_history(connection, compiled, moment)
    moment = max(moment, before + LAST)
    note = _fit(connection, compiled, moment)
    if changed is None or note:
        changed = _compare(connection, compiled)
    _close(connection, compiled, moment, changed)
    _append(connection, compiled, moment, changed)
    connection.execute("UPDATE foretable.histories SET kept_at = ? WHERE table_name = ?", [moment, compiled.name])
    _forget_old(connection, compiled, moment)
    return note


def settle_history(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime) -> str:
    """Start or end the history of a table that the wave left as it was, where its declaration now says so.

    Parameters and errors are those of :func:`keep_changes`.
    """
    before = _kept_at(connection, compiled.name)
    if compiled.declared.history is None:
        if before is not None:
            _end(connection, compiled.name, max(moment, before + LAST))
        return ""
    if before is not None and _columns(connection, history_name(compiled.name)):
        _forget_old(connection, compiled, moment)
        return ""
    connection.execute("DELETE FROM foretable.histories WHERE table_name = ?", [compiled.name])
    note = _fit(connection, compiled, moment)
    last = connection.execute(statement("SELECT max(greatest(valid_from, valid_to)) FROM $kept", kept=_kept(compiled))).fetchall()[0][0]
    moment = max(moment, last + LAST) if last is not None else moment
    changed = _compare(connection, compiled)
    _close(connection, compiled, moment, changed)
    _append(connection, compiled, moment, changed)
    connection.execute(
        "INSERT INTO foretable.histories BY NAME SELECT ? AS table_name, ? AS since, ? AS kept_at", [compiled.name, moment, moment]
    )
    return note


def drop_history(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    """Remove the history of a table that is dropped."""
    if _kept_at(connection, name) is not None:
        connection.execute(render(exp.Drop(kind="TABLE", this=table(history_name(name)), exists=True)))
        connection.execute("DELETE FROM foretable.histories WHERE table_name = ?", [name])


def kept_histories(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Tables whose history is kept."""
    return {name for (name,) in connection.execute("SELECT table_name FROM foretable.histories").fetchall()}


def _kept_at(connection: duckdb.DuckDBPyConnection, name: str) -> datetime | None:
    """The last moment at which a history took something in; None where none is kept."""
    rows = connection.execute("SELECT kept_at FROM foretable.histories WHERE table_name = ?", [name]).fetchall()
    return rows[0][0] if rows else None


def _kept(compiled: Compiled) -> exp.Table:
    return table(history_name(compiled.name))


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> Mapping[str, str]:
    _, schema, short = split(name)
    return {str(found).lower(): str(kind) for found, kind in connection.execute(COLUMNS, [schema, short]).fetchall()}


def _fit(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime) -> str:
    """Give the history the columns that the table has now.

    A new column is NULL in the versions of before, one that is gone in those to come. Where a column has another
    type, the history starts anew and the one of before keeps its rows under another name.
    """
    name = history_name(compiled.name)
    before, now = _columns(connection, name), _columns(connection, compiled.name)
    if not before:
        _create(connection, compiled)
        return ""
    if not {FROM, TO} <= before.keys():
        raise RefreshFailed(f"{name} is there, and holds no history", where=compiled.name, hint="rename that table, or leave history out")
    retyped = [found for found, kind in now.items() if before.get(found, kind) != kind]
    if retyped:
        aside = f"{split(name)[2]}_until_{moment:%Y%m%d_%H%M%S_%f}"
        rename = exp.AlterRename(this=exp.to_identifier(aside, quoted=True))
        connection.execute(render(exp.Alter(this=table(name), kind="TABLE", actions=[rename])))
        _create(connection, compiled)
        return f"the type of {', '.join(retyped)} changed: the history before is in {split(name)[1]}.{aside}"
    for found in now.keys() - before.keys():
        add = parse("ALTER TABLE t ADD COLUMN c INT")
        add.set("this", table(name))
        add.args["actions"][0].set("this", exp.to_identifier(found, quoted=True))
        add.args["actions"][0].set("kind", exp.var(now[found]))
        connection.execute(render(add))
    return ""


def _create(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> None:
    create = "CREATE TABLE $kept AS SELECT *, CAST(NULL AS TIMESTAMP) AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_to FROM $rows LIMIT 0"
    connection.execute(statement(create, kept=_kept(compiled), rows=table(compiled.name)))


def _compare(connection: duckdb.DuckDBPyConnection, compiled: Compiled) -> str:
    """The keys of which the version that stands is not the row of the table, in a table of their own."""
    keys = compiled.entity.keys if compiled.entity else ()
    others = {name: kind for name, kind in compiled.columns.items() if name not in keys}
    standing = exp.select("*").from_(_kept(compiled)).where(column(TO).is_(exp.null())).subquery("v")
    named = [
        exp.alias_(exp.Coalesce(this=column(key, "t"), expressions=[column(key, "v")]), f"k{number + 1}") for number, key in enumerate(keys)
    ]
    query = (
        exp.select(*named)
        .from_(exp.alias_(table(compiled.name), "t", table=True))
        .join(standing, on=equal_keys(keys, "t", "v"), join_type="FULL")
        .where(exp.or_(column(keys[0], "t").is_(exp.null()), column(keys[0], "v").is_(exp.null()), differs(others, "t", "v")))
    )
    create = parse("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    create.set("this", table(COMPARED))
    create.set("expression", query)
    connection.execute(render(create))
    return COMPARED


def _among(compiled: Compiled, changed: str) -> exp.Expr:
    """Whether the key of a row ``r`` is among the changed ones."""
    keys = compiled.entity.keys if compiled.entity else ()
    same = (exp.EQ(this=column(key, "r"), expression=column(f"k{number + 1}", "c")) for number, key in enumerate(keys))
    return exp.Exists(this=exp.select("1").from_(exp.alias_(table(changed), "c", table=True)).where(*same))


def _close(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime, changed: str) -> None:
    update = parse("UPDATE t AS r SET valid_to = ? WHERE r.valid_to IS NULL")
    update.set("this", exp.alias_(_kept(compiled), "r", table=True))
    connection.execute(render(update.where(_among(compiled, changed))), [moment])


def _append(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime, changed: str) -> None:
    rows = (
        parse("SELECT r.*, CAST(? AS TIMESTAMP) AS valid_from")
        .from_(exp.alias_(table(compiled.name), "r", table=True))
        .where(_among(compiled, changed))
    )
    connection.execute(
        statement("INSERT INTO $kept BY NAME SELECT * FROM $rows", kept=_kept(compiled), rows=rows.subquery("rows")), [moment]
    )


def _end(connection: duckdb.DuckDBPyConnection, name: str, moment: datetime) -> None:
    """Close every version: what comes after is not known. The versions stay until the table is dropped."""
    if _columns(connection, history_name(name)):
        connection.execute(statement("UPDATE $kept SET valid_to = ? WHERE valid_to IS NULL", kept=table(history_name(name))), [moment])
    connection.execute("DELETE FROM foretable.histories WHERE table_name = ?", [name])


def _forget_old(connection: duckdb.DuckDBPyConnection, compiled: Compiled, moment: datetime) -> None:
    """Delete the versions that were closed longer ago than the declaration keeps them."""
    oldest = moment - duration(compiled.declared.history or "")
    connection.execute(statement("DELETE FROM $kept WHERE valid_to < ?", kept=_kept(compiled)), [oldest])
