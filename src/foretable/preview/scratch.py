"""A warehouse to try things in: an empty file that is soon gone, the live one attached read-only beside it.

Names mean what they mean in the live file, which is the connection's default; temporary objects come before it, so
macros as they are declared now hide those that the file holds, also where one of its own macros calls them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import sqlglot
from sqlglot import exp

from foretable.compile.graph import Graph
from foretable.compile.references import models_of, reached
from foretable.compile.scratch import create_macros
from foretable.declare.project import Config, Macro, Project
from foretable.declare.source import Source
from foretable.refresh.sync import mount_files, require_recorded, sync_schemas
from foretable.sample import warehouse_or_sample
from foretable.sql import DIALECT, statement
from foretable.udf import connect, register_functions
from foretable.warehouse import CATALOG_VERSION, open_warehouse, require_current
from foretable.warehouse.version import catalog_version, check_version

LIVE, SCRATCH = "foretable_live", "foretable_scratch"
"""What the connection calls the two files."""


@contextmanager
def scratch_warehouse(root: Path, config: Config, wait: float = 0.0) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that reads the live warehouse and writes to a file in a temporary folder.

    The file and whatever spills from memory vanish with the block. Meanwhile others may read the live file, none
    may write to it. Without a warehouse it looks at a copy of the sample.

    Parameters
    ----------
    root
        Folder of the project.
    config
        Its settings.
    wait
        Seconds to wait for a file that another process writes to.

    Raises
    ------
    WarehouseLocked
        Another process still writes after ``wait`` seconds.
    WarehouseError
        A file cannot be used, or an earlier release wrote the live one.
    """
    with warehouse_or_sample(root, config) as live, TemporaryDirectory(prefix="foretable-diff-") as folder:
        if not live.exists():
            open_warehouse(live).close()
        attach = {LIVE: live, **{alias: root / file for alias, file in config.attach.items()}}
        connection = connect(Path(folder) / f"{SCRATCH}.duckdb", wait=wait, attach=attach)
        try:
            _use(connection, LIVE)
            _require_current(connection, live)
            yield connection
        finally:
            connection.close()


@contextmanager
def within(connection: duckdb.DuckDBPyConnection, warehouse: str) -> Iterator[None]:
    """Let names mean the tables of one of the two files, :data:`LIVE` or :data:`SCRATCH`."""
    _use(connection, warehouse)
    try:
        yield
    finally:
        _use(connection, LIVE)


def in_scratch(name: str) -> str:
    """The full name of a table of the scratch file."""
    return f"{SCRATCH}.{name}"


def record_missing(connection: duckdb.DuckDBPyConnection, project: Project) -> None:
    """Make sources in files readable, and record schemas that never were: what the project is compiled against."""
    with within(connection, SCRATCH):
        mount_files(connection, project)
        sync_schemas(connection, replace(project, sources=_sources(project, in_files=True)), only_missing=True)
    sync_schemas(connection, replace(project, sources=_sources(project, in_files=False)), only_missing=True)


def prepare(connection: duckdb.DuckDBPyConnection, graph: Graph, scorable: set[str]) -> None:
    """Make a scratch warehouse ready: Python functions and macros as declared now; refuse sources whose schema moved.

    Parameters
    ----------
    scorable
        Models with a champion; a macro that calls another one waits.
    """
    for in_files in (True, False):
        names = _sources(graph.project, in_files=in_files)
        with within(connection, SCRATCH if in_files else LIVE):
            require_recorded(connection, graph.project, {name: graph.schemas[name] for name in names if name in graph.schemas})
    with within(connection, SCRATCH):
        register_functions(connection, graph.project.functions)
    macros, missing = graph.project.macros, graph.project.models.keys() - scorable
    create_macros(connection, [_temporary(macro) for macro in macros.values() if not models_of(reached(macro.sql, macros), missing)])


def _temporary(macro: Macro) -> Macro:
    """``CREATE OR REPLACE TEMP MACRO``, the rest as it stands."""
    tokens = sqlglot.tokenize(macro.sql, dialect=DIALECT)
    stop = tokens[2].end + 1  # after REPLACE, with which every declared macro begins
    return replace(macro, sql=f"{macro.sql[:stop]} TEMP{macro.sql[stop:]}")


def _sources(project: Project, *, in_files: bool) -> Mapping[str, Source]:
    return {name: source for name, source in project.sources.items() if (source.file is not None) is in_files}


def _use(connection: duckdb.DuckDBPyConnection, warehouse: str) -> None:
    connection.execute(statement("USE $warehouse", warehouse=exp.to_identifier(warehouse, quoted=True)))


def _require_current(connection: duckdb.DuckDBPyConnection, live: Path) -> None:
    """Refuse a catalog that this release would have to change first."""
    check_version(catalog_version(connection), CATALOG_VERSION, str(live))
    require_current(connection, str(live))
