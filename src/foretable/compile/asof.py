"""``as_of()`` and the other placeholders that are filled when a query is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import uuid4
from zoneinfo import ZoneInfo

from sqlglot import exp

from foretable.declare.freshness import Grain
from foretable.errors import RefreshFailed

AS_OF = "as_of"
MODEL_VERSION = "model_version"
_STAND_IN = f"as_of {uuid4()} "
"""No text of a project has it."""


@dataclass(frozen=True)
class AnyDate:
    """Stands in a query for a date, cut to ``grain`` where there is one, that is filled in when the query is text: see ``dated``."""

    grain: Grain | None = None

    def isoformat(self, sep: str = " ") -> str:
        """What stands where the date goes."""
        return f"{_STAND_IN}{self.grain}"


Moment: TypeAlias = datetime | AnyDate


def cut(moment: datetime, grain: Grain, time_zone: str = "UTC") -> datetime:
    """The start of the minute, hour or day that ``moment`` (UTC) falls into, in the project's time zone, as UTC."""
    zone = ZoneInfo(time_zone)
    local = moment.replace(tzinfo=UTC).astimezone(zone)
    start = local.replace(second=0, microsecond=0)
    if grain in ("hour", "day"):
        start = start.replace(minute=0)
    if grain == "day":
        start = start.replace(hour=0, fold=0)  # where clocks go back at midnight, the day starts at the first one
    return start.astimezone(UTC).replace(tzinfo=None)


def literal(moment: Moment) -> exp.Expr:
    """A TIMESTAMP literal."""
    return exp.cast(exp.Literal.string(moment.isoformat(sep=" ")), "TIMESTAMP")


def uses_as_of(tree: exp.Expr) -> bool:
    """Whether a query looks at the clock."""
    return any(is_call(node, AS_OF) for node in tree.find_all(exp.Anonymous))


def is_call(node: Any, name: str) -> bool:
    """Whether a node calls the function of that name (case-insensitive)."""
    return isinstance(node, exp.Anonymous) and str(node.this).lower() == name


def fill(tree: exp.Expr, as_of: Moment | None, versions: Mapping[str, int] | None = None) -> exp.Expr:
    """A copy of the query with every ``as_of()``, ``model_version('m')`` and ``model_version('m', 'alias')`` replaced by a literal.

    ``versions`` are those of the champions by model, of other aliases by ``model@alias``; one that points nowhere is NULL.

    Raises
    ------
    RefreshFailed
        The query names a model that has no champion yet.
    """

    def replace(node: exp.Expr) -> exp.Expr:
        if as_of is not None and is_call(node, AS_OF):
            return literal(as_of)
        if versions is not None and is_call(node, MODEL_VERSION):
            name, *alias = (argument.name for argument in node.expressions)
            if alias:
                number = versions.get(f"{name}@{alias[0]}")
                return exp.cast(exp.null() if number is None else exp.Literal.number(number), "INTEGER")
            if name not in versions:
                raise RefreshFailed(f"model {name} has no champion", hint=f"train it first: foretable train {name}")
            return exp.cast(exp.Literal.number(versions[name]), "INTEGER")
        return node

    return tree.transform(replace)


def spine_dates(start: str, every: tuple[int, str], end: datetime, time_zone: str) -> list[datetime]:
    """The dates of a spine in UTC: ``start`` at local midnight, then ``every`` so often, up to ``end`` included."""
    zone = ZoneInfo(time_zone)
    first = datetime.fromisoformat(start)
    number, unit = every
    dates: list[datetime] = []
    for step in range(100_000):
        local = _step(first, number * step, unit)
        moment = local.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
        if moment > end:
            break
        dates.append(moment)
    return dates


def _step(first: datetime, number: int, unit: str) -> datetime:
    if unit in ("month", "year"):
        months = first.month - 1 + number * (12 if unit == "year" else 1)
        year, month = first.year + months // 12, months % 12 + 1
        return first.replace(year=year, month=month, day=min(first.day, _days_in(year, month)))
    return first + timedelta(**{f"{unit}s": number})


def _days_in(year: int, month: int) -> int:
    following = datetime(year + month // 12, month % 12 + 1, 1)
    return (following - timedelta(days=1)).day


def before(moment: datetime, number: int, unit: str) -> datetime:
    """``moment`` less a horizon; months are calendar months."""
    return _step(moment, -number, unit)
