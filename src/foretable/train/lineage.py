"""Where a version comes from: the rows, the tables and sources behind them, the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from foretable.refresh.watermark import now, source_watermark
from foretable.sql import statement, table

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.train.training_set import TrainingSet

FEED = "SELECT kind FROM foretable.feeds WHERE table_name = ? ORDER BY complete_from DESC LIMIT 1"


def lineage_of(connection: duckdb.DuckDBPyConnection, graph: Graph, training: TrainingSet, code: str) -> dict[str, Any]:
    """What a version of this training set comes from, for ``foretable.model_versions.lineage``.

    Keys: ``training_set``; ``label``, ``features`` and ``tables`` (what these are made from) with their fingerprints; ``sources``
    with kind, change feed, watermark and rows as they are now; ``gate``; ``code``.
    """
    declared = graph.project.model(training.model)
    views = [view.name for view in declared.features]
    direct = {declared.label.name, *views}
    behind = sorted({other for name in direct for other in graph.upstream(name)} - direct)
    return {
        "training_set": {
            "table": training.table,
            "hash": training.hash,
            "rows": training.row_count,
            "as_of_from": training.as_of_from,
            "as_of_to": training.as_of_to,
        },
        "label": _table(graph, declared.label.name),
        "features": [_table(graph, name) for name in views],
        "tables": [_table(graph, name) for name in behind if name in graph.tables],
        "sources": [_source(connection, graph, name) for name in behind if name in graph.project.sources],
        "gate": {"metric": declared.gate.metric, "margin": declared.gate.margin},
        "code": code,
    }


def _table(graph: Graph, name: str) -> dict[str, Any]:
    return {"name": name, "fingerprint": graph.tables[name].fingerprint}


def _source(connection: duckdb.DuckDBPyConnection, graph: Graph, name: str) -> dict[str, Any]:
    count = connection.execute(statement("SELECT count(*) FROM $source", source=table(name))).fetchall()[0][0]
    feed = connection.execute(FEED, [name]).fetchall()
    return {
        "name": name,
        "kind": graph.project.sources[name].kind,
        "feed": feed[0][0] if feed else None,
        "watermark": source_watermark(connection, graph, name, now(graph)),
        "rows": count,
    }
