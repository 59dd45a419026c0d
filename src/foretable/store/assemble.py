"""Features beside the rows of a spine: each view at each date once, then one join."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb
from sqlglot import exp

from foretable.errors import QualityViolation, UnknownName, UsageError, nearest
from foretable.progress import Listener, Progress, silent
from foretable.sql import column, render, statement, table, tree
from foretable.store.spine import SPINE
from foretable.store.views import View, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from foretable.compile.asof import Moment
    from foretable.declare.freshness import Grain


@dataclass(frozen=True)
class Part:
    """What one view gives: its features, the names that they get, its key, and the grain that dates are cut to."""

    number: int
    view: View
    kinds: Mapping[str, str]
    features: tuple[str, ...]
    names: tuple[str, ...]
    grain: Grain | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns of the view."""
        return self.view.entity.keys

    @property
    def table(self) -> str:
        """The temporary table of its rows: ``moment``, the key, the features."""
        return f"temp.main.spine_view_{self.number}"


def parts_of(wanted: Sequence[Wanted], columns: Mapping[str, Mapping[str, str]], *, prefix: bool, taken: Sequence[str] = ()) -> list[Part]:
    """The features of each view under the names that they get.

    Parameters
    ----------
    wanted
        What is asked for.
    columns
        Columns and types of each view's table.
    prefix
        Whether a feature is called ``<view>__<feature>``.
    taken
        Names that the spine has.

    Raises
    ------
    UnknownName
        A view has no such feature.
    UsageError
        Two features have one name, or a feature that of a column of the spine.
    """
    owners = {name.lower(): "the spine" for name in taken}
    found = []
    for number, one in enumerate(wanted):
        kinds = columns[one.view.name]
        keys = {key.lower() for key in one.view.entity.keys}
        known = {name.lower(): name for name in kinds if name.lower() not in keys}
        for name in one.features:
            if name.lower() not in known:
                raise UnknownName(f"{one.view} has no feature {name!r}", hint=nearest(name.lower(), known.values()))
        features = tuple(known[name.lower()] for name in one.features) or tuple(known.values())
        names = tuple(f"{one.view.short}__{name}" if prefix else name for name in features)
        for feature, name in zip(features, names, strict=True):
            if name.lower() in owners:
                raise UsageError(
                    f"column {feature!r} of {one.view} is also in {owners[name.lower()]}",
                    where=one.view.name,
                    hint=f"ask for single features ({one.view.short}:{feature}), or put the view before every name: --prefix, prefix=True",
                )
            owners[name.lower()] = str(one.view)
        found.append(Part(number, one.view, kinds, features, names))
    return found


def key_types(parts: Sequence[Part]) -> dict[str, str]:
    """The key columns of all views with their types; the view named first decides."""
    found: dict[str, str] = {}
    for part in parts:
        kinds = {name.lower(): kind for name, kind in part.kinds.items()}
        for key in part.keys:
            if key.lower() not in {known.lower() for known in found}:
                found[key] = kinds[key.lower()]
    return found


def fill(
    connection: duckdb.DuckDBPyConnection,
    part: Part,
    rows_at: Callable[[Moment | None], exp.Query],
    keys: Sequence[str],
    time_zone: str,
    listen: Listener = silent,
) -> None:
    """Make ``part.table``: the view at each date of the spine, for the keys that the spine has then.

    Raises
    ------
    QualityViolation
        The view has two rows for a key at a date.
    """
    from foretable.compile.dated import filling

    moment: exp.Expr = column(f"moment_{part.grain}") if part.grain else exp.cast(exp.null(), "TIMESTAMP")
    mine = [keys.index(next(key for key in keys if key.lower() == own.lower())) for own in part.keys]
    asked = exp.select(exp.alias_(moment, "moment"), *(column(f"k{n}") for n in mine)).distinct().from_(table(SPINE))
    every = f"{part.table}_keys"
    connection.execute(statement("CREATE OR REPLACE TEMP TABLE $into AS $rows", into=table(every), rows=asked))
    dates = [
        at for (at,) in connection.execute(statement("SELECT DISTINCT moment FROM $keys ORDER BY moment", keys=table(every))).fetchall()
    ]
    texts = filling(part.table, lambda at: _rows(part, rows_at(at), at, every, mine), dates, time_zone, temporary=True)
    for place, text in enumerate(texts):
        listen(Progress(part.view.name, "running", f"date {place + 1:,} of {len(dates):,}", share=place / len(dates)))
        connection.execute(text)
    listen(Progress(part.view.name, "done", f"{len(dates):,} dates" if part.grain else ""))
    _require_single(connection, part)


def _rows(part: Part, view: exp.Query, at: Moment | None, every: str, mine: Sequence[int]) -> exp.Query:
    moment: exp.Expr = exp.cast(exp.null(), "TIMESTAMP")
    if at is not None:
        from foretable.compile.asof import literal

        moment = literal(at)
    keys = exp.select("*").from_(table(every))
    keys = keys.where(exp.column("moment").eq(moment.copy())) if at is not None else keys
    same = exp.and_(*(column(own, "f").eq(column(f"k{n}", "k")) for own, n in zip(part.keys, mine, strict=True)))
    named = [exp.alias_(column(own, "f"), f"k{place}", quoted=True) for place, own in enumerate(part.keys)]
    given = [exp.alias_(column(name, "f"), f"f{place}", quoted=True) for place, name in enumerate(part.features)]
    query = exp.select(exp.alias_(moment, "moment"), *named, *given).from_(view.subquery("f", copy=False), copy=False)
    return query.join(keys.subquery("k"), on=same, join_type="SEMI", copy=False)


def _require_single(connection: duckdb.DuckDBPyConnection, part: Part) -> None:
    by = [exp.column("moment"), *(column(f"k{place}") for place in range(len(part.keys)))]
    twice = exp.select(*by).from_(table(part.table)).group_by(*by).having("count(*) > 1").limit(1)
    for at, *keys in connection.execute(render(twice)).fetchall():
        shown = ", ".join(f"{name} {value}" for name, value in zip(part.keys, keys, strict=True))
        raise QualityViolation(
            f"more than one row for {shown}{f' at {at:%Y-%m-%d %H:%M}' if at else ''}",
            where=part.view.name,
            hint="a feature view has one row per key at every date; versions of a history may overlap",
        )


def joined(parts: Sequence[Part], keys: Sequence[str], kept: Mapping[str, exp.Expr]) -> exp.Select:
    """The rows of the spine in their order: what is kept of it, and every feature, NULL where a view has no row.

    ``kept`` are columns of ``SPINE``, its alias ``s``, by the name that they get.
    """
    query = exp.select(*(exp.alias_(value, name, quoted=True) for name, value in kept.items()))
    query.from_(exp.alias_(table(SPINE), "s", table=True), copy=False)
    for part in parts:
        alias = f"v{part.number}"
        query = query.select(*(exp.alias_(column(f"f{n}", alias), name, quoted=True) for n, name in enumerate(part.names)), copy=False)
        query.join(exp.alias_(table(part.table), alias, table=True), on=_beside(part, keys), join_type="LEFT", copy=False)
    return query.order_by(column("place", "s"), copy=False)


def _beside(part: Part, keys: Sequence[str]) -> exp.Expr:
    alias = f"v{part.number}"
    lower = [key.lower() for key in keys]
    pairs = [column(f"k{lower.index(own.lower())}", "s").eq(column(f"k{n}", alias)) for n, own in enumerate(part.keys)]
    return exp.and_(*pairs, *([column(f"moment_{part.grain}", "s").eq(column("moment", alias))] if part.grain else []))


@dataclass(frozen=True)
class Missing:
    """Rows of the spine that a view has nothing for: how many, and their keys, each once, in the order of the spine."""

    view: View
    rows: int
    keys: tuple[tuple[object, ...], ...]


def missing(connection: duckdb.DuckDBPyConnection, part: Part, keys: Sequence[str], most: int | None = None) -> Missing:
    """What a view has no row for at its date; at most so many keys."""
    lower = [key.lower() for key in keys]
    named = [column(f"k{lower.index(own.lower())}", "s") for own in part.keys]
    rows = exp.select(*named, tree("sum(count(*)) OVER ()")).from_(exp.alias_(table(SPINE), "s", table=True))
    rows = rows.join(exp.alias_(table(part.table), f"v{part.number}", table=True), on=_beside(part, keys), join_type="ANTI")
    rows = rows.group_by(*named).order_by(tree("min(s.place)"))
    found = connection.execute(render(rows if most is None else rows.limit(most))).fetchall()
    return Missing(part.view, int(found[0][-1]) if found else 0, tuple(tuple(row[:-1]) for row in found))
