"""What must be known of a model to write a call of it in our words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foretable.errors import UnknownName, nearest

if TYPE_CHECKING:
    import duckdb

HAS_CATALOG = """
SELECT 1 FROM duckdb_tables() WHERE database_name = current_database() AND schema_name = 'foretable' AND table_name = 'model_versions'
"""
NEWEST = """
SELECT model, arg_max(signature ->> '$.task', version), arg_max(signature ->> '$.label', version), list('v' || version)
FROM foretable.model_versions GROUP BY model
"""
CHAMPIONS = """
SELECT v.model, v.signature ->> '$.task', v.signature ->> '$.label'
FROM foretable.model_versions AS v JOIN foretable.model_aliases AS a ON a.model = v.model AND a.version = v.version
WHERE a.alias = 'champion'
"""
ALIASES = "SELECT model, list(alias) FROM foretable.model_aliases GROUP BY model"


@dataclass(frozen=True)
class Facts:
    """A model's task, the column that it learned, and the versions and aliases that can be called.

    ``callable`` is None where they are not known: what a project declares is compiled without a warehouse.
    """

    task: str
    label: str
    callable: frozenset[str] | None = None


Models = Callable[[str], Facts]
"""Tells about a model by its name in lower case; raises UnknownName."""


def anything(_: str) -> Facts:
    """For a text that is only to be read: every model is there."""
    return Facts("classification", "label")


def in_catalog(connection: duckdb.DuckDBPyConnection) -> Models:
    """What the warehouse knows of its models; it is read when the first model is asked for."""
    known: dict[str, Facts] = {}

    def facts(model: str) -> Facts:
        if not known:
            known.update(_read(connection))
        if model not in known:
            raise UnknownName(f"no version of a model {model!r} is registered", hint=_hint(model, known))
        return known[model]

    return facts


def _read(connection: duckdb.DuckDBPyConnection) -> dict[str, Facts]:
    if not connection.execute(HAS_CATALOG).fetchall():
        return {}
    aliases = dict(connection.execute(ALIASES).fetchall())
    champions = {model: (task, label) for model, task, label in connection.execute(CHAMPIONS).fetchall()}
    return {
        model: Facts(*champions.get(model, (task, label)), frozenset([*versions, *aliases.get(model, [])]))
        for model, task, label, versions in connection.execute(NEWEST).fetchall()
    }


def _hint(model: str, known: dict[str, Facts]) -> str:
    return nearest(model, known) if known else f"train it first: foretable train {model}"
