"""Dynamic tables and macros that stand in SQL files."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError

from foretable.declare.createmodel import declared_models
from foretable.declare.entity import Entity
from foretable.declare.freshness import one_of
from foretable.declare.model import Model
from foretable.declare.modelheader import declares_model
from foretable.declare.origin import Origin
from foretable.declare.project import Macro
from foretable.declare.statement import FLAGS, SHAPE, Header, Option, Statement, header, statements
from foretable.declare.tables import DecisionTable, DynamicTable, FeatureView
from foretable.errors import DeclarationError, UnknownName, UsageError, nearest
from foretable.faces import anything, rewritten
from foretable.sql import DIALECT

KINDS: Mapping[str, type[DynamicTable]] = {"features": FeatureView, "decisions": DecisionTable}


def dynamic_tables(path: Path, entities: Mapping[str, Entity]) -> list[DynamicTable]:
    """The tables that a file under ``sql/`` declares.

    Raises
    ------
    DeclarationError
        The file does not parse, or a statement is neither CREATE DYNAMIC TABLE nor CREATE MODEL; with file and line.
    """
    return declared_in(_text(path), str(path), entities)


def declared_in(text: str, file: str, entities: Mapping[str, Entity]) -> list[DynamicTable]:
    """The tables that a text declares, as they would stand in that file; see :func:`dynamic_tables`."""
    found = [statement for statement in statements(text, file) if not declares_model(statement.words)]
    return [_table(statement, header(statement, text), entities) for statement in found]


def models(path: Path, entities: Mapping[str, Entity], tables: Mapping[str, DynamicTable]) -> list[Model]:
    """The models that a file under ``sql/`` declares; see :func:`foretable.declare.createmodel.declared_models`."""
    return declared_models(_text(path), str(path), entities, tables)


def macros(path: Path) -> list[Macro]:
    """The macros that a file under ``udfs/`` declares, each as it stands."""
    found = []
    for statement in statements(_text(path), str(path)):
        if (
            statement.words[:4] not in (["CREATE", "OR", "REPLACE", "MACRO"], ["CREATE", "OR", "REPLACE", "FUNCTION"])
            or len(statement.words) < 5
        ):
            raise DeclarationError(
                "only macros stand here", where=str(statement.origin), hint="write CREATE OR REPLACE MACRO name(parameters) AS expression;"
            )
        found.append(Macro(statement.tokens[4].text.lower(), statement.text, str(statement.origin)))
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise DeclarationError("the line is not UTF-8", where=f"{path}:{line}", hint="save the file as UTF-8") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """What does not parse is told as an error of ours, not as a warning of the parser."""
    logger = logging.getLogger("sqlglot")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


def _table(statement: Statement, found: Header, entities: Mapping[str, Entity]) -> DynamicTable:
    _require_query(found, statement.origin)
    options: dict[str, Any] = {name: _value(found.name, name, option) for name, option in found.options.items()}
    entity = options.pop("entity", None)
    if entity is not None and entity.lower() not in entities:
        where = found.options["entity"].where
        raise UnknownName(f"{found.name}: no entity is called {entity!r}", where=where, hint=nearest(entity.lower(), entities))
    return KINDS.get(found.name.split(".")[-2], DynamicTable)(
        name=found.written,
        sql=found.query,
        entity=entities[entity.lower()] if entity is not None else None,
        description=statement.comment,
        origin=statement.origin,
        **options,
    )


def _value(table: str, name: str, option: Option) -> str | bool | int | list[str]:
    """What an option says: TRUE or FALSE, a number, words between commas, or its text."""
    if name == "version":
        return int(option.value)
    if name == "tags":
        return [word for part in option.value.split(",") if (word := part.strip())]
    if name not in FLAGS:
        return option.value
    try:
        return one_of(option.value, name, ("TRUE", "FALSE")) == "TRUE"
    except UsageError as error:
        raise DeclarationError(f"{table}: {error.message}", where=option.where, hint=error.hint) from None


def _require_query(found: Header, origin: Origin) -> None:
    try:
        text = rewritten(found.query, anything, place=lambda line: f"{origin.file}:{found.query_line + line - 1}", declared=True)
        with _quiet():
            tree: Any = sqlglot.parse_one(text, dialect=DIALECT)
    except UsageError as error:
        raise DeclarationError(f"{found.name}: {error.message}", where=error.where, hint=error.hint) from None
    except ParseError as error:
        first = error.errors[0]
        line = found.query_line + int(first.get("line") or 1) - 1
        raise DeclarationError(str(first["description"]), where=f"{origin.file}:{line}", hint=f"the shape is: {SHAPE}") from None
    if not isinstance(tree, exp.Query):
        where = f"{origin.file}:{found.query_line}"
        raise DeclarationError(f"what follows AS in {found.name} is no query", where=where, hint=f"the shape is: {SHAPE}")
