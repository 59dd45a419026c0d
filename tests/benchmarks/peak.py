"""One refresh in a process of its own: ``peak.py PROJECT SCALE SCENARIO`` prints its peak of memory as JSON, in MB."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from bench_refresh import LIMIT, _cpu
from usage import START, World

from foretable.run import prepare, run


def main(root: str, scale: str, scenario: str) -> None:
    world = World(Path(root), int(scale), "ingest")
    full = scenario == "full"
    graph = world.graph()
    with world.connect() as connection:
        if full:
            connection.execute(f"SET memory_limit = '{LIMIT}'")
        else:  # blocks of the file that are cached are no memory of the refresh: have them there before
            for table in ("raw.transactions", "raw.interactions", "raw.customers", "features.usage", "predictions.active"):
                connection.execute(f"SELECT count(*), bit_xor(hash(COLUMNS(*))) FROM {table}").fetchall()
        prepare(connection, graph)
        Path("/proc/self/clear_refs").write_text("5")
        before, cpu, wall = memory("VmRSS"), _cpu(), time.perf_counter()
        done = run(connection, graph, as_of=START, train=False, full_refresh=full).wave
        cpu, wall, peak = _cpu() - cpu, time.perf_counter() - wall, memory("VmHWM")
    if done.failed or done.blocked:
        raise AssertionError(f"{done.failed} {done.blocked}")
    print(json.dumps({"before": before, "peak": peak, "cpu": cpu, "wall": wall}))


def memory(name: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
