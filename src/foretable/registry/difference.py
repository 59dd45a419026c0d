"""Where two versions differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb

from foretable.registry.details import evaluations
from foretable.registry.versions import Version

if TYPE_CHECKING:
    from foretable.train.result import Evaluation

Changed = Mapping[str, tuple[Any, Any]]


@dataclass(frozen=True)
class Vocabulary:
    """Values of a category that only the first version knows, or only the second."""

    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True)
class Difference:
    """What the second version has otherwise than the first.

    A pair is (first, second), ``None`` where one has nothing. ``settings`` are candidate, executor, threshold, seed,
    libraries and the like; ``rows`` the table, content hash, number and dates of the training rows; ``lineage`` the
    fingerprints of label, feature views and other tables, and the watermark and rows of sources; ``metrics`` are all
    metrics that either has, by (split, segment, metric), changed or not.
    """

    first: Version
    second: Version
    settings: Changed
    parameters: Changed
    features_added: tuple[str, ...]
    features_removed: tuple[str, ...]
    features_retyped: Changed
    vocabularies: Mapping[str, Vocabulary]
    rows: Changed
    lineage: Changed
    metrics: Mapping[tuple[str, str, str], tuple[Evaluation | None, Evaluation | None]]


def compare(connection: duckdb.DuckDBPyConnection, first: Version, second: Version) -> Difference:
    """Compare two versions, of one model or of two."""
    before, after = ({feature.name: feature for feature in version.signature.features} for version in (first, second))
    both = [name for name in before if name in after]
    measured = [
        {(e.split, e.segment, e.metric): e for e in evaluations(connection, version.model, version.version)} for version in (first, second)
    ]
    return Difference(
        first,
        second,
        settings=_changed(_settings(first), _settings(second)),
        parameters=_changed(first.parameters, second.parameters),
        features_added=tuple(name for name in after if name not in before),
        features_removed=tuple(name for name in before if name not in after),
        features_retyped={name: (before[name].kind, after[name].kind) for name in both if before[name].kind != after[name].kind},
        vocabularies={
            name: Vocabulary(
                _without(before[name].vocabulary, after[name].vocabulary), _without(after[name].vocabulary, before[name].vocabulary)
            )
            for name in both
            if before[name].kind == after[name].kind == "category" and set(before[name].vocabulary) != set(after[name].vocabulary)
        },
        rows=_changed(_rows(first), _rows(second)),
        lineage=_changed(flat_lineage(first.lineage), flat_lineage(second.lineage)),
        metrics={key: (measured[0].get(key), measured[1].get(key)) for key in sorted(measured[0].keys() | measured[1].keys())},
    )


def flat_lineage(lineage: Mapping[str, Any]) -> dict[str, str]:
    """What a version was made from, as one line per table or source."""
    found: dict[str, str] = {}
    for part in ("label", "features", "tables"):
        entries = lineage.get(part) or []
        for entry in [entries] if isinstance(entries, Mapping) else entries:
            found[entry["name"]] = f"{'label' if part == 'label' else 'table'} {entry['fingerprint']}"
    for source in lineage.get("sources", []):
        reach = f" to {source['watermark']}" if source.get("watermark") else ""
        found[source["name"]] = f"source, {source['rows']:,} rows{reach}"
    return found


def _settings(version: Version) -> dict[str, Any]:
    signature = version.signature
    return {
        "model": version.model,
        "candidate": version.candidate,
        "declaration": version.declaration,
        "task": signature.task,
        "label": signature.label,
        "classes": list(signature.classes) or None,
        "threshold": signature.threshold,
        "intervals": signature.intervals.level if signature.intervals else None,
        "executor": version.executor,
        "origin": version.origin,
        "seed": version.seed,
        "libraries": version.code,
    }


def _rows(version: Version) -> dict[str, Any]:
    return {
        "table": version.training_set,
        "hash": version.training_hash,
        "rows": version.row_count,
        "from": version.as_of_from,
        "to": version.as_of_to,
        "test rows": version.test_rows,
    }


def _changed(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    names = dict.fromkeys([*first, *second])
    return {name: (first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)}


def _without(values: tuple[str, ...], others: tuple[str, ...]) -> tuple[str, ...]:
    known = set(others)
    return tuple(value for value in values if value not in known)
