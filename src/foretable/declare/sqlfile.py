"""Dynamic tables and macros that stand in SQL files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.tokenizer_core import Token, TokenType

from foretable.declare.entity import Entity
from foretable.declare.origin import Origin
from foretable.declare.project import Macro
from foretable.declare.tables import DecisionTable, DynamicTable, FeatureView
from foretable.errors import DeclarationError, UnknownName, nearest
from foretable.sql import DIALECT

OPTIONS = ("entity", "target_lag", "grain")
KINDS: Mapping[str, type[DynamicTable]] = {"features": FeatureView, "decisions": DecisionTable}
SHAPE = "CREATE DYNAMIC TABLE layer.name ENTITY = customer TARGET_LAG = '1 hour' AS SELECT …"


def dynamic_tables(path: Path, entities: Mapping[str, Entity]) -> list[DynamicTable]:
    """The tables that a file under ``sql/`` declares.

    Raises
    ------
    DeclarationError
        The file does not parse, or a statement is no CREATE DYNAMIC TABLE; with file and line.
    """
    return [_table(text, comment, Origin(str(path), line), entities) for text, line, comment in statements(path)]


def macros(path: Path) -> list[Macro]:
    """The macros that a file under ``udfs/`` declares, each as it stands."""
    found = []
    for text, line, _ in statements(path):
        tokens = _tokens(text, Origin(str(path), line))
        words = [token.text.upper() for token in tokens[:4]]
        if words[:4] not in (["CREATE", "OR", "REPLACE", "MACRO"], ["CREATE", "OR", "REPLACE", "FUNCTION"]) or len(tokens) < 5:
            raise DeclarationError(
                "only macros stand here", where=f"{path}:{line}", hint="write CREATE OR REPLACE MACRO name(parameters) AS expression;"
            )
        found.append(Macro(tokens[4].text.lower(), text, f"{path}:{line}"))
    return found


def statements(path: Path) -> list[tuple[str, int, str]]:
    """The statements of a file, each with the line it starts on and the comment above it."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DeclarationError("the line is not UTF-8", where=f"{path}:{line}", hint="save the file as UTF-8") from None
    found: list[tuple[str, int, str]] = []
    start: Token | None = None
    end = Token.string(";")
    for token in [*_tokens(text, Origin(str(path), 1)), end]:
        if token.token_type is not TokenType.SEMICOLON and token is not end:
            start = start or token
        elif start is not None:
            stop = len(text) if token is end else token.start
            found.append((text[start.start : stop].strip(), start.line, "\n".join(line.strip() for line in start.comments)))
            start = None
    return found


def _tokens(text: str, origin: Origin) -> list[Token]:
    try:
        return sqlglot.tokenize(text, dialect=DIALECT)
    except SqlglotError as error:
        hint = "look for a quote or a comment that is not closed"
        raise DeclarationError(str(error).splitlines()[0], where=str(origin), hint=hint) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What does not parse is told as an error of ours, not as a warning of the parser."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _table(text: str, comment: str, origin: Origin, entities: Mapping[str, Entity]) -> DynamicTable:
    try:
        with _quiet():
            tree: Any = sqlglot.parse_one(text, dialect=DIALECT)
    except ParseError as error:
        first = error.errors[0]
        line = origin.line + int(first.get("line") or 1) - 1
        raise DeclarationError(str(first["description"]), where=f"{origin.file}:{line}", hint=f"the shape is: {SHAPE}") from None
    properties: Any = tree.args.get("properties") if isinstance(tree, exp.Create) else None
    options = properties.expressions if properties is not None else []
    if not any(isinstance(option, exp.DynamicProperty) for option in options) or not isinstance(tree.expression, exp.Query):
        raise DeclarationError("this is no dynamic table", where=str(origin), hint=f"the shape is: {SHAPE}")
    name = tree.this.sql(DIALECT).replace('"', "").lower()
    given = _options(options, name, origin)
    entity = given.pop("entity", None)
    if entity is not None and entity not in entities:
        raise UnknownName(f"{name}: no entity is called {entity!r}", where=str(origin), hint=nearest(entity, entities))
    return KINDS.get(name.split(".")[-2], DynamicTable)(
        name=name,
        sql=_query(text),
        entity=entities[entity] if entity else None,
        description=comment,
        origin=origin,
        **given,
    )


def _query(text: str) -> str:
    """What follows AS, as it is written."""
    tokens = sqlglot.tokenize(text, dialect=DIALECT)
    start = next(token.end for token in tokens if token.token_type is TokenType.ALIAS) + 1
    return text[start : tokens[-1].end + 1].strip()


def _options(properties: list[Any], name: str, origin: Origin) -> dict[str, Any]:
    given = {}
    for option in properties:
        if isinstance(option, exp.DynamicProperty):
            continue
        key = option.name.lower() if not isinstance(option, exp.Property) else option.this.name.lower()
        if key not in OPTIONS:
            raise DeclarationError(f"{name} has no option {key.upper()}", where=str(origin), hint=nearest(key, OPTIONS))
        given[key] = option.args["value"].name.lower() if key == "entity" else option.args["value"].name
    return given
