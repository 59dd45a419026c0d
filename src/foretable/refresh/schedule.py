"""Reading how every table has fared, to know what is due."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

import duckdb

from foretable.compile.graph import Graph
from foretable.refresh.due import Agenda, Pace, agenda

PACES = """
SELECT coalesce(t.name, s.table_name), t.refreshed_at, coalesce(t.definition, ''), s.attempted_at, coalesce(s.definition, ''),
    coalesce(s.failures, 0) > 0, CASE WHEN s.suspended THEN s.suspended_reason ELSE '' END
FROM foretable.tables AS t FULL JOIN foretable.schedules AS s ON s.table_name = t.name
"""


def read_agenda(connection: duckdb.DuckDBPyConnection, graph: Graph, select: Collection[str] | None = None) -> Agenda:
    """What is due of the selected tables by the machine's clock, whatever date the project pins."""
    paces = {name: Pace(*rest) for name, *rest in connection.execute(PACES).fetchall()}
    return agenda(graph, paces, datetime.now(UTC).replace(tzinfo=None), select)
