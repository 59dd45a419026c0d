"""Finding the table that a statement names."""

from __future__ import annotations

from foretable.declare.project import Project
from foretable.declare.tables import DynamicTable, Label
from foretable.errors import DeclarationError, UnknownName, nearest


def dynamic_tables_of(project: Project) -> dict[str, DynamicTable]:
    """The tables that waves keep fresh: all but the labels, which live in training sets."""
    return {name: table for name, table in project.tables.items() if not isinstance(table, Label)}


def dynamic_table(project: Project, name: str) -> DynamicTable:
    """The dynamic table of that name.

    Raises
    ------
    UnknownName
        There is none; with the near name.
    DeclarationError
        It is a source or a label.
    """
    known = dynamic_tables_of(project)
    if name in known:
        return known[name]
    other = project.sources.get(name) or project.tables.get(name)
    if other is None:
        raise UnknownName(f"no dynamic table is called {name}", hint=nearest(name, known))
    what = "a source, which the outside world writes" if name in project.sources else "a label, which lives in training sets"
    raise DeclarationError(f"{name} is {what}", where=str(other.origin), hint="see what there is: SHOW DYNAMIC TABLES")
