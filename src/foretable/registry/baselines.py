"""What simple baselines reach on the rows that a version was tested on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import duckdb

if TYPE_CHECKING:
    from foretable.train.result import Beside

_BASELINES = """
SELECT baseline, split, metric, value, low, high, difference, difference_low, difference_high, row_count, parameters
FROM foretable.baselines WHERE model = ? AND version = ?
ORDER BY rowid
"""


def baselines(connection: duckdb.DuckDBPyConnection, model: str, version: int) -> list[Beside]:
    """Every baseline of a version, in the order of the declaration, by metric; empty where none is declared."""
    from foretable.train.result import Beside

    rows = connection.execute(_BASELINES, [model, version]).fetchall()
    return [Beside(*(*figures, json.loads(parameters))) for *figures, parameters in rows]
