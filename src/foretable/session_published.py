"""What of a project others may read at any time: part of :class:`foretable.session.Session`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretable.online.file import online_path

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    import duckdb

    from foretable.compile.graph import Graph
    from foretable.declare.project import Config


class SessionPublished:
    """``published/``: files for BI tools, and the online copy."""

    if TYPE_CHECKING:
        root: Path

        @property
        def config(self) -> Config:
            """Settings."""

        @property
        def graph(self) -> Graph:
            """The compiled declarations."""

        def connect(self, *, write: bool = False) -> AbstractContextManager[duckdb.DuckDBPyConnection]:
            """A connection to the warehouse."""

    def publish(self) -> Path:
        """Write ``published/`` from what the warehouse holds; a run does it by itself."""
        from foretable.online.copy import copy_online
        from foretable.publish import publish

        with self.connect() as connection:
            wave = connection.execute("SELECT coalesce(max(wave), 0) FROM foretable.waves").fetchall()[0][0]
            there = {name for (name,) in connection.execute("SELECT name FROM foretable.tables").fetchall()}
            tables = [name for name in self.graph.refreshed if name in there and name.split(".")[0] in self.config.publish]
            published = publish(connection, self.root, tables, wave)
            copy_online(connection, self.graph)
            return published

    def online(self, table: str, keys: Iterable[Any]) -> list[dict[str, Any] | None]:
        """The rows of keys in the online copy, in their order, None for a key that is not there.

        The warehouse is not opened: rows are those of the last wave that was copied. For many calls keep the
        copy open: :func:`foretable.online.open`.

        Parameters
        ----------
        table
            A table declared with ``online=True``, such as ``features.usage``.
        keys
            Keys; of several columns tuples in the entity's order, or mappings by column.
        """
        from foretable.online import lookup

        return lookup(online_path(self.root), table, keys)
