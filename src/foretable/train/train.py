"""A whole training: from the declaration to a champion, or to a reason why not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pyarrow as pa

from foretable.declare.judge import Gate
from foretable.declare.model import Model
from foretable.errors import DeclarationError
from foretable.progress import Listener, Progress, silent
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.registry import Version, add_version, champion, promote
from foretable.registry.artifacts import read_artifact
from foretable.registry.together import together
from foretable.train.features import ARROW, read_rows
from foretable.train.fit import fit_candidate
from foretable.train.gate import compare, first_version
from foretable.train.parity import check_parity
from foretable.train.prepare import Prepared, prepare
from foretable.train.result import GateDecision, Parity, Registered, Trained, TrainingReport
from foretable.train.split import NAMES, TEST
from foretable.train.steady import steady
from foretable.udf.host import make_scorer

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.train.training_set import TrainingSet

LIBRARIES = ("foretable", "scikit-learn", "xgboost", "optuna", "onnx", "onnxruntime", "numpy", "scipy", "duckdb")


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

    Equal rows, declaration and libraries give equal graphs, figures and decisions.

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
    if model.task != "classification":
        message = f"model {model.name}: {model.task} cannot be trained yet"
        raise DeclarationError(message, where=str(model.origin), hint="declare a label of 0 and 1")
    listen(Progress(model.name, "started", "building the training set"))
    training = build_training_set(connection, graph, model.name)
    data = read_rows(connection, training)
    prepared = prepare(model, data, training)
    listen(Progress(model.name, "running", f"{training.row_count:,} rows, {len(prepared.signature.features)} features"))
    fitted = _candidates(connection, model, prepared, training, data, model.trials if trials is None else trials, listen)
    current = champion(connection, model.name)
    decision = _decide(connection, model, fitted[0][0], prepared, data, None if fresh_lineage else current)
    registered = _register(connection, graph, model, training, fitted, decision)
    seconds = time.perf_counter() - started
    listen(Progress(model.name, "done", decision.reason, seconds))
    return TrainingReport(
        model=model.name,
        training=training,
        candidates=registered,
        gate=decision,
        previous=current.version if current else None,
        notes=prepared.notes,
        seconds=seconds,
        split_rows={name: len(prepared.rows(part)) for part, name in NAMES.items()},
    )


def _candidates(
    connection: duckdb.DuckDBPyConnection,
    model: Model,
    prepared: Prepared,
    training: TrainingSet,
    data: pa.Table,
    trials: int,
    listen: Listener,
) -> list[tuple[Trained, Parity]]:
    """Every candidate, fitted and past the parity gate; the best on the validation rows first."""
    fitted = []
    for candidate in model.candidates:
        name = f"{model.name}: {candidate.name}"
        listen(Progress(name, "started"))
        begun = time.perf_counter()
        trained = fit_candidate(model, candidate, prepared, trials=trials, listen=listen)
        parity = check_parity(connection, trained.signature, trained.artifacts["onnx"], trained.native, training, data)
        detail = f"{model.gate.metric} {trained.value(model.gate.metric):.4f} on held-out rows"
        listen(Progress(name, "done", detail, time.perf_counter() - begun))
        fitted.append((trained, parity))
    return best_first(model.gate, fitted)


def best_first(gate: Gate, fitted: Sequence[tuple[Trained, Parity]]) -> list[tuple[Trained, Parity]]:
    """Candidates by the gate's metric on the validation rows, so that the test rows stay an honest judge of the choice."""
    sign = -1.0 if gate.higher_is_better else 1.0
    return sorted(fitted, key=lambda pair: sign * pair[0].value(gate.metric, "validation"))


def _decide(
    connection: duckdb.DuckDBPyConnection, model: Model, best: Trained, prepared: Prepared, data: pa.Table, current: Version | None
) -> GateDecision:
    if current is None:
        return first_version(model.gate, best.evaluation("roc_auc"))
    missing = _missing(current, data)
    if missing:
        return first_version(model.gate, best.evaluation("roc_auc"), f"version {current.version} needs {missing}")
    test = prepared.rows(TEST)
    rows = data.take(pa.array(test))
    graph = read_artifact(connection, model.name, current.version)
    challenger, theirs = (
        make_scorer(signature, onnx)(*(rows[feature.name] for feature in signature.features)).to_numpy(zero_copy_only=False)
        for signature, onnx in ((best.signature, best.artifacts["onnx"]), (current.signature, graph))
    )
    scored = ~(np.isnan(challenger) | np.isnan(theirs))
    with steady():
        return compare(
            model.gate,
            prepared.outcome[test][scored],
            challenger[scored],
            theirs[scored],
            prepared.clusters[test][scored],
            champion_version=current.version,
            threshold=model.cut,
            seed=model.seed,
        )


def _missing(current: Version, data: pa.Table) -> str:
    """The features of the champion that the training set no longer has, as it knows them."""
    fields = {field.name: field.type for field in data.schema}
    gone = [f.name for f in current.signature.features if fields.get(f.name) != ARROW[f.kind]]
    return ", ".join(gone)


def _register(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    model: Model,
    training: TrainingSet,
    fitted: Sequence[tuple[Trained, Parity]],
    decision: GateDecision,
) -> tuple[Registered, ...]:
    """Versions and aliases in one transaction; the best gets the highest number."""
    declaration, code = declaration_fingerprint(graph, model.name), code_fingerprint()
    with together(connection):
        found: list[Registered] = []
        for trained, parity in reversed(fitted):
            version = add_version(connection, trained, training, declaration=declaration, code=code, parity=parity, seed=model.seed)
            found.insert(0, Registered(version.version, trained, parity))
        if decision.accepted:
            promote(connection, model.name, found[0].version, reason=decision.reason)
        for challenger in found[1:2] if decision.accepted else found[:1]:
            promote(connection, model.name, challenger.version, reason=decision.reason, alias="challenger")
    return tuple(found)


def code_fingerprint() -> str:
    """The engine and the libraries that a version depends on, with their versions."""
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
