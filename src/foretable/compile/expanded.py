"""Scalar macros of the project written out where they are called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from foretable.declare.project import Macro
from foretable.sql import parse, tokens

_PREFIX = "foretable_macro_"
_DEEPEST = 20
"""Macros that call each other deeper than this call themselves."""


class Unreadable(Exception):
    """A query that cannot be reasoned about, for ``reason``; it may well run."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, eq=False)
class _Opened:
    """A macro: its parameters with their defaults, and its expression."""

    defaults: Mapping[str, exp.Expr | None]
    body: exp.Expr


def apart(text: str, macros: Mapping[str, Macro]) -> str:
    """The text with other names for the project's macros: of some of theirs sqlglot believes that it knows the function."""
    read = tokens(text)
    parts: list[str] = []
    done = 0
    for number, (token, following) in enumerate(pairwise(read)):
        after_dot = number > 0 and read[number - 1].token_type is TokenType.DOT
        if token.text.lower() in macros and following.token_type is TokenType.L_PAREN and not after_dot:
            parts += [text[done : token.start], _PREFIX, token.text.lower()]
            done = token.end + 1
    return "".join([*parts, text[done:]])


def expand_macros(tree: exp.Expr, macros: Mapping[str, Macro]) -> exp.Expr:
    """The tree, of a text set :func:`apart`, with every call of a project's scalar macro replaced by what it stands for.

    Raises
    ------
    Unreadable
        A macro is written in a way that cannot be opened, or called in one.
    """
    for _ in range(_DEEPEST):
        called = [node for node in tree.find_all(exp.Anonymous) if str(node.this).lower().removeprefix(_PREFIX) in macros]
        if not called:
            return tree
        for call in reversed(called):  # inner ones first
            call.replace(_written_out(call, macros))
    raise Unreadable("a macro calls itself")


def _written_out(call: exp.Anonymous, macros: Mapping[str, Macro]) -> exp.Expr:
    macro = macros[str(call.this).lower().removeprefix(_PREFIX)]
    if isinstance(call.parent, exp.Table):
        raise Unreadable(f"macro {macro.name} stands where a table does")
    opened = _opened(macro, apart(macro.sql, {name: other for name, other in macros.items() if name != macro.name}))
    given = _arguments(call, opened, macro)

    def fill(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in given:
            return given[node.name.lower()].copy()
        if isinstance(node, exp.Lambda) and {part.name.lower() for part in node.expressions} & given.keys():
            raise Unreadable(f"macro {macro.name} names a parameter of a lambda as one of its own", "give them different names")
        return node

    return exp.Paren(this=opened.body.transform(fill))


def _arguments(call: exp.Anonymous, opened: _Opened, macro: Macro) -> Mapping[str, exp.Expr]:
    given: dict[str, exp.Expr] = {}
    for name, argument in zip(opened.defaults, call.expressions, strict=False):
        if not isinstance(argument, exp.PropertyEQ | exp.Kwarg):
            given[name] = _bracketed(argument)
    for argument in call.expressions:
        if isinstance(argument, exp.PropertyEQ | exp.Kwarg):
            given[argument.this.name.lower()] = _bracketed(argument.expression)
    for name, default in opened.defaults.items():
        if name not in given and default is not None:
            given[name] = _bracketed(default)
    if given.keys() != opened.defaults.keys() or len(call.expressions) > len(opened.defaults):
        raise Unreadable(f"macro {macro.name} is called with other arguments than it has")
    return given


def _bracketed(argument: exp.Expr) -> exp.Expr:
    return exp.Paren(this=argument.copy()) if isinstance(argument, exp.Binary | exp.Unary | exp.Between | exp.In) else argument.copy()


def _opened(macro: Macro, text: str) -> _Opened:
    """Read from its tokens: sqlglot knows no defaults of parameters."""
    read = tokens(text.rstrip().rstrip(";"))
    first = next((number for number, token in enumerate(read) if token.token_type is TokenType.L_PAREN), len(read))
    last = _closing(read, first)
    if last + 2 >= len(read) or read[last + 1].token_type is not TokenType.ALIAS or read[last + 2].text.lower() == "table":
        raise Unreadable(f"macro {macro.name} is no single expression", "write CREATE MACRO name(parameters) AS expression")
    try:
        body = parse(text[read[last + 2].start : read[-1].end + 1])
        return _Opened(dict(_parameter(part, text, macro.name) for part in _listed(read[first + 1 : last])), body)
    except SqlglotError:
        raise Unreadable(f"macro {macro.name} cannot be read", "write CREATE MACRO name(parameters) AS expression") from None


def _parameter(given: Sequence[Token], text: str, macro: str) -> tuple[str, exp.Expr | None]:
    name = given[0].text.lower()
    if len(given) == 1:
        return name, None
    if given[1].text != ":=":
        raise Unreadable(f"macro {macro} declares the type of {name}", "leave it out, or cast inside the macro")
    default: Any = parse(text[given[2].start : given[-1].end + 1])
    return name, default


def _listed(given: Sequence[Token]) -> list[list[Token]]:
    """Tokens between the commas that stand in no bracket."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in given:
        depth += (token.text in "([{") - (token.text in ")]}")
        if token.token_type is TokenType.COMMA and not depth:
            parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part]


def _closing(given: Sequence[Token], first: int) -> int:
    depth = 0
    for number in range(first, len(given)):
        depth += (given[number].token_type is TokenType.L_PAREN) - (given[number].token_type is TokenType.R_PAREN)
        if not depth:
            return number
    return len(given)
