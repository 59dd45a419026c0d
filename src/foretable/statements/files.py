"""Changing one statement in a file of the project, the rest of it byte for byte as it was."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from foretable.declare.createmodel import declared_models
from foretable.declare.load import NOT_DECLARATIONS
from foretable.declare.model import Model
from foretable.declare.modelheader import declares_model, model_header
from foretable.declare.names import split
from foretable.declare.project import Project
from foretable.declare.sqlfile import declared_in
from foretable.declare.statement import Header, Statement, header, statements
from foretable.declare.tables import DynamicTable
from foretable.errors import DeclarationError

COMMENTS = re.compile(r"(?:^[ \t]*--[^\n]*\n)*[ \t]*\Z", re.MULTILINE)
"""The lines of comment that stand directly above a statement."""


@dataclass(frozen=True)
class Change:
    """A file of the project with the text before (None: there was no file) and after (empty: it goes)."""

    path: Path
    before: str | None
    after: str
    folders: tuple[Path, ...] = ()
    """Those that are made for the file, the innermost first."""

    def write(self) -> None:
        """Bring the file to its new text, at once or not at all."""
        _put(self.path, self.after or None)

    def take_back(self) -> None:
        """Bring the file to its old text; folders that were made for it go, unless there is something else in them by now."""
        _put(self.path, self.before)
        with suppress(OSError):
            for folder in self.folders:
                folder.rmdir()


def _put(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.tmp")
    part.write_bytes(text.encode())
    part.replace(path)


@dataclass(frozen=True)
class Place:
    """Where a SQL file declares a table or a model."""

    path: Path
    text: str
    statement: Statement

    @property
    def header(self) -> Header:
        """What stands before the query of a table."""
        return header(self.statement, self.text)


def place_of(declared: DynamicTable | Model) -> Place:
    """Where the statement that declares a table or a model stands.

    Raises
    ------
    DeclarationError
        It is declared in Python; with file and line.
    """
    path = Path(declared.origin.file)
    if path.suffix != ".sql":
        raise DeclarationError(f"{declared.name} is declared in Python", where=str(declared.origin), hint="change it there, in that file")
    text = path.read_bytes().decode()
    read = model_header if isinstance(declared, Model) else header
    for statement in statements(text, str(path)):
        if declares_model(statement.words) is isinstance(declared, Model) and read(statement, text).name == declared.name:
            return Place(path, text, statement)
    raise DeclarationError(f"{declared.name} no longer stands in its file", where=str(path), hint="run the statement again")


def file_for(project: Project, name: str) -> Path:
    """The file of a new table: ``sql/<layer>/<name>.sql``."""
    _, layer, short = split(name)
    folder = project.root / "sql"
    return folder / f"{layer}_{short}.sql" if layer in NOT_DECLARATIONS else folder / layer / f"{short}.sql"


def model_file_for(project: Project, name: str) -> Path:
    """The file of a new model: ``sql/models/<name>.sql``."""
    return project.root / "sql" / "models" / f"{name}.sql"


def added(path: Path, statement: Statement) -> Change:
    """A statement more, at the end of its file."""
    before = path.read_bytes().decode() if path.exists() else None
    start = ""
    if before and before.strip():
        last = statements(before, str(path))[-1:]
        open_at = [found.stop for found in last if found.end == found.stop]
        whole = f"{before[: open_at[0]]};{before[open_at[0] :]}" if open_at else before
        start = f"{whole.rstrip()}\n\n"
    folders = tuple(folder for folder in path.parents if not folder.exists())
    return Change(path, before, f"{start}{_comment(statement)}{statement.text};\n", folders)


def replaced(place: Place, statement: Statement) -> Change:
    """Another statement in the place of the one there; its comment stays unless the new one brings its own."""
    start = place.statement.start
    if statement.comment:
        start = _start_of_comment(place)
    after = f"{place.text[:start]}{_comment(statement)}{statement.text}{place.text[place.statement.stop :]}"
    return Change(place.path, place.text, after)


def removed(place: Place) -> Change:
    """The file without the statement and the comment directly above it; a file with nothing left goes."""
    rest = place.text[place.statement.end :].lstrip()
    start = place.text[: _start_of_comment(place)]
    after = f"{start}{rest}" if rest.strip() else f"{start.rstrip()}\n"
    return Change(place.path, place.text, after if after.strip() else "")


def with_options(place: Place, values: Mapping[str, str]) -> Change:
    """The statement with other values of some options, each as it is to be written."""
    text = place.text
    missing = [name for name in values if name not in place.header.options]
    edits = [
        (place.header.options[name].start, place.header.options[name].stop, value) for name, value in values.items() if name not in missing
    ]
    new = "".join(f"{name.upper()} = {values[name]} " for name in missing)
    for start, stop, value in sorted([*edits, (place.header.as_start, place.header.as_start, new)], reverse=True):
        text = f"{text[:start]}{value}{text[stop:]}"
    return Change(place.path, place.text, text)


def _comment(statement: Statement) -> str:
    return "".join(f"-- {line}\n" for line in statement.comment.splitlines())


def _start_of_comment(place: Place) -> int:
    found = COMMENTS.search(place.text[: place.statement.start])
    return found.start() if found else place.statement.start


def with_change(project: Project, change: Change) -> Project:
    """The project as it will be with the changed file; nothing is written.

    Raises
    ------
    DeclarationError
        The file does not declare what it should, or a name is taken.
    """
    file = str(change.path)
    tables = {name: table for name, table in project.tables.items() if table.origin.file != file}
    models = {name: model for name, model in project.models.items() if model.origin.file != file}
    for declared in declared_in(change.after, file, project.entities):
        _add(project, tables, declared)
    for model in declared_models(change.after, file, project.entities, tables):
        if model.name in models:
            raise DeclarationError(f"{model.name} is declared already", where=str(models[model.name].origin), hint="choose another name")
        models[model.name] = model
        for part in (model.label, *model.features):
            _add(project, tables, part)
    return replace(project, tables=tables, models=models)


def _add(project: Project, tables: dict[str, DynamicTable], declared: Any) -> None:
    other = tables.get(declared.name) or project.sources.get(declared.name)
    if other is not None:
        what = "a source" if declared.name in project.sources else "declared already"
        raise DeclarationError(f"{declared.name} is {what}", where=str(other.origin), hint="choose another name")
    tables[declared.name] = declared
