"""All that the warehouse knows of a version, read once."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property

import duckdb

from foretable.registry.artifacts import artifact_hashes
from foretable.registry.baselines import baselines
from foretable.registry.details import aliases_of, curves, evaluations, findings
from foretable.registry.versions import Version
from foretable.train.result import Beside, Curve, Evaluation, Finding, Trial

_TRIALS = """
SELECT candidate, trial, parameters, coalesce(value, 'nan'::DOUBLE), state, seconds FROM foretable.trials WHERE model = ? AND version = ?
ORDER BY trial, candidate
"""
_NAMED = """
SELECT h.alias, h.version, h.previous, h.set_at, h.reason,
    (SELECT max(o.version) FROM foretable.alias_history AS o
     WHERE o.model = h.model AND o.alias = 'champion' AND h.alias = 'challenger' AND o.version <> h.version
       AND o.reason = h.reason AND abs(epoch(o.set_at) - epoch(h.set_at)) < 60) AS judged
FROM foretable.alias_history AS h
WHERE h.model = ? AND (h.version = ? OR h.previous = ?)
ORDER BY h.set_at, h.rowid
"""
_IN_PRODUCTION = """
SELECT table_name, role, metric, value, low, high, row_count, dates, as_of FROM foretable.comparisons WHERE model = ? AND version = ?
ORDER BY table_name, role, metric
"""
_CHAMPION = "SELECT version FROM foretable.model_aliases WHERE model = ? AND alias = 'champion'"


@dataclass(frozen=True)
class Named:
    """An alias that was set to a version, or taken from it.

    ``judged`` is the version that the reason speaks of, where it is another: the second candidate of a training became
    challenger when the gate let the first one in.
    """

    alias: str
    version: int
    previous: int | None
    set_at: datetime
    reason: str
    judged: int | None


@dataclass(frozen=True)
class Produced:
    """A metric of a version on the matured outcomes of a scoring table."""

    table: str
    role: str
    metric: str
    value: float
    low: float | None
    high: float | None
    row_count: int
    dates: int
    as_of: datetime | None


@dataclass(frozen=True)
class Known:
    """What a report tells of one version."""

    version: Version
    champion: int | None
    aliases: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    findings: tuple[Finding, ...]
    curves: tuple[Curve, ...]
    trials: tuple[Trial, ...]
    history: tuple[Named, ...]
    production: tuple[Produced, ...]
    artifacts: Mapping[str, str]
    baselines: tuple[Beside, ...] = ()

    @cached_property
    def measured(self) -> Mapping[tuple[str, str, str], Evaluation]:
        """The evaluations by metric, split and segment."""
        return {(each.metric, each.split, each.segment): each for each in self.evaluations}

    def evaluation(self, metric: str, split: str = "test", segment: str = "all") -> Evaluation | None:
        """The evaluation of a metric, where it was measured."""
        return self.measured.get((metric, split, segment))

    @property
    def gated_by(self) -> str:
        """The metric that the gate asks for; empty for a version that does not say."""
        return str((self.version.lineage or {}).get("gate", {}).get("metric", ""))

    def curve(self, name: str, split: str = "test") -> Curve | None:
        """A curve with points, where there is one."""
        for each in self.curves:
            if (each.name, each.split) == (name, split) and each.x:
                return each
        return None


def read(connection: duckdb.DuckDBPyConnection, version: Version) -> Known:
    """Read all that is known of a version; no row of the project is touched."""
    model, number = version.model, version.version
    key = [model, number]
    champions = connection.execute(_CHAMPION, [model]).fetchall()
    trials = connection.execute(_TRIALS, key).fetchall()
    return Known(
        version=version,
        champion=champions[0][0] if champions else None,
        aliases=tuple(aliases_of(connection, model, number)),
        evaluations=tuple(_bounded(each) for each in evaluations(connection, model, number) if _is_number(each.value)),
        findings=tuple(findings(connection, model, number)),
        curves=tuple(_drawable(curve) for curve in curves(connection, model, number)),
        trials=tuple(Trial(name, n, json.loads(given or "{}"), value, state, took) for name, n, given, value, state, took in trials),
        history=tuple(Named(*row) for row in connection.execute(_NAMED, [*key, number]).fetchall()),
        production=tuple(Produced(*row) for row in connection.execute(_IN_PRODUCTION, key).fetchall()),
        artifacts=artifact_hashes(connection, model, number),
        baselines=tuple(each for each in baselines(connection, model, number) if _whole(each)),
    )


def _bounded(each: Evaluation) -> Evaluation:
    """An evaluation whose interval has two ends, or none."""
    bounded = all(_is_number(end) for end in (each.low, each.high))
    return each if bounded else replace(each, low=None, high=None)


def _drawable(curve: Curve) -> Curve:
    """A curve of its points that are numbers."""
    known = [i for i, point in enumerate(zip(curve.x, curve.y, strict=True)) if all(_is_number(value) for value in point)]
    x, y = (tuple(side[i] for i in known) for side in (curve.x, curve.y))
    return replace(curve, x=x, y=y, labels=tuple(curve.labels[i] for i in known) if curve.labels else ())


def _whole(each: Beside) -> bool:
    figures = (each.value, each.low, each.high, each.difference, each.difference_low, each.difference_high)
    return all(_is_number(figure) for figure in figures)


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)
