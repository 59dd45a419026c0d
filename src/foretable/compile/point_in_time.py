"""What may stand in a training set: tables whose rows are known to have been known at a date."""

from __future__ import annotations

from foretable.compile.asof import uses_as_of
from foretable.compile.graph import Graph
from foretable.errors import DeclarationError, UnknownName, nearest


def check_training(graph: Graph, model: str) -> None:
    """Refuse what would let a training set of the model see the future.

    Raises
    ------
    UnknownName
        The model uses a table that nothing declares.
    DeclarationError
        A source is of no kind, or a query reads events or versions whatever their date.
    """
    declared = graph.project.model(model)
    for name in graph.training_tables(model):
        if name not in graph.tables:
            raise UnknownName(
                f"model {model} uses {name}, which nothing declares", where=str(declared.origin), hint=nearest(name, graph.tables)
            )
        require_known(graph, name, f"the training set of {model}", clocked=declared.label.horizon is not None)


def require_known(graph: Graph, name: str, whose: str, *, clocked: bool = True) -> None:
    """Refuse a table whose rows at a date of the past are not known to have been known then.

    Parameters
    ----------
    graph
        The compiled project.
    name
        The table.
    whose
        What it is wanted for, for the message.
    clocked
        Whether that has dates at all.

    Raises
    ------
    DeclarationError
        A source is of no kind, or a query reads events or versions whatever their date.
    """
    for source in sorted(graph.upstream(name) & graph.project.sources.keys()):
        if graph.project.sources[source].kind is None:
            raise DeclarationError(
                f"source {source} is in {whose}, but nothing says when its rows are known",
                where=str(graph.project.sources[source].origin),
                hint="give it time= (event), valid= (scd2) or fixed= (columns that never change)",
            )
    for source in sorted(_without_clock(graph, name) if clocked else ()):
        raise DeclarationError(
            f"{name} reads all of {source}, whatever the date: {whose} would see the future",
            where=str(graph.tables[name].declared.origin),
            hint=f"keep what was known: in SQL with as_of(), in Python with the rows() of {source}",
        )


def _without_clock(graph: Graph, name: str) -> set[str]:
    """Sources with a time that a table reaches without any query on the way looking at the clock."""
    if name in graph.project.sources:
        return {name} if graph.project.sources[name].kind in ("event", "scd2") else set()
    if uses_as_of(graph.tables[name].query):
        return set()
    return {source for parent in graph.parents(name) for source in _without_clock(graph, parent)}
