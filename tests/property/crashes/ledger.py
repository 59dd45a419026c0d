"""What must hold of a warehouse and of what is published after any process at work on them has died."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

import foretable as ft
from foretable.run import RunReport

from ..waves.refreshing import mismatches
from ..waves.world import World

Rows = tuple[tuple[str, ...], ...]
PUBLISHED = {".lock", "current", "foretable.duckdb", "live", "waves"}
ALL_TABLES = (
    "SELECT schema_name || '.' || table_name FROM duckdb_tables() WHERE database_name = current_database() AND schema_name <> 'raw'"
)


class Ledger:
    """Follows a project from wave to wave: what every table held after each."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.session = ft.open(root)
        self.graph = self.session.graph
        self.waves: dict[int, dict[str, Rows]] = {}
        self.published = 0
        self.before: dict[str, Rows] = {}

    def change(self, world: World, times: int) -> list[str]:
        """Things happen; what the warehouse holds then is what a wave that does not commit must leave."""
        with self.open() as connection:
            world.connection = connection
            happened = [world.happen() for _ in range(times)]
            self.before = contents(connection)
        return happened

    def open(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(self.root / "warehouse.duckdb")
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def refresh(self, as_of: datetime) -> RunReport:
        return self.session.run(as_of=as_of, train=False, trigger="REFRESH")

    def look(self) -> bool:
        """Nothing is half-written, in the warehouse or in what is published; says whether the wave was committed."""
        with self.open() as connection:
            now = contents(connection)
            last, committed = last_wave(self.before), last_wave(now)
            if committed == last:
                began = {name: rows for name, rows in now.items() if "foretable.waves" in self.before or rows}
                odd = [name for name in {*began, *self.before} if began.get(name) != self.before.get(name)]
                assert set(odd) <= (set() if "foretable.waves" in self.before else {"foretable.catalog"}), (
                    f"a wave that was not committed left {odd}"
                )
            else:
                self._whole(connection, now, last, committed)
        self.waves[committed] = {name: now[name] for name in self.graph.refreshed if name in now}
        self.read_published()
        return committed != last

    def _whole(self, connection: duckdb.DuckDBPyConnection, now: dict[str, Rows], last: int, committed: int) -> None:
        ask: Callable[[str], list[tuple[Any, ...]]] = lambda query: connection.execute(query).fetchall()  # noqa: E731
        assert committed == last + 1, (last, committed)
        assert not (found := mismatches(connection, self.graph, self.graph.refreshed)), f"wave {committed}: {found}"
        assert ask("SELECT count(*), count(ended_at), bool_and(state = 'SUCCEEDED') FROM foretable.waves") == [
            (committed, committed, True)
        ], ask("FROM foretable.waves")
        known = {name: (epoch, count) for name, epoch, count in ask("SELECT name, epoch, row_count FROM foretable.tables")}
        assert known == {name: (committed, len(now[name])) for name in self.graph.refreshed}, known
        told = ask(
            "SELECT table_name, state FROM foretable.refresh_history WHERE wave = (SELECT max(wave) FROM foretable.waves) ORDER BY ALL"
        )
        assert told == [(name, "SUCCEEDED") for name in sorted(self.graph.refreshed)], told
        assert (
            ask("SELECT * FROM foretable.feeds WHERE greatest(complete_from, changed_at) > (SELECT max(wave) FROM foretable.waves)") == []
        )
        for name in now:
            if name.startswith("foretable_feeds.log_"):
                assert connection.execute(f"SELECT count(*) FROM {name} WHERE epoch > ?", [committed]).fetchall() == [(0,)], name

    def read_published(self) -> None:
        """A reader sees one wave, whole, and never an older one than before."""
        bi_file = self.root / "published" / "foretable.duckdb"
        if not bi_file.exists():
            assert not self.published, self.published
            return
        with duckdb.connect(bi_file, read_only=True) as reader:
            reader.execute("SET TimeZone = 'UTC'")
            reader.execute("BEGIN")
            wave = reader.execute("SELECT max(wave) FROM waves").fetchall()[0][0]
            held = self.waves[wave]
            seen = {name: rows_of(reader, name) for name in held}
        assert wave >= self.published, (wave, self.published)
        assert [name for name in held if seen[name] != held[name]] == [], f"published as wave {wave}"
        self.published = wave
        self._files_are_whole()

    def _files_are_whole(self) -> None:
        for folder in (self.root / "published" / "waves").iterdir():
            if folder.suffix == ".tmp":
                continue
            said = json.loads((folder / "manifest.json").read_text())
            with duckdb.connect() as plain:
                for entry in said["tables"].values():
                    count = plain.execute("SELECT count(*) FROM read_parquet(?)", [str(folder / entry["file"])]).fetchall()
                    assert count == [(entry["rows"],)], (folder, entry)

    def heals(self, as_of: datetime) -> None:
        """The next refresh brings everything up to date, the one after it finds nothing to do."""
        done = self.refresh(as_of)
        assert not done.wave.failed and not done.wave.blocked, (done.wave.failed, done.wave.blocked)
        with self.open() as connection:
            assert not (found := mismatches(connection, self.graph, self.graph.refreshed)), (
                f"healed by {[(b.table, b.action) for b in done.wave.built]}: {found}"
            )
            self.before = contents(connection)
            epochs = dict(connection.execute("SELECT name, epoch FROM foretable.tables").fetchall())
            assert epochs == dict.fromkeys(self.graph.refreshed, done.wave.wave), f"wave {done.wave.wave}: {epochs}"
        self.waves[done.wave.wave] = {name: self.before[name] for name in self.graph.refreshed}
        self.read_published()
        assert self.published == done.wave.wave
        again = {built.table: built.action for built in self.refresh(as_of).wave.built if built.action != "NO_DATA"}
        assert not again, again
        self.alone()
        with self.open() as connection:
            self.waves[done.wave.wave + 1] = self.waves[done.wave.wave]
            self.before = contents(connection)
        self.read_published()

    def alone(self) -> None:
        """Nothing of the dead is left."""
        published = self.root / "published"
        left = {file.name for file in published.iterdir()} ^ PUBLISHED
        left |= {file.name for file in self.root.iterdir() if file.is_file()} ^ {"pyproject.toml", "warehouse.duckdb"}
        left |= {str(file) for file in (*published.rglob("*.tmp*"), *self.root.glob("*.tmp*"), *self.root.glob(".*"))}
        assert not left, left
        assert len(list((published / "waves").iterdir())) <= 3


def rows_of(connection: duckdb.DuckDBPyConnection, name: str) -> Rows:
    return tuple(sorted(tuple(map(repr, row)) for row in connection.execute(f"SELECT * FROM {name}").fetchall()))


def contents(connection: duckdb.DuckDBPyConnection) -> dict[str, Rows]:
    """Every table that foretable writes, state and logs included."""
    return {name: rows_of(connection, name) for (name,) in connection.execute(ALL_TABLES).fetchall()}


def last_wave(held: dict[str, Rows]) -> int:
    return max((int(row[0]) for row in held.get("foretable.waves", ())), default=0)
