"""Content fingerprints of sources and of models' declarations."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, is_dataclass
from typing import Any

import duckdb
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.compile.recorded import Columns
from foretable.sql import column, statement, table

NESTED = ("STRUCT", "MAP", "UNION")
INEXACT = ("DOUBLE", "FLOAT", "REAL", "INTERVAL", "TIME WITH TIME ZONE")


def source_fingerprint(connection: duckdb.DuckDBPyConnection, name: str, columns: Columns) -> tuple[str, int]:
    """Fingerprint and row count of a table's content, independent of the order of its rows.

    Two sums of 64-bit row hashes: columns are hashed one by one, nested ones as JSON, floats and
    intervals as text, because DuckDB's hash cannot tell 0.0 from -0.0, ``[]`` from ``[NULL]``, or one
    month from 30 days. The schema and DuckDB's version are part of it.
    """
    parts = [_hashable(name, kind) for name, kind in columns.items()]
    row_hash = exp.Anonymous(this="hash", expressions=parts)
    query = statement("SELECT count(*), sum($row), bit_xor($row) FROM $source", row=row_hash, source=table(name))
    count, total, mixed = connection.execute(query).fetchall()[0]
    text = json.dumps([dict(columns), duckdb.__version__, count, str(total), str(mixed)])
    return hashlib.sha256(text.encode()).hexdigest()[:16], int(count)


def _hashable(name: str, kind: str) -> exp.Expr:
    if kind.upper().startswith(NESTED) or kind.endswith("]"):
        return exp.cast(exp.Anonymous(this="to_json", expressions=[column(name)]), "VARCHAR")
    if kind.upper().startswith(INEXACT):
        return exp.cast(column(name), "VARCHAR")
    return column(name)


def declaration_fingerprint(graph: Graph, model: str) -> str:
    """Changes when the model, its label, a feature view or anything these are made from is declared otherwise."""
    declared = graph.project.model(model)
    tables = graph.training_tables(model)
    made_from = sorted({other for name in tables for other in (name, *graph.upstream(name)) if other in graph.tables})
    settings = {
        "name": declared.name,
        "exclude": list(declared.exclude),
        "features": [view.name for view in declared.features],
        "candidates": [[candidate.name, _plain(candidate.parameters)] for candidate in declared.candidates],
        "split": [type(declared.split).__name__, _plain(declared.split)],
        "label": [declared.label.name, declared.label.horizon, declared.label.every, declared.label.start],
        "rest": [declared.weights, declared.calibration, declared.seed, declared.threshold, declared.task],
        "tables": [[graph.tables[name].fingerprint, graph.tables[name].declared.grain] for name in made_from],
        "rules": [rules.fingerprint for name in made_from if (rules := graph.project.schemas.get(name)) and name.startswith("clean.")],
        "time_zone": graph.project.config.time_zone if declared.label.horizon is not None else None,
    }
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value
