"""Whatever is done to a table: every key whose rows differ is logged, and nothing when none does; what would miss one is caught."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import duckdb
import pytest

from foretable.compile.graph import Graph
from foretable.declare.project import Config, Project
from foretable.declare.source import Source
from foretable.refresh import fingerprint
from foretable.refresh.feeds import detect as detection
from foretable.refresh.feeds import fingerprints, sums
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import log_table, read_states
from foretable.sql import parse, render
from foretable.warehouse import ensure_catalog, wave

NOON = datetime(2026, 3, 1, 12)
COLUMNS = {"id": "INTEGER", "k": "INTEGER", "name": "VARCHAR", "x": "DOUBLE", "tags": "VARCHAR[]"}
KEYS = [("k",), ("id",), ("name", "k"), ("x",), ()]

NAME = "CASE hash(i, {seed}) % 5 WHEN 0 THEN NULL WHEN 1 THEN 'a' WHEN 2 THEN 'A' WHEN 3 THEN 'b ' ELSE 'b' END"
ROW = f"""
    i::{{kind}} AS id, nullif(hash(i, {{seed}}, 1) % 12, 11)::INTEGER AS k, {NAME} COLLATE NOCASE AS name,
    [0.0, '-0.0'::DOUBLE, 'nan'::DOUBLE, NULL, i / 7][1 + (hash(i, {{seed}}, 2) % 5)::INTEGER] AS x,
    [[], [NULL], NULL, ['a'], ['a', NULL]][1 + (hash(i, {{seed}}, 3) % 5)::INTEGER] AS tags
"""
OPERATIONS: list[str] = [
    f"INSERT INTO raw.t BY NAME SELECT {ROW} FROM range({{some}}, {{some}} + {{few}}) AS r(i)",
    "INSERT INTO raw.t SELECT * FROM raw.t WHERE id % 17 = {some} % 17",
    "INSERT INTO raw.t BY NAME SELECT NULL AS id",
    "DELETE FROM raw.t WHERE id % 13 = {some} % 13",
    "DELETE FROM raw.t WHERE rowid IN (SELECT rowid FROM raw.t ORDER BY hash(rowid, {seed}) LIMIT {few})",
    "UPDATE raw.t SET k = nullif({some} % 12, 11) WHERE id % 11 = {seed} % 11",
    "UPDATE raw.t SET name = upper(name) WHERE id % 9 = {some} % 9",
    "UPDATE raw.t SET tags = [NULL] WHERE id % 9 = {some} % 9",
    "UPDATE raw.t SET x = 1 + coalesce(x, 0) WHERE k = {some} % 12",
    "UPDATE raw.t SET x = x",
    "TRUNCATE raw.t",
    "CREATE OR REPLACE TABLE raw.t AS SELECT * FROM raw.t ORDER BY hash(id, k, {seed})",
    f"CREATE OR REPLACE TABLE raw.t AS SELECT {ROW} FROM range({{some}}) AS r(i)",
    "CREATE OR REPLACE TABLE raw.t AS SELECT tags, x, name, k, id FROM raw.t",
    # What a sum of hashes might let cancel out: pairs of equal rows become pairs of other equal rows.
    "INSERT INTO raw.t BY NAME SELECT 5 AS id, {some} % 12 AS k, 'twin' AS name FROM range(2)",
    "UPDATE raw.t SET x = {some} WHERE name = 'twin'",
    "UPDATE raw.t SET id = {some}",
]
CHANGE_TYPE = "ALTER TABLE raw.t ALTER id TYPE {kind}"


class World:
    """A table, a copy of what the last wave saw, and the feeds on it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'; SET threads = 1; CREATE SCHEMA raw")
        ensure_catalog(self.connection)
        self.kind = "INTEGER"
        self.connection.execute(f"CREATE TABLE raw.t AS SELECT {ROW.format(seed=seed, kind=self.kind)} FROM range(400) AS r(i)")
        self.epoch = 0
        self.wave()

    @property
    def feeds(self) -> list[Feed]:
        return [Feed("raw.t", keys, {**COLUMNS, "id": self.kind}) for keys in KEYS]

    def wave(self) -> None:
        graph = Graph(Project(Path(), Config(), sources={"raw.t": Source("raw.t")}), {}, {})
        self.epoch += 1
        with wave(self.connection):
            detection.detect(self.connection, graph, self.feeds, self.epoch, NOON)
        self.connection.execute("CREATE OR REPLACE TABLE before AS SELECT * FROM raw.t")

    def disturb(self) -> bool:
        """A few random writes; whether the type of a column is another one now."""
        kind = self.kind
        for _ in range(self.random.randint(0, 3)):
            if self.random.random() < 0.1:
                self.kind = "BIGINT" if self.kind == "INTEGER" else "INTEGER"
                self.connection.execute(CHANGE_TYPE.format(kind=self.kind))
                continue
            numbers = {name: self.random.randint(0, 400) for name in ("seed", "some")}
            self.connection.execute(self.random.choice(OPERATIONS).format(**numbers, few=self.random.randint(1, 20), kind=self.kind))
        return self.kind != kind

    def changed(self, feed: Feed) -> set[tuple]:
        """Keys whose rows differ from what the last wave saw, told bit by bit, from text."""
        text = "id::VARCHAR AS a, k::VARCHAR AS b, encode(name) AS c, x::VARCHAR AS d, tags::VARCHAR AS e"
        keys = ", ".join(f"{key} COLLATE C AS {key}" if key == "name" else key for key in feed.keys) or "true AS any"
        old, new = (f"(SELECT {keys}, {text} FROM {name})" for name in ("before", "raw.t"))
        difference = f"SELECT * EXCLUDE (a, b, c, d, e) FROM (({old} EXCEPT ALL {new}) UNION ALL ({new} EXCEPT ALL {old}))"
        rows = self.connection.execute(f"SELECT DISTINCT * FROM ({difference})").fetchall()
        return {() if not feed.keys else spelt(row) for row in rows}

    def logged(self, feed: Feed) -> set[tuple]:
        rows = self.connection.execute(f"FROM {render(log_table(feed))} WHERE epoch = ?", [self.epoch]).fetchall()
        return {spelt(row[1:]) for row in rows}

    def run(self, waves: int) -> None:
        for _ in range(waves):
            retyped = self.disturb()
            expected = {feed.name: self.changed(feed) for feed in self.feeds}
            self.wave()
            states = read_states(self.connection)
            for feed in self.feeds:
                restarted = states[feed.name].complete_from == self.epoch
                assert restarted == retyped
                assert self.logged(feed) == expected[feed.name] or restarted, feed.keys


def spelt(row: tuple) -> tuple:
    """A key under which NaN equals itself, and 0.0 and -0.0 are one, as for DuckDB."""
    return tuple("nan" if value != value else value + 0.0 if isinstance(value, float) else value for value in row)


@pytest.mark.parametrize("seed", range(2))
def test_logged_keys_are_those_that_changed(seed):
    World(seed).run(10)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
def test_logged_keys_are_those_that_changed_at_length(seed):
    World(seed).run(50)


MUTANTS: list = []


def mutant(name: str) -> Callable:
    return lambda function: MUTANTS.append(pytest.param(function, id=name)) or function


@mutant("stage 2 looks at new rows alone")
def _(patch):
    true = sums.different

    def wrong(old, new, names):
        found = true(old, new, names)
        if names == ["bucket"]:
            return found
        keys, same = (", ".join(f"f.{name}" for name in names), " AND ".join(f"f.{name} IS NOT DISTINCT FROM n.{name}" for name in names))
        return parse(f"SELECT {keys} FROM ({render(found)}) AS f SEMI JOIN ({render(new)}) AS n ON {same}")

    patch.setattr(fingerprints, "different", wrong)


@mutant("buckets compare counts alone")
def _(patch):
    true = fingerprints._total
    patch.setattr(fingerprints, "_total", lambda connection, buckets: (true(connection, buckets)[0], 0))


@mutant("keys compare counts alone")
def _(patch):
    patch.setattr(sums, "_DIFFERENT", "sum(n) <> 0")


@mutant("hashes are folded by XOR")
def _(patch):
    patch.setattr(sums, "_OF_ROWS", sums._OF_ROWS.replace("sum($row)", "bit_xor($row)"))


@mutant("rows are hashed as DuckDB hashes them")
def _(patch):
    patch.setattr(fingerprint, "_hashable", lambda name, kind: [fingerprint.column(name)])


@mutant("a column is left out")
def _(patch):
    true = sums.row_hash
    patch.setattr(sums, "row_hash", lambda columns: true({name: kind for name, kind in columns.items() if name != "tags"}))


@mutant("keys are taken under their collation")
def _(patch):
    patch.setattr(sums, "exact", lambda value, kind: value)


@mutant("what was found is not stored")
def _(patch):
    patch.setattr(fingerprints, "insert", lambda connection, into, rows: None)
    patch.setattr(fingerprints, "_adopt", lambda connection, feed, memory: memory)


@mutant("NULL keys are left out")
def _(patch):
    true = sums.different

    def wrong(old, new, names):
        return true(old, new, names).where(" AND ".join(f"{name} IS NOT NULL" for name in names))

    patch.setattr(fingerprints, "different", wrong)


@mutant("types do not count")
def _(patch):
    patch.setattr(detection, "still_holds", lambda memory, columns, there: True)


@mutant("buckets that moved are not stored")
def _(patch):
    true = fingerprints.insert
    patch.setattr(fingerprints, "insert", lambda c, into, rows: None if into.name.startswith("buckets_") else true(c, into, rows))


@mutant("every key of a bucket that moved is logged")
def _(patch):
    true = sums.different

    def wrong(old, new, names):
        return true(old, new, names) if names == ["bucket"] else parse(f"SELECT {', '.join(names)} FROM ({render(new)}) AS n")

    patch.setattr(fingerprints, "different", wrong)


@pytest.mark.parametrize("break_it", MUTANTS)
def test_what_would_miss_a_change_is_caught(break_it, monkeypatch):
    sums._parsed.cache_clear()
    broken = World(3)
    break_it(monkeypatch)
    sums._parsed.cache_clear()
    with pytest.raises(AssertionError):
        for seed in range(8):
            broken.random.seed(seed)
            broken.run(12)
    sums._parsed.cache_clear()
