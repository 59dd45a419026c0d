"""Versions between warehouses: written to one file, and taken in again only when they answer as they did."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from foretable.errors import ForetableError, ParityFailure, WarehouseError
from foretable.registry import bundle, details
from foretable.registry.add import add_version
from foretable.registry.aliases import resolve
from foretable.registry.artifacts import read_artifacts
from foretable.registry.baselines import baselines
from foretable.registry.contract import model_name, signature_of
from foretable.registry.golden import ARROW, TOLERANCE, answers_in_sql, farthest, golden_rows
from foretable.registry.rowwise import check_rowwise
from foretable.registry.signature import Signature
from foretable.registry.together import together
from foretable.registry.versions import Version


@dataclass(frozen=True)
class Moved:
    """A version that was taken in; ``rows`` were asked in SQL, ``max_difference`` is how far the answers were off."""

    version: Version
    rows: int
    max_difference: float
    notes: tuple[str, ...] = ()


def export_version(connection: duckdb.DuckDBPyConnection, reference: str, path: str | Path) -> Path:
    """Write a version as one file: graph, numbers, figures, lineage, and made-up rows with the answers expected.

    Equal versions give equal bytes. Nobody's data is in it but the words of the vocabularies.

    Parameters
    ----------
    connection
        A warehouse from ``foretable.connect``.
    reference
        A version or an alias: ``churn@3``.
    path
        The file; a folder gets ``churn-3.foretable``.

    Raises
    ------
    UnknownName
        There is no such version.
    WarehouseError
        Its bytes are damaged.
    """
    from foretable.forms.store import from_bytes

    version = resolve(connection, reference)
    artifacts = read_artifacts(connection, version.model, version.version)
    rows = golden_rows(version.signature, from_bytes(artifacts["form"], version.signature.features) if "form" in artifacts else None)
    answers = answers_in_sql(connection, version.signature, version.version, rows)
    target = Path(path)
    if target.is_dir():
        target = target / f"{version.model}-{version.version}.foretable"
    golden = {"rows": rows.to_pydict(), "answers": [_finite(answer) for answer in answers.tolist()]}
    bundle.write(target, _document(connection, version), golden, artifacts)
    return target


def import_version(connection: duckdb.DuckDBPyConnection, path: str | Path, name: str | None = None) -> Moved:
    """Register the version of a file under the next number of its model, or of ``name``; no alias moves.

    Nothing is written unless every byte has its hash, the signature and the graph are sound, and the functions in SQL
    give the answers that the file expects. XGBoost's own format is not taken over: its reader trusts what it reads.
    Contributions are made anew from the model's numbers.

    Raises
    ------
    UsageError
        There is no such file, or the name cannot name a model.
    WarehouseError
        The file is damaged, or its graph is not a plain model.
    ParityFailure
        The answers are others.
    """
    from foretable.forms.contributions import contribution_graph
    from foretable.forms.graph import onnx_of
    from foretable.forms.store import from_bytes
    from foretable.train.result import Parity

    source = Path(path)
    document, golden, given = bundle.read(source)
    try:
        signature = _signature(document, name, str(source))
        rows, expected = _golden(golden, signature)
        trained, training = _parts(document, signature)
        said: dict[str, Any] = {
            "declaration": str(document["declaration"]),
            "code": str(document["code"]),
            "seed": _whole(document["seed"]),
            "lineage": _lineage(document, source),
        }
    except ForetableError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OverflowError, pa.ArrowException) as error:
        what = f"the file is refused: {bundle.DOCUMENT} is not as a version's ({type(error).__name__}: {error})"
        raise WarehouseError(what, where=str(source), hint="export the version again") from None
    width = len(signature.features)
    check_rowwise(signature, given["onnx"], rows, str(source))
    artifacts = {"onnx": given["onnx"]}
    if "form" in given:
        form = from_bytes(given["form"], signature.features)
        _same_model(signature, onnx_of(form, width), rows, expected, source)
        artifacts |= {"form": given["form"], "explain": contribution_graph(form, width)}
    executor = "sql" if document.get("executor") == "sql" and "form" in given else "onnx"
    trained = _with(trained, artifacts, executor)
    with together(connection):
        added = add_version(connection, trained, training, parity=Parity(0, len(rows), 0.0, TOLERANCE), origin="imported", **said)
        off = farthest(answers_in_sql(connection, signature, added.version, rows), expected)
        if off > TOLERANCE:
            raise _otherwise(source, off)
    dropped = "XGBoost's own format is not taken from a file: ONNX answers" if "booster" in given else ""
    return Moved(added, len(rows), off, (dropped,) if dropped else ())


def _document(connection: duckdb.DuckDBPyConnection, version: Version) -> dict[str, Any]:
    known = {name: value for name, value in vars(version).items() if name not in ("signature", "notes", "tags", "parent", "origin")}
    model, number = version.model, version.version
    return {
        **{name: value.isoformat() if isinstance(value, datetime) else value for name, value in known.items()},
        "signature": json.loads(version.signature.to_json()),
        "evaluations": [asdict(each) for each in details.evaluations(connection, model, number)],
        "findings": [_plain(vars(each)) for each in details.findings(connection, model, number)],
        "curves": [_plain(vars(each)) for each in details.curves(connection, model, number)],
        "baselines": [asdict(each) for each in baselines(connection, model, number)],
    }


def _signature(document: Mapping[str, Any], name: str | None, where: str) -> Signature:
    given = document["signature"]
    return signature_of(given, model_name(name or given["model"], where), where=f"{where}: signature")


def _golden(golden: Mapping[str, Any], signature: Signature) -> tuple[pa.Table, np.ndarray]:
    columns = golden["rows"]
    if list(columns) and set(columns) != {feature.name for feature in signature.features}:
        raise ValueError("the rows have other columns than the signature")
    rows = pa.table({feature.name: pa.array(columns[feature.name], ARROW[feature.kind]) for feature in signature.features})
    width = (len(signature.classes),) if signature.task == "multiclass" else ()
    expected = np.array(golden["answers"], dtype=np.float64).reshape(len(rows), *width)
    if not len(rows) or np.isnan(expected).all():
        raise ValueError("no row has an answer")
    return rows, expected


def _parts(document: Mapping[str, Any], signature: Signature) -> Any:
    """The candidate without its bytes, and what it learned from."""
    from foretable.train.result import Beside, Curve, Evaluation, Finding, Trained
    from foretable.train.training_set import TrainingSet

    evaluations = tuple(Evaluation(**{**each, **_figures(each)}) for each in document["evaluations"])
    findings = tuple(Finding(**{**each, "evidence": dict(each["evidence"])}) for each in document["findings"])
    if any(finding.severity not in ("note", "warning", "refused") for finding in findings):
        raise ValueError("a finding has no known severity")
    curves = tuple(Curve(c["name"], c["split"], _floats(c["x"]), _floats(c["y"]), tuple(map(str, c["labels"]))) for c in document["curves"])
    besides = tuple(Beside(**{**each, **_beside(each)}) for each in document.get("baselines", []))
    since, until = (datetime.fromisoformat(document[name]) if document[name] else None for name in ("as_of_from", "as_of_to"))
    names = tuple(feature.name for feature in signature.features)
    training = TrainingSet(
        str(document["training_set"]), signature.model, (), None, signature.label, names,
        str(document["training_hash"]), _whole(document["row_count"]), 0, since, until,
    )  # fmt: skip
    candidate, parameters = str(document["candidate"]), dict(document["parameters"])
    trained = Trained(candidate, parameters, signature, {}, "onnx", evaluations, (), _nothing, (), curves, findings, baselines=besides)
    return trained, training


def _beside(each: Mapping[str, Any]) -> dict[str, Any]:
    numbers = ("value", "low", "high", "difference", "difference_low", "difference_high")
    given = {name: float(each[name]) for name in numbers} | {name: str(each[name]) for name in ("baseline", "split", "metric")}
    return {**given, "row_count": _whole(each["row_count"]), "parameters": dict(each["parameters"])}


def _figures(each: Mapping[str, Any]) -> dict[str, Any]:
    low, high = (None if each[end] is None else float(each[end]) for end in ("low", "high"))
    return {"value": float(each["value"]), "low": low, "high": high, "row_count": _whole(each["row_count"])}


def _whole(value: Any) -> int:
    if abs(number := int(value)) >= 2**62:
        raise ValueError(f"{number} is too large")
    return number


def _floats(values: Any) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _nothing(matrix: np.ndarray) -> np.ndarray:
    """An imported version has no estimator of its own."""
    return np.full(len(matrix), np.nan)


def _with(trained: Any, artifacts: Mapping[str, bytes], executor: str) -> Any:
    from dataclasses import replace

    return replace(trained, artifacts=artifacts, executor=executor)


def _same_model(signature: Signature, onnx: bytes, rows: pa.Table, expected: np.ndarray, source: Path) -> None:
    """The model in plain numbers, which SQL and the contributions are made from, answers as the graph does."""
    from foretable.udf.host import graph_answer, unknown

    columns = [rows[feature.name] for feature in signature.features]
    answers = graph_answer(signature, onnx)(columns)
    if (missing := unknown(columns, answers)) is not None:
        answers = answers.copy()
        answers[missing] = np.nan
    if (off := farthest(answers, expected)) > TOLERANCE:
        raise _otherwise(source, off)


def _otherwise(source: Path, off: float) -> ParityFailure:
    return ParityFailure(
        f"the version answers otherwise here than where it was written: by up to {off:.3g}, where {TOLERANCE:g} is allowed",
        where=str(source),
        hint="nothing was registered; export the version again with the same foretable on both sides",
    )


def _lineage(document: Mapping[str, Any], source: Path) -> dict[str, Any]:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    origin = {"file": source.name, "sha256": digest, "model": document["model"], "version": document["version"]}
    return {**dict(document["lineage"]), "imported": origin}


def _finite(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_finite(part) for part in answer]
    return answer if math.isfinite(answer) else None


def _plain(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(value) if isinstance(value, Mapping) else value for name, value in fields.items()}
