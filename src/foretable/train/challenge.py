"""The best candidate before the gate, beside the champion on the same rows."""

from __future__ import annotations

import math
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa

from foretable.declare.model import Model
from foretable.registry import Version
from foretable.registry.artifacts import read_artifact
from foretable.registry.details import refusals
from foretable.registry.signature import Signature
from foretable.train.features import ARROW
from foretable.train.judge.gate import compare, first_version, within_limits
from foretable.train.judge.measures import CHANCE
from foretable.train.judge.segments import text
from foretable.train.prepare import Prepared
from foretable.train.result import Evaluation, GateDecision, Trained
from foretable.train.split import TEST
from foretable.train.steady import steady
from foretable.udf.host import make_scorer


def decide(
    connection: duckdb.DuckDBPyConnection, model: Model, best: Trained, prepared: Prepared, data: pa.Table, current: Version | None
) -> GateDecision:
    """Whether the best candidate may become champion.

    Parameters
    ----------
    connection
        The warehouse that has the champion.
    model
        The declaration.
    best
        The candidate.
    prepared, data
        The training set, as matrices and as it was read.
    current
        The champion, None where there is none to compare with.
    """
    why = (_incomparable(current, best.signature, data) or _seen(connection, current)) if current is not None else ""
    if current is None or why:
        decision = first_version(model.gate, _beside_chance(best, model.task, len(prepared.rows(TEST))), why)
    else:
        decision = _lacking(_compared(connection, model, best, prepared, data, current), best.signature, current)
    return within_limits(decision, [*prepared.findings, *best.findings])


def _compared(
    connection: duckdb.DuckDBPyConnection, model: Model, best: Trained, prepared: Prepared, data: pa.Table, current: Version
) -> GateDecision:
    test = prepared.rows(TEST)
    rows = data.take(pa.array(test))
    graph = read_artifact(connection, model.name, current.version)
    ours, theirs = (
        _answers(signature, onnx, rows) for signature, onnx in ((best.signature, best.artifacts["onnx"]), (current.signature, graph))
    )
    scored = ~np.isnan(ours + theirs).reshape(len(test), -1).any(axis=1)
    with steady():
        return compare(
            model.gate,
            prepared.outcome[test][scored],
            ours[scored],
            theirs[scored],
            prepared.clusters[test][scored],
            champion_version=current.version,
            threshold=_cuts(best.signature, rows)[scored],
            seed=model.seed,
            task=model.task,
            champion_threshold=_cuts(current.signature, rows)[scored],
        )


def _lacking(decision: GateDecision, best: Signature, current: Version) -> GateDecision:
    """A champion without the intervals that are declared now gives way to a version that is not shown to be worse.

    Else a model that is trained again for its intervals alone, and so no better, would never have them.
    """
    there, wanted = current.signature.intervals, best.intervals
    if decision.accepted or wanted is None or not wanted.low or (there is not None and there.level == wanted.level):
        return decision
    if decision.high is None or decision.high < 0:
        return decision
    reason = f"{decision.reason}, but that has no intervals of {wanted.level:.0%}, which are declared"
    return replace(decision, accepted=True, reason=reason)


def _answers(signature: Signature, onnx: bytes, rows: pa.Table) -> np.ndarray:
    """Answers by row, (rows,) or (rows, classes); NaN where there is none."""
    found = make_scorer(signature, onnx)(*(rows[feature.name] for feature in signature.features))
    if signature.task != "multiclass":
        return np.asarray(found.to_numpy(zero_copy_only=False))
    answers = np.full((len(found), len(signature.classes)), np.nan)
    answers[found.is_valid().to_numpy(zero_copy_only=False)] = found.flatten().to_numpy().reshape(-1, len(signature.classes))
    return answers


def _cuts(signature: Signature, rows: pa.Table) -> np.ndarray:
    """From which probability on each row is flagged."""
    cuts = np.full(len(rows), signature.threshold)
    by = signature.by_segment
    if by is not None and by.column in rows.column_names:
        values = text(rows[by.column])
        for value, threshold in by.thresholds:
            cuts[values == value] = threshold
    return cuts


def _beside_chance(best: Trained, task: str, rows: int) -> Evaluation:
    """The metric that tells from chance; where it is undefined, as for predictions that are all equal, an unknown one."""
    metric = CHANCE[task][0]
    try:
        return best.evaluation(metric)
    except KeyError:
        return Evaluation("test", "all", metric, math.nan, None, None, rows)


def _incomparable(current: Version, best: Signature, data: pa.Table) -> str:
    """Why the champion cannot answer the same question of the same rows."""
    if (current.signature.task, current.signature.classes) != (best.task, best.classes):
        return f"version {current.version} predicts something else"
    fields = {field.name: field.type for field in data.schema}
    gone = [f.name for f in current.signature.features if fields.get(f.name) != ARROW[f.kind]]
    return f"version {current.version} needs {', '.join(gone)}" if gone else ""


def _seen(connection: duckdb.DuckDBPyConnection, current: Version) -> str:
    """That the champion was let in by force though it may know the rows: nobody honest could beat it on them."""
    refused = any(found.check == "split" for found in refusals(connection, current.model, current.version))
    return f"version {current.version} may have learned from the held-out rows" if refused else ""
