"""A process that dies in the middle of a wave, by kill -9 or on a full disk, leaves what the wave before left; the next one heals."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from .crashes.forks import Forks, forks
from .crashes.ledger import Ledger
from .waves.refreshing import mismatches
from .waves.world import TABLES, World, declare

CLOCK = datetime(2026, 2, 10)
PARTS = ("detect", "step", "record", "commit", "close", "publish", "other", "listen")
TRIES = 6
"""A wave in which less happens than in the one before may end before its time has come."""
FEW = ("features.windows", "features.brands", "features.plan", "clean.orders", "features.clean", "predictions.plan")
PREDICTIONS = {"predictions.plan": "ENTITY = customer AS SELECT customer_id, plan || '!' AS plan FROM features.plan"}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., tuple[Ledger, World]]:
    """Makes a project on a warehouse file, all of whose tables are published, and its world."""

    def made(tables: dict[str, str] = TABLES, seed: int = 0) -> tuple[Ledger, World]:
        root = tmp_path / "project"
        declare(root, tables)
        settings = root / "pyproject.toml"
        settings.write_text(f'{settings.read_text()}publish = ["clean", "features", "predictions", "decisions"]\n')
        with duckdb.connect(root / "warehouse.duckdb") as connection:
            world = World(connection, seed)
        return Ledger(root), world

    return made


def small() -> dict[str, str]:
    return {name: text for name, text in {**TABLES, **PREDICTIONS}.items() if name in FEW}


def try_wave(children: Forks, clock: datetime, order: dict[str, Any]) -> dict[str, Any] | None:
    """A wave in a process of its own that is to die; None when it did."""
    return children.wave({"as_of": clock.isoformat(), **order})


def aim(chance: random.Random, part: str, measured: dict[str, Any]) -> dict[str, Any]:
    """A step of that part of a wave, exactly or some time into it."""
    if part == "any":
        return {"part": part, "after": chance.uniform(0.001, measured["seconds"]["all"])}
    after = (
        chance.uniform(0.0, measured["seconds"].get(part, 0.01))
        if part in ("commit", "close")
        else chance.choice([0.0, 0.0, chance.uniform(0, 0.05)])
    )
    return {"part": part, "number": chance.randint(1, measured["counts"].get(part, 1)), "after": after}


def live(ledger: Ledger, world: World, parts: list[str], seed: int, healing: float) -> Counter[str]:
    """Things happen, a wave is killed, and again; the moments at which waves were killed."""
    chance, killed, clock = random.Random(seed), Counter[str](), CLOCK
    with forks(ledger.root) as children:
        ledger.change(world, 0)
        for part in ("other", "detect", "commit"):  # the very first wave: there is not even a catalog
            killed[f"first {part}"] += try_wave(children, clock, {"part": part, "number": 1}) is None
            assert not ledger.look()
        measured = try_wave(children, clock, {})
        assert ledger.look()
        ledger.heals(clock)
        for turn, part in enumerate(parts):
            clock += timedelta(hours=chance.choice([0, 1, 5, 24, -30]))
            for _ in range(TRIES):
                happened, order = ledger.change(world, chance.randrange(1, 4)), aim(chance, part, measured or {})
                done = try_wave(children, clock, order)
                assert done is None or not (done.get("error") or done["left"]), done
                told = f"seed {seed}, turn {turn}: {happened}, {order}, {done}"
                try:
                    committed = ledger.look()
                    if done is None and (chance.random() < healing or turn == len(parts) - 1):
                        ledger.heals(clock)
                except AssertionError as error:
                    raise AssertionError(f"{told}: {error}") from error
                if done is None:
                    killed[f"{part}, {'committed' if committed else 'not committed'}"] += 1
                    break
                measured = done if done["counts"].get("step") else measured
    return killed


def test_a_wave_that_is_killed_leaves_the_one_before_and_the_next_heals(make: Callable[..., tuple[Ledger, World]]) -> None:
    ledger, world = make(small())
    killed = live(ledger, world, ["step", "commit", "publish"], 1, 0.2)
    assert killed.total() >= 5, killed


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_waves_that_are_killed_anywhere(make: Callable[..., tuple[Ledger, World]], seed: int) -> None:
    ledger, world = make(seed=seed)
    killed = live(ledger, world, [*PARTS, *PARTS, "commit", "commit", "close", "any", "any", "any", "any"], seed, 0.6)
    print(dict(killed))
    assert killed.total() >= 21, killed  # a wave in which little happens may live on; three seeds are more than 60
    assert {part.split(",")[0] for part in killed} >= {*PARTS, "any", "first commit"}, killed
    assert {part for part in killed if part.endswith(" committed")} and {part for part in killed if "not committed" in part}, killed


def test_a_wave_without_its_transaction_is_found_out(make: Callable[..., tuple[Ledger, World]]) -> None:
    ledger, world = make(small())
    ledger.refresh(CLOCK)
    ledger.change(world, 0)
    ledger.waves[1] = {name: ledger.before[name] for name in ledger.graph.refreshed}
    ledger.change(world, 6)
    with forks(ledger.root) as children:
        assert try_wave(children, CLOCK, {"part": "step", "number": 100, "mutant": True}) is None
    with pytest.raises(AssertionError):
        ledger.look()


ON_A_SMALL_DISK = 'mount -t tmpfs -o size=40M small "$1" && cd "$2" && exec "$3" -m tests.property.crashes.full "$1" "$4" "$5"'


def on_a_small_disk(folder: Path, tables: dict[str, str], turns: int) -> dict[str, int]:
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode:
        pytest.skip("needs a disk of its own: user namespaces")
    words = [str(folder), str(Path(__file__).parents[2]), sys.executable, json.dumps(tables), str(turns)]
    done = subprocess.run(["unshare", "-rm", "sh", "-c", ON_A_SMALL_DISK, "sh", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    outcomes: dict[str, int] = json.loads(done.stdout.splitlines()[-1])
    return outcomes


def test_a_disk_that_is_full_loses_nothing(tmp_path: Path) -> None:
    outcomes = on_a_small_disk(tmp_path, small(), 4)
    assert outcomes["failed, not committed"] >= 1, outcomes


@pytest.mark.slow
def test_a_disk_that_is_full_at_any_moment(tmp_path: Path) -> None:
    outcomes = on_a_small_disk(tmp_path, TABLES, 40)
    print(outcomes)
    assert outcomes["failed, not committed"] >= 3 and outcomes["failed, committed"] >= 3, outcomes


HELD = """
import pathlib
import time

import pyarrow

import foretable as ft

root = pathlib.Path(__file__).parents[1]


@ft.function(parameters=["BIGINT"], returns="BIGINT")
def held(x):
    (root / "at_work").touch()
    while (root / "hold").exists():
        time.sleep(0.01)
    return x if isinstance(x, pyarrow.ChunkedArray) else pyarrow.chunked_array([x])
"""
HOLDING = "CREATE DYNAMIC TABLE features.held TARGET_LAG = '1 day' AS SELECT held(n) AS n FROM features.clean ORDER BY n;"
WAITS = """
import pathlib, sys, time

def tell(frame, event, what):
    if what is time.sleep and frame.f_code.co_name == "open_warehouse":
        sys.setprofile(None)
        pathlib.Path(sys.argv[2], "waiting").touch()

sys.setprofile(tell)
from foretable.cli import main
sys.exit(main())
"""


def appears(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, path
        time.sleep(0.01)


@pytest.mark.parametrize("killed", ["holder", "waiter"])
def test_of_two_at_once_one_dies_and_the_other_goes_on(make: Callable[..., tuple[Ledger, World]], killed: str) -> None:
    few = {name: text for name, text in small().items() if name in ("clean.orders", "features.clean")}
    ledger, _ = make(few)
    root = ledger.root
    (root / "udfs").mkdir()
    (root / "udfs" / "held.py").write_text(HELD)
    (root / "sql" / "held.sql").write_text(HOLDING)
    (root / "hold").touch()
    words = ["-C", str(root), "refresh", "--due", "--wait", "120", "--json"]
    pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", "foretable", *words], **pipes) as holder:
        appears(root / "at_work")
        with subprocess.Popen([sys.executable, "-c", WAITS, *words], **pipes) as waiter:
            appears(root / "waiting")
            dies, goes_on = (holder, waiter) if killed == "holder" else (waiter, holder)
            dies.kill()
            assert dies.wait() == -signal.SIGKILL
            (root / "hold").unlink()
            told, errors = goes_on.communicate(timeout=120)
    assert goes_on.returncode == 0, errors
    assert {table["table"] for table in json.loads(told)["tables"]} == {*few, "features.held"}
    with ledger.open() as connection:
        assert mismatches(connection, ledger.graph, ledger.graph.refreshed) == {}
        assert connection.execute("SELECT count(*) FROM foretable.waves").fetchall() == [(1,)]
