"""Whose prediction moved most, in words and tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foretable.monitor import Change, Moved
from foretable.report.tables import Table
from foretable.report.words import NONE, count, decimals, moment, number, value


def moved_said(found: Moved) -> Iterator[str]:
    """What moved since when, in sentences."""
    late = f", the first that is kept (asked for: {moment(found.asked)})" if found.since > found.asked else ""
    yield f"{found.output} of {found.table} on {moment(found.now)}, beside that of {moment(found.since)}{late}."
    if not (found.risen or found.fallen or found.new or found.gone):
        yield "Nothing has moved since."
        return
    then, now = (number(total, decimals(found.sum_before, found.sum_now)) for total in (found.sum_before, found.sum_now))
    yield (
        f"Of {count(found.both, 'key')} with a prediction then and now, {found.risen:,} rose and {found.fallen:,} fell; together "
        f"{then} then, {now} now. {found.new:,} are new, {found.gone:,} are gone."
    )
    if found.other_version:
        yield (
            f"Another version of the model answers for {found.other_version:,} of them. By features is what the version of then would have "
            "moved by, with the features of today; by the model is what the version of now adds to that."
        )


def moved_tables(found: Moved) -> Iterator[Table]:
    """Those that rose most, and those that fell most."""
    for title, changes in (("Rose most", found.rose), ("Fell most", found.fell)):
        if changes:
            yield _table(title, found, changes)


def _table(title: str, found: Moved, changes: Sequence[Change]) -> Table:
    bounded = any(each.low is not None for each in changes)
    parted = any(each.version_before != each.version_now for each in changes)
    columns = (*found.keys, "speaks for it now", "then", "now", "change")
    columns += ("by features", "by the model", "version") * parted + ("interval now",) * bounded
    places = decimals(max(abs(figure) for each in changes for figure in (each.before, each.now)))
    rows = [tuple(_cells(each, places, parted, bounded)) for each in changes]
    return Table(title, columns, tuple(rows), words=len(found.keys) + 1)


def _cells(each: Change, places: int, parted: bool, bounded: bool) -> Iterator[str]:
    yield from (str(key) for key in each.keys)
    yield "; ".join(each.reasons) or NONE
    yield from (number(figure, places) for figure in (each.before, each.now))
    yield _signed(each.change, places)
    if parted:
        for part in (each.by_features, each.by_model):
            yield _signed(part, places)
        same = each.version_before == each.version_now
        yield value(each.version_now) if same else f"{each.version_before} → {each.version_now}"
    if bounded:
        yield NONE if each.low is None else f"{number(each.low, places)} to {number(each.high, places)}"


def _signed(figure: float | None, places: int) -> str:
    said = number(figure, places)
    return f"+{said}" if figure is not None and figure > 0 else said
