"""Telling our statements from DuckDB's, by tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from foretable.declare.modelheader import ModelHeader, declares_model, model_header
from foretable.declare.statement import Header, Option, Statement, dotted, header, options, statements
from foretable.errors import UsageError, nearest

OURS = re.compile(r"\b(dynamic\s+tables?|(create|replace|drop|desc|describe)\s+model|show\s+models)\b", re.IGNORECASE)
ACTIONS = ("SUSPEND", "RESUME", "REFRESH", "SET")
ALTER = "ALTER DYNAMIC TABLE layer.name SUSPEND, RESUME, REFRESH, REFRESH FULL, or SET TARGET_LAG = '1 hour'"
DROP = "DROP DYNAMIC TABLE layer.name"
SHOW = "SHOW DYNAMIC TABLES, then LIKE 'pattern' and IN layer if you like"
DESCRIBE = "DESCRIBE DYNAMIC TABLE layer.name"
SHOW_MODELS = "SHOW MODELS, then LIKE 'pattern' if you like"


@dataclass(frozen=True)
class Plain:
    """SQL of DuckDB's own, as it stands."""

    text: str


@dataclass(frozen=True)
class Create:
    """``CREATE [OR REPLACE] DYNAMIC TABLE … AS …``."""

    statement: Statement
    header: Header


@dataclass(frozen=True)
class Alter:
    """``ALTER DYNAMIC TABLE name``: SUSPEND, RESUME, REFRESH [FULL] or SET options; ``text`` is where those stand."""

    name: str
    action: str
    full: bool
    options: Mapping[str, Option]
    text: str


@dataclass(frozen=True)
class Drop:
    """``DROP DYNAMIC TABLE [IF EXISTS] name``."""

    name: str
    if_exists: bool


@dataclass(frozen=True)
class Show:
    """``SHOW DYNAMIC TABLES [LIKE '…'] [IN layer]``."""

    like: str
    layer: str


@dataclass(frozen=True)
class Describe:
    """``DESCRIBE DYNAMIC TABLE name``."""

    name: str


@dataclass(frozen=True)
class CreateModel:
    """``CREATE [OR REPLACE] MODEL [IF NOT EXISTS] name OPTIONS(…) AS …``."""

    statement: Statement
    header: ModelHeader


@dataclass(frozen=True)
class DropModel:
    """``DROP MODEL [IF EXISTS] name``."""

    name: str
    if_exists: bool


@dataclass(frozen=True)
class ShowModels:
    """``SHOW MODELS [LIKE '…']``."""

    like: str


@dataclass(frozen=True)
class DescribeModel:
    """``DESCRIBE MODEL name``."""

    name: str


Ours = Create | Alter | Drop | Show | Describe | CreateModel | DropModel | ShowModels | DescribeModel


def read(text: str) -> list[Plain | Ours]:
    """The statements of a text in its order; without one of ours, all of it is DuckDB's.

    Raises
    ------
    UsageError, DeclarationError
        A statement of ours is not written as it should be, or a quote is not closed.
    """
    if not OURS.search(text):
        return [Plain(text)]
    found = statements(text)
    if not any(_is_ours(statement.words) for statement in found):
        return [Plain(text)]
    return [_one(statement, text) if _is_ours(statement.words) else Plain(statement.text) for statement in found]


def _is_ours(words: list[str]) -> bool:
    if _is_about_models(words):
        return True
    if words[:3] == ["CREATE", "OR", "REPLACE"]:
        return words[3:5] == ["DYNAMIC", "TABLE"]
    return (
        words[0] in ("CREATE", "ALTER", "DROP", "SHOW", "DESCRIBE", "DESC")
        and words[1:2] == ["DYNAMIC"]
        and words[2:3] in (["TABLE"], ["TABLES"])
    )


def _is_about_models(words: list[str]) -> bool:
    """A table called ``models`` can still be shown by its full name, and described."""
    shown = words[:2] == ["SHOW", "MODELS"] and words[2:3] in ([], ["LIKE"])
    return shown or declares_model(words) or (words[0] in ("DROP", "DESCRIBE", "DESC") and words[1:2] == ["MODEL"] and len(words) > 2)


def _one(statement: Statement, text: str) -> Ours:
    words = statement.words
    if _is_about_models(words):
        return _about_models(statement, text)
    if words[0] == "CREATE":
        return Create(statement, header(statement, text))
    if words[0] == "SHOW":
        return _show(statement)
    shape = {"ALTER": ALTER, "DROP": DROP}.get(words[0], DESCRIBE)
    if words[2] != "TABLE":
        raise UsageError(f"{words[0]} DYNAMIC TABLES names no table", hint=f"write: {shape}")
    if words[0] == "ALTER":
        return _alter(statement, text)
    if_exists = words[0] == "DROP" and words[3:5] == ["IF", "EXISTS"]
    name, at = dotted(statement, 5 if if_exists else 3)
    _require_end(statement, at, shape)
    return Drop(name, if_exists) if words[0] == "DROP" else Describe(name)


def _about_models(statement: Statement, text: str) -> Ours:
    words = statement.words
    if words[0] == "CREATE":
        return CreateModel(statement, model_header(statement, text))
    if words[0] == "SHOW":
        _require_end(statement, 4 if len(words) > 2 else 2, SHOW_MODELS)
        if len(words) == 3:
            raise UsageError("LIKE has no pattern", hint=f"write: {SHOW_MODELS}")
        return ShowModels(statement.tokens[3].text if len(words) > 3 else "")
    if_exists = words[0] == "DROP" and words[2:4] == ["IF", "EXISTS"]
    at = 4 if if_exists else 2
    shape = f"{words[0]} MODEL name"
    if at >= len(words):
        raise UsageError("the name of the model is missing", hint=f"write: {shape}")
    _require_end(statement, at + 1, shape)
    name = statement.tokens[at].text.lower()
    return DropModel(name, if_exists) if words[0] == "DROP" else DescribeModel(name)


def _alter(statement: Statement, text: str) -> Alter:
    name, at = dotted(statement, 3)
    words = statement.words
    action = words[at] if at < len(words) else ""
    if action not in ACTIONS:
        problem = f"{name} cannot {action}" if action else f"what to do with {name} is missing"
        raise UsageError(problem, where="ALTER DYNAMIC TABLE", hint=nearest(action, ACTIONS))
    full = action == "REFRESH" and words[at + 1 : at + 2] == ["FULL"]
    given, end = options(statement, at + 1, name) if action == "SET" else ({}, at + 1 + full)
    _require_end(statement, end, ALTER)
    if action == "SET" and not given:
        raise UsageError(f"what to set for {name} is missing", where="ALTER DYNAMIC TABLE", hint=f"write: {ALTER}")
    if "version" in given:
        hint = "declare another version beside it: CREATE DYNAMIC TABLE … VERSION = 2 AS …"
        raise UsageError(f"{name} keeps its version", where="ALTER DYNAMIC TABLE", hint=hint)
    return Alter(name, action, full, given, text)


def _show(statement: Statement) -> Show:
    words = statement.words
    given = {"LIKE": "", "IN": ""}
    if words[2] != "TABLES":
        raise UsageError("SHOW DYNAMIC TABLE shows all of them: TABLES", hint=f"write: {SHOW}")
    at = 3
    while at + 1 < len(words) and words[at] in given and not given[words[at]]:
        if words[at] == "IN" and words[at + 1] == "SCHEMA" and at + 2 < len(words):
            at += 1
            given["IN"] = statement.tokens[at + 1].text
        else:
            given[words[at]] = statement.tokens[at + 1].text
        at += 2
    _require_end(statement, at, SHOW)
    return Show(given["LIKE"], given["IN"].lower())


def _require_end(statement: Statement, at: int, shape: str) -> None:
    if at < len(statement.tokens):
        raise UsageError(f"{statement.tokens[at].text} was not expected in: {statement.text}", hint=f"write: {shape}")
