"""A query as a tree to reason about, never to run: macros written out, every column under the alias of its table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.annotate_types import annotate_types
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.scope import Scope, traverse_scope

from foretable.compile.answers import table_columns
from foretable.compile.deterministic import READ
from foretable.compile.expanded import Unreadable, apart, expand_macros
from foretable.compile.recorded import Columns
from foretable.compile.references import PREDICT, models_of, qualified, tables_of
from foretable.compile.spliced import ALIASED, HANDED
from foretable.declare.model import Model
from foretable.declare.project import Macro
from foretable.sql import DIALECT, Spliced, parse, render

PLACE, TABLE = "place", "table"
"""Marks of a table's tree: its number in the query, in order; its name, ``layer.table``."""
ALIASES, ASOF_TIME = "aliases", "asof_time"
"""Marks: aliases of a SELECT that its HAVING, QUALIFY or DISTINCT ON names; the time of ``ASOF JOIN … USING``."""
ROW = "foretable_row"
"""Stands before the columns of a row that is handed to a function whole."""


def places(query: exp.Expr) -> list[exp.Table]:
    """The tables of a query in order of its text, those handed to ``predict_<model>(table)`` included.

    Parameters
    ----------
    query
        As it was compiled: a spliced text or an Ibis tree. Where a table stands in several places, it is listed as often.
    """
    if isinstance(query, Spliced):
        return [part for part in query.expressions if isinstance(part, exp.Table)]
    known = set(tables_of(cast(exp.Expression, query)))
    return [node for node in query.walk(bfs=False) if isinstance(node, exp.Table) and qualified(node) in known]


def typed(query: exp.Expr, schemas: Mapping[str, Columns], macros: Mapping[str, Macro], models: Mapping[str, Model]) -> exp.Expr:
    """The query with every name resolved and every expression typed.

    Parameters
    ----------
    query
        As it was compiled.
    schemas
        Columns of all tables that it may read, by ``layer.table``.
    macros, models
        The project's, by name.

    Returns
    -------
    sqlglot.exp.Expr
        A tree of its own. Tables bear ``meta["place"]``, their index in :func:`places`, and ``meta["table"]``; names are in lower case.

    Raises
    ------
    Unreadable
        Something in it is not understood well enough to be sure of.
    """
    tree, tables = _numbered(query)
    try:
        if READ not in query.meta or macros.keys() & query.meta[READ]:
            tree = parse(apart(render(tree, copy=False), macros))
        schema = _recognise(tree, tables, schemas)
        tree = expand_macros(tree, macros)
        _open_scored(tree, models)
        _mark(tree, schema)
        tree = qualify(tree, dialect=DIALECT, schema=schema, quote_identifiers=False)
        _check(tree, schema)
        _expand_rows(tree, schema)
        return annotate_types(tree, schema=schema, dialect=DIALECT)
    except SqlglotError as error:
        raise Unreadable(
            f"its names cannot be resolved: {str(error).splitlines()[0]}", "write columns with the alias of their table"
        ) from None


def _numbered(query: exp.Expr) -> tuple[exp.Expr, list[str]]:
    """The query with the tables called by the number of their place, so two files or layers cannot be mixed up; and their names."""
    copy = query.copy()
    found = places(copy)
    names = [qualified(place) for place in found]
    for number, place in enumerate(found):
        if not place.args.get("alias") and not place.meta.get(ALIASED) and not place.meta.get(HANDED):
            place.set("alias", exp.TableAlias(this=exp.to_identifier(place.name, quoted=True)))
        place.set("this", exp.to_identifier(f"{PLACE} {number}", quoted=True))
        place.set("db", None)
        place.set("catalog", None)
    return copy, names


def _recognise(tree: exp.Expr, tables: Sequence[str], schemas: Mapping[str, Columns]) -> dict[str, Any]:
    """Mark the tables by their number; gives the schema of each."""
    numbers = {f"{PLACE} {number}": number for number in range(len(tables))}
    found = [node for node in tree.walk() if isinstance(node, exp.Table | exp.Column) and node.name in numbers]
    for node in found:
        node.meta.update({PLACE: numbers[node.name], TABLE: tables[numbers[node.name]]})
    if sorted(node.meta[PLACE] for node in found) != list(range(len(tables))):
        raise Unreadable("its tables cannot be told apart")
    for column in tree.find_all(exp.Column):
        if column.db and ".".join(part.name for part in column.parts[:-1]).lower() in tables:
            column.set("db", None)
            column.set("catalog", None)
    return {name: {column: str(kind) for column, kind in schemas[tables[number]].items()} for name, number in numbers.items()}


def _open_scored(tree: exp.Expr, models: Mapping[str, Model]) -> None:
    """``FROM predict_m(layer.table)`` as the columns of that table and those that the model adds."""
    for node in list(tree.find_all(exp.Table)):
        call = node.this
        if not isinstance(call, exp.Anonymous) or not str(call.this).lower().startswith(PREDICT):
            continue
        found = models_of([str(call.this).lower()], models)
        if len(found) != 1 or len(call.expressions) != 1 or not isinstance(call.expressions[0], exp.Column):
            raise Unreadable(f"{call.this} is not called with one table")
        given = call.expressions[0]
        read = exp.Table(**dict(zip(("this", "db", "catalog"), reversed(given.parts), strict=False)))
        read.meta.update({key: given.meta[key] for key in (PLACE, TABLE) if key in given.meta})
        read.set("alias", exp.TableAlias(this=exp.to_identifier(ROW)))
        scores = [
            exp.alias_(exp.Anonymous(this=call.this, expressions=[exp.column(ROW)]), name) for name in table_columns(models[found[0]])
        ]
        inner = exp.select(exp.column(exp.Star(), table=ROW), *scores).from_(read)
        scored = exp.Subquery(this=inner, alias=node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(call.this)))
        scored.set("joins", node.args.get("joins"))
        node.replace(scored)


def _mark(tree: exp.Expr, schema: Mapping[str, Columns]) -> None:
    """Note what qualifying loses, and refuse what it reads otherwise than DuckDB does."""
    for select in tree.find_all(exp.Select):
        _check_joins(select)
        aliases = {part.alias.lower() for part in select.expressions if isinstance(part, exp.Alias) and not _keeps_name(part)}
        clauses = (node for clause in ("having", "qualify", "distinct") for node in _own(select.args.get(clause)))
        bare = {node.name.lower() for node in clauses if isinstance(node, exp.Column) and not node.table}
        select.meta[ALIASES] = bare & aliases
        _mark_rows(select, schema)
    for node in tree.find_all(exp.Table):
        alias = node.args.get("alias")
        if PLACE in node.meta and alias is not None and alias.columns:
            raise Unreadable(f"{node.meta[TABLE]} has its columns renamed in FROM", "rename them in a SELECT")


def _keeps_name(part: exp.Alias) -> bool:
    return isinstance(part.this, exp.Column) and part.this.name.lower() == part.alias.lower()


def _own(clause: exp.Expr | None) -> Iterator[exp.Expr]:
    """Nodes of an expression, those of queries inside left out."""
    if clause is not None:
        yield from clause.walk(prune=lambda node: isinstance(node, exp.Query) and not isinstance(node, exp.Table))


def _check_joins(select: exp.Select) -> None:
    outer = comma = False
    for join in select.args.get("joins") or []:
        merged = bool(join.args.get("using")) or join.method == "NATURAL"
        bare = not (join.side or join.kind or join.method or merged or join.args.get("on"))
        if (comma and (merged or join.side in ("RIGHT", "FULL"))) or (outer and merged):
            raise Unreadable("the columns that USING merges depend on the joins before it", "write ON with the columns of both tables")
        comma |= bare and not isinstance(join.this, exp.Lateral | exp.Unnest)
        outer |= join.side in ("RIGHT", "FULL")
        if join.method == "ASOF" and merged:
            if not join.args.get("using"):
                raise Unreadable("a NATURAL ASOF JOIN", "write ON with the columns of both tables")
            join.meta[ASOF_TIME] = join.args["using"][-1].name.lower()


def _sources(select: exp.Select) -> list[Any]:
    first = select.args.get("from_")
    return [*([first.this] if first is not None else []), *(join.this for join in select.args.get("joins") or [])]


def _mark_rows(select: exp.Select, schema: Mapping[str, Columns]) -> None:
    """``predict_m(f)`` hands over the row ``f``: mark it, so that it is not taken for a column."""
    sources = _sources(select)
    columns = {name.lower() for source in sources if PLACE in source.meta for name in schema[source.name]}
    aliases = {source.alias_or_name.lower() for source in sources} - columns
    parts = [part for name, part in select.args.items() if name not in ("from_", "with_")]
    for part in [one for several in parts for one in (several if isinstance(several, list) else [several])]:
        for node in list(_own(part)) if isinstance(part, exp.Expr) else []:
            if isinstance(node, exp.Column) and not node.table and not isinstance(node.this, exp.Star) and node.name.lower() in aliases:
                call = exp.Anonymous(this=ROW, expressions=[exp.Literal.string(node.name.lower())])
                node.replace(call)


def _check(tree: exp.Expr, schema: Mapping[str, Mapping[str, str]]) -> None:
    for node in tree.walk():
        star = isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count | exp.Anonymous)
        if star or isinstance(node, exp.Columns):
            raise Unreadable("its columns are not written out", "name the columns instead of a star")
    for scope in traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table) and PLACE in source.meta and column.name not in _columns(source, schema):
                raise Unreadable(f"{column.sql(DIALECT)} is no column that is recorded", "use a column of the table")
        for name in scope.expression.meta.get(ALIASES, ()):  # which of the two DuckDB takes depends on the clause
            if any(name in _columns(source, schema) for source in scope.sources.values() if not _makes_rows(source)):
                raise Unreadable(f"{name} is a column and an alias", "give the alias another name")
        if isinstance(scope.expression, exp.Select) and scope.parent is not None and not scope.is_subquery:
            names = [part.alias_or_name for part in scope.expression.selects]
            if twice := {name for name in names if names.count(name) > 1}:
                raise Unreadable(f"two columns are called {min(twice)}", "give them different names")


def _expand_rows(tree: exp.Expr, schema: Mapping[str, Mapping[str, str]]) -> None:
    """Every column of the row in place of the row."""
    for scope in traverse_scope(tree):
        for node in list(scope.find_all(exp.Anonymous)):
            if node.this == ROW:
                name = node.expressions[0].name
                columns = _columns(scope.sources.get(name), schema)
                if any(name in _columns(source, schema) for source in scope.sources.values()):
                    raise Unreadable(f"{name} is a table and a column", "give the table another alias")
                node.set("expressions", [exp.column(column, table=name) for column in columns])


def _makes_rows(source: exp.Expr | Scope) -> bool:
    """Whether rows come from no table: their columns have the names that FROM gives them."""
    if isinstance(source, Scope):
        return not isinstance(source.expression, exp.Query)
    return not isinstance(source, exp.Table) or not isinstance(source.this, exp.Identifier)


def _columns(source: exp.Expr | Scope | None, schema: Mapping[str, Mapping[str, str]]) -> list[str]:
    if isinstance(source, exp.Table):
        return [column.lower() for column in schema.get(source.name, ())]
    if isinstance(source, Scope):
        return list(cast(exp.Query, source.expression).named_selects)
    raise Unreadable("a row stands for columns that are not known", "name the columns")
