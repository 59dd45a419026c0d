"""The query of a table, restricted to its dirty keys."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlglot import exp

from foretable.compile.incremental.shape import Analysis
from foretable.compile.references import qualified
from foretable.compile.spliced import ALIASED, HANDED
from foretable.compile.typed import places
from foretable.sql import column, table

DIRTY = "temp.main.dirty"


def view_name(place: int, of: str = "") -> str:
    """The temporary view that stands in for a table at a place of the query; ``of`` tells several queries apart."""
    return f"temp.main.restricted_{of}{place}"


def restricted_rows(source: exp.Table, columns: Sequence[str], nulls: bool) -> exp.Query:
    """The rows of a table whose key is dirty; ``nulls`` says that a dirty key may hold NULL, which ``=`` would miss."""
    rows = exp.select("*").from_(exp.alias_(source, "r", table=True))
    if len(columns) == 1 and not nulls:
        return rows.where(exp.In(this=column(columns[0], "r"), query=exp.select("k1").from_(table(DIRTY)).subquery()))
    return rows.join(exp.alias_(table(DIRTY), "d", table=True), on=same_key(columns, nulls), join_type="SEMI")


def same_key(columns: Sequence[str], nulls: bool) -> exp.Expr:
    """``r.customer_id = d.k1 AND …``."""
    compare = exp.NullSafeEQ if nulls else exp.EQ
    pairs = [(column(name, "r"), column(f"k{number + 1}", "d")) for number, name in enumerate(columns)]
    return exp.and_(*(compare(this=left, expression=right) for left, right in pairs))


def restricted_views(query: exp.Query, analysis: Analysis, nulls: bool, of: str = "") -> Mapping[str, exp.Query]:
    """The temporary views that the restricted query reads, by name."""
    found = places(query)
    return {view_name(place, of): restricted_rows(_bare(found[place]), columns, nulls) for place, columns in analysis.restricted.items()}


def restricted(query: exp.Query, places_: Collection[int], of: str = "") -> exp.Query:
    """The query with the tables at some places replaced by their temporary views; all else stays."""
    copy = query.copy()
    names = set()
    for place, node in enumerate(places(copy)):
        if place in places_:
            names.add(qualified(node))
            node.replace(_stand_in(node, view_name(place, of)))
    for found in list(copy.find_all(exp.Column)):
        if found.db and ".".join(part.name for part in found.parts[:-1]).lower() in names:
            found.replace(exp.Column(this=found.this, table=found.args["table"]))  # the view is called like the table
    return copy


def _stand_in(node: exp.Table, name: str) -> exp.Table:
    view = table(name)
    view.set("alias", node.args.get("alias"))
    if not view.args.get("alias") and not node.meta.get(ALIASED) and not node.meta.get(HANDED):
        view.set("alias", exp.TableAlias(this=exp.to_identifier(node.name, quoted=True)))
    for part in ("joins", "laterals", "pivots", "sample"):
        if node.args.get(part):
            view.set(part, node.args[part])
    view.meta.update(node.meta)
    return view


def _bare(node: exp.Table) -> exp.Table:
    return table(qualified(node))
