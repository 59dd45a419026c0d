"""A program that refreshes on a disk with hardly any space left, again and again; it tells how the waves ended."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

import duckdb

from foretable.errors import WarehouseError

from ..waves.world import World, declare
from .ledger import Ledger

CLOCK = datetime(2026, 2, 10)


def fill(disk: Path, free: int) -> Path:
    """Take all space but so many bytes."""
    found = os.statvfs(disk)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(found.f_bavail * found.f_bsize - free, 1))
    return ballast


def wave(ledger: Ledger) -> str:
    """Refresh; how it ended."""
    try:
        done = ledger.refresh(CLOCK)
    except WarehouseError as error:
        assert "disk is full" in str(error) or "No space left" in str(error), error
        assert error.hint, error
        return "failed"
    assert not done.wave.failed and not done.wave.blocked, (done.wave.failed, done.wave.blocked)
    return "done"


def main(disk: Path, tables: dict[str, str], turns: int) -> None:
    root, chance, outcomes = disk / "project", random.Random(0), Counter[str]()
    declare(root, tables)
    settings = root / "pyproject.toml"
    settings.write_text(f'{settings.read_text()}publish = ["clean", "features", "predictions", "decisions"]\n')
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        world = World(connection, 0)
    ledger = Ledger(root)
    ledger.change(world, 0)
    for turn in range(turns):
        # Small at first: the file has holes later on, and nothing is left of the space only where nothing is written.
        ballast = fill(disk, 0 if turn == 0 else int(1.5 ** chance.uniform(18, 36)))
        ended = wave(ledger)
        ballast.unlink()
        committed = ledger.look()
        assert committed or ended == "failed"
        outcomes[f"{ended}, {'committed' if committed else 'not committed'}"] += 1
        if chance.random() < 0.5 or turn == turns - 1:
            ledger.heals(CLOCK)
        ledger.change(world, 4)
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), json.loads(sys.argv[2]), int(sys.argv[3]))
