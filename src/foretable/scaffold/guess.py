"""What a table of an unknown warehouse probably is: whose rows, and when they became known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from foretable.compile.recorded import Columns

HISTORY = (
    ("dbt_valid_from", "dbt_valid_to"),
    ("valid_from", "valid_to"),
    ("effective_from", "effective_to"),
    ("effective_date", "expiry_date"),
)
LATER = ("updated", "modified", "deleted", "loaded", "synced", "inserted", "processed", "ended", "closed", "expires", "cancelled")
"""A column of such a name moves after the fact: it does not say when a row became known."""
FIRST = ("_at", "timestamp", "event_time", "_time", "_ts", "_date", "date", "day")


@dataclass(frozen=True)
class Guess:
    """A draft of one source; ``doubts`` are comments for the reader to settle."""

    name: str
    columns: Columns
    entity: str = ""
    time: str = ""
    valid: tuple[str, str] | None = None
    register: bool = False
    doubts: tuple[str, ...] = ()


def keys_of(tables: Mapping[str, Columns]) -> Counter[str]:
    """Columns that look like keys, by the number of tables that share them."""
    return Counter(column.lower() for columns in tables.values() for column in columns if column.lower().endswith("_id"))


def guess(name: str, columns: Columns, keys: Counter[str], unique: Iterable[str] = ()) -> Guess:
    """Draft a source from the names and types of its columns.

    Parameters
    ----------
    name
        Name that the source will have.
    columns
        Its columns and types.
    keys
        How many tables share each key-like column.
    unique
        Key-like columns that are unique in this table.
    """
    doubts = []
    lower = {column.lower(): column for column in columns}
    own = [key for key in keys if key in lower]
    best = max(own, key=lambda key: (keys[key], -list(lower).index(key)), default="")
    if not best:
        doubts.append("no column ends in _id: say whose rows these are with entity=")
    elif len(own) > 1:
        doubts.append(f"entity guessed by the key that most tables share; others here: {', '.join(key for key in own if key != best)}")
    valid = next(((lower[start], lower[end]) for start, end in HISTORY if start in lower and end in lower), None)
    if valid:
        return Guess(name, columns, best, valid=valid, doubts=tuple(doubts))
    times = _times(columns)
    if not times:
        doubts.append("no column says when a row became known: give time= or valid=, or fixed=[…] for columns that never change;")
        doubts.append("until then it may feed plain tables, and is refused in training sets")
        return Guess(name, columns, best, doubts=tuple(doubts))
    if len(times) > 1:
        doubts.append(f"time guessed; other moments: {', '.join(times[1:])}")
    register = best in set(unique)
    if register:
        rest = [column for column in columns if column.lower() != best and column not in times]
        doubts.append(f"one row per {best}: put into fixed= the columns that never change, of {', '.join(rest) or 'none'}")
    return Guess(name, columns, best, time=times[0], register=register, doubts=tuple(doubts))


def _times(columns: Columns) -> list[str]:
    """Columns with a moment, the likeliest moment of the event first."""
    moments = [column for column, kind in columns.items() if kind.upper().startswith(("TIMESTAMP", "DATE"))]

    def rank(column: str) -> tuple[bool, int]:
        name = column.lower()
        ending = next((place for place, end in enumerate(FIRST) if name.endswith(end)), len(FIRST))
        return any(word in name for word in LATER), ending

    return sorted(moments, key=rank)
