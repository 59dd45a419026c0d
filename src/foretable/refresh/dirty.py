"""Which keys of a table may have changed: logged changes, foreign keys, and windows that the clock has moved."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import reduce

from sqlglot import exp

from foretable.compile.asof import fill
from foretable.compile.incremental.shape import Boundary, Effect, Hop
from foretable.sql import column, table


def dirty_query(
    changed: Sequence[tuple[Effect, exp.Table]], crossed: Sequence[Boundary], epoch: int, ticks: tuple[datetime, datetime]
) -> exp.Query:
    """The distinct dirty keys of a table, as ``k1``, ``k2``, ….

    Parameters
    ----------
    changed
        Effects whose table has changed, each with its log; none of them dirties every key.
    crossed
        Windows that the clock has moved.
    epoch
        The wave up to which the table knows what changed.
    ticks
        Its clock then and now, in any order.
    """
    parts = [mapped(logged(log, len(effect.columns), epoch), effect) for effect, log in changed]
    parts += [mapped(crossing(boundary, ticks), boundary.effect) for boundary in crossed]
    union = exp.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    return exp.select("*").distinct().from_(union.subquery("touched"))


def logged(log: exp.Table, width: int, epoch: int) -> exp.Select:
    """What a feed has logged since a wave."""
    names = [column(f"k{number + 1}") for number in range(width)]
    return exp.select(*names).from_(log.copy()).where(exp.GT(this=column("epoch"), expression=exp.Literal.number(epoch)))


def crossing(boundary: Boundary, ticks: tuple[datetime, datetime]) -> exp.Select:
    """Values of the effect's columns in rows that lie between the two places of a window's edge, both ends included.

    The edge of a later clock may be the earlier one: a month before 29 March is a month before 28 March.
    """
    one, two = (fill(boundary.moment, moment) for moment in ticks)
    low, high = (
        exp.Least(this=one, expressions=[two], ignore_nulls=True),
        exp.Greatest(this=one.copy(), expressions=[two.copy()], ignore_nulls=True),
    )
    between = exp.Between(this=exp.paren(boundary.row.copy()), low=low, high=high)
    return _keys(boundary.effect.columns).from_(table(boundary.effect.table)).where(between)


def mapped(values: exp.Select, effect: Effect) -> exp.Select:
    """The refresh keys that changed values of an effect's columns reach, along its foreign keys."""
    return reduce(_along, effect.path, values)


def _along(values: exp.Select, hop: Hop) -> exp.Select:
    names = [column(f"k{number + 1}", "changed") for number in range(len(hop.columns))]
    equal = [exp.EQ(this=column(name, "reached"), expression=key) for name, key in zip(hop.columns, names, strict=True)]
    rows = exp.alias_(table(hop.table), "reached", table=True)
    reached = _keys(hop.gives, "reached").from_(rows)
    return reached.join(values.subquery("changed"), on=exp.and_(*equal), join_type="SEMI")


def _keys(names: Sequence[str], of: str = "") -> exp.Select:
    return exp.select(*(exp.alias_(column(name, of), f"k{number + 1}") for number, name in enumerate(names)))
