"""Where the change history of a table is kept, and whether it can be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from foretable.errors import DeclarationError

if TYPE_CHECKING:
    from foretable.compile.graph import Graph

FROM, TO = "valid_from", "valid_to"


def history_name(name: str) -> str:
    """The table that holds the history of another: ``predictions.churn_history``."""
    return f"{name}_history"


def check_histories(graph: Graph) -> None:
    """Refuse a history whose name or columns are taken.

    Raises
    ------
    DeclarationError
        Another declaration has the name, or the table has a column ``valid_from`` or ``valid_to``.
    """
    for name, compiled in graph.tables.items():
        if compiled.declared.history is None:
            continue
        where, kept = str(compiled.declared.origin), history_name(name)
        other = graph.project.tables.get(kept) or graph.project.sources.get(kept)
        if other is not None:
            raise DeclarationError(f"the history of {name} would be {kept}, which is declared", where=where, hint=f"rename {other.origin}")
        taken = [found for found in compiled.columns if found.lower() in (FROM, TO)]
        if taken:
            hint = f"call it otherwise: {', '.join(taken)} AS …"
            raise DeclarationError(f"{name} has a column {taken[0]}, which its history adds", where=where, hint=hint)
