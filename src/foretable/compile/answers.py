"""What the functions of a model answer, before there is a version of it."""

from __future__ import annotations

from collections.abc import Mapping

from foretable.declare.model import Model
from foretable.registry.signature import OUTPUTS, Task

PROBABILITIES = "MAP(VARCHAR, DOUBLE)"
REASONS = 'STRUCT(feature VARCHAR, "value" VARCHAR, contribution DOUBLE, reason VARCHAR)[]'

KINDS_OF: Mapping[str, tuple[str, ...]] = {
    "classification": ("predict", "label", "explain"),
    "multiclass": ("predict", "label", "probabilities", "explain"),
    "regression": ("predict", "explain"),
}
"""The functions that a model has, by its task."""


def answer_type(kind: str, task: Task) -> str:
    """The DuckDB type of a function: ``predict`` (a number, or a class), ``label``, ``probabilities`` or ``explain``."""
    several = task == "multiclass"
    types = {"predict": "VARCHAR" if several else "DOUBLE", "label": "VARCHAR" if several else "INTEGER"}
    return types.get(kind) or {"probabilities": PROBABILITIES, "explain": REASONS}[kind]


def table_columns(model: Model) -> Mapping[str, str]:
    """What ``FROM predict_<model>(table)`` adds to the columns of the table, with their types."""
    added = {f"{model.name}_{OUTPUTS[model.task]}": answer_type("predict", model.task)}
    if model.task == "classification":
        added[f"{model.name}_label"] = "INTEGER"
    if model.task == "multiclass":
        added[f"{model.name}_probabilities"] = PROBABILITIES
    return added | {"model_version": "INTEGER"}
