"""What a query may be made of at all; whatever is not listed is not understood."""

from __future__ import annotations

from collections.abc import Collection

from sqlglot import exp

from foretable.compile.asof import AS_OF, MODEL_VERSION
from foretable.compile.functions import problem
from foretable.compile.incremental.catalogue import unsteady
from foretable.compile.incremental.found import Refused, shown
from foretable.compile.references import models_of
from foretable.compile.typed import ROW
from foretable.sql import DIALECT

_CLAUSES = {
    "expressions", "from_", "joins", "where", "group", "having", "qualify", "distinct", "order", "windows", "with_", "limit", "offset",
}  # fmt: skip
_NODES = (
    exp.Query, exp.Table, exp.TableAlias, exp.From, exp.Join, exp.Where, exp.Group, exp.Having, exp.Qualify, exp.Distinct, exp.Order,
    exp.Ordered, exp.With, exp.CTE, exp.Lateral, exp.Values, exp.Tuple, exp.Identifier, exp.Column, exp.Alias, exp.Literal, exp.Boolean,
    exp.Null, exp.DataType, exp.DataTypeParam, exp.Interval, exp.IntervalSpan, exp.Var, exp.Star, exp.Window, exp.WindowSpec, exp.Filter,
    exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls, exp.Lambda, exp.Func, exp.Binary, exp.Unary, exp.Condition, exp.Slice,
    exp.PropertyEQ, exp.Kwarg, exp.ColumnDef, exp.JSONPath, exp.JSONPathPart, exp.Any, exp.All, exp.GroupingSets, exp.Cube, exp.Rollup,
    exp.AtTimeZone,
)  # fmt: skip
_MAKERS = {"unnest", "generate_series", "range"}
_CURES = {
    exp.Limit: ("LIMIT takes some of all rows", "take the rows per key: QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) <= n"),
    exp.Fetch: ("FETCH takes some of all rows", "take the rows per key: QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) <= n"),
    exp.Offset: ("OFFSET takes some of all rows", "take the rows per key: QUALIFY row_number() OVER (PARTITION BY key ORDER BY …) > n"),
    exp.TableSample: ("it samples its rows", "keep rows by a hash of the key: hash(key) % 10 = 0"),
    exp.Pivot: ("PIVOT makes columns out of rows", "write one aggregate with FILTER for each column"),
    exp.Collate: ("COLLATE makes different texts equal", "compare lower(column) instead"),
    exp.Parameter: ("it takes parameters", "write the value"),
    exp.Placeholder: ("it takes parameters", "write the value"),
}
_CURED = tuple(_CURES)


def check(tree: exp.Expr, own: Collection[str], models: Collection[str]) -> None:
    """Refuse what cannot be refreshed by key, wherever it stands.

    Parameters
    ----------
    tree
        A typed query.
    own, models
        Names of the project's functions and models.

    Raises
    ------
    Refused
        With the reason.
    """
    if tree.args.get("order") is not None:
        picks = tree.args.get("distinct") is not None and tree.args["distinct"].args.get("on") is not None
        hint = "put DISTINCT ON into a subquery: SELECT * FROM (…)" if picks else "order when you read the table"
        raise Refused("ORDER BY orders all of its rows", hint)
    nodes = list(tree.walk())
    if found := {type(node) for node in nodes if isinstance(node, _CURED)}:
        raise Refused(*next(cure for kind, cure in _CURES.items() if kind in found))
    for node in nodes:
        if not isinstance(node, _NODES):
            raise Refused(f"{type(node).__name__} is not understood: {shown(node)}")
        if isinstance(node, exp.Table | exp.Lateral) and not isinstance(node.this, exp.Identifier | exp.Subquery):
            _maker(node)
        _steady(node, own, models)
    for node in nodes:
        if isinstance(node, exp.Select):
            _clauses(node)


def _steady(node: exp.Expr, own: Collection[str], models: Collection[str]) -> None:
    reason, hint = problem(node)
    if reason:
        raise Refused(reason, hint)
    if not isinstance(node, exp.Func) or isinstance(node.parent, exp.Table):
        return
    name = str(node.this).lower() if isinstance(node, exp.Anonymous) else ""
    if name not in (AS_OF, MODEL_VERSION, ROW) and not models_of([name], models) and (found := unsteady(node, own)):
        raise Refused(f"{found}() is not known to give the same value every time", "use a function of DuckDB's, or declare it under udfs/")


def _clauses(select: exp.Select) -> None:
    for name, part in select.args.items():
        if part and name not in _CLAUSES:
            raise Refused(f"{name} of a SELECT is not understood")


def _maker(node: exp.Table | exp.Lateral) -> None:
    name = str(node.this.this).lower() if isinstance(node.this, exp.Anonymous) else node.this.sql(DIALECT).split("(")[0].lower()
    if name not in _MAKERS:
        raise Refused(f"{name}() in FROM may give other rows each time", "declare a source for what it reads")
