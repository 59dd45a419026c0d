"""Features for keys, now or at a date, and for every row of a spine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from foretable.errors import UsageError, WarehouseError, nearest
from foretable.online.kinds import plain
from foretable.progress import Listener, silent
from foretable.sql import column, render, statement, table
from foretable.store.assemble import Missing, Part, fill, joined, key_types, missing, parts_of
from foretable.store.spine import Spine, build_spine, readable_type, stage_spine
from foretable.store.views import View, Wanted

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.store.spine import Given

AS_OF = "as_of"
_AT = "as_of of the keys"
_BUILT = "SELECT name, as_of FROM foretable.tables"


@dataclass(frozen=True)
class Answer:
    """A query that gives the rows, valid as long as the transaction it was made in.

    ``as_of`` is the moment that the rows of each view are of: None where it looks at no clock, or where every row of a spine has
    its own. ``unclocked`` are views that are the same at every date; ``notes`` say what else
    there is to know.
    """

    query: str
    rows: int
    columns: tuple[str, ...]
    as_of: Mapping[str, datetime | None]
    missing: tuple[Missing, ...]
    unclocked: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def look_up(connection: duckdb.DuckDBPyConnection, root: Path, wanted: Sequence[Wanted], keys: Given, *, prefix: bool = False) -> Answer:
    """What the warehouse holds of some keys now.

    Parameters
    ----------
    connection
        The warehouse, in a transaction that is rolled back.
    root
        The project's folder.
    wanted
        Views of one entity, and which of their features.
    keys
        A table of keys.

    Raises
    ------
    WarehouseError
        A view has not been built yet.
    UsageError
        The views are about different things, or a key is missing.
    """
    _require_one_entity(wanted)
    built = dict(connection.execute(_BUILT).fetchall())
    for one in wanted:
        if one.view.name not in built:
            raise WarehouseError(f"{one.view} has not been built yet", where=one.view.name, hint=f"foretable run --select {one.view.name}")
    columns = {one.view.name: columns_of(connection, one.view.name) for one in wanted}
    parts = parts_of(wanted, columns, prefix=prefix)
    types = key_types(parts)
    spine = stage_spine(connection, root, keys, tuple(types), "")
    build_spine(connection, spine, None, types, "UTC")
    for part in parts:
        fill(connection, part, lambda _, part=part: exp.select("*").from_(table(part.view.name)), list(types), "UTC")  # type: ignore[misc]
    return _answer(connection, spine, parts, types, {part.view.name: built[part.view.name] for part in parts})


def features_at(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    wanted: Sequence[Wanted],
    given: Given,
    timestamp: str = AS_OF,
    *,
    prefix: bool = False,
    dated: bool = True,
    shown: str = "the spine",
    listen: Listener = silent,
) -> Answer:
    """Every row of a spine with the features as they were known at its time, by the query that training sets are built with.

    Parameters
    ----------
    connection
        The warehouse, in a transaction that is rolled back.
    graph
        The compiled project.
    wanted
        Views, and which of their features.
    given
        The spine: path of a CSV, Parquet or JSON file, SQL, a data frame or an Arrow table. It has the key columns of every view.
    timestamp
        Its column with the time of a row.
    prefix
        Whether a feature is called ``<view>__<feature>``.
    dated
        Whether the rows keep that column.
    shown
        What a table in memory is called in messages.
    listen
        Told about every date.

    Returns
    -------
    Answer
        The spine's rows, all of them, in their order, with its columns first.

    Raises
    ------
    IngestError
        A row has no key or no time; the message says where.
    UsageError
        A column is missing, two have one name, a row lies in the future or after what a source is known to.
    DeclarationError
        A view cannot be computed at a date of the past.
    """
    from foretable.compile.inline import inlined
    from foretable.store.moments import add_cuts, grain_of, require_past

    types = key_types(parts_of(wanted, {one.view.name: graph.tables[one.view.name].columns for one in wanted}, prefix=True))
    spine = stage_spine(connection, graph.project.root, given, (*types, timestamp), shown)
    taken = [name for name in spine.columns if name.lower() not in {key.lower() for key in types}]
    plain = parts_of(wanted, {one.view.name: graph.tables[one.view.name].columns for one in wanted}, prefix=prefix, taken=taken)
    parts = [Part(p.number, p.view, p.kinds, p.features, p.names, grain_of(graph, p.view.name)) for p in plain]
    zone = graph.project.config.time_zone
    build_spine(connection, spine, timestamp, types, zone)
    add_cuts(connection, [part.grain for part in parts if part.grain], zone)
    for part in parts:
        require_past(connection, graph, part.view, part.grain, spine, timestamp)
    for part in parts:
        fill(connection, part, lambda at, part=part: inlined(graph, part.view.name, at), list(types), zone, listen)  # type: ignore[misc]
    return _answer(connection, spine, parts, types, {part.view.name: None for part in parts}, timestamp, dated)


def look_up_at(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    wanted: Sequence[Wanted],
    keys: Mapping[str, Sequence[Any]],
    as_of: datetime,
    *,
    prefix: bool = False,
) -> Answer:
    """What was known of some keys at a date: as :func:`features_at` for a spine of these keys and that date.

    ``as_of`` of the answer is the date cut to what each view's tables are computed at.

    Raises
    ------
    UsageError
        The views are about different things, a key is missing, the date lies in the future or after what a source is known to.
    """
    from foretable.compile.asof import cut
    from foretable.store.moments import grain_of

    _require_one_entity(wanted)
    count = len(next(iter(keys.values())))
    spine = {**keys, _AT: [as_of] * count}
    found = features_at(connection, graph, wanted, spine, _AT, prefix=prefix, dated=False, shown="")
    grains = {one.view.name: grain_of(graph, one.view.name) for one in wanted}
    zone = graph.project.config.time_zone
    return replace(
        found,
        as_of={name: cut(as_of, grain, zone) if grain else None for name, grain in grains.items()},
        notes=tuple(_before_the_data(connection, graph, one, as_of) for one in found.missing if one.rows == count),
    )


def _before_the_data(connection: duckdb.DuckDBPyConnection, graph: Graph, nothing: Missing, as_of: datetime) -> str:
    """Why a view knows none of the keys: its sources begin later; empty where they do not."""
    from foretable.refresh.watermark import first_event

    sources = sorted(graph.upstream(nothing.view.name) & graph.project.sources.keys())
    first = {source: moment for source in sources if (moment := first_event(connection, graph, source)) is not None}
    if not first or min(first.values()) < as_of:
        return ""
    told = ", ".join(f"{source} begins at {moment:%Y-%m-%d %H:%M}" for source, moment in first.items())
    return f"{as_of:%Y-%m-%d %H:%M} lies before the data of {nothing.view}: {told}"


def columns_of(connection: duckdb.DuckDBPyConnection, name: str) -> dict[str, str]:
    """Columns and types of a table of the warehouse."""
    return {str(row[0]): str(row[1]) for row in connection.execute(statement("DESCRIBE $source", source=table(name))).fetchall()}


def _require_one_entity(wanted: Sequence[Wanted]) -> None:
    first = wanted[0].view
    for one in wanted[1:]:
        if [key.lower() for key in one.view.entity.keys] != [key.lower() for key in first.entity.keys]:
            raise UsageError(
                f"{first} is about a {first.entity.name}, {one.view} about a {one.view.entity.name}",
                where=one.view.name,
                hint="ask for them one by one, or join them to a spine that has both keys: foretable features join",
            )


def _answer(
    connection: duckdb.DuckDBPyConnection,
    spine: Spine,
    parts: Sequence[Part],
    types: Mapping[str, str],
    as_of: Mapping[str, datetime | None],
    timestamp: str | None = None,
    dated: bool = True,
) -> Answer:
    kept = _kept(connection, spine, list(types), timestamp)
    if not dated and timestamp is not None:
        kept.pop(next(name for name in kept if name.lower() == timestamp.lower()))
    query = joined(parts, list(types), kept)
    return Answer(
        query=render(query),
        rows=spine.rows,
        columns=(*kept, *(name for part in parts for name in part.names)),
        as_of=as_of,
        missing=tuple(missing(connection, part, list(types)) for part in parts),
        unclocked=tuple(str(part.view) for part in parts if timestamp is not None and part.grain is None),
    )


def _kept(connection: duckdb.DuckDBPyConnection, spine: Spine, keys: Sequence[str], timestamp: str | None) -> dict[str, exp.Expr]:
    """The spine's own columns: as they were given, but what was written as text in the type that it is read as."""
    lower = [key.lower() for key in keys]
    kept: dict[str, exp.Expr] = {}
    for place, (name, kind) in enumerate(spine.columns.items()):
        kept[name] = column(f"c{place}", "s")
        if kind == "VARCHAR" and name.lower() in lower:
            kept[name] = column(f"k{lower.index(name.lower())}", "s")
        elif kind == "VARCHAR" and timestamp is not None and name.lower() == timestamp.lower():
            kept[name] = column("moment", "s")
        elif spine.text and (found := readable_type(connection, place)) != "VARCHAR":
            kept[name] = exp.cast(kept[name], found)
    return kept


def keys_of(view: View, given: Mapping[str, Sequence[Any]]) -> Mapping[str, Sequence[Any]]:
    """Keys by the name of the entity or of its columns, by column.

    Raises
    ------
    UsageError
        A name is no key of the view, or one is missing, or they are of unequal length.
    """
    keys = {key.lower(): key for key in view.entity.keys}
    named: dict[str, Sequence[Any]] = {}
    for name, values in given.items():
        meant = view.entity.keys[0] if len(keys) == 1 and name.lower() == view.entity.name.lower() else name
        if meant.lower() not in keys:
            raise UsageError(f"{name!r} is no key of {view}", hint=nearest(name.lower(), keys))
        named[keys[meant.lower()]] = [plain(value) for value in values]
    lacking = [key for key in view.entity.keys if key not in named]
    if lacking:
        raise UsageError(f"the key {', '.join(lacking)} of {view} is missing", hint=f"a row of {view} is one {view.entity.name}")
    if len({len(values) for values in named.values()}) != 1:
        raise UsageError(f"the keys of {view} are of unequal length", hint="give as many values for each")
    return {key: named[key] for key in view.entity.keys}
