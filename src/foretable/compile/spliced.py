"""A query as its author wrote it, with a tree only where the engine fills something in.

sqlglot reads DuckDB's SQL well enough to say what a query stands on, but what it would write is not
always what it has read: ``2 * mod(a, 3)`` loses its brackets, ``INTERVAL '3 mon'`` becomes three minutes,
``j->>'a.b'`` another path. So the text stays as it is, and only the tables and the engine's own functions
are replaced in it.
"""

from __future__ import annotations

from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from foretable.compile.asof import AS_OF, MODEL_VERSION
from foretable.compile.references import handed, qualified, tables_of
from foretable.sql import DIALECT, Spliced, parse

ALIASED, HANDED = "aliased", "handed"
"""Marks of a table's tree: the text around it gives it a name; it is the argument of ``predict_<model>(table)``."""

Hole = tuple[int, int, exp.Expression]


def spliced(text: str) -> Spliced:
    """The query of that text; its parts are text, tables, columns of those, and calls of the engine's functions.

    Raises
    ------
    sqlglot.errors.SqlglotError
        It does not parse.
    """
    tree = parse(text)
    known = set(tables_of(tree))
    holes = [hole for node in tree.walk() if (hole := _hole(node, known)) is not None] + _calls(text)
    parts: list[exp.Expression] = []
    done = 0
    for start, stop, node in sorted(holes, key=lambda hole: hole[0]):
        parts += [exp.Var(this=text[done:start]), node]
        done = stop
    return Spliced(expressions=[*parts, exp.Var(this=text[done:])])


def _hole(node: exp.Expression, known: set[str]) -> Hole | None:
    """Where a table, or a column with the full name of its table, stands."""
    if isinstance(node, exp.Table) and qualified(node) in known:
        named = exp.Table(**{part: node.args[part].copy() for part in ("this", "db", "catalog") if node.args.get(part)})
        named.meta[ALIASED] = bool(node.args.get("alias"))
        return *_span(named), named
    if isinstance(node, exp.Column) and handed(node) in known:
        parts = dict(zip(("this", "db", "catalog"), (part.copy() for part in reversed(node.parts)), strict=False))
        named = exp.Table(**parts)
        named.meta[HANDED] = True
        return *_span(named), named
    if isinstance(node, exp.Column) and ".".join(part.name for part in node.parts[:-1]).lower() in known and len(node.parts) > 2:
        return *_span(node), node.copy()
    return None


def _span(node: exp.Expression) -> tuple[int, int]:
    places = [part.meta for part in node.find_all(exp.Identifier)]
    return min(place["start"] for place in places), max(place["end"] for place in places) + 1


def _calls(text: str) -> list[Hole]:
    """The calls of ``as_of()`` and ``model_version('m')``."""
    tokens = sqlglot.tokenize(text, dialect=DIALECT)
    found: list[Hole] = []
    for (before, name), (_, bracket) in pairwise(pairwise([None, *tokens])):
        if name is None or bracket is None or bracket.token_type is not TokenType.L_PAREN or _is_dot(before):
            continue
        if name.text.lower() in (AS_OF, MODEL_VERSION):
            stop = next(token.end for token in tokens if token.start > bracket.start and token.token_type is TokenType.R_PAREN) + 1
            found.append((name.start, stop, parse(text[name.start : stop])))
    return found


def _is_dot(token: Token | None) -> bool:
    return token is not None and token.token_type is TokenType.DOT
