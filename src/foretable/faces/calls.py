"""Finding calls of models in a text, by token."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from foretable.sql import DIALECT

NAMES = (TokenType.VAR, TokenType.IDENTIFIER)
OPENS = {TokenType.L_PAREN: 1, TokenType.L_BRACKET: 1, TokenType.L_BRACE: 1}
EXPLAINED = re.compile(r"(?:\A|;)(?:\s|--[^\n]*\n|/\*.*?\*/)*(explain(?:\s+analyze)?)(?=\s+[a-z(])", re.IGNORECASE | re.DOTALL)
DEPTH = {**OPENS, TokenType.R_PAREN: -1, TokenType.R_BRACKET: -1, TokenType.R_BRACE: -1}


@dataclass(frozen=True)
class Argument:
    """One argument of a call: its tokens and its text."""

    tokens: Sequence[Token]
    text: str

    @property
    def words(self) -> list[str]:
        """Its tokens in upper case."""
        return [token.text.upper() for token in self.tokens]


@dataclass(frozen=True)
class Call:
    """``ML.<function>(MODEL …)`` (``on`` is empty), or ``<on>!<function>(…)`` with the arguments of ``MODEL(…)`` in ``on``."""

    function: str
    on: Sequence[Argument]
    arguments: Sequence[Argument]
    start: int
    stop: int
    line: int


def tokens_of(text: str) -> list[Token]:
    """The tokens of a text; none where it cannot be read: DuckDB will say why."""
    try:
        return list(sqlglot.tokenize(unexplained(text), dialect=DIALECT))
    except SqlglotError:
        return []


def unexplained(text: str) -> str:
    """The text with blanks for EXPLAIN, behind which sqlglot does not look; all else keeps its place."""

    def blank(found: re.Match[str]) -> str:
        return f"{found[0][: found.start(1) - found.start()]}{' ' * len(found[1])}"

    return EXPLAINED.sub(blank, text)


def last_call(text: str) -> Call | None:
    """The call that starts last: one inside another comes before it."""
    tokens = tokens_of(text)
    for at in range(len(tokens) - 1, -1, -1):
        found = _of_bigquery(tokens, at, text) or _of_snowflake(tokens, at, text)
        if found is not None:
            return found
    return None


def _of_bigquery(tokens: Sequence[Token], at: int, text: str) -> Call | None:
    """``ML . name ( MODEL name``: a macro of the user's own in a schema ``ml`` is none."""
    if tokens[at].text.upper() != "ML" or tokens[at].token_type not in NAMES or (at and tokens[at - 1].token_type is TokenType.DOT):
        return None
    if [token.token_type for token in tokens[at + 1 : at + 2]] != [TokenType.DOT] or at + 5 >= len(tokens):
        return None
    named = tokens[at + 5].token_type in (*NAMES, TokenType.UNKNOWN)
    if tokens[at + 3].token_type is not TokenType.L_PAREN or tokens[at + 4].text.upper() != "MODEL" or not named:
        return None
    inside = _inside(tokens, at + 3, text)
    if inside is None:
        return None
    arguments, close = inside
    return Call(tokens[at + 2].text.upper(), (), arguments, tokens[at].start, tokens[close].end + 1, tokens[at].line)


def _of_snowflake(tokens: Sequence[Token], at: int, text: str) -> Call | None:
    """``name ! name (`` or ``MODEL ( … ) ! name (``, where ``at`` is the first of these tokens; DuckDB has no such operator."""
    if tokens[at].token_type not in NAMES or (at and tokens[at - 1].token_type is TokenType.NOT and tokens[at - 1].text == "!"):
        return None
    on: Sequence[Argument] = (Argument(tokens[at : at + 1], _text(tokens[at : at + 1], text)),)
    mark = at + 1
    if tokens[at].text.upper() == "MODEL" and mark < len(tokens) and tokens[mark].token_type is TokenType.L_PAREN:
        inside = _inside(tokens, mark, text)
        if inside is None:
            return None
        on, mark = inside[0], inside[1] + 1
    if mark + 2 >= len(tokens) or tokens[mark].text != "!" or tokens[mark].token_type is not TokenType.NOT:
        return None
    if not tokens[mark + 1].text.isidentifier() or tokens[mark + 2].token_type is not TokenType.L_PAREN:
        return None
    inside = _inside(tokens, mark + 2, text)
    if inside is None:
        return None
    start = tokens[at].start
    while at > 1 and tokens[at - 1].token_type is TokenType.DOT and tokens[at - 2].token_type in NAMES:
        at -= 2  # database.schema.model!PREDICT: what stands before the model's name is left out
        start = tokens[at].start
    return Call(tokens[mark + 1].text.upper(), on, inside[0], start, tokens[inside[1]].end + 1, tokens[at].line)


def _inside(tokens: Sequence[Token], opening: int, text: str) -> tuple[list[Argument], int] | None:
    """The arguments within a pair of brackets, and the number of the closing one; None where it is not closed."""
    depth, begin = 0, opening + 1
    arguments: list[Argument] = []
    for at in range(opening, len(tokens)):
        depth += DEPTH.get(tokens[at].token_type, 0)
        ends = depth == 0
        if ends or (depth == 1 and tokens[at].token_type is TokenType.COMMA):
            part = tokens[begin:at]
            if part or not ends or arguments:
                arguments.append(Argument(part, _text(part, text)))
            begin = at + 1
        if ends:
            return arguments, at
    return None


def _text(part: Sequence[Token], text: str) -> str:
    return text[part[0].start : part[-1].end + 1] if part else ""


def dotted(tokens: Sequence[Token]) -> list[str]:
    """The parts of a name, BigQuery's backquotes left out; empty where it is something else."""
    parts = [token for token in tokens if token.text != "`"]
    named = bool(parts) and all((token.token_type is TokenType.DOT) == (at % 2 == 1) for at, token in enumerate(parts))
    if len(parts) < len(tokens):  # within backquotes even project-names have dashes
        return "".join(token.text for token in parts).split(".")
    fine = named and len(parts) % 2 == 1 and not any(token.token_type in (TokenType.STRING, TokenType.NUMBER) for token in parts)
    return [token.text for token in parts[::2]] if fine else []
