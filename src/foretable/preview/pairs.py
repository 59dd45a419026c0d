"""Two contents of a table whose rows a key pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import duckdb
from sqlglot import exp

from foretable.preview.result import ColumnChange, Difference, Example
from foretable.preview.sides import Shared, after, before, first_rows
from foretable.refresh.diff import AS_TEXT, FLOATS, NESTED
from foretable.sql import column, render


@dataclass(frozen=True)
class Pairs:
    """A table, its key on both sides, and the columns to compare."""

    name: str
    keys: tuple[Shared, ...]
    columns: tuple[Shared, ...]

    def query(self) -> exp.Select:
        """Every row of both sides, ``n`` and ``o``, beside the one with the same key."""
        same = exp.and_(*(_same(key) for key in self.keys))
        rows = exp.Select().from_(exp.alias_(after(self.name), "n", table=True))
        return rows.join(exp.alias_(before(self.name), "o", table=True), on=same, join_type="FULL")

    @property
    def fresh(self) -> exp.Expr:
        """A row that only the new side has."""
        return column(self.keys[0].name, "o").is_(exp.null())

    @property
    def gone(self) -> exp.Expr:
        """A row that only the old side has."""
        return column(self.keys[0].name, "n").is_(exp.null())

    @property
    def both(self) -> exp.Expr:
        """A row that both have."""
        return exp.not_(exp.or_(self.fresh, self.gone))


def compare_pairs(connection: duckdb.DuckDBPyConnection, pairs: Pairs, limit: int) -> Difference:
    """Rows and values that differ; a row is found on the other side by its key.

    Parameters
    ----------
    limit
        How many rows only before, rows only after, and changed values to show.
    """
    whether = [shared.differs() for shared in pairs.columns]
    any_differs = exp.or_(*whether) if whether else exp.false()
    counted = [
        _count(pairs.fresh), _count(pairs.gone), _count(pairs.both), _count(exp.and_(pairs.both, any_differs)),
        *(_count(exp.and_(pairs.both, differs)) for differs in whether),
    ]  # fmt: skip
    fresh, gone, paired, changed, *values = _row(connection, pairs.query().select(*_named(counted)))
    different = [(one, rows) for one, rows in zip(pairs.columns, values, strict=True) if rows or not one.same_type]
    columns, examples = _look_closer(connection, pairs, different, limit)
    return Difference(
        gone, fresh, changed, paired - changed, columns, examples,
        _rows(connection, pairs, pairs.gone, "o", limit if gone else 0),
        _rows(connection, pairs, pairs.fresh, "n", limit if fresh else 0),
    )  # fmt: skip


def _look_closer(
    connection: duckdb.DuckDBPyConnection, pairs: Pairs, different: Sequence[tuple[Shared, int]], limit: int
) -> tuple[tuple[ColumnChange, ...], tuple[Example, ...]]:
    """Means, largest change and examples of the columns that differ, in one more pass."""
    if not different:
        return (), ()
    measured = [_named_measures(pairs, shared, limit) for shared, _ in different]
    values = iter(_row(connection, pairs.query().select(*_named([part for parts in measured for part in parts]))))
    columns, examples = [], []
    for (shared, rows), parts in zip(different, measured, strict=True):
        shown, *numbers = (next(values) for _ in parts)
        mean_before, mean_after, least, most = numbers or (None, None, None, None)
        largest = max((value for value in (most, least) if value is not None), key=abs, default=None)
        columns.append(ColumnChange(shared.name, shared.before, shared.after, rows, mean_before, mean_after, largest))
        examples.append([_example(pairs, shared, values_of) for values_of in shown or ()])
    in_turn = [example for each in zip_longest(*examples) for example in each if example is not None]
    return tuple(columns), tuple(in_turn[:limit])


def _named_measures(pairs: Pairs, shared: Shared, limit: int) -> list[exp.Expr]:
    """Examples with the smallest keys; of numbers also both means and the smallest and largest difference."""
    chosen = exp.and_(pairs.both, shared.differs())
    order = _call("row", *(column(key.name, "n") for key in pairs.keys))
    told = _call("row", *_key_parts(pairs), _told(shared.before, shared.name, "o"), _told(shared.after, shared.name, "n"))
    parts = [_only(_call("arg_min", told, order, exp.Literal.number(max(limit, 1))), chosen)]
    if shared.is_number:
        old, new = (exp.cast(column(shared.name, side), "DOUBLE") for side in ("o", "n"))
        step = exp.Sub(this=new.copy(), expression=old.copy())
        finite = exp.and_(chosen, _call("isfinite", step.copy()))
        parts += [_only(_call("favg", value), pairs.both) for value in (old, new)]
        parts += [_only(_call(name, step.copy()), finite.copy()) for name in ("min", "max")]
    return parts


def _key_parts(pairs: Pairs) -> list[exp.Expr]:
    return [column(key.name, "n") for key in pairs.keys]


def _told(kind: str, name: str, side: str) -> exp.Expr:
    """A value to show: as text where Python's own would not tell all of it, and floats, as arg_min loses the sign of -0.0."""
    lossy = kind.startswith((*NESTED, *AS_TEXT)) or kind.endswith("]") or kind in FLOATS
    return exp.cast(column(name, side), "VARCHAR") if lossy else column(name, side)


def _example(pairs: Pairs, shared: Shared, values: Sequence[Any]) -> Example:
    *key, old, new = values
    old, new = (float(value) if kind in FLOATS and value else value for value, kind in ((old, shared.before), (new, shared.after)))
    return Example(dict(zip((one.name for one in pairs.keys), key, strict=True)), shared.name, old, new)


def _rows(connection: duckdb.DuckDBPyConnection, pairs: Pairs, chosen: exp.Expr, side: str, limit: int) -> tuple[dict[str, Any], ...]:
    """The first rows of one side alone."""
    star = exp.Column(this=exp.Star(), table=exp.to_identifier(side))
    return first_rows(connection, pairs.query().select(star).where(chosen), [column(key.name, side) for key in pairs.keys], limit)


def _same(key: Shared) -> exp.Expr:
    old: exp.Expr = column(key.name, "o")
    new: exp.Expr = column(key.name, "n")
    if not key.same_type:
        old, new = exp.cast(old, "VARCHAR"), exp.cast(new, "VARCHAR")
    return exp.EQ(this=new, expression=old)


def _count(chosen: exp.Expr) -> exp.Expr:
    return _only(exp.Count(this=exp.Star()), chosen)


def _only(aggregate: exp.Expr, chosen: exp.Expr) -> exp.Expr:
    return exp.Filter(this=aggregate, expression=exp.Where(this=chosen.copy()))


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _named(values: Sequence[exp.Expr]) -> list[exp.Expr]:
    """By position: a column may bear any name."""
    return [exp.alias_(value, f"v{place}") for place, value in enumerate(values)]


def _row(connection: duckdb.DuckDBPyConnection, query: exp.Select) -> Sequence[Any]:
    found: Sequence[Any] = connection.execute(render(query)).fetchall()[0]
    return found
