"""A project drafted for a warehouse that somebody else keeps: read-only, in place."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from keyword import iskeyword
from pathlib import Path

from foretable.compile.recorded import Columns, write_recorded
from foretable.declare.names import LAYERS, SYSTEM
from foretable.errors import WarehouseError
from foretable.scaffold.copy import HERE, named, project_name, require_empty, written
from foretable.scaffold.guess import Guess, guess, keys_of

TAKEN = ("warehouse", "main", "temp", "system", SYSTEM, *LAYERS)
"""Names that SQL has for other things: our own warehouse, DuckDB's catalogs, layers."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def attach_project(warehouse: Path, target: Path) -> tuple[list[Path], list[Guess]]:
    """Write a project whose sources are the tables of another DuckDB file.

    Parameters
    ----------
    warehouse
        A DuckDB file; it is only read.
    target
        An empty or new folder.

    Returns
    -------
    tuple
        The files written, and what was guessed about every table.

    Raises
    ------
    UsageError
        The folder holds something already.
    WarehouseError
        The file is missing, locked, damaged, or has no table.
    """
    require_empty(target)
    if not warehouse.is_file():
        raise WarehouseError("there is no such file", where=str(warehouse), hint="name a DuckDB file")
    alias = _alias(warehouse)
    tables, unique = _read(warehouse)
    if not tables:
        raise WarehouseError("the file has no table", where=str(warehouse), hint="load something first")
    keys = keys_of(tables)
    guesses = [guess(f"{alias}.{name}", columns, keys, unique[name]) for name, columns in tables.items()]
    target.mkdir(parents=True, exist_ok=True)
    for file in ("pyproject.toml", "README.md"):
        text = (HERE / "attached" / file).read_text(encoding="utf-8")
        (target / file).write_text(_filled(text, alias, warehouse, target, guesses), encoding="utf-8")
    shutil.copyfile(HERE / "starter" / "gitignore", target / ".gitignore")
    (target / "pipelines").mkdir()
    (target / "pipelines" / "sources.py").write_text("\n".join(_module(warehouse, guesses)), encoding="utf-8")
    for found in guesses:
        write_recorded(target, found.name.lower(), found.columns)
    return written(target), guesses


def _read(warehouse: Path) -> tuple[dict[str, Columns], dict[str, list[str]]]:
    """Columns of every table and view, and the key-like columns that are unique."""
    from foretable.sql import column, statement, table
    from foretable.warehouse import open_warehouse

    connection = open_warehouse(warehouse, read_only=True)
    try:
        rows = connection.execute(
            "SELECT table_schema || '.' || table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_catalog = current_database() AND table_schema NOT IN ('information_schema', 'pg_catalog', 'foretable')"
            " ORDER BY table_schema, table_name, ordinal_position"
        ).fetchall()
        tables: dict[str, dict[str, str]] = {}
        for name, column_name, kind in rows:
            if all(_NAME.match(part) for part in name.split(".")):
                tables.setdefault(name, {})[column_name] = kind
        unique = {}
        for name, columns in tables.items():
            found = []
            for key in (c for c in columns if c.lower().endswith("_id")):
                query = statement("SELECT count(*) = count(DISTINCT $key) FROM $source", key=column(key), source=table(name))
                if connection.execute(query).fetchall()[0][0]:
                    found.append(key.lower())
            unique[name] = found
        return dict(tables), unique
    finally:
        connection.close()


def _alias(warehouse: Path) -> str:
    """A name for the file in SQL."""
    stem = re.sub(r"\W+", "_", warehouse.stem).strip("_").lower()
    name = stem if _NAME.match(stem) else f"file_{stem}"
    return f"{name}_source" if name in TAKEN else name


def _filled(text: str, alias: str, warehouse: Path, target: Path, guesses: Iterable[Guess]) -> str:
    """A template with the file's alias and path, and the first source as its example."""
    path = json.dumps(str(warehouse.resolve()))  # a JSON string is a TOML string
    first = next(iter(guesses)).name.lower()
    text = text.replace("FILE_ALIAS", alias).replace('"FILE_PATH"', path).replace("FIRST_SOURCE", first)
    return named(text, project_name(target))


def _module(warehouse: Path, guesses: list[Guess]) -> Iterable[str]:
    yield f'"""The tables of {warehouse.name}, read in place and never written.'
    yield ""
    yield "Drafted from names and types: read every line, and settle what the comments ask."
    yield '"""'
    yield ""
    yield "import foretable as ft"
    yield ""
    for key in dict.fromkeys(found.entity for found in guesses if found.entity):
        yield f'{_entity(key)} = ft.Entity("{_entity(key)}", key={json.dumps(key)})'
    for found in guesses:
        yield ""
        yield from (f"# {doubt}" for doubt in found.doubts)
        parts = [f'"{found.name.lower()}"']
        parts += [f"entity={_entity(found.entity)}"] if found.entity else []
        parts += [f'valid=("{found.valid[0]}", "{found.valid[1]}")'] if found.valid else []
        parts += [f'time="{found.time}"'] if found.time else []
        parts += ["fixed=[]"] if found.register else []
        yield f"{found.name.split('.', 1)[1].replace('.', '_').lower()} = ft.Source({', '.join(parts)})"
    yield ""


def _entity(key: str) -> str:
    """``customer`` for ``customer_id``; a name that Python can bind, and does not bind yet, whatever the column is called."""
    name = re.sub(r"\W", "_", key.removesuffix("_id")) or key
    return f"{name}_entity" if iskeyword(name) or name == "ft" else name if name.isidentifier() else f"entity_{name}"
