"""A project at work: what arrives, what cron does then, and what must be true of it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import duckdb

from foretable import online
from foretable.compile.asof import fill, literal
from foretable.compile.graph import Graph
from foretable.declare.lag import parse_lag
from foretable.quality import ingest
from foretable.refresh.plan import plan
from foretable.refresh.schedule import read_agenda
from foretable.refresh.wave import WaveReport, run_wave
from foretable.registry.renew import renew_functions
from foretable.run import RunReport, prepare, run
from foretable.session import Session
from foretable.sql import render
from foretable.udf import connect

from .arrivals import Arrivals

BEGINNING = datetime(2026, 1, 1)
SENTINEL = datetime(1999, 9, 9, 9, 9, 9)
NEWCOMERS, ESTABLISHED = "predictions.coldstart_clv_predictions", "predictions.continuous_clv_predictions"
PREDICTIONS = (NEWCOMERS, ESTABLISHED)
REGISTRY = ("foretable.model_versions", "foretable.model_artifacts", "foretable.model_aliases", "foretable.alias_history")
MINUTE = timedelta(minutes=1)
LAGS = {NEWCOMERS: timedelta(minutes=5), ESTABLISHED: timedelta(hours=1)}
READ_BY_ALL = ("features.clv_today", "features.rfm_cut_points", "features.cohort_benchmarks", "features.coldstart_channel_quality")
SCORED_AT = "scored_at"


def ordered(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[Any, ...]]:
    """All rows, bit for bit: as text, which tells 0.0 from -0.0."""
    return connection.execute(f"SELECT COLUMNS(*)::VARCHAR FROM ({query}) ORDER BY ALL").fetchall()


@dataclass
class Stream:
    """An open warehouse at a moment of its own.

    The clock of the data is given to every wave; for the machine's clock, on which the schedule looks, all that the catalog has
    noted is made older by as much.
    """

    session: Session
    connection: duckdb.DuckDBPyConnection
    world: Arrivals
    clock: datetime = BEGINNING
    actions: Counter[str] = field(default_factory=Counter)
    """Of refreshes of tables in waves that are no ticks of the day."""
    held: dict[str, dict[int, tuple[Any, ...]]] = field(default_factory=dict)
    arrived: dict[int, datetime] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.held = {name: self.scores(name) for name in PREDICTIONS}

    @property
    def graph(self) -> Graph:
        return self.session.graph

    @cached_property
    def definitions(self) -> dict[str, str]:
        """The query of each table, with a date to put another in place of."""
        versions = dict(self.rows("SELECT model, version FROM foretable.model_aliases WHERE alias = 'champion'"))
        return {name: render(fill(self.graph.tables[name].query, SENTINEL, versions)) for name in self.graph.refreshed}

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.connection.execute(query).fetchall()

    def batch(self, happenings: int, minutes: int) -> str:
        """Something happens, time passes, and cron comes by; what it was."""
        named = [self.world.happen(self.clock) for _ in range(happenings)]
        for table, path in self.world.files:
            ingest(self.connection, table, [path], self.session._rules(table))
        self.world.files.clear()
        for (who,) in self.rows("SELECT DISTINCT customer_id FROM raw.coldstart_customers_staging"):
            self.arrived.setdefault(who, self.clock)
        self.pass_by(timedelta(minutes=minutes))
        return f"{self.clock}, {minutes} minutes after {named}"

    def pass_by(self, length: timedelta) -> None:
        """Time passes."""
        self.clock += length
        for column in ("refreshed_at", "next_due"):
            self.connection.execute(f"UPDATE foretable.tables SET {column} = {column} - ?", [length])

    def cron(self) -> RunReport | None:
        """What ``refresh --due`` does."""
        due = read_agenda(self.connection, self.graph).due
        return self.refresh(due, "SCHEDULED") if due else None

    def refresh(self, select: Iterable[str] | None = None, trigger: str = "REFRESH") -> RunReport:
        chosen = None if select is None else set(select)
        report = run(self.connection, self.graph, select=chosen, train=False, as_of=self.clock, trigger=trigger)
        assert not report.wave.failed and not report.wave.blocked, (report.wave.failed, report.wave.blocked)
        return report

    def check(self, report: RunReport, told: str) -> None:
        """Everything that must be true after a wave."""
        self.count(report.wave)
        assert self.wrong(built.table for built in report.wave.built) == {}, f"{told}: {named(report.wave)}"
        self.check_scored(report.wave, told)
        self.check_copies(told)

    def count(self, wave: WaveReport) -> None:
        """Note how tables of some size were brought up to date, but for waves in which what every row reads has changed."""
        done = {built.table: built for built in wave.built}
        if not any(name in done and done[name].inserted + done[name].updated for name in READ_BY_ALL):
            self.actions.update(built.action for built in wave.built if built.row_count > 50)

    def wrong(self, names: Iterable[str]) -> dict[str, int]:
        """Tables that are not what their definition gives now, with the number of rows that differ; and those of other types."""
        as_of = dict(self.rows("SELECT name, as_of FROM foretable.tables"))
        found = {}
        for name in names:
            query = self.definitions[name].replace(literal(SENTINEL).this.name, literal(as_of[name]).this.name)
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE expected AS {query}")
            kept = f"SELECT * EXCLUDE ({SCORED_AT}) FROM {name}" if name in PREDICTIONS else f"FROM {name}"
            shapes = [self.connection.execute(f"DESCRIBE {rows}").fetchall() for rows in (kept, "FROM expected")]
            bits = "SELECT COLUMNS(*)::VARCHAR FROM"
            one, two = f"{bits} ({kept})", f"{bits} expected"
            ((count,),) = self.rows(f"SELECT count(*) FROM (({one} EXCEPT ALL {two}) UNION ALL ({two} EXCEPT ALL {one}))")
            if count or [column[:2] for column in shapes[0]] != [column[:2] for column in shapes[1]]:
                found[name] = count
        return found

    def late(self) -> dict[str, Any]:
        """Tables behind their target lag, predictions of an earlier time than it allows, and customers who wait for one for longer."""
        status = self.rows("SELECT name, target_lag, actual_lag, is_late, suspended FROM foretable.table_status")
        now = datetime(2000, 1, 1)
        found = {
            name: lag
            for name, target, lag, is_late, suspended in status
            if is_late or suspended or (due := parse_lag(target).next_due(now, "UTC")) is None or now + lag > due
        }
        for name, as_of in self.rows("SELECT name, as_of FROM foretable.tables"):
            if name in PREDICTIONS and as_of + MINUTE < self.clock - LAGS[name]:
                found[name] = as_of
        waiting = {who for who, since in self.arrived.items() if since <= self.clock - LAGS[NEWCOMERS]}
        there = f"SELECT customer_id FROM raw.coldstart_customers_staging WHERE observed_at < TIMESTAMP '{self.clock}'"
        missing = waiting & {who for (who,) in self.rows(f"{there} EXCEPT SELECT customer_id FROM {NEWCOMERS}")}
        return {**found, **({NEWCOMERS: missing} if missing else {})}

    def check_scored(self, wave: WaveReport, told: str) -> None:
        """``scored_at`` is the wave's clock where the row is another than before, and what it was where it is the same."""
        done = {built.table: built for built in wave.built}
        for name in PREDICTIONS:
            old, new = self.held[name], self.scores(name)
            changed = {who for who in new.keys() & old.keys() if new[who][:-1] != old[who][:-1]}
            for who, row in new.items():
                expected = old[who][-1] if who in old and who not in changed else str(done[name].as_of)
                assert row[-1] == expected, f"{told}: {name} {old.get(who)} {row}"
            if name in done:
                written = done[name].inserted, done[name].updated, done[name].deleted
                assert written == (len(new.keys() - old.keys()), len(changed), len(old.keys() - new.keys())), f"{told}: {name}"
            self.held[name] = new

    def scores(self, name: str) -> dict[int, tuple[Any, ...]]:
        """What a table of predictions holds by customer, as text; the last is when it was scored."""
        return {who: row for who, *row in self.rows(f"SELECT customer_id, COLUMNS(* EXCLUDE customer_id)::VARCHAR FROM {name}")}

    def check_copies(self, told: str) -> None:
        """The online copy and the published files hold what the tables hold."""
        published = self.session.root / "published"
        with online.open(published / "online.sqlite") as copy:
            for name in PREDICTIONS:
                columns = [column for column, *_ in self.rows(f"DESCRIBE {name}")]
                rows = [dict(zip(columns, row, strict=True)) for row in self.rows(f"FROM {name} ORDER BY customer_id")]
                assert copy.get(name, [row["customer_id"] for row in rows]) == rows, f"{told}: online copy of {name}"
                assert {line["name"]: line["row_count"] for line in copy.tables()}[name] == len(rows), told
                file = f"FROM read_parquet('{published / 'current' / f'{name}.parquet'}')"
                assert ordered(self.connection, file) == ordered(self.connection, f"FROM {name}"), f"{told}: published {name}"

    def check_afresh(self, folder: Path, told: str) -> None:
        """A warehouse that has never seen another clock, made from the same rows with the same versions, is the same."""
        self.check(self.refresh(), told)
        with ExitStack() as closing:
            other = closing.enter_context(connect(folder / f"{self.clock:%Y%m%d%H%M}.duckdb"))
            other.execute("CREATE SCHEMA raw")
            for name in self.session.project.sources:
                other.execute(self.rows(f"SELECT sql FROM duckdb_tables() WHERE schema_name || '.' || table_name = '{name}'")[0][0])
                self._copy(other, name)
            prepare(other, self.graph)
            for name in REGISTRY:
                self._copy(other, name)
            renew_functions(other)
            everything = partial(plan, self.graph, clock=self.clock, train=False)
            made = run_wave(other, self.graph, self.clock, lambda state, _: everything(state=state), trigger="TEST")
            assert not made.failed and not made.blocked, (made.failed, made.blocked)
            for name in self.graph.refreshed:
                kept = f"SELECT * EXCLUDE ({SCORED_AT}) FROM {name}" if name in PREDICTIONS else f"FROM {name}"
                assert ordered(self.connection, kept) == ordered(other, kept), f"{told}: {name} made afresh"

    def _copy(self, other: duckdb.DuckDBPyConnection, name: str) -> None:
        """The rows of a table, into the same table elsewhere."""
        other.register("given", self.connection.execute(f"FROM {name}").to_arrow_table())
        other.execute(f"INSERT INTO {name} BY NAME FROM given")
        other.unregister("given")


def named(wave: WaveReport) -> str:
    return "; ".join(f"{built.table} {built.action} ({built.reason})" for built in wave.built if built.action != "NO_DATA")


def live(session: Session, folder: Path, seed: int, steps: Sequence[int], *, again: int = 4, afresh: int = 0) -> Counter[str]:
    """Let batches arrive, so many minutes apart; every ``afresh`` of them a warehouse is made anew.

    Every ``again`` batches the tables are refreshed once more, to no effect. Gives how often each action was taken in waves in
    which nothing had changed that every row depends on.
    """
    chance = random.Random(seed)
    with session._prepared() as connection:
        connection.execute(f"SET threads = {chance.choice([1, 2])}")
        stream = Stream(session, connection, Arrivals(connection, seed, folder))
        for number, minutes in enumerate(steps, start=1):
            told = f"seed {seed}, batch {number}: {stream.batch(chance.randrange(4), minutes)}"
            report = stream.cron()
            if report is not None:
                stream.check(report, told)
            if report is not None and number % again == 0:
                second = stream.refresh({built.table for built in report.wave.built})
                assert {built.action for built in second.wave.built} == {"NO_DATA"}, told
            assert stream.cron() is None and stream.late() == {}, f"{told}: {stream.late()}"
            if afresh and number % afresh == 0:
                stream.check_afresh(folder, told)
    return stream.actions
