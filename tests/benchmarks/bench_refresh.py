"""A refresh as a share of a rebuild: what changed is recomputed, and the tables are compared with their definitions afterwards.

``CPU`` is processor time of all threads and child processes, the wave on an open connection: detecting,
planning, building, history and commit; nothing is published. ``ratio`` is CPU over that of the rebuild in the
same loop: both queries with CREATE TABLE AS, nothing checked, compared or recorded. Medians of interleaved repetitions.
"""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
from rivals import Frames, compare, delete_insert, export, rebuild
from usage import CUSTOMERS, FEATURES, INTERACTIONS, START, THREADS, TRANSACTIONS, TREES, World, features, fill, moment, scores

from foretable.compile import Graph
from foretable.refresh import Built
from foretable.run import prepare, run
from foretable.session import Session

SCALES = (1, 10)
REPEATS = {1: 7, 10: 3}
COLUMNS = {"": "name", "CPU s": "cpu", "wall s": "wall", "ratio": "share", "aim": "aim", "refreshed": "note"}
SHARES = {"nothing changed": 0.0, "0.1% of customers": 0.001, "1% of customers": 0.01, "10% of customers": 0.1}
CLOCK = {"clock +1 hour": 1, "clock +1 day": 24}
AIMS = {
    "ingest": ((0.01, 0.005), (0.10, 0.025), (0.12, 0.05), (0.33, 0.20), (0.20, 0.16), (1.1, 0.95)),
    "fingerprint": ((0.12, 0.12), (0.22, 0.16), (0.25, 0.20), (0.50, 0.40), (0.30, 0.20), (1.2, 1.0)),
    "file": ((0.01, 0.005), (0.22, 0.16), (0.25, 0.20), (0.50, 0.40), (0.30, 0.20), (1.2, 1.0)),
}
FEEDS = {"ingest": "ingest log", "fingerprint": "fingerprints", "file": "fingerprints, attached file"}
PEAKS = ("nothing changed", "0.1% of customers", "1% of customers", "10% of customers", "full")
LIMIT = "1GB"

Line = dict[str, Any]


def title(scale: int) -> str:
    """What was measured, with its size."""
    sizes = f"{CUSTOMERS * scale:,} customers, {TRANSACTIONS * scale:,} transactions, {INTERACTIONS * scale:,} interactions"
    return f"Refresh at s{scale}: {sizes}, {len(FEATURES)} windowed features, {TREES} trees, {THREADS} threads"


TITLE = title(1)


def measure(scale: int = 1) -> list[Line]:
    """Every feed, the rivals and the peaks of memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        filled = folder / "filled.duckdb"
        fill(filled, scale)
        lines = [line for feed in FEEDS for line in _feed(folder / feed, filled, scale, feed)]
        lines += _rivals(folder / "rivals", filled, scale)
        return lines + _peaks(folder, filled, scale)


class _Clock:
    """Processor and wall seconds of calls, by name."""

    def __init__(self) -> None:
        self.taken: dict[str, list[tuple[float, float]]] = defaultdict(list)

    def time(self, name: str, call: Callable[[], Any]) -> Any:
        cpu, wall = _cpu(), time.perf_counter()
        result = call()
        self.taken[name].append((_cpu() - cpu, time.perf_counter() - wall))
        return result

    def median(self, name: str) -> tuple[float, float]:
        cpus, walls = zip(*self.taken[name], strict=True)
        return statistics.median(cpus), statistics.median(walls)


def _cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _feed(folder: Path, filled: Path, scale: int, feed: str) -> list[Line]:
    world = World(folder, scale, "ingest" if feed == "ingest" else "fingerprint", attached=feed == "file")
    world.make(filled)
    graph, clock, now = world.graph(), _Clock(), START
    notes: dict[str, str] = {}
    with world.connect() as connection:
        prepare(connection, graph)
        _wave(connection, graph, now)
        for _ in range(REPEATS[scale]):
            clock.time("rebuild", lambda: rebuild(connection, now, world.layer))  # noqa: B023
            clock.time("full", lambda: _wave(connection, graph, now, full_refresh=True))  # noqa: B023
            for name, share in SHARES.items():
                world.touch(connection, share, now)
                notes[name] = clock.time(name, lambda: _wave(connection, graph, now))  # noqa: B023
            for name, hours in CLOCK.items():
                now += timedelta(hours=hours)
                notes[name] = clock.time(name, lambda: _wave(connection, graph, now))  # noqa: B023
        _require_exact(connection, world.layer)
    world.pin(now)
    notes["opened"] = "opening, loading the project, closing; nothing changed"
    for _ in range(REPEATS[scale]):
        clock.time("opened", lambda: Session(folder).run(train=False))
    return _lines(FEEDS[feed], clock, notes, dict(zip([*SHARES, *CLOCK], AIMS[feed], strict=True)), scale)


def _lines(feed: str, clock: _Clock, notes: dict[str, str], aims: dict[str, tuple[float, float]], scale: int) -> list[Line]:
    base = clock.median("rebuild")[0]
    names = {"rebuild": "rebuild in SQL", "full": f"{feed}: --full-refresh", "opened": f"{feed}: ft.open(…).run()"}
    lines = []
    for name in clock.taken:
        cpu, wall = clock.median(name)
        aim = aims.get(name, (None,) * len(SCALES))[SCALES.index(scale)]
        lines.append(
            {"name": names.get(name, f"{feed}: {name}"), "cpu": cpu, "wall": wall, "share": cpu / base, "aim": aim, "note": notes.get(name)}
        )
    return lines


def _wave(connection: duckdb.DuckDBPyConnection, graph: Graph, clock: datetime, *, full_refresh: bool = False) -> str:
    """Refresh, and say what it did."""
    done = run(connection, graph, as_of=clock, train=False, full_refresh=full_refresh).wave
    if done.failed or done.blocked:
        raise AssertionError(f"the wave left tables behind: {done.failed} {done.blocked}")
    return ", ".join(_told(built) for built in done.built)


def _told(built: Built) -> str:
    layer = built.table.partition(".")[0]
    if built.action != "INCREMENTAL":
        return f"{layer} {built.action}"
    return f"{layer} {built.dirty:,} keys, {built.inserted + built.updated + built.deleted:,} rows"


def _require_exact(connection: duckdb.DuckDBPyConnection, layer: str) -> None:
    """Both tables hold exactly what their definitions give."""
    as_of = connection.execute("SELECT as_of FROM foretable.tables WHERE name = 'features.usage'").fetchall()[0][0]
    for have, want in (
        ("FROM features.usage", features(layer, moment(as_of))),
        ("SELECT customer_id, segment, active_probability FROM predictions.active", scores("features.usage")),
    ):
        query = f"SELECT count(*) FROM ((({have}) EXCEPT ALL ({want})) UNION ALL (({want}) EXCEPT ALL ({have})))"
        different = connection.execute(query).fetchall()[0][0]
        if different:
            raise AssertionError(f"{different} rows differ from a full recompute: {have}")


def _rivals(folder: Path, filled: Path, scale: int) -> list[Line]:
    world = World(folder, scale)
    fitted, clock = world.make(filled), _Clock()
    with world.connect() as connection:
        export(connection, folder / "files")
        frames = Frames(folder / "files", fitted.estimator, START)
        for _ in range(REPEATS[scale]):
            clock.time("rebuild", lambda: rebuild(connection, START))
            clock.time("pandas, full rebuild", frames.pandas)
            clock.time("Polars, full rebuild", frames.polars)
        compare(connection, folder / "files", START)
        for _ in range(REPEATS[scale]):
            for name, share in list(SHARES.items())[1:]:
                keys = world.touch(connection, share, START)
                told = f"delete+insert, given the keys: {name}"
                clock.time(told, lambda: delete_insert(connection, START, keys, pushed=True))  # noqa: B023
                clock.time(f"{told}, filter around", lambda: delete_insert(connection, START, keys, pushed=False))  # noqa: B023
    notes = dict.fromkeys(("pandas, full rebuild", "Polars, full rebuild"), "from Parquet to Parquet, XGBoost's own predictor")
    lines = _lines("", clock, notes, {}, scale)[1:]
    for line in lines:
        line["name"] = line["name"].removeprefix(": ")
    return lines


def _peaks(folder: Path, filled: Path, scale: int) -> list[Line]:
    """The peak of memory of a process that refreshes, by the ingest log and in full with DuckDB held to 1 GB."""
    if not Path("/proc/self/clear_refs").exists():
        return []
    root = folder / "peaks"
    world = World(root, scale, "ingest")
    world.make(filled)
    with world.connect() as connection:
        prepare(connection, world.graph())
        _wave(connection, world.graph(), START)
    lines = []
    for name in PEAKS:
        with world.connect() as connection:
            world.touch(connection, SHARES.get(name, 0.0), START)
        ran = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("peak.py")), str(root), str(scale), name],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(ran.stdout)
        what = f"full, DuckDB's memory_limit at {LIMIT}" if name == "full" else name
        note = f"{found['before']:,.0f} MB before, {found['peak']:,.0f} MB at its peak: {found['peak'] - found['before']:,.0f} MB more"
        lines.append({"name": f"memory of a refresh: {what}", "cpu": found["cpu"], "wall": found["wall"], "note": note})
    return lines


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if sys.argv[1:] else 1):
        ratio, aim = (f"{row[key]:.3f}" if row.get(key) is not None else "" for key in ("share", "aim"))
        print(f"{row['name']:60} {row['cpu']:8.3f} {row['wall']:8.3f}   ratio {ratio:6} aim {aim:6} {row.get('note') or ''}", flush=True)
