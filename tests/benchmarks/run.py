"""Measure what stands in this folder and write it to docs/benchmarks.md: ``make bench``.

Names run only some; ``--scale 10`` only those that can be run at ten times their size. What was
measured takes the place of its section, the other sections stay.

Each ``bench_*.py`` has a TITLE and ``measure()``, which gives lines: by default with name,
rows_per_second (a median), ratio (ours to this way, in the same run) and a note; else the module
says in COLUMNS what its lines have. With SCALES, ``title`` and ``measure`` take one of them.
"""

from __future__ import annotations

import argparse
import os
import platform
import runpy
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPORT = HERE.parents[1] / "docs" / "benchmarks.md"
LIBRARIES = ("duckdb", "ibis-framework", "onnxruntime", "xgboost", "scikit-learn", "optuna", "pandas", "polars", "pyarrow", "numpy")
COLUMNS = {"way": "name", "rows/s": "rows_per_second", "ratio": "ratio", "": "note"}
FORMATS = {
    "rows_per_second": "{:,.0f}",
    "ratio": "{:.2f}",
    "cpu_ratio": "{:.2f}",
    "cpu": "{:.3f}",
    "peak": "{:,.0f}",
    "wall": "{:.3f}",
    "share": "{:.3f}",
    "aim": "{:.3g}",
}


def main() -> None:
    there = {path.stem.removeprefix("bench_"): path for path in sorted(HERE.glob("bench_*.py"))}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(there)}; all by default")
    parser.add_argument("--scale", type=int, default=1, help="how many times the usual size")
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in there]:
        parser.error(f"no benchmark is called {' or '.join(unknown)}; there are: {', '.join(there)}")
    measured: dict[str, str] = {}
    for name in given.names or there:
        bench = runpy.run_path(str(there[name]))
        scaled = given.scale in bench.get("SCALES", ())
        if given.scale != 1 and not scaled:
            continue
        print(f"{name} …", file=sys.stderr)
        title, lines = (bench["title"](given.scale), bench["measure"](given.scale)) if scaled else (bench["TITLE"], bench["measure"]())
        measured[title] = "\n".join(section(title, bench.get("__doc__") or "", bench.get("COLUMNS", COLUMNS), lines))
        print(measured[title])
    kept = sections(REPORT.read_text(encoding="utf-8")) if REPORT.exists() else {}
    REPORT.write_text("\n".join([*header(), *(kept | measured).values()]), encoding="utf-8")
    print(f"written: {REPORT.relative_to(HERE.parents[1])}", file=sys.stderr)


def sections(text: str) -> dict[str, str]:
    """The sections of the report as they stand, by title."""
    return {part.partition("\n")[0]: f"## {part.rstrip()}\n" for part in text.split("\n## ")[1:]}


def header() -> Iterable[str]:
    yield "# Benchmarks"
    yield ""
    yield "Written by `make bench`; medians of interleaved repetitions in one run, on whatever else the machine was doing."
    yield "Where rows a second are given, `ratio` is our speed over the speed of the way in that line: above 1 we are faster."
    yield ""
    yield f"- {processor()}, {os.cpu_count()} cores, {memory():.0f} GB, {platform.system()} {platform.machine()}"
    yield f"- Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    yield ""


def section(title: str, doc: str, columns: Mapping[str, str], lines: Sequence[dict[str, Any]]) -> Iterable[str]:
    yield f"## {title}"
    yield ""
    yield from doc.strip().splitlines()
    yield ""
    yield f"Measured {datetime.now(UTC):%Y-%m-%d}."
    yield ""
    yield "| " + " | ".join(columns) + " |"
    yield "|" + "|".join("--:" if key in FORMATS else "---" for key in columns.values()) + "|"
    for line in lines:
        yield "| " + " | ".join(shown(key, line.get(key)) for key in columns.values()) + " |"
    yield ""


def shown(key: str, value: Any) -> str:
    return "" if value is None else FORMATS.get(key, "{}").format(value)


def processor() -> str:
    try:
        names = [line.partition(":")[2].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def memory() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


if __name__ == "__main__":
    main()
