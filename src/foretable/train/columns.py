"""Which columns of the feature views a model reads, and which only serve to look at its rows by."""

from __future__ import annotations

from foretable.compile.graph import Graph
from foretable.declare.judge import EntitySplit
from foretable.errors import DeclarationError, UnknownName, nearest

AS_OF = "as_of"


def feature_columns(graph: Graph, model: str) -> dict[str, list[str]]:
    """The inputs of a model, by feature view: neither keys, nor columns that are excluded or sensitive.

    Raises
    ------
    DeclarationError
        A column has the name of another view's, of the label or of the date; ``exclude`` or another setting names none.
    """
    declared = graph.project.model(model)
    owner = _owners(graph, model)
    for name in declared.exclude:
        if name not in owner:
            raise UnknownName(
                f"model {model} excludes {name!r}, which no feature view has", where=str(declared.origin), hint=nearest(name, owner)
            )
    keys = _keys(graph, model)
    if isinstance(declared.split, EntitySplit) and declared.split.column not in keys:
        raise UnknownName(
            f"model {model} splits by {declared.split.column!r}, which is not part of the key",
            where=str(declared.origin),
            hint=nearest(declared.split.column, keys),
        )
    out = {*keys, *declared.exclude, *declared.sensitive}
    found = {view.name: [name for name in graph.tables[view.name].columns if name not in out] for view in declared.features}
    _refuse_strangers(graph, model, {name for names in found.values() for name in names}, owner)
    return found


def aside_columns(graph: Graph, model: str) -> dict[str, list[str]]:
    """Columns that the training set has besides the inputs, by feature view: those that rows are evaluated by.

    Raises
    ------
    UnknownName
        No feature view has one.
    """
    declared = graph.project.model(model)
    owner, keys = _owners(graph, model), _keys(graph, model)
    for name in declared.aside:
        if name not in owner:
            raise UnknownName(
                f"model {model} is evaluated by {name!r}, which no feature view has", where=str(declared.origin), hint=nearest(name, owner)
            )
    inputs = feature_columns(graph, model)
    return {
        view: [name for name in declared.aside if owner[name] == view and name not in (*names, *keys)] for view, names in inputs.items()
    }


def label_column(graph: Graph, model: str) -> str:
    """The column of the label that is learned."""
    label = graph.project.model(model).label
    keys = {key.lower() for key in _keys(graph, model)}
    return next(name for name in graph.tables[label.name].columns if name.lower() not in keys)


def _keys(graph: Graph, model: str) -> tuple[str, ...]:
    label = graph.project.model(model).label
    return tuple(label.entity.keys) if label.entity else ()


def _owners(graph: Graph, model: str) -> dict[str, str]:
    """Every column of the feature views, with its view."""
    declared = graph.project.model(model)
    keys = set(_keys(graph, model))
    taken = {label_column(graph, model).lower(): f"the label {declared.label.name}"}
    if declared.label.horizon is not None:
        taken[AS_OF] = "the date of a training row"
    owner: dict[str, str] = {}
    for view in declared.features:
        columns = graph.tables[view.name].columns
        if missing := keys - set(columns):
            raise DeclarationError(
                f"model {model}: feature view {view.name} lacks the label's key {', '.join(sorted(missing))}",
                where=str(declared.origin),
                hint="label and feature views of a model are about the same entity",
            )
        for name in columns:
            if name.lower() in taken and name not in keys:
                raise DeclarationError(
                    f"model {model}: column {name!r} of {view.name} has the name of {taken[name.lower()]}",
                    where=str(declared.origin),
                    hint="rename it",
                )
            owner.setdefault(name, view.name)
            taken.setdefault(name.lower(), f"one in {view.name}")
    return owner


def _refuse_strangers(graph: Graph, model: str, features: set[str], owner: dict[str, str]) -> None:
    """Refuse settings by feature that name none."""
    declared = graph.project.model(model)
    for setting in ("encoding", "monotone", "reasons"):
        for name in getattr(declared, setting):
            if name not in features:
                why = "is no input" if name in owner else "no feature view has"
                raise UnknownName(
                    f"model {model}: {setting}= names {name!r}, which {why}", where=str(declared.origin), hint=nearest(name, features)
                )
