"""A training that is killed in mid-search goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import foretable as ft
from foretable.progress import Progress
from foretable.train import TrainingReport

TRIALS = 8
TRAIN = """
import sys
import foretable as ft
ft.open(sys.argv[1]).train("churn", trials=8, listen=lambda told: print(told.detail, flush=True))
"""


def train(root: Path, trials: int = TRIALS) -> tuple[TrainingReport, list[str]]:
    told: list[Progress] = []
    return ft.open(root).train("churn", trials=trials, listen=told.append), [each.detail for each in told]


def killed_after(root: Path, trial: int) -> None:
    """Train in another process and kill it as soon as it has told of so many trials."""
    with subprocess.Popen([sys.executable, "-c", TRAIN, str(root)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith(f"trial {trial} of"):
                process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail("it ended before it was killed")
    assert process.returncode == -signal.SIGKILL


def found(report: TrainingReport) -> object:
    best = report.best.trained
    return best.parameters, [(t.trial, t.parameters, t.folds, t.state) for t in best.trials], best.artifacts["onnx"], report.gate.reason


def trials_of(root: Path) -> list[tuple[object, ...]]:
    with ft.connect(root / "warehouse.duckdb", read_only=True) as connection:
        return connection.execute(
            "SELECT version, trial, study IS NOT NULL, len(folds), tried_at IS NOT NULL FROM foretable.trials ORDER BY ALL"
        ).fetchall()


@pytest.mark.slow
def test_a_killed_search_goes_on_and_finds_the_same(shop: Path, tmp_path: Path) -> None:
    never = tmp_path / "never"
    shutil.copytree(shop, never)
    killed_after(shop, 3)
    left = trials_of(shop)
    assert 3 <= len(left) < TRIALS and {row[0] for row in left} == {None}, "kept as they ended, of no version yet"

    again, told = train(shop)
    whole, _ = train(never)
    assert f"{len(left)} of {TRIALS} trials were done before" in told
    assert not any(detail.startswith("trial 1 of") for detail in told)
    assert found(again) == found(whole)
    assert trials_of(shop) == trials_of(never)
    assert [row[:2] for row in trials_of(shop)] == [(1, trial) for trial in range(TRIALS)]

    more, told = train(shop, TRIALS + 2)
    assert [detail.split(":")[0] for detail in told if detail.startswith("trial")] == ["trial 9 of 10", "trial 10 of 10"]
    assert more.best.trained.trials[:TRIALS] == again.best.trained.trials
    assert len(trials_of(shop)) == TRIALS + TRIALS + 2, "every version has its own"
