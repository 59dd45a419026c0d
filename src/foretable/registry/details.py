"""What is known of a version besides its row: evaluations, findings, curves and names."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from foretable.train.result import Curve, Evaluation, Finding

_EVALUATIONS = """
SELECT split, segment, metric, value, low, high, row_count FROM foretable.evaluations WHERE model = ? AND version = ?
ORDER BY split, segment, metric
"""
_FINDINGS = """
SELECT "check", severity, message, coalesce(column_name, ''), evidence FROM foretable.findings WHERE model = ? AND version = ?
ORDER BY rowid
"""
_CURVES = """
SELECT curve, split, list(x ORDER BY point), list(y ORDER BY point), list(label ORDER BY point) FILTER (WHERE label IS NOT NULL)
FROM foretable.curves WHERE model = ? AND version = ?
GROUP BY curve, split ORDER BY curve, split
"""
_ALIASES = "SELECT alias FROM foretable.model_aliases WHERE model = ? AND version = ? ORDER BY alias"


def evaluations(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[Evaluation]:
    """Every metric of a version, by split, segment and name."""
    from foretable.train.result import Evaluation

    return [Evaluation(*row) for row in connection.execute(_EVALUATIONS, [model, version]).fetchall()]


def findings(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[Finding]:
    """What the checks found about a version."""
    from foretable.train.result import Finding

    rows = connection.execute(_FINDINGS, [model, version]).fetchall()
    return [Finding(check, severity, message, column, json.loads(evidence or "{}")) for check, severity, message, column, evidence in rows]


def refusals(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[Finding]:
    """The findings that keep a version from being champion unless it is forced."""
    return [finding for finding in findings(connection, model, version) if finding.severity == "refused"]


def curves(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[Curve]:
    """The curves of a version, by name and split."""
    from foretable.train.result import Curve

    rows = connection.execute(_CURVES, [model, version]).fetchall()
    return [Curve(name, split, tuple(x), tuple(y), tuple(labels or ())) for name, split, x, y, labels in rows]


def aliases_of(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[str]:
    """The names that point to a version."""
    return [alias for (alias,) in connection.execute(_ALIASES, [model, version]).fetchall()]
