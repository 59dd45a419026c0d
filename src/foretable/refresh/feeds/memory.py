"""What a detection keeps for the next one, apart from the sums."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import duckdb

from foretable.compile.recorded import Columns
from foretable.refresh.feeds.feed import Feed

_RECALL = "SELECT feed, kind, columns, state FROM foretable.feeds WHERE kind <> 'table'"
_REMEMBER = "UPDATE foretable.feeds SET columns = ?, state = ? WHERE feed = ?"


@dataclass(frozen=True)
class Memory:
    """How the stored sums were made.

    Parameters
    ----------
    version
        DuckDB's: another one may hash otherwise.
    mask
        Number of buckets less one.
    mark
        The attached file, or the files behind the source's query, as they were.
    audited
        When the table of an ingest log was last compared, in UTC.
    reading
        How files were understood, the source's query included.
    column, since
        Rows whose column is less than the start of that day, or NULL, are in none of the sums; None: every row is.
    """

    version: str
    mask: int = 0
    mark: str | None = None
    audited: str | None = None
    reading: str | None = None
    column: str | None = None
    since: str | None = None


@dataclass(frozen=True)
class Kept:
    """A feed as the last detection left it; ``memory`` is None where no sums are stored."""

    kind: str
    columns: Columns
    memory: Memory | None


def recall(connection: duckdb.DuckDBPyConnection) -> dict[str, Kept]:
    """Every feed of a source, by name."""
    rows = connection.execute(_RECALL).fetchall()
    return {name: Kept(kind, json.loads(columns), Memory(**json.loads(state)) if state else None) for name, kind, columns, state in rows}


def remember(connection: duckdb.DuckDBPyConnection, feed: Feed, memory: Memory | None) -> None:
    """Keep how a feed's sums were made; None says that there are none."""
    state = json.dumps(asdict(memory)) if memory is not None else None
    connection.execute(_REMEMBER, [json.dumps(dict(feed.columns)), state, feed.name])


def still_holds(memory: Memory, columns: Columns, there: Columns) -> bool:
    """Whether sums can be compared: the same DuckDB, and every column compared is there with the same type."""
    kinds = {name.lower(): kind for name, kind in there.items()}
    return memory.version == duckdb.__version__ and all(kinds.get(name.lower()) == kind for name, kind in columns.items())
