"""What a session does with model versions: put a champion back, register, export and import."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretable.errors import WarehouseError
from foretable.progress import Listener, silent

if TYPE_CHECKING:
    import duckdb

    from foretable.compile.graph import Graph
    from foretable.registry import Version
    from foretable.registry.transfer import Moved
    from foretable.run import RunReport
    from foretable.train.result import TrainingReport


@dataclass(frozen=True)
class RolledBack:
    """The champion that is back, and what was rescored; ``run`` is None where nothing was asked to be."""

    version: Version
    run: RunReport | None


class SessionModels:
    """The part of a session that is about model versions; :class:`foretable.session.Session` is the whole."""

    if TYPE_CHECKING:

        @property
        def graph(self) -> Graph:
            """The compiled declarations."""

        def connect(self, *, write: bool = False) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
            """A connection with every model function registered."""

        def _prepared(self) -> AbstractContextManager[duckdb.DuckDBPyConnection]: ...

        @property
        def warehouse(self) -> Path:
            """Path of the warehouse file."""

    @contextmanager
    def changing(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A writable connection to a warehouse that is there: what is done to versions starts none.

        Raises
        ------
        WarehouseError
            There is no warehouse yet, or the file cannot be used.
        """
        self._require_warehouse()
        with self.connect(write=True) as connection:
            yield connection

    def _require_warehouse(self) -> None:
        if not self.warehouse.exists():
            raise WarehouseError("there is no warehouse yet", where=str(self.warehouse), hint="build it: foretable run")

    def rollback(self, model: str, *, refresh: bool = True, listen: Listener = silent) -> RolledBack:
        """Make the champion before champion again, and rescore what depends on it, in one transaction.

        A table that cannot be rescored keeps its last good rows and is told in the report; the champion is back all the same.

        Parameters
        ----------
        model
            Name of the model.
        refresh
            Whether the tables that call the champion, and those made from them, are rescored at once. Without it no
            declaration is read, and the next run does it.
        listen
            Told about every table.
        """
        from foretable import registry

        name = model.lower()
        if not refresh:
            with self.changing() as connection:
                return RolledBack(registry.rollback(connection, name), None)
        from foretable.run import run

        self._require_warehouse()
        back: list[Version] = []

        def first(connection: duckdb.DuckDBPyConnection) -> None:
            back[:] = [registry.rollback(connection, name)]

        graph = self.graph
        calling = {table for table in graph.refreshed if name in graph.tables[table].models}
        dependants = calling.union(*(graph.downstream(table) for table in calling)) & set(graph.refreshed)
        with self._prepared() as connection:
            report = run(connection, graph, select=dependants, train=False, trigger="ROLLBACK", first=first, listen=listen)
        return RolledBack(back[0], report)

    def register(
        self,
        name: str,
        estimator: Any,
        features: Sequence[str] | None = None,
        *,
        signature: Mapping[str, Any] | str | Path | None = None,
        unseen: bool = False,
        listen: Listener = silent,
    ) -> TrainingReport:
        """Register an estimator that was fitted elsewhere, through the same gates as a trained one.

        Parameters
        ----------
        name
            A declared model.
        estimator
            Fitted to ``training_set(name, part="train")``: a scikit-learn or XGBoost estimator; or the path of an ONNX file.
        features
            The columns that it was fitted to, in order; by default the names that it remembers, else all features of the model.
        signature
            Of an ONNX file: what it takes and gives, as a mapping or the path of a JSON file.
        unseen
            Say True where it has seen no row of the validation and test parts. Otherwise it is challenger at most: who has
            seen the answers is not judged by them.
        listen
            Told about every step.

        Raises
        ------
        TrainingError
            The estimator, or what it was fitted to, cannot be taken over exactly.
        ParityFailure
            It scores otherwise in SQL than by itself.
        WarehouseError
            The ONNX file is not a plain model of that signature.

        Examples
        --------
        >>> import foretable as ft
        >>> project = ft.open(".")  # doctest: +SKIP
        >>> rows = project.training_set("churn", part="train").to_pandas()  # doctest: +SKIP
        >>> project.register("churn", LogisticRegression().fit(rows[["orders_30d"]], rows["churned"]), unseen=True)  # doctest: +SKIP
        """
        from foretable.train.register import register_estimator, register_file

        with self._prepared() as connection:
            if isinstance(estimator, str | Path):
                return register_file(connection, self.graph, name.lower(), Path(estimator), signature, unseen=unseen, listen=listen)
            return register_estimator(connection, self.graph, name.lower(), estimator, features, unseen=unseen, listen=listen)

    def export_version(self, reference: str, path: str | Path) -> Path:
        """Write a version as one file, which ``import_version`` reads; gives its path."""
        from foretable.registry.transfer import export_version

        with self.connect() as connection:
            return export_version(connection, reference, path)

    def import_version(self, path: str | Path, name: str | None = None) -> Moved:
        """Read a version from a file that ``export_version`` wrote; ``name`` gives it to another model."""
        from foretable.registry.transfer import import_version
        from foretable.warehouse import ensure_catalog

        with self.connect(write=True) as connection:
            ensure_catalog(connection)
            return import_version(connection, path, name)
