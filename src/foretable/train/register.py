"""Estimators and ONNX files from elsewhere, through the gates of a training: parity, judgement, comparison with the champion."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import numpy as np
import pyarrow as pa

from foretable.declare.model import Model
from foretable.errors import TrainingError, UnknownName, nearest
from foretable.forms.form import Form, Linear
from foretable.progress import Listener, Progress, silent
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.registry import add_version, champion, promote
from foretable.registry.together import together
from foretable.train.baselines.measured import beside_baselines, fit_baselines
from foretable.train.challenge import decide
from foretable.train.checks import ordered
from foretable.train.checks.second_label import second_label
from foretable.train.estimators.convert import convert, features_of, native
from foretable.train.features import ARROW, read_rows
from foretable.train.fit import judged_signature, plain_artifacts
from foretable.train.foreign import foreign_graph, graph_answers
from foretable.train.judge.judgement import judge
from foretable.train.lineage import lineage_of
from foretable.train.matched import columns as columns_of
from foretable.train.matched import with_classes, with_features
from foretable.train.parity import check_parity
from foretable.train.prepare import Prepared, prepare
from foretable.train.result import Finding, GateDecision, Registered, Trained, TrainingReport
from foretable.train.split import NAMES
from foretable.train.steady import steady
from foretable.train.train import code_fingerprint

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.train.training_set import TrainingSet

SEEN = Finding(
    "split",
    "refused",
    "it was fitted elsewhere and may have learned from the rows that it is judged on: fit it to training_set(name, part='train') and say"
    " unseen=True",
)
UNSEEN = Finding("split", "note", "it was fitted elsewhere; who registered it says that it has not seen the held-out rows")


def register_estimator(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    name: str,
    estimator: Any,
    features: Sequence[str] | None = None,
    *,
    unseen: bool = False,
    listen: Listener = silent,
) -> TrainingReport:
    """Register a fitted estimator as a version of a declared model.

    Parameters
    ----------
    connection
        A writable warehouse from ``foretable.connect``, outside a transaction.
    graph
        The compiled project.
    name
        The model.
    estimator
        Fitted to columns of its training set; one that :func:`foretable.train.convert.convert` knows.
    features
        The columns that it was fitted to, in order; by default those that it remembers, else all of the model.
    unseen
        Whether it has seen no row of the validation and test parts; else it is challenger at most, for its figures may flatter it.
    listen
        Told about every step.

    Returns
    -------
    TrainingReport
        Also when the gate refuses: the version is registered and is challenger, ``gate`` says why.

    Raises
    ------
    TrainingError
        The estimator cannot be taken over exactly, or was fitted to something else.
    ParityFailure
        It scores otherwise in SQL than by itself; nothing is registered.
    """
    started = time.perf_counter()
    model, training, data, prepared = _ground(connection, graph, name, listen)
    columns = columns_of(estimator, features, training, data)
    form, classes = convert(estimator, columns)
    inputs = features_of(columns)
    prepared, notes = with_classes(with_features(prepared, inputs, data), classes, type(estimator).__name__)
    artifacts, answer = plain_artifacts(form, len(inputs)), native(estimator, columns)
    trained = _trained(model, prepared, _named(estimator), artifacts, answer, _executor(form), notes, unseen)
    return _registered(connection, graph, model, training, data, prepared, trained, started, listen)


def register_file(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    name: str,
    path: Path,
    signature: Mapping[str, Any] | str | Path | None,
    *,
    unseen: bool = False,
    listen: Listener = silent,
) -> TrainingReport:
    """Register an ONNX file as a version of a declared model.

    Parameters
    ----------
    connection
        A writable warehouse from ``foretable.connect``, outside a transaction.
    graph
        The compiled project.
    name
        The model.
    path
        The file: one matrix in, one number per row (or one per class) out.
    signature
        What it takes and gives, as a mapping or the path of a JSON file.
    unseen
        Whether it has seen no row of the validation and test parts; else it is challenger at most, for its figures may flatter it.
    listen
        Told about every step.

    Raises
    ------
    UsageError
        A file is missing, or the signature is none.
    WarehouseError
        The file is no plain model of that signature; nothing was registered.
    UnknownName
        The signature has a feature that the training set lacks.
    """
    started = time.perf_counter()
    declared = graph.project.model(name)
    contract, onnx = foreign_graph(declared.name, declared.task, path, signature)
    model, training, data, prepared = _ground(connection, graph, name, listen)
    for feature in contract.features:
        if feature.name not in training.features:
            what = f"the signature has a feature {feature.name!r}, which {training.table} lacks"
            raise UnknownName(what, where=str(path), hint=nearest(feature.name, training.features))
        if data.schema.field(feature.name).type != ARROW[feature.kind]:
            what = f"feature {feature.name!r} is no {feature.kind} in {training.table}"
            raise TrainingError(what, where=str(path), hint="declare its kind as it is in the training set: foretable models show")
    prepared, notes = with_classes(with_features(prepared, contract.features, data), contract.classes or ("0", "1"), path.name)
    trained = _trained(model, prepared, "ONNX", {"onnx": onnx}, graph_answers(contract, onnx), "onnx", notes, unseen)
    return _registered(connection, graph, model, training, data, prepared, trained, started, listen)


def _ground(
    connection: duckdb.DuckDBPyConnection, graph: Graph, name: str, listen: Listener
) -> tuple[Model, TrainingSet, pa.Table, Prepared]:
    from foretable.train.training_set import build_training_set

    model = graph.project.model(name)
    listen(Progress(model.name, "started", "building the training set"))
    training = build_training_set(connection, graph, model.name)
    data = read_rows(connection, training)
    prepared = prepare(model, data, training)
    findings = ordered((*prepared.findings, *second_label(connection, graph, training)))
    return model, training, data, replace(prepared, findings=findings)


def _named(estimator: Any) -> str:
    """The last step of a pipeline says what it is."""
    steps = getattr(estimator, "steps", None)
    return _named(steps[-1][1]) if steps else type(estimator).__name__


def _executor(form: Form) -> str:
    return "sql" if isinstance(form, Linear) else "onnx"


def _trained(
    model: Model,
    prepared: Prepared,
    candidate: str,
    artifacts: Mapping[str, bytes],
    answer: Callable[[np.ndarray], np.ndarray],
    executor: str,
    notes: tuple[str, ...],
    unseen: bool,
) -> Trained:
    with steady():
        judged = judge(model, prepared, answer)
    findings = (UNSEEN if unseen else SEEN, *judged.findings)
    signature = judged_signature(model, prepared.signature, judged)
    trained = Trained(candidate, {}, signature, artifacts, executor, judged.evaluations, (), answer, notes, judged.curves, findings)
    return beside_baselines(model, prepared, fit_baselines(model, prepared), trained)


def _registered(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    model: Model,
    training: TrainingSet,
    data: pa.Table,
    prepared: Prepared,
    trained: Trained,
    started: float,
    listen: Listener,
) -> TrainingReport:
    """Through the parity gate and the gate, then version and alias in one transaction."""
    parity = check_parity(connection, trained.signature, trained.artifacts, trained.executor, trained.native, training, data)
    current, code = champion(connection, model.name), code_fingerprint()
    decision = decide(connection, model, trained, prepared, data, current)
    lineage = lineage_of(connection, graph, training, code)
    declaration = declaration_fingerprint(graph, model.name)
    with together(connection):
        version = add_version(
            connection, trained, training, declaration=declaration, code=code, parity=parity, seed=model.seed,
            lineage=lineage, origin="registered", findings=prepared.findings,
        )  # fmt: skip
        alias = "champion" if decision.accepted else "challenger"
        promote(connection, model.name, version.version, reason=decision.reason, alias=alias)
    seconds = time.perf_counter() - started
    listen(Progress(model.name, "done", decision.reason, seconds))
    return _report(
        model, training, prepared, Registered(version.version, trained, parity), decision, current.version if current else None, seconds
    )


def _report(
    model: Model, training: TrainingSet, prepared: Prepared, found: Registered, decision: GateDecision, previous: int | None, seconds: float
) -> TrainingReport:
    return TrainingReport(
        model=model.name,
        training=training,
        candidates=(found,),
        gate=decision,
        previous=previous,
        notes=prepared.notes,
        findings=prepared.findings,
        seconds=seconds,
        split_rows={name: len(prepared.rows(part)) for part, name in NAMES.items()},
    )
