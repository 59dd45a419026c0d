"""A text with calls of models in our words, the rest of it byte for byte as it was."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from foretable.errors import UsageError
from foretable.faces import bigquery, snowflake
from foretable.faces.calls import last_call, tokens_of, unexplained
from foretable.faces.facts import Models
from foretable.sql import parse, render

MAY_CALL = re.compile(r"\bml\b|!\s*[a-z_/-]", re.IGNORECASE)
"""What no text without such a call need be read for; ``!=`` is none."""
ROW = re.compile(r"foretable_row_\d+\Z")


def nowhere(_: int) -> str:
    """For a text that stands in no file."""
    return ""


def rewritten(text: str, models: Models, *, place: Callable[[int], str] = nowhere, declared: bool = False) -> str:
    """The text with every ``ML.PREDICT(MODEL m, …)`` and ``m!PREDICT(…)`` in our words.

    Parameters
    ----------
    text
        One or more statements.
    models
        Tells about a model by its name.
    place
        File and line of a line of the text, for errors.
    declared
        Whether it is the query of a declared table, which may not read the catalog.

    Raises
    ------
    UsageError
        A call is not written as it should be, or it is not clear which table ``*`` means.
    UnknownName
        There is no such model, version or alias.
    """
    if not MAY_CALL.search(text) or last_call(text) is None:
        return text
    rows = snowflake.Rows()
    text, names = snowflake.without_names(text, place(1))
    while (call := last_call(text)) is not None:
        where = place(call.line)
        if call.on:
            new = snowflake.in_our_words(call, models, names, rows, where)
        else:
            new = bigquery.in_our_words(call, models, where, declared=declared)
        text = f"{text[: call.start]}{new}{text[call.stop :]}"
    return _with_rows(text, rows, place) if rows.asked else text


def _with_rows(text: str, rows: snowflake.Rows, place: Callable[[int], str]) -> str:
    """The text with the names that stand for rows filled in."""
    parts: list[str] = []
    done = 0
    for statement, start in _statements(text):
        found: dict[str, list[list[str]]] = {}
        for token in tokens_of(statement):
            if ROW.match(token.text) and token.text in rows.asked and token.token_type is TokenType.VAR:
                found = found or _scopes(statement)
                new = _row(rows.asked[token.text], found.get(token.text), place(token.line))
                parts += [text[done : start + token.start], new]
                done = start + token.end + 1
    return "".join([*parts, text[done:]])


def _statements(text: str) -> Iterator[tuple[str, int]]:
    """Each statement and where it starts."""
    start = 0
    for token in [*tokens_of(text), Token.string(";")]:
        if token.token_type is TokenType.SEMICOLON:
            yield text[start : token.start], start
            start = token.end + 1
    yield text[start:], start


def _scopes(statement: str) -> dict[str, list[list[str]]]:
    """For every row asked for, the tables of the query around it, of the query around that, and so on."""
    try:
        tree = parse(unexplained(statement))
    except SqlglotError:
        return {"": []}
    found = {}
    for node in tree.find_all(exp.Column):
        if ROW.match(node.name) and not node.table:
            found[node.name] = list(_around(node))
    return found or {"": []}


def _around(node: Any) -> Iterator[list[str]]:
    select = node.find_ancestor(exp.Select)
    while select is not None:
        given = select.args.get("from_")
        joined = [join.this for join in select.args.get("joins") or []]
        yield [_name(source) for source in ([given.this, *joined] if given is not None else joined)]
        select = select.find_ancestor(exp.Select)


def _name(source: Any) -> str:
    """What a query calls a table, quoted where it must be; empty where it has no name."""
    alias = source.args.get("alias")
    named = alias.this if isinstance(alias, exp.TableAlias) else None
    if named is None and isinstance(source, exp.Table) and isinstance(source.this, exp.Identifier):
        named = source.this
    return render(named) if named is not None else ""


def _row(asked: str, scopes: list[list[str]] | None, where: str) -> str:
    if asked != "*":
        tables = {name.strip('"').lower() for scope in scopes or [] for name in scope}
        if scopes is None or asked.strip('"').lower() in tables:
            return asked
        return render(snowflake.struct_of({asked.strip('"'): asked}))
    problem, hint = "it is not clear which row * means", "name the table and pass its name: churn!PREDICT(f)"
    names = scopes[0] if scopes else []
    if len(names) == 1 and names[0]:
        return names[0]
    if len(names) == 1:
        problem, hint = "* is the row of a query without a name", "give it one: FROM (SELECT …) AS f"
    elif names:
        listed = ", ".join(name or "a query without a name" for name in names)
        problem, hint = f"* may be the row of several tables: {listed}", "pass the one that is meant by its name: churn!PREDICT(f)"
    raise UsageError(problem, where=where, hint=hint)
