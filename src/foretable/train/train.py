"""A whole training: from the declaration to a champion, or to a reason why not."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from foretable.declare.judge import Gate
from foretable.declare.model import Model
from foretable.progress import Listener, Progress, silent
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.registry import add_version, champion, promote
from foretable.registry.together import together
from foretable.train.baselines.measured import Baselines, beside_baselines, fit_baselines
from foretable.train.challenge import decide
from foretable.train.checks import ordered
from foretable.train.checks.second_label import second_label
from foretable.train.features import read_rows
from foretable.train.fit import fit_candidate
from foretable.train.lineage import lineage_of
from foretable.train.parity import check_parity
from foretable.train.prepare import Prepared, prepare
from foretable.train.result import GateDecision, Parity, Registered, Trained, TrainingReport
from foretable.train.search.studies import forget_unfinished, open_study, study_key
from foretable.train.split import NAMES

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.train.training_set import TrainingSet

LIBRARIES = ("foretable", "scikit-learn", "xgboost", "optuna", "onnx", "onnxruntime", "numpy", "scipy", "duckdb")
Fitted = Sequence[tuple[Trained, Parity]]


@dataclass(frozen=True, eq=False)
class Ground:
    """What all candidates of a training share."""

    model: Model
    training: TrainingSet
    data: pa.Table
    prepared: Prepared
    baselines: Baselines
    declaration: str
    code: str


def train_model(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    model_name: str,
    *,
    trials: int | None = None,
    listen: Listener = silent,
    fresh_lineage: bool = False,
) -> TrainingReport:
    """Build the training set, fit every candidate, register each, and put the best before the gate.

    Equal rows, declaration and libraries give equal graphs, figures and decisions. Trials are kept as they end: after a
    training that was stopped, the next one goes on with its search.

    Parameters
    ----------
    connection
        A writable warehouse from ``foretable.connect``, outside a transaction.
    graph
        The compiled project.
    model_name
        The model to train.
    trials
        Search trials per candidate, instead of the declared number.
    listen
        Told about every step and trial.
    fresh_lineage
        The sources were replaced: the old champion learned from other data and is not compared with.

    Returns
    -------
    TrainingReport
        Also when the gate refuses: the versions are registered, the champion stays, ``gate`` says why.

    Raises
    ------
    TrainingError
        The rows are not enough, or not fit, to learn from; nothing is registered.
    LabelLeak
        One feature alone tells the label; nothing is registered.
    ParityFailure
        A candidate scores otherwise in SQL than by itself; nothing is registered.
    """
    from foretable.train.training_set import build_training_set

    started = time.perf_counter()
    model = graph.project.model(model_name)
    listen(Progress(model.name, "started", "building the training set"))
    training = build_training_set(connection, graph, model.name)
    data = read_rows(connection, training)
    prepared = prepare(model, data, training)
    prepared = replace(prepared, findings=ordered((*prepared.findings, *second_label(connection, graph, training))))
    listen(Progress(model.name, "running", f"{training.row_count:,} rows, {len(prepared.signature.features)} features"))
    ground = Ground(
        model, training, data, prepared, fit_baselines(model, prepared), declaration_fingerprint(graph, model.name), code_fingerprint()
    )
    fitted = _candidates(connection, ground, model.trials if trials is None else trials, listen)
    current = champion(connection, model.name)
    decision = decide(connection, model, fitted[0][0], prepared, data, None if fresh_lineage else current)
    registered = _register(connection, ground, fitted, decision, lineage_of(connection, graph, training, ground.code))
    seconds = time.perf_counter() - started
    listen(Progress(model.name, "done", decision.reason, seconds))
    return TrainingReport(
        model=model.name,
        training=training,
        candidates=registered,
        gate=decision,
        previous=current.version if current else None,
        notes=prepared.notes,
        findings=prepared.findings,
        seconds=seconds,
        split_rows={name: len(prepared.rows(part)) for part, name in NAMES.items()},
    )


def _candidates(connection: duckdb.DuckDBPyConnection, ground: Ground, trials: int, listen: Listener) -> Fitted:
    """Every candidate, fitted and past the parity gate; the best on the validation rows first."""
    model, fitted = ground.model, []
    for candidate in model.candidates:
        name = f"{model.name}: {candidate.name}"
        listen(Progress(name, "started"))
        begun = time.perf_counter()
        key = study_key(model, candidate, ground.training, declaration=ground.declaration, code=ground.code)
        study = open_study(connection, model.name, key)
        trained = fit_candidate(model, candidate, ground.prepared, trials=trials, listen=listen, study=study)
        trained = beside_baselines(model, ground.prepared, ground.baselines, trained)
        ours = (trained.signature, trained.artifacts, trained.executor, trained.native)
        parity = check_parity(connection, *ours, ground.training, ground.data)
        detail = f"{model.gate.metric} {_measured(trained, model.gate.metric, 'test'):.4f} on held-out rows"
        listen(Progress(name, "done", detail, time.perf_counter() - begun))
        fitted.append((trained, parity))
    return best_first(model.gate, fitted)


def best_first(gate: Gate, fitted: Fitted) -> Fitted:
    """Candidates by the gate's metric on the validation rows, so that the test rows stay an honest judge of the choice."""
    sign = -1.0 if gate.higher_is_better else 1.0
    return sorted(fitted, key=lambda pair: sign * _measured(pair[0], gate.metric, "validation", worst=sign * math.inf))


def _measured(trained: Trained, metric: str, split: str, worst: float = math.nan) -> float:
    """A metric; the worst there is where it is undefined, as a correlation with predictions that are all equal."""
    try:
        return trained.value(metric, split)
    except KeyError:
        return worst


def _register(
    connection: duckdb.DuckDBPyConnection, ground: Ground, fitted: Fitted, decision: GateDecision, lineage: Mapping[str, Any]
) -> tuple[Registered, ...]:
    """Versions and aliases in one transaction; the best gets the highest number."""
    model = ground.model
    with together(connection):
        found: list[Registered] = []
        for trained, parity in reversed(fitted):
            version = add_version(
                connection,
                trained,
                ground.training,
                declaration=ground.declaration,
                code=ground.code,
                parity=parity,
                seed=model.seed,
                lineage=lineage,
                findings=ground.prepared.findings,
            )
            found.insert(0, Registered(version.version, trained, parity))
        forget_unfinished(connection, model.name)
        if decision.accepted:
            promote(connection, model.name, found[0].version, reason=decision.reason)
        for challenger in found[1:2] if decision.accepted else found[:1]:
            promote(connection, model.name, challenger.version, reason=decision.reason, alias="challenger")
    return tuple(found)


def code_fingerprint() -> str:
    """The engine and the libraries that a version depends on, with their versions."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
