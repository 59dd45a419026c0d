"""What is worth showing after a run: whom to act on first, and a query to try next."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foretable.compile.graph import Compiled, Graph
    from foretable.session import Session

Shown = tuple[str, list[str], list[tuple[Any, ...]]]
BASIS = ("probability", "value", "expected_value", "cost", "recommended_action")
"""What a plan made by ``ft.decision`` adds to the scores, as far as it helps to act."""


def act_first(session: Session, built: Collection[str], number: int) -> list[Shown]:
    """The first rows of each pipeline's first decision among the tables built: name, columns, rows."""
    firsts: dict[str, Compiled] = {}
    for name in session.graph.order:
        compiled = session.graph.tables[name]
        if name in built and compiled.kind == "decision" and compiled.entity is not None:
            pipeline = Path(compiled.declared.origin.file).stem
            before = firsts.setdefault(pipeline, compiled)
            if compiled.declared.origin.line < before.declared.origin.line:
                firsts[pipeline] = compiled
    return [(compiled.name, *session.rows(_first_rows(compiled), [number])) for compiled in firsts.values()]


def _first_rows(compiled: Compiled) -> str:
    from sqlglot import exp

    from foretable.decide import Decision
    from foretable.sql import column, render, table

    query = exp.select("*").from_(table(compiled.name)).limit(exp.Placeholder())
    if isinstance(compiled.declared, Decision):
        keys = compiled.entity.keys if compiled.entity else ()
        shown = (*keys, *(name for name in BASIS if name in compiled.columns))
        query = query.select(*map(column, shown), append=False).where(column("production")).order_by(column("production_rank"))
    return render(query)


def example_query(graph: Graph) -> str:
    """A query with ``predict_<model>()`` that suits this project; empty where no model stands on one feature view."""
    from sqlglot import exp

    from foretable.sql import table

    for model in graph.project.models.values():
        keys = model.label.entity.keys if model.label.entity else ()
        if len(model.features) == 1 and keys and model.features[0].name in graph.refreshed:
            score = exp.alias_(exp.Anonymous(this=f"predict_{model.name}", expressions=[exp.column("f")]), "score")
            rows = exp.alias_(table(model.features[0].name), "f", table=True)
            query = exp.select(*keys, score).from_(rows).order_by(exp.column("score").desc()).limit(5)
            return query.sql("duckdb", normalize_functions=False, identify=False).replace('"', "")
    return ""
