"""The analyser."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot import exp

from foretable.compile.incremental.shape import Analysis, Effect
from foretable.compile.recorded import Columns
from foretable.compile.references import handed, qualified
from foretable.compile.typed import places
from foretable.declare.function import Function
from foretable.declare.model import Model
from foretable.declare.project import Macro


def analyse(
    query: exp.Expr,
    keys: tuple[str, ...],
    schemas: Mapping[str, Columns],
    macros: Mapping[str, Macro],
    models: Mapping[str, Model],
    functions: Mapping[str, Function],
) -> Analysis:
    """Whether and how a table can be kept up to date by recomputing some of its keys."""
    names = sorted({qualified(place) or handed(place) for place in places(query)})
    return Analysis(
        reason="the analyser knows nothing yet",
        effects=tuple(Effect(name, ()) for name in names),
        reads={name: tuple(schemas[name]) for name in names},
    )
