"""A query with the tables of ours that it reads written out, down to the sources.

A training set evaluates every feature view at the spine's date; what the warehouse holds of it is of
another date, so stacked views are inlined, each with ``as_of()`` cut to its own grain, as a refresh cuts it.
"""

from __future__ import annotations

from typing import cast

from sqlglot import exp

from foretable.compile.asof import AnyDate, Moment, cut, fill
from foretable.compile.good_rows import good_rows
from foretable.compile.graph import Graph
from foretable.compile.references import qualified
from foretable.compile.spliced import ALIASED, HANDED
from foretable.declare.tables import Label
from foretable.errors import DeclarationError


def inlined(graph: Graph, name: str, as_of: Moment | None) -> exp.Query:
    """The query of a table over sources alone, evaluated at ``as_of``.

    Parameters
    ----------
    graph
        The compiled project.
    name
        A table of the project.
    as_of
        The date of the spine in UTC, or any one; None where the label has no clock.

    Returns
    -------
    sqlglot.exp.Query
        ``WITH`` one CTE for every table of ours upstream, each written once.
    """
    needed = [other for other in graph.order if other in graph.upstream(name)]
    main = _evaluated(graph, name, as_of)
    if not needed:
        return main
    query = exp.select("*").from_(main.subquery(exp.to_identifier(name, quoted=True), copy=False), copy=False)
    for other in needed:
        query.with_(exp.to_identifier(other, quoted=True), as_=_evaluated(graph, other, as_of), copy=False)
    return query


def _evaluated(graph: Graph, name: str, as_of: Moment | None) -> exp.Query:
    compiled = graph.tables[name]
    moment = as_of
    if moment is not None and not isinstance(compiled.declared, Label):  # a label cut back would overlap with what features know
        grain = compiled.declared.grain
        moment = AnyDate(grain) if isinstance(moment, AnyDate) else cut(moment, grain, graph.project.config.time_zone)

    def rename(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Table) and qualified(node) in graph.tables:
            if node.meta.get(HANDED):  # the macro would look the name up in the warehouse: what is there is of another date
                raise DeclarationError(
                    f"{name} hands {qualified(node)} to a model, which cannot be done at a date of the past",
                    where=str(compiled.declared.origin),
                    hint="score row by row: SELECT f.*, predict_<model>(f) FROM the_table AS f",
                )
            renamed = exp.Table(this=exp.to_identifier(qualified(node), quoted=True), alias=node.args.get("alias"))
            if not renamed.args.get("alias") and not node.meta.get(ALIASED):
                renamed.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
            return renamed
        if isinstance(node, exp.Column) and node.db and f"{node.db}.{node.table}".lower() in graph.tables:
            return exp.Column(this=node.this, table=node.args["table"])
        return node

    query = cast(exp.Query, fill(compiled.query, moment).transform(rename, copy=False))
    rules = graph.project.schemas.get(name)
    return good_rows(query, compiled.columns, rules.schema) if rules is not None and name.startswith("clean.") else query
