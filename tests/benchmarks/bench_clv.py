"""Lifetime value of established customers, from raw tables to predictions, each step in a process of its own; features beside rivals.

    python tests/benchmarks/run.py clv              # 50,000 customers
    python tests/benchmarks/run.py clv --scale 20   # a million: ten minutes, 15 GB of disk

A wave detects, plans, builds, checks, compares, records and commits; ``bare queries`` are the same tables by CREATE TABLE AS. Raw
tables lie in the warehouse, two threads. Peak is that of the whole process, caches of the warehouse's blocks and imports included.

The rivals read the same Parquet files as the query of ``features.continuous_customer_features`` over sources alone does, and end with
a frame where it ends with a table in memory; what they compute is equal to 1e-9 or the run fails. Their ratios are what they take over
what the query takes: above 1 the query is faster.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from lifetime import RAW, THREADS, lay_out, require_equal, took

SCALES = (1, 20)
CUSTOMERS = 50_000
COLUMNS = {
    "": "name", "CPU s": "cpu", "wall s": "wall", "peak MB": "peak", "in CPU": "cpu_ratio", "in wall": "ratio", "aim": "aim",
    "what": "note",
}  # fmt: skip
LIMIT = "12GB"
ROUNDS = 2
WALL_AIM = 600.0

Line = dict[str, Any]


def title(scale: int) -> str:
    """What was measured, with its size."""
    return f"Lifetime value of {CUSTOMERS * scale:,} customers, {THREADS} threads"


def measure(scale: int = 1) -> list[Line]:
    """The steps, and the rivals at the usual size."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("CLV_FOLDER")) as name:
        root = Path(name)
        lay_out(root)
        if scale > 1:
            os.environ["CLV_MEMORY_LIMIT"] = LIMIT
        lines = _steps(root, scale)
        return lines + (_rivals(root) if scale == 1 else [])


def _steps(root: Path, scale: int) -> list[Line]:
    customers = CUSTOMERS * scale
    simulated = took(root, "simulate", customers)
    sizes = took(root, "sizes")
    rows = ", ".join(f"{sizes[name]:,} {name.rpartition('_')[2]}" for name in RAW[1:])
    lines: list[Line] = [{"name": "foretable simulate clv", **simulated, "note": f"{rows}; and as many customers of the cold start"}]
    built = took(root, "features")
    lines.append({"name": "features, first wave", **built})
    trained = took(root, "train")
    lines.append({"name": "training set", **trained["set"]})
    lines.append({"name": "training, the rest", "peak": trained["peak"], **trained["rest"]})
    scored = took(root, "score")
    lines.append({"name": "predictions, first wave", **scored})
    published, copied = took(root, "publish"), took(root, "online")
    for whole, parts in (
        ("raw → features → predictions", (built, scored)),
        ("raw → features → training → predictions", (built, trained, scored)),
    ):
        total = {key: sum(part[key] for part in parts) for key in ("cpu", "wall")} | {"peak": max(part["peak"] for part in parts)}
        lines.append({"name": whole, **total, "aim": WALL_AIM if scale > 1 else None, "note": "the sum of the above; the aim is wall s"})
    lines.append({"name": "publishing", **published, "note": "predictions to Parquet"})
    lines.append({"name": "online copy, first", **copied})
    for name, step in (("nothing changed", "nothing"), ("1% of customers", "hourly"), ("1% of customers, new cut points", "daily")):
        lines.append({"name": f"refresh: {name}", **took(root, step, customers)})
        if step == "hourly":
            lines.append({"name": "online copy of 1%", **took(root, "online")})
    lines.insert(2, {"name": "features, bare queries", **took(root, "bare")})
    return lines


def _rivals(root: Path) -> list[Line]:
    took(root, "export")
    taken: dict[str, list[Line]] = {"sql": [], "polars": [], "pandas": [], "pandas_by_arrow": []}
    for _ in range(ROUNDS):
        for way, times in taken.items():
            times.append(took(root, way))
            if way != "sql":
                require_equal(root, way)
    best = {way: {key: min(one[key] for one in times) for key in ("cpu", "wall", "peak")} for way, times in taken.items()}
    lines: list[Line] = [{"name": "features from Parquet: the query", **best["sql"], "note": "one query, into a table in memory"}]
    for way, name, aim in (
        ("polars", "Polars", 1.0),
        ("pandas", "pandas", 3.0),
        ("pandas_by_arrow", "pandas, files read by pyarrow", None),
    ):
        ratios = {"cpu_ratio": best[way]["cpu"] / best["sql"]["cpu"], "ratio": best[way]["wall"] / best["sql"]["wall"]}
        lines.append({"name": f"features from Parquet: {name}", **best[way], **ratios, "aim": aim, "note": "equal to 1e-9"})
    return lines


TITLE = title(1)

if __name__ == "__main__":
    for row in measure(int(sys.argv[1]) if sys.argv[1:] else 1):
        print({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
