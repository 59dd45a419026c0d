"""A whole training beside a notebook that does as much of it as notebooks do: two candidates, a search, a fit, calibration, figures.

    python tests/benchmarks/bench_train.py [trials] [rows]

The notebook reads the same table, splits it alike, tries the same parameters on the same folds with scikit-learn, XGBoost and Optuna,
fits the best of both candidates, calibrates by a sigmoid and prints four figures of the test rows. The engine's training, in the parts
that it is made of, does more: it checks the rows for leaks, searches on a sample, gives every figure an interval, compares each
candidate in SQL with its estimator, and registers both. ``ratio`` is over the notebook's whole, in CPU.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import xgboost
from bench_search import FEATURES, FOLDS, RANGES, ROWS, TRIALS, declared, rival, spent, world
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import foretable as ft
from foretable.train import TrainingReport, fit, prepare, train, training_set
from foretable.train.result import Trial
from foretable.train.split import TEST, TRAIN, VALIDATION

TITLE = f"Training whole: 2 candidates, {TRIALS} trials × {FOLDS} folds on {ROWS:,} rows × {FEATURES} features"
COLUMNS = {"part": "name", "CPU s": "cpu", "wall s": "wall", "ratio": "cpu_ratio", "": "note"}
PARTS = {
    "training set": (training_set, "build_training_set"),
    "checks and encoding": (train, "prepare"),
    "search": (fit, "search"),
    "figures with intervals": (fit, "judge"),
    "parity in SQL": (train, "check_parity"),
}
PIPELINE = f"""import foretable as ft

person = ft.Entity("person", key="id")
rows = ft.Source("raw.rows", entity=person, fixed={[*(f"x{i}" for i in range(FEATURES)), "y"]})

@ft.feature_view("features.known", entity=person)
def known():
    return rows.rows().drop("y")

@ft.label("training.label", entity=person)
def label():
    return rows.rows().select("id", "y")

ft.Model("bench", label=label, features=[known], folds={FOLDS}, candidates=[
    ft.LogisticRegression(C=ft.between(0.01, 10.0, log=True)),
    ft.XGBoost(
        max_depth=ft.between(3, 8), learning_rate=ft.between(0.02, 0.3, log=True), n_estimators=ft.between(50, 150),
        min_child_weight=ft.between(1.0, 50.0, log=True),
    ),
])
"""


def measure(trials: int = TRIALS, rows: int = ROWS) -> list[dict[str, Any]]:
    """CPU and wall seconds of both, ours by part."""
    with tempfile.TemporaryDirectory() as folder:
        session = _project(Path(folder), rows)
        parts: dict[str, list[float]] = {}
        with _told_apart(parts):
            whole, report = spent(lambda: session.train("bench", trials=trials))
        notebook, (parts_of_it, figures) = spent(lambda: _notebook(Path(folder) / "warehouse.duckdb", report))
    ours = ", ".join(f"{found.trained.candidate} {found.trained.value('roc_auc', 'test'):.4f}" for found in report.candidates)
    lines = [
        ("notebook", notebook, f"test AUC: {figures}"),
        ("notebook: search", parts_of_it, ""),
        ("foretable train", whole, f"test AUC: {ours}"),
    ]
    rest = [total - sum(part[at] for part in parts.values()) for at, total in enumerate(whole)]
    lines += [(f"foretable: {name}", (cpu, wall), "") for name, (cpu, wall) in parts.items()]
    lines.append(("foretable: the rest", (rest[0], rest[1]), "the final fits, calibration, artefacts, comparison and registration"))
    return [{"name": name, "cpu": took[0], "wall": took[1], "cpu_ratio": took[0] / notebook[0], "note": note} for name, took, note in lines]


def _project(root: Path, rows: int) -> ft.Session:
    (root / "pipelines").mkdir()
    (root / "pyproject.toml").write_text('[tool.foretable]\nas_of = "2026-01-01"\n')
    (root / "pipelines" / "rows.py").write_text(PIPELINE)
    with duckdb.connect(str(root / "warehouse.duckdb")) as connection:
        connection.execute("CREATE SCHEMA raw")
        connection.register("given", world(rows))
        connection.execute("CREATE TABLE raw.rows AS FROM given")
    return ft.open(root)


@contextmanager
def _told_apart(parts: dict[str, list[float]]) -> Iterator[None]:
    """Time what the functions of ``PARTS`` take, while it lasts."""
    kept = {name: getattr(module, function) for name, (module, function) in PARTS.items()}
    for name, (module, function) in PARTS.items():
        parts[name] = [0.0, 0.0]
        setattr(module, function, _timed(kept[name], parts[name]))
    try:
        yield
    finally:
        for name, (module, function) in PARTS.items():
            setattr(module, function, kept[name])


def _timed(call: Callable[..., Any], total: list[float]) -> Callable[..., Any]:
    def timed(*given: Any, **named: Any) -> Any:
        cpu, wall = time.process_time(), time.perf_counter()
        try:
            return call(*given, **named)
        finally:
            total[0] += time.process_time() - cpu
            total[1] += time.perf_counter() - wall

    return timed


def _notebook(warehouse: Path, report: TrainingReport) -> tuple[tuple[float, float], str]:
    """What its search took, and the ROC-AUC of each candidate."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        data = connection.execute("FROM raw.rows ORDER BY id").to_arrow_table()
    searching, told = [0.0, 0.0], []
    for name in RANGES:
        tried = next(found.trained.trials for found in report.candidates if found.trained.candidate == name)
        prepared = prepare.prepare(declared(name), data, report.training)
        learn, check, test = (prepared.rows(part) for part in (TRAIN, VALIDATION, TEST))
        took, _ = spent(lambda name=name, prepared=prepared, tried=tried: rival(declared(name), prepared, tried))
        searching = [searching[0] + took[0], searching[1] + took[1]]
        estimator = _estimator(name, tried).fit(prepared.matrix[learn], prepared.outcome[learn])
        model = CalibratedClassifierCV(FrozenEstimator(estimator), method="sigmoid").fit(prepared.matrix[check], prepared.outcome[check])
        p, y = model.predict_proba(prepared.matrix[test])[:, 1], prepared.outcome[test]
        figures = [metric(y, p) for metric in (roc_auc_score, average_precision_score, brier_score_loss, log_loss)]
        if not np.isfinite(figures).all():
            raise AssertionError(f"{name}: {figures}")
        told.append(f"{name} {figures[0]:.4f}")
    return (searching[0], searching[1]), ", ".join(told)


def _estimator(name: str, tried: tuple[Trial, ...]) -> Any:
    best = max((trial for trial in tried if trial.state == "COMPLETE"), key=lambda trial: trial.value)
    if name == "XGBoost":
        return xgboost.XGBClassifier(n_jobs=1, tree_method="hist", **best.parameters)
    return make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", max_iter=200, tol=1e-6, **best.parameters))


if __name__ == "__main__":
    for line in measure(*(int(text) for text in sys.argv[1:])):
        print(f"{line['name']:36} {line['cpu']:7.1f} s CPU {line['wall']:7.1f} s wall  {line['cpu_ratio']:.2f}  {line['note']}", flush=True)
