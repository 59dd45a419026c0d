"""A warehouse with sources, and detections on it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from foretable.compile.graph import Graph
from foretable.declare.project import Config, Project
from foretable.declare.source import Source
from foretable.refresh.feeds.detect import detect
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import log_table, read_states
from foretable.sql import render
from foretable.warehouse import ensure_catalog, wave

NOON = datetime(2026, 3, 1, 12)


class Watched:
    """Sources of a warehouse, the feeds that are wanted of them, and waves that only detect."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, root: Path) -> None:
        self.connection, self.root = connection, root
        self.sources: dict[str, Source] = {}
        self.feeds: list[Feed] = []
        self.epoch = 0

    def source(self, name: str, **options: object) -> None:
        self.sources[name] = Source(name, **options)

    def feed(self, name: str, keys: tuple[str, ...], columns: tuple[str, ...] | None = None) -> Feed:
        there = {row[0]: row[1] for row in self.connection.execute(f"DESCRIBE SELECT * FROM {name}").fetchall()}
        feed = Feed(name, keys, {column: there[column] for column in columns or there})
        self.feeds.append(feed)
        if name not in self.sources:
            self.source(name)
        return feed

    def detect(self, after: timedelta = timedelta(0)) -> dict[str, set]:
        """One wave, that long after noon; what it logged, by feed."""
        graph = Graph(Project(self.root, Config(), sources=self.sources), {}, {})
        with wave(self.connection):
            self.epoch = self.connection.execute("SELECT coalesce(max(wave), 0) + 1 FROM foretable.waves").fetchall()[0][0]
            self.connection.execute("INSERT INTO foretable.waves (wave) VALUES (?)", [self.epoch])
            detect(self.connection, graph, self.feeds, self.epoch, NOON + after)
        return {feed.name: self.logged(feed) for feed in self.feeds}

    def logged(self, feed: Feed) -> set:
        rows = self.connection.execute(f"FROM {render(log_table(feed))} WHERE epoch = ?", [self.epoch]).fetchall()
        keys = [row[1:] for row in rows]
        assert len(keys) == len(set(keys)), "a key is logged once a wave"
        return set(keys)

    def restarted(self, feed: Feed) -> bool:
        """Whether the last wave asked for everything to be rebuilt."""
        return read_states(self.connection)[feed.name].complete_from == self.epoch


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; CREATE SCHEMA raw")
        ensure_catalog(connection)
        yield connection


@pytest.fixture
def watched(warehouse: duckdb.DuckDBPyConnection, tmp_path: Path) -> Watched:
    return Watched(warehouse, tmp_path)
