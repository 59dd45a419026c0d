"""Hashes of rows, and content fingerprints of tables and of models' declarations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from functools import cache
from typing import Any

import duckdb
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.compile.recorded import Columns
from foretable.declare.model import MOST_ROWS
from foretable.sql import column, parse, statement, table

NESTED = ("STRUCT", "MAP", "UNION", "VARIANT")
FLOATING = ("DOUBLE", "FLOAT", "REAL")
AS_TEXT = ("INTERVAL", "TIMETZ", "TIME WITH TIME ZONE")

# DuckDB folds the hashes of several columns by XOR, so that two rows that swap a value keep their sum once in 10^8 times:
# hence hashed once more. One bit is given up for BIGINT, which DuckDB sums faster.
_ROW = "CAST(hash(hash($columns)) >> 1 AS BIGINT)"


@cache
def _row() -> exp.Expr:
    return parse(_ROW)  # type: ignore[no-any-return]


def row_hash(columns: Columns) -> exp.Expr:
    """The hash of a row, a BIGINT from 0 up: equal only when every value is the same, bit by bit.

    Columns are named one by one; DuckDB's hash ignores collations, but cannot tell 0.0 from -0.0, one month from
    30 days, nor ``[]`` from ``[NULL]``, so floats come with their sign, intervals as text, nested values also as text
    and as JSON.
    """
    parts = [part for name, kind in columns.items() for part in _hashable(name, kind.upper())]
    tree: exp.Expr = _row().copy()
    for node in tree.find_all(exp.Anonymous):
        if isinstance(node.expressions[0], exp.Placeholder):
            node.set("expressions", parts or [exp.null()])
    return tree


def _hashable(name: str, kind: str) -> list[exp.Expr]:
    value = column(name)
    if kind.startswith(NESTED) or kind.endswith("]"):
        return [value, exp.cast(value.copy(), "VARCHAR"), exp.cast(exp.Anonymous(this="to_json", expressions=[value.copy()]), "VARCHAR")]
    if kind.startswith(FLOATING):
        return [value, exp.Anonymous(this="signbit", expressions=[value.copy()])]
    return [exp.cast(value, "VARCHAR")] if kind.startswith(AS_TEXT) else [value]


def source_fingerprint(connection: duckdb.DuckDBPyConnection, name: str, columns: Columns) -> tuple[str, int]:
    """Fingerprint and row count of a table's content, independent of the order of its rows.

    The schema and DuckDB's version are part of it.
    """
    query = statement("SELECT count(*), sum($row) FROM $source", row=row_hash(columns), source=table(name))
    count, total = connection.execute(query).fetchall()[0]
    text = json.dumps([dict(columns), duckdb.__version__, count, str(total)])
    return hashlib.sha256(text.encode()).hexdigest()[:16], int(count)


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
        "rest": [declared.weights, declared.calibration, declared.seed, _plain(declared.threshold), declared.task],
        "columns": [_plain(declared.encoding), declared.impute, _plain(declared.monotone), sorted(declared.sensitive)],
        "search": declared.folds,
        "executor": declared.executor,
        "tables": [[graph.tables[name].fingerprint, graph.tables[name].declared.grain] for name in made_from],
        "rules": [rules.fingerprint for name in made_from if (rules := graph.project.schemas.get(name)) and name.startswith("clean.")],
        "time_zone": graph.project.config.time_zone if declared.label.horizon is not None else None,
    }
    if declared.intervals is not None:
        settings["intervals"] = declared.intervals
    if declared.rows != MOST_ROWS:
        settings["rows"] = declared.rows
    return hashlib.sha256(json.dumps(settings, sort_keys=True, default=repr).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value
