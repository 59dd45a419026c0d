"""Measure everything in this folder and write docs/benchmarks.md: ``make bench``, or with names to run only some.

Each ``bench_*.py`` has a TITLE and ``measure()``, which gives lines with name, rows_per_second (a
median), ratio (ours to this way, in the same run) and a note.
"""

from __future__ import annotations

import os
import platform
import runpy
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPORT = HERE.parents[1] / "docs" / "benchmarks.md"
LIBRARIES = ("duckdb", "ibis-framework", "onnxruntime", "xgboost", "scikit-learn", "pandas", "pyarrow", "numpy")


def main(wanted: Sequence[str]) -> None:
    sections: list[str] = []
    for path in sorted(HERE.glob("bench_*.py")):
        name = path.stem.removeprefix("bench_")
        if wanted and name not in wanted:
            continue
        print(f"{name} …", file=sys.stderr)
        bench = runpy.run_path(str(path))
        lines = bench["measure"]()
        sections.append("\n".join(section(bench["TITLE"], bench.get("__doc__") or "", lines)))
        print(sections[-1])
    if not sections:
        there = ", ".join(path.stem.removeprefix("bench_") for path in sorted(HERE.glob("bench_*.py")))
        sys.exit(f"no benchmark is called {' or '.join(wanted)}; there are: {there}")
    if not wanted:
        REPORT.write_text("\n".join([*header(), *sections]) + "\n", encoding="utf-8")
        print(f"written: {REPORT.relative_to(HERE.parents[1])}", file=sys.stderr)


def header() -> Iterable[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`; medians of interleaved repetitions in one run, on whatever else the machine was doing."
    yield "`ratio` is our speed over the speed of the way in that line: above 1 we are faster."
    yield ""
    machine = f"{processor()}, {os.cpu_count()} cores, {memory():.0f} GB, {platform.system()} {platform.machine()}"
    yield f"- {datetime.now(UTC):%Y-%m-%d}, {machine}"
    yield f"- Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield ""


def section(title: str, doc: str, lines: Sequence[dict[str, Any]]) -> Iterable[str]:
    yield f"## {title}"
    yield ""
    yield doc.strip().partition("\n\n")[0]
    yield ""
    yield "| way | rows/s | ratio | |"
    yield "|---|--:|--:|---|"
    for line in lines:
        yield f"| {line['name']} | {line['rows_per_second']:,.0f} | {line['ratio']:.2f} | {line.get('note', '')} |"
    yield ""


def processor() -> str:
    try:
        names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    main(sys.argv[1:])
