"""What a session does with features: look them up, join them to a spine, say what is in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretable.progress import Listener, silent

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

    from foretable.compile.graph import Graph
    from foretable.declare.project import Project
    from foretable.store.lookup import Answer
    from foretable.store.spine import Given


class SessionFeatures:
    """The part of a session that is about features; :class:`foretable.session.Session` is the whole. All of it only reads."""

    if TYPE_CHECKING:
        root: Path

        @property
        def project(self) -> Project:
            """Everything that the project declares."""

        @property
        def graph(self) -> Graph:
            """The compiled declarations."""

        def connect(self, *, write: bool = False) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
            """A connection with every model function registered."""

    def features(
        self,
        views: str | Sequence[str],
        keys: Mapping[str, Sequence[Any]],
        *,
        as_of: datetime | date | str | None = None,
        prefix: bool = False,
    ) -> pa.Table:
        """Features of some keys: what the warehouse holds now, or as they were known at a date.

        Parameters
        ----------
        views
            ``"rfm_features"``, ``"rfm_features@2"``, ``"usage:orders_30d"``, or several.
        keys
            Values by key column, or by the name of the entity where it has one key.
        as_of
            The date, in UTC; None gives what the last refresh left in the tables.
        prefix
            Whether a feature is called ``<view>__<feature>``.

        Returns
        -------
        pyarrow.Table
            One row per key, in the order given; NULLs where a view does not know the key.

        Examples
        --------
        >>> import foretable as ft
        >>> ft.open(".").features("usage", {"customer_id": [42, 43]}, as_of="2025-06-30")  # doctest: +SKIP
        """
        with self.looked_up(views, keys, as_of=as_of, prefix=prefix) as (connection, answer):
            return connection.execute(answer.query).to_arrow_table()

    def features_at(
        self,
        spine: Given,
        features: str | Sequence[str],
        timestamp: str = "as_of",
        *,
        prefix: bool = False,
        listen: Listener = silent,
    ) -> pa.Table:
        """A training set for any spine: each row with the features as they were known at its time.

        Parameters
        ----------
        spine
            Keys, a time and whatever else a row should keep: a data frame, an Arrow table, the path of a CSV, Parquet or JSON file, or
            SQL that starts with SELECT. A time without an offset is UTC, a day is the start of that day in the project's time zone.
        features
            ``"rfm_features"``, ``"rfm_features@2"``, ``"usage:orders_30d"``, or several.
        timestamp
            The column with the time.
        prefix
            Whether a feature is called ``<view>__<feature>``.
        listen
            Told about every date.

        Returns
        -------
        pyarrow.Table
            The rows of the spine in their order, its columns first; NULLs where a view does not know the key at that time.

        Examples
        --------
        >>> import foretable as ft
        >>> ft.open(".").features_at("SELECT customer_id, ordered_at, amount FROM raw.orders", "usage", "ordered_at")  # doctest: +SKIP
        """
        with self.joined(spine, features, timestamp, prefix=prefix, listen=listen) as (connection, answer):
            return connection.execute(answer.query).to_arrow_table()

    @contextmanager
    def looked_up(
        self,
        views: str | Sequence[str],
        keys: Mapping[str, Sequence[Any]],
        *,
        as_of: datetime | date | str | None = None,
        prefix: bool = False,
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, Answer]]:
        """As :meth:`features`, as a query that can be run inside the block."""
        from foretable.store.lookup import keys_of, look_up, look_up_at
        from foretable.store.views import wanted
        from foretable.warehouse import rolled_back

        asked = wanted(self.project, [views] if isinstance(views, str) else views)
        table = keys_of(asked[0].view, keys)
        moment = None if as_of is None else _moment(as_of)
        with self.connect() as connection, rolled_back(connection):
            if moment is None:
                yield connection, look_up(connection, self.root, asked, table, prefix=prefix)
            else:
                yield connection, look_up_at(connection, self.graph, asked, table, moment, prefix=prefix)

    @contextmanager
    def joined(
        self,
        spine: Given,
        features: str | Sequence[str],
        timestamp: str = "as_of",
        *,
        prefix: bool = False,
        listen: Listener = silent,
    ) -> Iterator[tuple[duckdb.DuckDBPyConnection, Answer]]:
        """As :meth:`features_at`, as a query that can be run inside the block."""
        from foretable.store.lookup import features_at
        from foretable.store.views import wanted
        from foretable.warehouse import rolled_back

        asked = wanted(self.project, [features] if isinstance(features, str) else features)
        graph = self.graph
        with self.connect() as connection, rolled_back(connection):
            yield connection, features_at(connection, graph, asked, spine, timestamp, prefix=prefix, listen=listen)


def _moment(given: datetime | date | str) -> datetime:
    """A date in UTC without its offset."""
    from foretable.declare.clock import pinned

    return pinned(given if isinstance(given, str) else given.isoformat())
