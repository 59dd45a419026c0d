"""Looking rows up by key; without DuckDB, Ibis or a project."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from foretable.errors import UnknownName, UsageError, WarehouseError, nearest
from foretable.online.kinds import decoder, key_value

Row = dict[str, Any]

_TABLE = "SELECT shape, lookup, columns, keys FROM foretable_online WHERE name = ?"
_TABLES = "SELECT name, wave, as_of, row_count, refreshed_at FROM foretable_online ORDER BY name"
_TRIES = 10
CACHE_KIB = 64 * 1024


@dataclass(frozen=True)
class _Known:
    """A table of the file: the SELECT of one row, its columns, what reads them, and the places and types of the key."""

    shape: str
    lookup: str
    columns: Mapping[str, str]
    decoders: tuple[tuple[int, Callable[[Any], Any]], ...]
    keys: Mapping[str, str]
    first_key: int

    def values(self, key: Any) -> list[Any]:
        """What is bound for a key."""
        if isinstance(key, Mapping):
            lowered = {str(name).lower(): value for name, value in key.items()}
            parts = [lowered[name.lower()] for name in self.keys if name.lower() in lowered]
        else:
            parts = list(key) if isinstance(key, tuple | list) else [key]
        if len(parts) != len(self.keys):
            raise UsageError(f"{key!r} is no key", hint=f"a key is ({', '.join(self.keys)})")
        return [key_value(part, kind) for part, kind in zip(parts, self.keys.values(), strict=True)]


class OnlineCopy:
    """An open online copy. One thread at a time; open one for each.

    A look-up sees the newest wave that was copied whole. Writers are never in the way of readers, nor readers of writers.

    Parameters
    ----------
    path
        ``published/online.sqlite`` of a project.

    Raises
    ------
    WarehouseError
        There is no such file, or it cannot be read.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not self.path.is_file():
            raise WarehouseError(
                "there is no online copy yet", where=str(path), hint="declare a table with online=True, and build it: foretable run"
            )
        self._known: dict[str, _Known] = {}
        with self._told():
            self._connection = sqlite3.connect(f"{self.path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=10.0)
            self._connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> OnlineCopy:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let every look-up in the block see one and the same wave."""
        with self._told():
            self._connection.execute("BEGIN")
        try:
            yield
        finally:
            self._connection.execute("COMMIT")

    def tables(self) -> list[Row]:
        """A line per table: name, wave, as_of, row_count, refreshed_at (UTC)."""
        with self._told():
            cursor = self._connection.execute(_TABLES)
            return [dict(zip((field[0] for field in cursor.description), row, strict=True)) for row in cursor.fetchall()]

    def columns(self, table: str) -> dict[str, str]:
        """The columns of a table with their DuckDB types, in its order."""
        with self._told():
            return dict(self._learn(table.lower()).columns)

    def one(self, table: str, key: Any) -> Row | None:
        """The row of a key, a dictionary by column in the table's order; None where there is none.

        Parameters
        ----------
        table
            Name of the dynamic table, such as ``features.usage``.
        key
            The key; of several columns a tuple in the entity's order, or a mapping by column.

        Raises
        ------
        UnknownName
            The copy has no such table.
        UsageError
            The key has more or fewer columns than the entity.
        """
        name = table.lower()
        with self._told():
            for _ in range(_TRIES):
                known = self._known.get(name) or self._learn(name)
                try:
                    found = self._connection.execute(known.lookup, known.values(key)).fetchone()
                except sqlite3.OperationalError as error:
                    if "no such" not in str(error):
                        raise
                    found = None
                if found is not None and found[0] == known.shape:
                    return _row(known, found)
                del self._known[name]  # the table was made anew meanwhile, with other columns
        raise WarehouseError(f"{name} keeps changing its columns", where=str(self.path), hint="look it up again")

    def get(self, table: str, keys: Iterable[Any]) -> list[Row | None]:
        """The rows of keys, all of one wave, in the order of the keys; see :meth:`one`."""
        if self._connection.in_transaction:
            return [self.one(table, key) for key in keys]
        with self.snapshot():
            return [self.one(table, key) for key in keys]

    def _learn(self, name: str) -> _Known:
        found = self._connection.execute(_TABLE, [name]).fetchone()
        if found is None:
            there = [row["name"] for row in self.tables()]
            hint = f"{nearest(name, there)}; a table gets there with online=True and foretable run"
            raise UnknownName(f"{name} is not in the online copy", where=str(self.path), hint=hint)
        shape, text, columns, keys = found
        pairs = json.loads(columns)
        kinds = {label.lower(): kind for label, kind in pairs}
        decoders = tuple((place, decode) for place, (_, kind) in enumerate(pairs) if (decode := decoder(kind)) is not None)
        keyed = {key: kinds[key.lower()] for key in json.loads(keys)}
        first = list(kinds).index(next(iter(keyed)).lower())
        known = self._known[name] = _Known(shape, text, dict(pairs), decoders, keyed, first)
        return known

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            hint = "check the file and its folder, in which SQLite keeps a -wal and a -shm beside it"
            raise WarehouseError(f"the online copy cannot be read: {error}", where=str(self.path), hint=hint) from error


def _row(known: _Known, found: tuple[Any, ...]) -> Row | None:
    values = list(found[1:])
    if values[known.first_key] is None:
        return None
    for place, decode in known.decoders:
        if values[place] is not None:
            values[place] = decode(values[place])
    return dict(zip(known.columns, values, strict=True))


def open(path: str | Path) -> OnlineCopy:
    """Open an online copy to look rows up.

    Examples
    --------
    >>> from foretable import online
    >>> with online.open("published/online.sqlite") as copy:  # doctest: +SKIP
    ...     copy.one("features.usage", 17)
    """
    return OnlineCopy(path)


def lookup(path: str | Path, table: str, keys: Iterable[Any]) -> list[Row | None]:
    """The newest rows of a table by key, in the order of the keys, None for one that is not there; see :class:`OnlineCopy`."""
    with OnlineCopy(path) as copy:
        return copy.get(table, keys)
