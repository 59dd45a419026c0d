"""Where a version comes from, what it takes, and where two differ."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from foretable.registry.difference import Difference
from foretable.report.bars import is_chosen
from foretable.report.reading import Known
from foretable.report.summary import gate_words, ranked
from foretable.report.tables import Table
from foretable.report.words import NONE, count, moment, number, value

WORDS_SHOWN = 12
MOST_TRIALS = 200


def facts_table(known: Known) -> Table:
    """What identifies a version."""
    version = known.version
    parity = version.parity
    lines = {
        "version": str(version),
        "candidate": version.candidate,
        "made": f"{version.created_at:%Y-%m-%d %H:%M:%S} UTC, {version.origin}",
        "executor": version.executor,
        "parent": f"{version.model}@{version.parent}" if version.parent else "",
        "training set": f"{version.training_set}, {count(version.row_count)}",
        "hash of the rows": version.training_hash,
        "as of": f"{moment(version.as_of_from)} to {moment(version.as_of_to)}" if version.as_of_from is not None else "",
        "declaration": version.declaration,
        "code": version.code,
        "seed": str(version.seed),
        "parity": f"SQL and the estimator itself differ by at most {parity['max_difference']:.0e} (allowed: {parity['tolerance']:.0e}), on "
        f"{count(int(parity['rows']) + int(parity['probes']))}"
        if {"max_difference", "tolerance", "rows", "probes"} <= parity.keys() and parity["max_difference"] is not None
        else "",
        "tags": ", ".join(version.tags),
        "notes": version.notes,
        **{f"{kind}, SHA-256": sha256 for kind, sha256 in known.artifacts.items()},
    }
    return Table("", ("", ""), tuple((name, text) for name, text in lines.items() if text), words=2)


def lineage_table(known: Known) -> Table | None:
    """Sources, tables and label that the rows came from."""
    lineage = known.version.lineage
    rows: list[tuple[str, ...]] = []
    for part, kind in (("label", "label"), ("features", "feature view"), ("tables", "table")):
        entries = lineage.get(part) or []
        for entry in [entries] if isinstance(entries, Mapping) else entries:
            rows.append((str(entry.get("name", "")), kind, str(entry.get("fingerprint") or NONE), "", ""))
    for entry in lineage.get("sources") or []:
        kind = f"source, {entry['kind']}" if entry.get("kind") else "source"
        feed = f"changes by {entry['feed']}" if entry.get("feed") else ""
        rows.append((str(entry.get("name", "")), kind, feed, _until(entry.get("watermark")), value(entry.get("rows"))))
    columns = ("name", "kind", "fingerprint", "complete up to (UTC)", "rows")
    return Table("Made from", columns, tuple(rows), words=4) if rows else None


def _until(watermark: Any) -> str:
    return str(watermark)[:19] if watermark else ""


def history_table(known: Known) -> Table | None:
    """Every alias that was set to the version or taken from it."""
    number_ = known.version.version
    rows = [
        (
            f"{each.set_at:%Y-%m-%d %H:%M:%S}",
            each.alias,
            f"{known.version.model}@{each.version}",
            NONE if each.previous is None else f"{known.version.model}@{each.previous}",
            gate_words(known, each) if each.version == number_ else each.reason,
        )
        for each in known.history
    ]
    return Table("History of its names", ("when (UTC)", "name", "to", "from", "why"), tuple(rows), words=5) if rows else None


def parameters_table(known: Known) -> Table | None:
    """The parameters that it was fitted with."""
    rows = tuple((name, value(given)) for name, given in sorted(known.version.parameters.items()))
    return Table("Parameters", ("parameter", "value"), rows) if rows else None


def signature_table(known: Known) -> Table:
    """The features, in the order that the model has them."""
    signature = known.version.signature
    reasons = dict(signature.reasons)
    rows = tuple((f.name, f.kind, f.sql_type, _some(f.vocabulary), reasons.get(f.name, "")) for f in signature.features)
    columns = ["feature", "kind", "type in SQL", "known values", "words for people"]
    kept = [i for i in range(len(columns)) if i < 3 or any(row[i] for row in rows)]
    shown = tuple(tuple(row[i] for i in kept) for row in rows)
    return Table(f"Signature: {signature.output}", tuple(columns[i] for i in kept), shown, words=len(kept))


def thresholds_table(known: Known) -> Table | None:
    """Thresholds that depend on a column of the row."""
    own = known.version.signature.by_segment
    if own is None:
        return None
    rows = [*((name, number(threshold, 4)) for name, threshold in own.thresholds), ("other", number(known.version.signature.threshold, 4))]
    return Table("Thresholds", (own.column, "threshold"), tuple(rows))


def trials_table(known: Known) -> Table | None:
    """The trials of the search, the one that was chosen first."""
    trials = sorted(known.trials, key=lambda trial: not is_chosen(known, trial))
    rows = tuple(
        (
            f"{trial.trial}{' (chosen)' if is_chosen(known, trial) else ''}",
            {"COMPLETE": "finished", "PRUNED": "stopped early", "FAILED": "failed"}.get(trial.state, trial.state),
            ", ".join(f"{name} {value(given)}" for name, given in trial.parameters.items()),
            f"{trial.value:.5g}".replace("-", "−") if math.isfinite(trial.value) else NONE,
            f"{trial.seconds or 0.0:.1f} s",
        )
        for trial in trials[:MOST_TRIALS]
    )
    left = f"{MOST_TRIALS} of {len(trials)} trials" if len(trials) > MOST_TRIALS else ""
    return Table("", ("trial", "how it ended", "parameters", "value", "time"), rows, words=3, caption=left) if rows else None


def findings_rows(known: Known) -> list[dict[str, str]]:
    """Findings, the worst first, each with its evidence."""
    return [
        {
            "severity": finding.severity,
            "check": finding.check,
            "column": finding.column,
            "message": finding.message,
            "evidence": value(dict(finding.evidence)) if finding.evidence else "",
        }
        for finding in ranked(known.findings)
    ]


def difference_tables(found: Difference) -> Iterator[Table]:
    """Where two versions differ besides their figures."""
    first, second = str(found.first), str(found.second)
    pairs: Sequence[tuple[str, Mapping[str, tuple[Any, Any]]]] = (
        ("", found.settings),
        ("parameter ", found.parameters),
        ("kind of ", found.features_retyped),
        ("training ", found.rows),
        ("lineage ", found.lineage),
    )
    rows = [(f"{kind}{name}", value(pair[0]), value(pair[1])) for kind, changed in pairs for name, pair in changed.items()]
    if rows:
        yield Table("Settings, parameters and rows", ("", first, second), tuple(rows), words=3)
    features = [(name, "only in " + second) for name in found.features_added] + [
        (name, "only in " + first) for name in found.features_removed
    ]
    for name, vocabulary in found.vocabularies.items():
        parts = ((second, vocabulary.added), (first, vocabulary.removed))
        features.append((name, "; ".join(f"only {who} knows {_some(values)}" for who, values in parts if values)))
    if features:
        yield Table("Features", ("feature", "difference"), tuple(features), words=2)


def gate_between(shown: Sequence[Known]) -> list[str]:
    """What the gate said when it compared one of two versions with the other, on the same rows: a paired interval."""
    found = []
    for known, other in (shown, shown[::-1]):
        against = f"than version {other.version.version} on "
        reasons = [each.reason for each in known.history if each.version == known.version.version and each.judged is None]
        found += [f"{known.version}: {reason}" for reason in dict.fromkeys(reasons) if against in reason]
    return found


def _some(values: Sequence[str]) -> str:
    more = f", … {len(values) - WORDS_SHOWN:,} more" if len(values) > WORDS_SHOWN else ""
    return ", ".join(values[:WORDS_SHOWN]) + more
