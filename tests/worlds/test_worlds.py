"""Champions in worlds whose chances are known: how near they come to the best possible scores, which were frozen before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sklearn.metrics import roc_auc_score

import foretable as ft
from foretable.train import TrainingReport

from .freeze import PRECISION, RECALL, figures, worlds
from .membership import Simulated, simulate

HERE = Path(__file__).parent
VALUE = """
leaving = ft.Model(
    "leaving",
    threshold=ft.Value(true_positive=60, false_positive=-40),
"""


class Trained(NamedTuple):
    """A world after its model was trained: what it reports, the truth of its rows, its scores of the test rows beside the Bayes scores."""

    report: TrainingReport
    simulated: Simulated
    gone: np.ndarray
    scores: np.ndarray
    bayes: np.ndarray


def trained(root: Path, name: str, trials: int, more: str = "") -> Trained:
    """Lay the project out over a world's warehouse, and train."""
    shutil.copytree(HERE / "members", root, ignore=shutil.ignore_patterns("__pycache__"))
    model = root / "models" / "leaving.py"
    model.write_text(model.read_text().replace('leaving = ft.Model(\n    "leaving",\n', more or 'leaving = ft.Model(\n    "leaving",\n'))
    simulated = simulate(worlds()[name][0])
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("CREATE SCHEMA raw")
        for table, rows in simulated.tables.items():
            connection.register("given", rows)
            connection.execute(f"CREATE TABLE raw.{table} AS FROM given")
            connection.unregister("given")
    session = ft.open(root)
    report = session.train("leaving", trials=trials)
    with session.connect() as connection:
        connection.register("truth", simulated.truth)
        version = report.best.version
        rows = connection.execute(
            f"SELECT t.gone, predict_leaving__v{version}(s) AS score, t.p FROM {report.training.table} AS s"
            " JOIN truth AS t USING (member_id, as_of) WHERE s.as_of >= ? ORDER BY member_id, as_of",
            [first_test_date(report, connection)],
        ).to_arrow_table()
    return Trained(report, simulated, *(column(rows, name) for name in ("gone", "score", "p")))


def first_test_date(report: TrainingReport, connection: duckdb.DuckDBPyConnection) -> Any:
    """The test rows are the latest dates, as many rows as the report says."""
    dates = connection.execute(f"SELECT as_of, count(*) FROM {report.training.table} GROUP BY 1 ORDER BY 1 DESC").fetchall()
    total = 0
    for date, count in dates:
        total += count
        if total == report.split_rows["test"]:
            return date
    raise AssertionError(f"no date begins the {report.split_rows['test']} test rows: {dates}")


def column(rows: pa.Table, name: str) -> np.ndarray:
    return rows[name].to_numpy(zero_copy_only=False).astype(float)


def lift(found: Trained) -> float:
    """Share of the best possible AUC above one half that the champion reaches."""
    return (roc_auc_score(found.gone, found.scores) - 0.5) / (roc_auc_score(found.gone, found.bayes) - 0.5)


def reaches(gone: np.ndarray, score: np.ndarray, cut: float) -> bool:
    flagged = score >= cut
    caught = gone[flagged].sum()
    return bool(caught / gone.sum() > RECALL and caught / max(flagged.sum(), 1) > PRECISION)


@pytest.mark.parametrize("name", [name for name in worlds() if name.endswith("_small")])
def test_a_world_is_the_one_that_was_frozen(name: str) -> None:
    world, frozen = worlds()[name]
    assert figures(simulate(world)) == frozen


def test_nothing_but_chance_is_learned_nearly_as_well_as_can_be(tmp_path: Path) -> None:
    found = trained(tmp_path / "members", "clear_small", trials=4)
    assert found.report.gate.accepted, found.report.gate.reason
    assert lift(found) > 0.95


def test_without_a_signal_it_says_so(tmp_path: Path) -> None:
    found = trained(tmp_path / "members", "silent_small", trials=2)
    assert not found.report.gate.accepted
    assert "chance" in found.report.gate.reason
    assert [finding.severity for finding in found.report.best.trained.findings if finding.check == "chance"] == ["refused"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["clear", "faint"])
def test_a_hundred_thousand_members(tmp_path: Path, name: str) -> None:
    """The threshold that pays best reaches the asked recall and precision where the Bayes scores can, and only there."""
    found = trained(tmp_path / "members", name, trials=20, more=VALUE)
    frozen = worlds()[name][1]
    assert figures(found.simulated) == frozen
    assert lift(found) >= 0.95
    cut = found.report.best.trained.signature.threshold
    assert reaches(found.gone, found.scores, cut) is frozen["recall_and_precision"]


@pytest.mark.slow
def test_no_signal_at_all(tmp_path: Path) -> None:
    found = trained(tmp_path / "members", "silent", trials=20)
    assert not found.report.gate.accepted
    assert "chance" in found.report.gate.reason
