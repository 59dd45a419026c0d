"""The query of a SQL file with calls of models in our words, before anything is read from it."""

from __future__ import annotations

from collections.abc import Callable

from foretable.compile.recorded import Columns
from foretable.declare.project import Project
from foretable.declare.tables import DynamicTable
from foretable.errors import UnknownName, nearest
from foretable.faces import Facts, rewritten


def in_our_words(declared: DynamicTable, project: Project, columns_of: Callable[[str], Columns]) -> str:
    """The text of a declared query, in which ``ML.PREDICT(MODEL m, …)`` and ``m!PREDICT(…)`` call our functions.

    Parameters
    ----------
    declared
        A table declared in SQL.
    project
        Whose models may be called.
    columns_of
        Gives the columns of a table, for the name of the column that a model learns.

    Raises
    ------
    UnknownName
        A model is called that nobody declares.
    """

    def facts(model: str) -> Facts:
        if model not in project.models:
            hint = nearest(model, project.models)
            raise UnknownName(f"{declared.name} calls a model {model!r}, which nothing declares", where=str(declared.origin), hint=hint)
        found = project.models[model]
        keys = {key.lower() for key in (found.label.entity.keys if found.label.entity else ())}
        return Facts(found.task, next(name for name in columns_of(found.label.name) if name.lower() not in keys))

    return rewritten(declared.sql, facts, place=lambda _: str(declared.origin), declared=True)
