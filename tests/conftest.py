"""The small shop that engine tests run on: a project of its own, with two years of made-up orders."""

from __future__ import annotations

import gc
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

SHOP = Path(__file__).parent / "shop"

# A syntax tree is a cycle. The collector's own pace, a look at every 700 new objects, takes a tenth of the suite's time.
gc.set_threshold(50_000, 20, 50)
# Two processes on two cores: a thread of a library that waits for work sleeps.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
# Hundreds of processes start from here: what one of them has compiled, the next need not compile again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: the collector need not look at it again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A copy of the shop project with a filled warehouse."""
    root = tmp_path / "shop"
    shutil.copytree(SHOP, root, ignore=shutil.ignore_patterns("__pycache__"))
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((root / "data.sql").read_text())
    return root


@pytest.fixture
def project(tmp_path: Path) -> Callable[..., Path]:
    """Writes a project from texts by path: ``project(**{"pipelines/a.py": "…"})``."""

    def write(files: dict[str, str], settings: str = "") -> Path:
        root = tmp_path / "project"
        root.mkdir(exist_ok=True)
        (root / "pyproject.toml").write_text(f"[tool.foretable]\n{settings}\n")
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return root

    return write
