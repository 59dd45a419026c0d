"""What the functions of a model answer, before there is a version of it."""

from __future__ import annotations

from collections.abc import Mapping

from foretable.declare.model import Model
from foretable.registry.signature import OUTPUTS, Task

PROBABILITIES = "MAP(VARCHAR, DOUBLE)"
REASONS = 'STRUCT(feature VARCHAR, "value" VARCHAR, contribution DOUBLE, reason VARCHAR)[]'

INTERVAL = "STRUCT(low DOUBLE, high DOUBLE)"
LOW, HIGH = "_low", "_high"
"""What ends the names of the columns with the ends of an interval, after that of the prediction."""

_KINDS_OF: Mapping[str, tuple[str, ...]] = {
    "classification": ("predict", "label", "explain"),
    "multiclass": ("predict", "label", "probabilities", "explain"),
    "regression": ("predict", "explain"),
}


def kinds_of(model: Model) -> tuple[str, ...]:
    """The functions that a model has, by its task and what it declares."""
    return (*_KINDS_OF[model.task], *(("interval", "interval_of") if model.intervals is not None else ()))


def answer_type(kind: str, task: Task) -> str:
    """The DuckDB type of a function: ``predict`` (a number, or a class), ``label``, ``probabilities``, ``interval`` or ``explain``."""
    several = task == "multiclass"
    types = {"predict": "VARCHAR" if several else "DOUBLE", "label": "VARCHAR" if several else "INTEGER"}
    return types.get(kind) or {"probabilities": PROBABILITIES, "explain": REASONS}.get(kind, INTERVAL)


def table_columns(model: Model) -> Mapping[str, str]:
    """What ``FROM predict_<model>(table)`` adds to the columns of the table, with their types."""
    output = f"{model.name}_{OUTPUTS[model.task]}"
    added = {output: answer_type("predict", model.task)}
    if model.intervals is not None:
        added |= {f"{output}{LOW}": "DOUBLE", f"{output}{HIGH}": "DOUBLE"}
    if model.task == "classification":
        added[f"{model.name}_label"] = "INTEGER"
    if model.task == "multiclass":
        added[f"{model.name}_probabilities"] = PROBABILITIES
    return added | {"model_version": "INTEGER"}
