"""A project as a person holds it: in a notebook through ``ft.open(".")``, and behind every command."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from foretable.declare.project import find_root, read_config
from foretable.progress import Listener, silent
from foretable.session_features import SessionFeatures
from foretable.session_models import SessionModels
from foretable.session_published import SessionPublished

if TYPE_CHECKING:
    from datetime import datetime

    import duckdb
    import pyarrow as pa

    from foretable.compile.graph import Graph
    from foretable.declare.project import Config, Project
    from foretable.quality import IngestReport, RedriveReport
    from foretable.refresh import Plan
    from foretable.refresh.due import Agenda
    from foretable.run import RunReport
    from foretable.train import TrainingReport


class Session(SessionModels, SessionPublished, SessionFeatures):
    """An open project. It holds no connection: each call opens the warehouse and closes it.

    Parameters
    ----------
    root
        Folder with the project's ``pyproject.toml``.
    wait
        Seconds to wait for a warehouse that another process writes to.
    """

    def __init__(self, root: Path, wait: float = 0.0) -> None:
        self.root = root
        self.wait = wait

    def __repr__(self) -> str:
        return f"<foretable project {self.config.name!r} in {self.root}>"

    @cached_property
    def config(self) -> Config:
        """Settings; reading them loads no declaration."""
        return read_config(self.root)

    @cached_property
    def project(self) -> Project:
        """Everything that the project declares."""
        from foretable.declare.load import load_project

        return load_project(self.root)

    @cached_property
    def graph(self) -> Graph:
        """The compiled declarations."""
        from foretable.compile import compile_project

        return compile_project(self.project)

    @property
    def warehouse(self) -> Path:
        """Path of the warehouse file."""
        return self.root / self.config.warehouse

    @contextmanager
    def connect(self, *, write: bool = False) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection with every model function registered, closed at the end of the block.

        Raises
        ------
        WarehouseError
            The connection is only to read, and there is no warehouse yet, or it is of an earlier release; or the file cannot be used.
        """
        if not write:
            self._require_warehouse()
        with self._opened(self.warehouse, write=write) as connection:
            yield connection

    @contextmanager
    def _opened(self, path: Path, *, write: bool) -> Iterator[duckdb.DuckDBPyConnection]:
        from foretable.registry.renew import renew
        from foretable.udf import connect, register_functions
        from foretable.warehouse import require_current, told

        attach = {alias: self.root / file for alias, file in self.config.attach.items()}
        connection = connect(path, read_only=not write, wait=self.wait, attach=attach)
        with closing(connection), told(str(path)):
            if any((self.root / "udfs").glob("*.py")):  # else nothing need be loaded to run a query
                register_functions(connection, self.project.functions)
            renew(connection) if write else require_current(connection, str(path))
            yield connection

    @contextmanager
    def _prepared(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A writable connection to a warehouse that is ready for a plan; schemas never recorded are recorded."""
        from foretable.run import prepare

        self.start_warehouse()
        with self.connect(write=True) as connection:
            self._record(connection, only_missing=True)
            prepare(connection, self.graph)
            yield connection

    def start_warehouse(self) -> bool:
        """Copy the project's sample to the warehouse where there is none; True when it was copied."""
        from foretable.sample import start_from_sample

        return start_from_sample(self.root, self.config)

    def _record(self, connection: duckdb.DuckDBPyConnection, *, only_missing: bool) -> list[str]:
        from foretable.refresh.sync import mount_files, sync_schemas
        from foretable.warehouse import ensure_catalog

        ensure_catalog(connection)  # first: a catalog of a later release is not written to
        mount_files(connection, self.project)
        return sync_schemas(connection, self.project, only_missing=only_missing)

    def sync(self) -> list[str]:
        """Record the schema of every source in ``sql/sources``; gives the sources whose file changed."""
        self.start_warehouse()
        with self.connect(write=True) as connection:
            changed = self._record(connection, only_missing=False)
        self.__dict__.pop("graph", None)
        return changed

    def rows(self, query: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Columns and rows of a query, read-only."""
        with self.connect() as connection:
            cursor = connection.execute(query, list(parameters))
            return [part[0] for part in cursor.description or ()], cursor.fetchall()

    def sql(self, query: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The result of a query, read-only, with ``predict_<model>()`` at hand; ``.to_pandas()`` follows."""
        from foretable.statements.answer import answer

        with self.connect() as connection:
            return answer(connection, self.root, query, parameters)

    def training_set(self, model: str, part: Literal["train", "validation", "test"] | None = None) -> pa.Table:
        """Keys, as_of, label and features that a model learns from, point-in-time, built anew.

        Grain: one row per key and date of the spine. ``part`` gives the rows of one part of the model's split alone: fit to
        ``"train"`` what is to be registered.
        """
        from foretable.train.rows import rows_of
        from foretable.train.training_set import build_training_set

        declared = self.project.model(model)
        with self._prepared() as connection:
            training = build_training_set(connection, self.graph, declared.name)
            return rows_of(connection, declared, training, part)

    def selected(self, select: Sequence[str], exclude: Sequence[str]) -> set[str] | None:
        """Tables that --select and --exclude name; None means all."""
        return self.graph.select(select, exclude) if select or exclude else None

    def plan(
        self, select: Sequence[str] = (), exclude: Sequence[str] = (), *, full_refresh: bool = False, as_of: datetime | None = None
    ) -> Plan:
        """What a run would do, and why; no table is touched. Without a warehouse it looks at a copy of the sample."""
        from foretable.run import make_plan, prepare
        from foretable.sample import warehouse_or_sample

        with warehouse_or_sample(self.root, self.config) as path, self._opened(path, write=True) as connection:
            self._record(connection, only_missing=True)
            prepare(connection, self.graph)
            return make_plan(connection, self.graph, select=self.selected(select, exclude), full_refresh=full_refresh, as_of=as_of)

    def run(
        self,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        *,
        replace: Mapping[str, str] | None = None,
        train: bool = True,
        full_refresh: bool = False,
        prune: bool = False,
        trials: int | None = None,
        as_of: datetime | None = None,
        trigger: str | None = None,
        listen: Listener = silent,
    ) -> RunReport:
        """Train what has no version, bring the tables up to date, publish.

        Parameters
        ----------
        select, exclude
            As ``--select`` and ``--exclude``; nothing means all tables.
        replace
            Sources that are loaded from a file first, ``{"raw.orders": "orders.csv"}``.
        train, full_refresh, prune, trials, as_of, trigger
            As for :func:`foretable.run.run`.
        listen
            Told about every model and table.
        """
        from foretable.compile.recorded import read_recorded, recorded_path
        from foretable.run import run

        replaced = replace or {}
        for name in replaced:
            self.project.source(name)
        self.start_warehouse()
        if all(recorded_path(self.root, name).is_file() for name in self.project.sources):
            self.selected(select, exclude)  # a misspelt name is told before a file replaces anything
        for name, file in replaced.items():
            recorded = read_recorded(self.root, name.lower()) or {}  # else the file would be found unfit when its table is gone
            self._ingest(name, [file], replace=True, again=True, recorded=recorded, listen=listen)
        with self._prepared() as connection:
            return run(
                connection, self.graph, select=self.selected(select, exclude), train=train, full_refresh=full_refresh,
                prune=prune, replaced=list(replaced), trials=trials, as_of=as_of, trigger=trigger, listen=listen,
            )  # fmt: skip

    def agenda(self, select: Sequence[str] = (), exclude: Sequence[str] = ()) -> Agenda:
        """Which tables are due now, and when the next one will be."""
        from foretable.refresh.schedule import read_agenda

        with self._prepared() as connection:
            return read_agenda(connection, self.graph, self.selected(select, exclude))

    def train(self, model: str, *, trials: int | None = None, listen: Listener = silent) -> TrainingReport:
        """Train every candidate of a model and let the best one through the gate."""
        from foretable.train import train_model

        declared = self.project.model(model)
        with self._prepared() as connection:
            return train_model(connection, self.graph, declared.name, trials=trials or self.config.trials, listen=listen)

    def ingest(
        self,
        table: str,
        files: Sequence[str | Path],
        *,
        replace: bool = False,
        again: bool = False,
        format: str | None = None,
        listen: Listener = silent,
    ) -> IngestReport:
        """Load files into a table, all or nothing; rows that break a rule go to quarantine. See :func:`foretable.quality.ingest`."""
        return self._ingest(table, files, replace=replace, again=again, format=format, listen=listen)

    def _ingest(self, table: str, files: Sequence[str | Path], **options: Any) -> IngestReport:
        from foretable.quality import ingest

        self.project.require_loadable(table)
        self.start_warehouse()
        with self.connect(write=True) as connection:
            return ingest(connection, table, files, self._rules(table), **options)

    def quarantined(self, table: str | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """What waits in quarantine: a table's rows with the rule they broke, or one line per table and rule."""
        from foretable.quality import quarantined

        with self.connect() as connection:
            columns, rows = quarantined(connection, table and table.lower())
            return list(columns), list(rows)

    def redrive(self, table: str) -> RedriveReport:
        """Check the quarantined rows of a table again, and load those that pass."""
        from foretable.quality import redrive

        with self.connect(write=True) as connection:
            return redrive(connection, table, self._rules(table))

    def _rules(self, table: str) -> Any:
        declared = self.project.schemas.get(table.lower())
        return declared.schema if declared is not None else None


def open_project(path: str | Path = ".", *, wait: float = 0.0) -> Session:
    """Open the project at or above ``path``.

    Raises
    ------
    DeclarationError
        No folder there has a ``pyproject.toml`` with ``[tool.foretable]``.

    Examples
    --------
    >>> import foretable as ft
    >>> ft.open(".").training_set("churn").to_pandas()  # doctest: +SKIP
    """
    return Session(find_root(Path(path)), wait)
