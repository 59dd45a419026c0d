"""The same query, with the order-sensitive parts of it completed, so that equal contents give equal bits.

What DuckDB computes from rows in any order, threads and batches included, is made to depend on their values alone:

- ``sum(x)`` of floating values becomes ``sum(x ORDER BY x)``; so do the other aggregates that round, break ties or
  give rows back. DuckDB sorts within each group, so a group gives the same bits alone and among others.
- ``arg_max(a, b)`` becomes ``arg_max(a, CASE WHEN b IS NOT NULL THEN (b, a) END)``.
- ``row_number() OVER (… ORDER BY ts)`` and what else goes by places gets the columns that are looked at as
  tie-breakers, and so do ``DISTINCT ON … ORDER BY`` and ``ORDER BY … LIMIT``.
- Where equal rows count as one (``rank``, RANGE and GROUPS frames) the window stays as it is, and the call is sorted inside.

The author's order comes first, so among results that the query could have given it still gives one. What cannot be
completed is left alone, and :func:`foretable.compile.functions.problem` says why.

Ranges are DuckDB's own, the same for any order: ``sum`` and ``avg`` overflow to ``inf``, ``inf`` and ``-inf`` make NaN, NaN
stays NaN; variances, ``corr``, ``regr_*``, ``skewness`` and ``kurtosis`` raise ``Out of Range Error`` for infinite or NaN
arguments and where squares overflow. ``0.0`` and ``-0.0`` are one value to DuckDB: which of them ``min``, ``first`` or a group's key
shows is not determined; the same holds for intervals that are equal and written otherwise, and for text under a collation.

Costs (DuckDB 1.5.6, CPU for a million rows in 20,000 groups): nothing for exact ``sum``; each floating ``sum``, ``avg`` or ``stddev``
0.02 s as written, 0.7 s in order; ``arg_max`` 0.04 s and, with a pair, 0.08 s; ``avg`` of integers
would take 0.7 s as well and is therefore left alone. A floating sum over whole partitions 0.08 s and 1.1 s; over frames about 20 times as
long as written, since each frame is sorted anew. DECIMAL costs none of this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.compile.deterministic_facts import AGGREGATES, FRAMED, MARK, PAIRED, PLACES, arguments, is_paired, name_of, needed, window_of
from foretable.compile.deterministic_scope import Schemas, exact, in_order, resolved, select_of, sources
from foretable.compile.deterministic_scope import outputs as outputs_of
from foretable.compile.deterministic_text import ORDER_BY, Text
from foretable.compile.deterministic_ties import undecided
from foretable.compile.references import calls
from foretable.compile.spliced import spliced
from foretable.declare.project import Macro
from foretable.sql import Spliced, parse, render

READ = "read"
"""Marks a tree that is read from its own text, with the names that :func:`foretable.compile.references.calls` finds there."""
_FRAMES = frozenset(("ROWS", "RANGE", "GROUPS"))


def deterministic(query: exp.Query, schemas: Schemas, macros: Mapping[str, Macro]) -> exp.Query:
    """The query, completed; itself where nothing is missing.

    Parameters
    ----------
    query
        A spliced text or an Ibis tree.
    schemas
        Columns of the tables that it reads, by ``layer.table``.
    macros
        The project's, by name: what bears the name of one is no aggregate of DuckDB's.

    Returns
    -------
    sqlglot.exp.Query
        A spliced text stays byte for byte apart from what is inserted; applied to its own result, this changes nothing.
    """
    text = render(query)
    completed = _completed(text, schemas, macros)
    if completed == text:
        return query
    if not isinstance(query, Spliced):
        tree: Any = parse(completed)
        again = render(tree)
        # x IS NOT NULL comes back as NOT x IS NULL
        same = again == completed or (sorted(Text(again).words) == sorted(Text(completed).words) and parse(again) == tree)
        if same:
            tree.meta[READ] = frozenset(calls(again))
            return cast(exp.Query, tree)
    return spliced(completed)


def _completed(text: str, schemas: Schemas, macros: Mapping[str, Macro]) -> str:
    """The text with the insertions; unchanged where it cannot be read with its calls marked."""
    written = Text(text)
    marked, any_mark = written.marked(macros)
    if not any_mark:
        return text
    try:
        tree: Any = parse(marked)
    except SqlglotError:
        return text
    marks = {_place(node): node for node in tree.find_all(exp.Anonymous) if str(node.this).startswith(MARK)}
    for place, node in sorted(marks.items(), reverse=True):  # inner calls first: the arguments of outer ones repeat them
        if name_of(node) == ORDER_BY:
            _complete_query(written, place, node, schemas)
        else:
            _complete_call(written, place, node, schemas)
    return written.written()


def _place(mark: exp.Expr) -> int:
    return int(str(mark.this).removeprefix(MARK).partition("_")[0])


def _complete_call(text: Text, place: int, node: exp.Anonymous, schemas: Schemas) -> None:
    select, window, name = select_of(node), window_of(node), name_of(node)
    if select is None or isinstance(node.parent, exp.Dot | exp.WithinGroup):
        return
    if window is not None and by_place(name, window):
        _complete_window(text, place, window, select, schemas)
    given, own, distinct = arguments(node)
    keys = needed_keys(name, len(given), window)
    if name == "" or not keys or len(given) < keys or (AGGREGATES.get(name) and _settled(name, given[:keys], own, select, window, schemas)):
        return
    parts, ordered, last = text.call(place)
    if name in PAIRED and len(given) == 2 and not own and not distinct and window is None:
        if not is_paired(given):
            _complete_pair(text, *parts)
        return
    there = {text.plain(*part) for part in ordered}
    before: list[tuple[int, int]] = []
    if window is not None and not own and not distinct and window.args.get("order") and _follows(name):
        before = _window_keys(text, place, window, select)
        if not before:
            return
    wanted = [*before, *(part for part in parts[:keys] if text.plain(*part) not in there)]
    if not wanted or all(isinstance(one, exp.Literal) for one in given[:keys]):
        return
    inserted = ", ".join(text.written(*part) for part in wanted)
    text.insert(last, f", {inserted}" if ordered else f" ORDER BY {inserted}")


def _complete_pair(text: Text, value: tuple[int, int], by: tuple[int, int]) -> None:
    """``arg_max(a, b)`` → ``arg_max(a, CASE WHEN (b) IS NOT NULL THEN (b, a) END)``: as before, a row without b does not count."""
    written = text.written(*by)
    text.insert(by[1], f", {text.written(*value)}) END")
    text.insert(by[0] - 1, f" CASE WHEN ({written}) IS NOT NULL THEN (")


def _follows(name: str) -> bool:
    """Whether a function gives rows in the order of its window."""
    return name in FRAMED or AGGREGATES[name].kind == "sequence"


def needed_keys(name: str, count: int, window: exp.Window | None) -> int:
    """How many arguments must be keys inside the call; 0 where the order inside does not matter, or is the window's."""
    rows = window is not None and _frame(window) == "ROWS"
    if name in FRAMED:
        return 0 if rows else 1
    if name not in AGGREGATES or (AGGREGATES[name].kind == "sequence" and rows):
        return 0
    return needed(name, count)


def by_place(name: str, window: exp.Window) -> bool:
    """Whether equal rows of a window that change places change the result."""
    frame = _frame(window)
    return (name in PLACES and frame in ("", "ROWS")) or (frame == "ROWS" and (name in FRAMED or name in AGGREGATES))


def _frame(window: exp.Window) -> str:
    """ROWS, RANGE or GROUPS; empty without a frame, and where it is the whole partition."""
    spec = window.args.get("spec")
    if spec is None or (spec.args.get("start") == spec.args.get("end") == "UNBOUNDED" and not spec.args.get("exclude")):
        return ""
    return str(spec.args.get("kind") or "").upper()


def _settled(
    name: str, values: list[exp.Expr], own: list[exp.Ordered], select: exp.Select, window: exp.Window | None, schemas: Schemas
) -> bool:
    """Whether a call needs no order: its values are exact, or come in an order that the author made further in."""
    kind = AGGREGATES[name].kind
    if kind == "sequence" and not own and window is None:
        return any(in_order(source) for source in sources(select))
    return kind in ("never", "refused") or (kind == "floating" and all(exact(value, select, schemas) for value in values))


def _window_keys(text: Text, place: int, window: exp.Window, select: exp.Select) -> list[tuple[int, int]]:
    """Places of the keys of a window's ORDER BY."""
    if window.args.get("alias") is not None:
        return []
    over = text.over(place)
    order = text.find(frozenset(("ORDER BY",)), over + 1, text.closing(over))
    return text.parts(order + 1, _window_end(text, window, over) + 1)


def _window_end(text: Text, window: exp.Window, bracket: int) -> int:
    """The last place before the frame of the window in those brackets."""
    close = text.closing(bracket)
    return (text.find(_FRAMES, bracket + 1, close) if window.args.get("spec") else close) - 1


def missing(window: exp.Window, select: exp.Select, schemas: Schemas) -> list[exp.Expr] | None:
    """Columns that a window's ORDER BY lacks to leave no ties that matter; None where they are not known."""
    order, partition = window.args.get("order"), window.args.get("partition_by")
    return _lacking(select, [*(order.expressions if order else []), *(partition or [])], schemas)


def _lacking(select: exp.Select, keys: list[exp.Expr], schemas: Schemas, *, aliases: bool = False) -> list[exp.Expr] | None:
    """The columns that tell rows apart and are no keys; with ``aliases``, the name of an alias means that."""
    wanted = undecided(select, schemas)
    named = {one.alias_or_name.lower(): one.this if isinstance(one, exp.Alias) else one for one in select.expressions}
    there: set[tuple[str, str]] = set()
    for key in keys:
        column: exp.Expr = key.this if isinstance(key, exp.Ordered) else key
        if isinstance(column, exp.Column) and not column.table:
            there.add(("", column.name.lower()))
            column = named.get(column.name.lower(), column) if aliases else column
        if isinstance(column, exp.Column):
            there |= {(source.alias_or_name.lower(), name) for source, name, _ in resolved(column, select, schemas) or []}
    return None if wanted is None else [one for one in wanted if (one.text("table").lower(), one.name.lower()) not in there]


def _complete_window(text: Text, place: int, window: exp.Window, select: exp.Select, schemas: Schemas) -> None:
    named = window.args.get("alias")
    over = text.over(place)
    if named is not None and text.words[over] != "(":
        _complete_named(text, str(named.name).lower(), select, schemas)
        return
    unordered = not window.args.get("order")
    if unordered and (named is not None or any(in_order(source) for source in sources(select))):
        return  # the base's order cannot be added to; an order further in is what the author relied on
    _insert_keys(text, _window_end(text, window, over), not unordered, missing(window, select, schemas))


def _complete_named(text: Text, name: str, select: exp.Select, schemas: Schemas) -> None:
    """Complete a window of the WINDOW clause, if all that use it go by places."""
    users = [one for one in select.find_all(exp.Window) if one.alias.lower() == name and one.parent is not select]
    defined = [one for one in select.args.get("windows") or [] if one.name.lower() == name]
    if len(defined) != 1 or not defined[0].args.get("order") or not all(_call_name(one) in PLACES for one in users):
        return
    marks = [node for node in defined[0].args["order"].find_all(exp.Anonymous) if name_of(node) == ORDER_BY]
    first = _place(marks[0])
    bracket = max(place for place in range(first) if text.words[place] == "(" and text.closing(place) > first)
    _insert_keys(text, _window_end(text, defined[0], bracket), True, missing(defined[0], select, schemas))


def _call_name(window: exp.Window) -> str:
    call = window.this
    while isinstance(call, exp.Filter | exp.IgnoreNulls | exp.RespectNulls):
        call = call.this
    return name_of(call) if isinstance(call, exp.Expr) else ""


def _complete_query(text: Text, place: int, mark: exp.Anonymous, schemas: Schemas) -> None:
    """Complete the ORDER BY of a query that keeps some rows of several."""
    order = mark.find_ancestor(exp.Order)
    query = order.parent if order is not None else None
    if isinstance(query, exp.Select | exp.SetOperation) and order is not None and keeps_some(query):
        _insert_keys(text, text.list_end(place), True, missing_in_query(query, schemas))


def keeps_some(query: exp.Query) -> bool:
    """Whether the order of its rows decides which of them a query gives."""
    distinct = query.args.get("distinct")
    on = isinstance(distinct, exp.Distinct) and distinct.args.get("on") is not None
    return on or bool(query.args.get("limit") or query.args.get("offset"))


def missing_in_query(query: exp.Query, schemas: Schemas) -> list[exp.Expr] | None:
    """Columns that a query's own ORDER BY lacks; None where they are not known."""
    order = query.args.get("order")
    keys = order.expressions if order is not None else []
    there = {key.this.name.lower() for key in keys if isinstance(key.this, exp.Column) and not key.this.table}
    if not query.is_star and all(one.alias_or_name.lower() in there for one in query.selects):
        return []  # rows that are equal in all that the query gives
    distinct = query.args.get("distinct")
    if isinstance(query, exp.Select) and (distinct is None or distinct.args.get("on") is not None):
        return _lacking(query, keys, schemas, aliases=True)
    given = outputs_of(query, schemas)
    known = given is not None and len(given) == len(query.selects)
    return [exp.column(exp.to_identifier(name, quoted=True)) for name in given or {} if name not in there] if known else None


def _insert_keys(text: Text, place: int, ordered: bool, keys: list[exp.Expr] | None) -> None:
    if keys:
        inserted = ", ".join(render(key) for key in keys)
        text.insert(place, f", {inserted}" if ordered else f" ORDER BY {inserted}")
