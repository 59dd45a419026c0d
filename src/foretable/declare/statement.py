"""Statements of a SQL text: where each stands, and the words of CREATE DYNAMIC TABLE.

They are read token by token, with DuckDB's quotes and comments: what follows AS stays as its author wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from foretable.declare.names import checked, versioned
from foretable.declare.origin import Origin
from foretable.errors import DeclarationError, nearest
from foretable.sql import DIALECT

EXAMPLES: Mapping[str, str] = {
    "entity": "customer",
    "target_lag": "'1 hour'",
    "grain": "day",
    "refresh_mode": "AUTO",
    "initialize": "ON_CREATE",
    "history": "'90 days'",
    "own_pace": "TRUE",
    "online": "TRUE",
    "owner": "'crm team'",
    "tags": "'rfm, daily'",
    "version": "2",
}
"""The options, each with a value as it is written."""
FLAGS = ("own_pace", "online")
"""Those that are TRUE or FALSE."""
QUERY_STARTS = (TokenType.ALIAS, TokenType.SELECT, TokenType.FROM, TokenType.WITH, TokenType.L_PAREN)
SHAPE = "CREATE DYNAMIC TABLE layer.name ENTITY = customer TARGET_LAG = '1 hour' AS SELECT …"


@dataclass(frozen=True)
class Statement:
    """One statement of a text.

    ``origin`` is where it starts; ``comment`` what stands above it; ``start`` and ``stop`` are its place in the
    text, without the semicolon, ``end`` its end with it (``stop`` where there is none); ``tokens`` have their own
    places in the same text.
    """

    text: str
    origin: Origin
    comment: str
    start: int
    stop: int
    end: int
    tokens: Sequence[Token]

    @property
    def words(self) -> list[str]:
        """Its tokens in upper case."""
        return [token.text.upper() for token in self.tokens]

    def at(self, number: int) -> str:
        """File and line of a token; past the last one, of the last."""
        return str(Origin(self.origin.file, self.tokens[min(number, len(self.tokens) - 1)].line))


@dataclass(frozen=True)
class Option:
    """``NAME = value``, with the place of the value in the text."""

    value: str
    where: str
    start: int
    stop: int


@dataclass(frozen=True)
class Header:
    """What stands before the query of CREATE DYNAMIC TABLE; ``query`` starts at ``query_line`` of the file.

    ``written`` is the name as it stands there, ``name`` that of the table: with ``VERSION = 2`` it ends in ``__v2``.
    """

    name: str
    written: str
    replace: bool
    options: Mapping[str, Option]
    as_start: int
    query: str
    query_line: int


def statements(text: str, file: str = "") -> list[Statement]:
    """The statements of a text, in its order.

    Raises
    ------
    DeclarationError
        A quote or a comment is not closed; with the line.
    """
    found = []
    tokens: list[Token] = []
    end = Token.string(";")
    for token in [*_tokens(text, file), end]:
        if token is not end and token.token_type is not TokenType.SEMICOLON:
            tokens.append(token)
        elif tokens:
            start, stop = tokens[0].start, tokens[-1].end + 1
            comment = "\n".join(line.strip() for line in tokens[0].comments)
            after = stop if token is end else token.end + 1
            found.append(Statement(text[start:stop], Origin(file, tokens[0].line), comment, start, stop, after, tokens))
            tokens = []
    return found


def _tokens(text: str, file: str) -> list[Token]:
    try:
        return sqlglot.tokenize(text, dialect=DIALECT)
    except SqlglotError:
        where = str(Origin(file, _unclosed(text))) if file else f"line {_unclosed(text)}"
        raise DeclarationError(
            "a quote or a comment is not closed", where=where, hint="close it; the rest of the text is inside it"
        ) from None


def _unclosed(text: str) -> int:
    """The line on which what is never closed starts: the first that no longer closes with its end."""
    lines = text.splitlines(keepends=True)
    whole = 0
    for count in range(1, len(lines)):
        try:
            sqlglot.tokenize("".join(lines[:count]), dialect=DIALECT)
            whole = count
        except SqlglotError:
            continue
    return whole + 1


def header(statement: Statement, text: str) -> Header:
    """Read CREATE [OR REPLACE] DYNAMIC TABLE name, its options in any order, AS and the query.

    Parameters
    ----------
    statement
        One statement of
    text
        the whole text.

    Raises
    ------
    DeclarationError
        It is something else, an option is unknown, twice there or without a value; with file and line.
    """
    words = statement.words
    replace = words[1:3] == ["OR", "REPLACE"]
    at = 3 if replace else 1
    if words[0] != "CREATE" or words[at : at + 2] != ["DYNAMIC", "TABLE"]:
        raise DeclarationError("this is no dynamic table", where=str(statement.origin), hint=f"the shape is: {SHAPE}")
    name, at = dotted(statement, at + 2)
    given, at = options(statement, at, name)
    if at < len(statement.tokens) and statement.tokens[at].token_type is not TokenType.ALIAS:
        found = statement.tokens[at].text
        raise DeclarationError(f"{name}: AS is missing before {found}", where=statement.at(at), hint=f"the shape is: {SHAPE}")
    query = statement.tokens[at + 1 :]
    if not query:
        raise DeclarationError(f"{name} has no query", where=statement.at(at), hint=f"the shape is: {SHAPE}")
    table = versioned(name, version(name, given))
    return Header(table, name, replace, given, statement.tokens[at].start, text[query[0].start : statement.stop], query[0].line)


def version(name: str, given: Mapping[str, Option]) -> int:
    """The version that a header names; 1 where it names none.

    Raises
    ------
    DeclarationError
        It is no number from 1 up, or the table is no feature view; with file and line.
    """
    option = given.get("version")
    if option is None:
        return 1
    if name.split(".")[-2] != "features":
        hint = "leave VERSION out, or put the table into features"
        raise DeclarationError(f"{name} has a VERSION, which only feature views have", where=option.where, hint=hint)
    if not option.value.isdecimal() or int(option.value) < 1:
        raise DeclarationError(f"{name}: {option.value} is no version", where=option.where, hint=f"write VERSION = {EXAMPLES['version']}")
    return int(option.value)


def dotted(statement: Statement, at: int) -> tuple[str, int]:
    """The name of a table that stands at a token, in lower case, and the number of the token after it."""
    parts = [token.text for token in statement.tokens[at : at + 1]]
    at += 1
    while at + 1 < len(statement.tokens) and statement.tokens[at].token_type is TokenType.DOT:
        parts.append(statement.tokens[at + 1].text)
        at += 2
    if not parts:
        raise DeclarationError("the name of the table is missing", where=statement.at(at), hint="write layer.table after TABLE")
    return checked(".".join(parts), where=statement.at(at - 1)), at


def options(statement: Statement, at: int, name: str) -> tuple[dict[str, Option], int]:
    """The options from a token on, by name in lower case, and the number of the token after them.

    Raises
    ------
    DeclarationError
        One is unknown, twice there or without a value; with file and line.
    """
    tokens = statement.tokens
    given: dict[str, Option] = {}
    while at < len(tokens) and tokens[at].token_type not in QUERY_STARTS:
        key, where = tokens[at].text.lower(), statement.at(at)
        if key not in EXAMPLES:
            hint = nearest(key.upper(), [option.upper() for option in EXAMPLES])
            raise DeclarationError(f"{name} has no option {key.upper()}", where=where, hint=hint)
        if key in given:
            raise DeclarationError(f"{name} has {key.upper()} twice", where=where, hint="leave one of them out")
        value = tokens[at + 2] if at + 2 < len(tokens) and tokens[at + 1].token_type is TokenType.EQ else None
        if value is None or value.token_type is TokenType.ALIAS or (value.token_type is TokenType.NUMBER and key != "version"):
            problem = f"{key.upper()} = {value.text}, a bare number" if value and value.text.isdigit() else f"{key.upper()} has no value"
            raise DeclarationError(f"{name}: {problem}", where=where, hint=f"write {key.upper()} = {EXAMPLES[key]}")
        given[key] = Option(value.text, where, value.start, value.end + 1)
        at += 3
    return given, at
