"""A project as loaded: its settings and everything its files declare."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from foretable.declare.clock import duration, pinned
from foretable.declare.entity import Entity
from foretable.declare.model import Model
from foretable.declare.source import Source
from foretable.declare.tables import DynamicTable
from foretable.errors import DeclarationError, UnknownName, UsageError, nearest

SHORTEST, LONGEST = timedelta(days=1), timedelta(days=100 * 365)


@dataclass(frozen=True)
class Config:
    """Table ``[tool.foretable]`` of ``pyproject.toml``.

    ``as_of`` pins the clock (the sample does); ``attach`` maps an alias to another DuckDB file, read
    in place; ``publish`` lists the layers that go to ``published/``; ``trials`` caps every search;
    ``keep_logs`` says how long waves, refresh history and logs of changes are kept.
    """

    name: str = "project"
    warehouse: str = "warehouse.duckdb"
    sample: str | None = None
    as_of: datetime | None = None
    time_zone: str = "UTC"
    attach: Mapping[str, str] = field(default_factory=dict)
    publish: tuple[str, ...] = ("predictions", "decisions")
    trials: int | None = None
    keep_logs: timedelta = timedelta(days=90)


@dataclass(frozen=True)
class Macro:
    """A SQL macro of the project: its name and its CREATE MACRO statement."""

    name: str
    sql: str
    origin: str


@dataclass(frozen=True)
class Project:
    """Everything that the files under ``root`` declare, by name. Pure: no database was touched."""

    root: Path
    config: Config
    entities: Mapping[str, Entity] = field(default_factory=dict)
    sources: Mapping[str, Source] = field(default_factory=dict)
    tables: Mapping[str, DynamicTable] = field(default_factory=dict)
    models: Mapping[str, Model] = field(default_factory=dict)
    functions: Mapping[str, Any] = field(default_factory=dict)
    macros: Mapping[str, Macro] = field(default_factory=dict)
    schemas: Mapping[str, Any] = field(default_factory=dict)
    pipelines: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def warehouse(self) -> Path:
        """Path of the warehouse file."""
        return self.root / self.config.warehouse

    @property
    def published(self) -> Path:
        """Folder of the published files."""
        return self.root / "published"

    def model(self, name: str) -> Model:
        """The model of that name, or an error with the nearest one."""
        if name.lower() not in self.models:
            raise UnknownName(f"no model is called {name!r}", hint=nearest(name, self.models))
        return self.models[name.lower()]

    def source(self, name: str) -> Source:
        """The source of that name, or an error with the nearest one."""
        if name.lower() not in self.sources:
            raise UnknownName(f"no source is called {name!r}", hint=nearest(name.lower(), self.sources))
        return self.sources[name.lower()]

    def require_loadable(self, table: str) -> None:
        """Refuse to load rows into a source that is read in place, from files of its own.

        Raises
        ------
        UsageError
            It is one.
        """
        source = self.sources.get(table.lower())
        if source is not None and source.file is not None:
            raise UsageError(
                f"{source.name} is read from {source.file} in place; nothing can be loaded into it",
                where=str(source.origin),
                hint=f"replace that file, or leave file= out to keep {source.name} in the warehouse",
            )


def read_config(root: Path) -> Config:
    """Settings of the project at ``root``."""
    path = root / "pyproject.toml"
    if not path.is_file():
        raise DeclarationError(
            f"no project here: {root} has no pyproject.toml",
            hint="go to a project's folder, or start one with: foretable init my_project",
        )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DeclarationError(f"not TOML: {error}", where=str(path), hint="mend the file; nothing else was read") from None
    settings = table.get("tool", {}).get("foretable")
    if settings is None:
        raise DeclarationError(
            "no table [tool.foretable]", where=str(path), hint="add it, or start a project with: foretable init my_project"
        )
    return _config(settings, path)


def _config(settings: dict[str, Any], path: Path) -> Config:
    known = set(Config.__dataclass_fields__)
    for name in settings:
        if name not in known:
            raise DeclarationError(f"[tool.foretable] has no setting {name!r}", where=str(path), hint=nearest(name, known))
    _require_kinds(settings, path)
    if "as_of" in settings:
        try:
            settings["as_of"] = pinned(str(settings["as_of"]))
        except UsageError:
            raise DeclarationError(
                f"as_of = {settings['as_of']!r} is no date", where=str(path), hint='write as_of = "2026-01-31"'
            ) from None
    try:
        ZoneInfo(settings.get("time_zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        raise DeclarationError(
            f"time_zone = {settings['time_zone']!r} is unknown", where=str(path), hint='write an IANA name such as "Europe/Berlin"'
        ) from None
    if "keep_logs" in settings:
        settings["keep_logs"] = _length(settings["keep_logs"], path)
    if "publish" in settings:
        settings["publish"] = tuple(settings["publish"])
    return Config(**settings)


def _length(text: str, path: Path) -> timedelta:
    try:
        length = duration(text)
    except UsageError:
        length = timedelta()
    except OverflowError:
        length = timedelta.max
    if not SHORTEST <= length <= LONGEST:
        raise DeclarationError(
            f"keep_logs = {text!r} is no length of time from 1 day to 100 years", where=str(path), hint='write keep_logs = "90 days"'
        )
    return length


KINDS: Mapping[str, tuple[type, str]] = {
    "name": (str, '"shop"'),
    "warehouse": (str, '"warehouse.duckdb"'),
    "sample": (str, '"warehouse.duckdb.sample"'),
    "time_zone": (str, '"Europe/Berlin"'),
    "attach": (dict, '{ shop = "shop.duckdb" }'),
    "publish": (list, '["predictions", "decisions"]'),
    "trials": (int, "20"),
    "keep_logs": (str, '"90 days"'),
}


def _require_kinds(settings: dict[str, Any], path: Path) -> None:
    for name, (kind, example) in KINDS.items():
        if name in settings and not isinstance(settings[name], kind):
            raise DeclarationError(f"{name} = {settings[name]!r} does not fit", where=str(path), hint=f"write {name} = {example}")


def find_root(start: Path) -> Path:
    """The nearest folder at or above ``start`` whose pyproject.toml has ``[tool.foretable]``."""
    for folder in (start.resolve(), *start.resolve().parents):
        path = folder / "pyproject.toml"
        if path.is_file() and b"[tool.foretable" in path.read_bytes():
            return folder
    raise DeclarationError(f"no project at or above {start.resolve()}", hint="start one with: foretable init my_project")
