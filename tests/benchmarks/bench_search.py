"""The search beside plain scikit-learn and Optuna on the same matrix: CPU and wall seconds of 20 trials × 3 folds.

    python tests/benchmarks/bench_search.py [trials] [rows]

Both fit the same parameters to the same rows of the same folds, with one thread, and prune alike. The notebook has an estimator
per trial and fold, a pipeline with a scaler for the linear one, and ``roc_auc_score``. ``ratio`` is our time over its own, in CPU
and in wall: the aim is at most 1.15 on equal rows. With the engine's own sample fewer rows are fitted, so those lines have no aim.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np
import optuna
import pyarrow as pa
import xgboost
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import foretable as ft
from foretable.train.estimators.families import fitter
from foretable.train.prepare import Prepared, prepare
from foretable.train.result import Trial
from foretable.train.search import sample
from foretable.train.search.folds import cut_folds
from foretable.train.search.search import search
from foretable.train.search.trials import objective
from foretable.train.steady import steady
from foretable.train.training_set import TrainingSet

ROWS, FEATURES, TRIALS, FOLDS = 100_000, 30, 20, 3
TITLE = f"Searching {TRIALS} trials × {FOLDS} folds on {ROWS:,} rows × {FEATURES} features, one thread"
T = TypeVar("T")
COLUMNS = {"way": "name", "CPU s": "cpu", "wall s": "wall", "ratio": "cpu_ratio", "in wall": "ratio", "aim": "aim", "": "note"}
AIM = 1.15
RANGES = {
    "LogisticRegression": {"C": ft.between(0.01, 10.0, log=True)},
    "XGBoost": {
        "max_depth": ft.between(3, 8),
        "learning_rate": ft.between(0.02, 0.3, log=True),
        "n_estimators": ft.between(50, 150),
        "min_child_weight": ft.between(1.0, 50.0, log=True),
    },
}


def world(rows: int) -> pa.Table:
    """Rows with a weak signal, a few interactions, and one class in five."""
    generator = np.random.default_rng(1)
    x = generator.normal(size=(rows, FEATURES))
    logit = x[:, :8] @ generator.normal(size=8) * 0.4 + x[:, 8] * x[:, 9] - 1.7
    y = (generator.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int8)
    columns = {"id": np.arange(rows), "y": y, **{f"x{i}": x[:, i] for i in range(FEATURES)}}
    return pa.table(columns)


def ours(model: ft.Model, prepared: Prepared, trials: int) -> tuple[Trial, ...]:
    """The trials of the engine's search."""
    candidate = model.candidates[0]
    folds, _ = cut_folds(prepared.grounds, model.folds)
    with steady():
        measured = objective(model, fitter(model, candidate), prepared, folds)
        return search(candidate, measured, folds=len(folds), trials=trials, seed=0, higher_is_better=True, earlier=(), tell=lambda _: None)[
            1
        ]


def rival(model: ft.Model, prepared: Prepared, same: Sequence[Trial]) -> tuple[float, int]:
    """Best value of a notebook's search, and how many trials it stopped; it is given the same parameters, so that trials cost the same."""
    name, ranges = model.candidates[0].name, RANGES[model.candidates[0].name]
    folds, _ = cut_folds(prepared.grounds, model.folds)

    def tried(trial: optuna.Trial) -> float:
        given = {
            key: trial.suggest_int(key, r.low, r.high) if isinstance(r.low, int) else trial.suggest_float(key, r.low, r.high, log=r.log)
            for key, r in ranges.items()
        }
        found = []
        for step, fold in enumerate(folds):
            if name == "XGBoost":
                estimator = xgboost.XGBClassifier(n_jobs=1, tree_method="hist", **given)
            else:
                estimator = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky", max_iter=200, tol=1e-6, **given))
            estimator.fit(prepared.matrix[fold.learn], prepared.outcome[fold.learn])
            found.append(roc_auc_score(prepared.outcome[fold.measure], estimator.predict_proba(prepared.matrix[fold.measure])[:, 1]))
            trial.report(float(np.mean(found)), step)
            if step < len(folds) - 1 and trial.should_prune():
                raise optuna.TrialPruned
        return float(np.mean(found))

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0), pruner=optuna.pruners.MedianPruner())
    for trial in same:
        study.enqueue_trial(dict(trial.parameters))
    with steady():
        study.optimize(tried, n_trials=len(same))
    return float(study.best_value), sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)


def spent(work: Callable[[], T]) -> tuple[tuple[float, float], T]:
    """CPU and wall seconds, and what came of them."""
    cpu, wall = time.process_time(), time.perf_counter()
    value = work()
    return (time.process_time() - cpu, time.perf_counter() - wall), value


def measure(trials: int = TRIALS, rows: int = ROWS) -> list[dict[str, Any]]:
    """Seconds of both, on equal rows and with the engine's sample."""
    training = TrainingSet("training.bench", "bench", ("id",), None, "y", tuple(f"x{i}" for i in range(FEATURES)), "", rows, 0, None, None)
    data, found, usual = world(rows), [], sample.SEARCH_ROWS
    for name in RANGES:
        model = declared(name)
        prepared = prepare(model, data, training)
        seconds, tried = {}, {}
        try:
            for way, most in (("equal rows", rows), (f"at most {usual:,} rows a fold", usual)):
                sample.SEARCH_ROWS = most
                seconds[way], tried[way] = spent(partial(ours, model, prepared, trials))
        finally:
            sample.SEARCH_ROWS = usual
        theirs, (best, stopped) = spent(partial(rival, model, prepared, tried["equal rows"]))
        found.append(_line(f"{name}, notebook", theirs, theirs, f"best AUC {best:.4f}, {stopped} stopped early"))
        for way, own in seconds.items():
            complete = [trial for trial in tried[way] if trial.state == "COMPLETE"]
            note = f"best AUC {max(trial.value for trial in complete):.4f}, {trials - len(complete)} stopped early"
            found.append(_line(f"{name}, {way}", own, theirs, note) | {"aim": AIM if way == "equal rows" else None})
    return found


def _line(name: str, own: tuple[float, float], theirs: tuple[float, float], note: str) -> dict[str, Any]:
    return {"name": name, "cpu": own[0], "wall": own[1], "cpu_ratio": own[0] / theirs[0], "ratio": own[1] / theirs[1], "note": note}


def declared(name: str) -> ft.Model:
    """A model with one candidate."""
    person = ft.Entity("person", key="id")
    label = ft.label("training.bench", entity=person)(lambda: None)
    features = ft.feature_view("features.bench", entity=person)(lambda: None)
    return ft.Model("bench", label=label, features=[features], candidates=[getattr(ft, name)(**RANGES[name])], folds=FOLDS)


if __name__ == "__main__":
    for line in measure(*(int(text) for text in sys.argv[1:])):
        times = f"{line['cpu']:.1f} s CPU, {line['wall']:.1f} s wall, ratio {line['cpu_ratio']:.2f}, in wall {line['ratio']:.2f}"
        print(f"{line['name']}: {times}, {line['note']}", flush=True)
