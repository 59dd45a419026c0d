"""Reading a project from its folders, without touching a database.

The content folders are imported under a package of their own, so that relative imports work,
``sys.path`` stays as it is and two projects can be open side by side.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import foretable
from foretable.declare.entity import Entity
from foretable.declare.function import Function
from foretable.declare.model import Model
from foretable.declare.origin import collecting
from foretable.declare.project import Project, read_config
from foretable.declare.schema import TableSchema
from foretable.declare.source import Source
from foretable.declare.sqlfile import dynamic_tables, macros
from foretable.declare.sqlfile import models as sql_models
from foretable.declare.tables import DynamicTable
from foretable.errors import DeclarationError, ForetableError, nearest

CODE_FOLDERS = ("udfs", "pipelines", "models")
NOT_DECLARATIONS = ("sources", "compiled")

_numbers = itertools.count(1)


def load_project(root: Path) -> Project:
    """Everything that the files under ``root`` declare.

    Raises
    ------
    DeclarationError
        A file does not load, or two declarations share a name; with file and line.
    """
    root = root.resolve()
    config = read_config(root)
    with collecting() as found:
        _import_folders(root)
        entities = _by_name(found, Entity)
        for path in _sql_files(root):
            dynamic_tables(path, entities)
        known = _by_name(found, DynamicTable)
        for path in _sql_files(root):
            sql_models(path, entities, known)
    tables = _by_name(found, DynamicTable)
    sources = _by_name(found, Source)
    for name in tables.keys() & sources.keys():
        raise DeclarationError(
            f"{name} is both a source and a table", where=str(tables[name].origin), hint=f"the source: {sources[name].origin}"
        )
    models = _by_name(found, Model)
    _refuse_shared(models, {**sources, **tables})
    found_macros = [macro for path in sorted((root / "udfs").glob("*.sql")) for macro in macros(path)]
    return Project(
        root=root,
        config=config,
        entities=entities,
        sources=sources,
        tables=tables,
        models=models,
        functions=_by_name(found, Function),
        macros={macro.name: macro for macro in found_macros},
        schemas=_by_name(found, TableSchema),
        pipelines=_pipelines(found),
    )


def _refuse_shared(models: Mapping[str, Model], tables: Mapping[str, Source | DynamicTable]) -> None:
    """A training set is written anew at every training: it cannot be another model's, nor a declared table."""
    taken: dict[str, Any] = dict(tables)
    for model in models.values():
        name = model.training_set
        if name in taken:
            raise DeclarationError(
                f"model {model.name}: its training set {name} has the name of {_called(taken[name])}",
                where=str(model.origin),
                hint=f'write training_set="training.{model.name}_rows"; the other one: {taken[name].origin}',
            )
        taken[name] = model


def _called(declared: Source | DynamicTable | Model) -> str:
    if isinstance(declared, Model):
        return f"that of model {declared.name}"
    return "a source" if isinstance(declared, Source) else f"a {declared.kind}"


def _import_folders(root: Path) -> None:
    package = f"foretable_project_{next(_numbers)}"
    top = ModuleType(package)
    top.__path__ = [str(root)]
    sys.modules[package] = top
    importlib.invalidate_caches()
    with _uncached():
        for folder in CODE_FOLDERS:
            for path in sorted((root / folder).glob("*.py")):
                if path.stem != "__init__":
                    _import(f"{package}.{folder}.{path.stem}", path, root)


@contextmanager
def _uncached() -> Iterator[None]:
    """Keep no bytecode: Python takes it for that of a file of the same length, edited within the same second."""
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        yield
    finally:
        sys.dont_write_bytecode = before


def _import(module: str, path: Path, root: Path) -> None:
    try:
        importlib.import_module(module)
    except ForetableError:
        raise
    except SyntaxError as error:
        hint = f"the line reads: {error.text.strip()}" if error.text else "mend the file"
        raise DeclarationError(error.msg, where=f"{error.filename}:{error.lineno}", hint=hint) from None
    except (Exception, SystemExit) as error:
        raise DeclarationError(f"{type(error).__name__}: {error}", where=place(error, root) or str(path), hint=_hint(error)) from error


def _hint(error: BaseException) -> str:
    """What may help with an exception that a file of the project raised while it was loaded."""
    if isinstance(error, ImportError):
        return "content files import foretable as ft, and one another relatively: from ..pipelines.churn import orders"
    if isinstance(error, AttributeError) and error.name and error.obj is not None:
        return nearest(error.name, dir(error.obj))
    called = str(error).partition("(")[0].removesuffix(".__init__")
    if isinstance(error, TypeError) and called in foretable.__all__:
        return f"its parameters: python -c 'import foretable as ft; help(ft.{called})'"
    if "not understood by Engine" in str(error):
        return "pandera knows int, float, str, bool; for others: import ibis; ibis.dtype('decimal(12, 2)'), ibis.dtype('timestamp')"
    return "see every step that led there: foretable --debug ls"


def place(error: BaseException, root: Path) -> str:
    """The last line of the project, as ``file:line``, that an exception passed through."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(root)]
    frames = [frame for frame in frames if not {".venv", "site-packages"} & set(Path(frame.filename).parts)]
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


def _sql_files(root: Path) -> Iterable[Path]:
    for path in sorted((root / "sql").rglob("*.sql")):
        if path.relative_to(root / "sql").parts[0] not in NOT_DECLARATIONS:
            yield path


def _by_name(found: Iterable[Any], kind: type) -> Mapping[str, Any]:
    named: dict[str, Any] = {}
    for declaration in found:
        if not issubclass(type(declaration), kind):
            continue
        before = named.get(declaration.name)
        if before is not None and before is not declaration and before != declaration:
            raise DeclarationError(
                f"{declaration.name} is declared twice", where=str(declaration.origin), hint=f"the other one: {before.origin}"
            )
        named[declaration.name] = declaration
    return named


def _pipelines(found: Iterable[Any]) -> Mapping[str, frozenset[str]]:
    """Tables and models by the stem of the file that declares them: a use case may span folders."""
    stems: dict[str, set[str]] = {}
    for declaration in found:
        if isinstance(declaration, DynamicTable | Model):
            stems.setdefault(Path(declaration.origin.file).stem, set()).add(declaration.name)
    return {stem: frozenset(names) for stem, names in stems.items()}
