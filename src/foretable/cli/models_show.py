"""The commands ``models show`` and ``models diff``: what is known of a version, and where two differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import groupby, islice
from typing import TYPE_CHECKING, Any

from foretable.cli import console, report, workspace
from foretable.cli.models_list import models
from foretable.cli.models_names import Reference, Second
from foretable.cli.options import Json
from foretable.declare.judge import FAIRNESS, METRICS_OF

if TYPE_CHECKING:
    import duckdb

    from foretable.registry import Version
    from foretable.registry.difference import Difference
    from foretable.registry.signature import Signature
    from foretable.report.reading import Known
    from foretable.train.result import Evaluation

SPLITS = ("test", "validation", "train")
ALL = "all"
MAIN = 3
"""Metrics shown of a segment."""
WORDS_SHOWN = 8
SEGMENTS_SHOWN = 8
"""Values of one column."""


@models.command()
def show(version: Reference, json: Json = False) -> None:
    """Show what is known of a version: inputs, metrics, findings, where it came from.

    \b
    Examples:
      foretable models show churn
      foretable models show churn@3 --json
    """
    from foretable import registry
    from foretable.report.reading import read

    with workspace.session().connect() as connection:
        found = registry.resolve(connection, version)
        facts = _facts(connection, found)
        known = read(connection, found)
    if json:
        console.document(facts)
    else:
        _shown(found, facts, known)


@models.command()
def diff(first: Reference, second: Second, json: Json = False) -> None:
    """Show where two versions differ: parameters, features, metrics, rows, lineage.

    \b
    Examples:
      foretable models diff churn@3 churn@4
      foretable models diff churn@champion churn@challenger --json
    """
    from foretable import registry
    from foretable.registry.difference import compare

    with workspace.session().connect() as connection:
        found = compare(connection, registry.resolve(connection, first), registry.resolve(connection, second))
    if json:
        console.document(_difference_facts(found))
    else:
        _differences(found)


def _facts(connection: duckdb.DuckDBPyConnection, version: Version) -> dict[str, Any]:
    from foretable import registry
    from foretable.registry.artifacts import artifact_hashes

    fields = {name: value for name, value in vars(version).items() if name not in ("signature", "metrics")}
    return {
        **fields,
        "tags": list(version.tags),
        "notes": version.notes or None,
        "aliases": registry.aliases_of(connection, version.model, version.version),
        "signature": _signature(version.signature),
        "artifacts": artifact_hashes(connection, version.model, version.version),
        "evaluations": [asdict(each) for each in registry.evaluations(connection, version.model, version.version)],
        "baselines": [asdict(each) for each in registry.baselines(connection, version.model, version.version)],
        "findings": [vars(each) for each in registry.findings(connection, version.model, version.version)],
    }


def _signature(signature: Signature) -> dict[str, Any]:
    return {**asdict(signature), "output": signature.output}


def _shown(version: Version, facts: Mapping[str, Any], known: Known) -> None:
    signature = version.signature
    span = f", as of {version.as_of_from} to {version.as_of_to}" if version.as_of_from else ""
    parameters = ", ".join(f"{name}={value}" for name, value in version.parameters.items())
    lines = {
        "aliases": ", ".join(facts["aliases"]),
        "candidate": f"{version.candidate}{f' ({parameters})' if parameters else ''}",
        "made": f"{version.created_at:%Y-%m-%d %H:%M} UTC, {version.origin}",
        "declaration": version.declaration,
        "task": f"{signature.task} of {signature.label}" + (f" into {', '.join(signature.classes)}" if signature.classes else ""),
        "answers": f"{signature.output}, by {version.executor}",
        "threshold": f"{signature.threshold:g}" if signature.task == "classification" else "",
        "intervals": f"{signature.intervals.level:.0%} of outcomes" if signature.intervals else "",
        "learned from": f"{version.training_set}, {console.count(version.row_count, 'row')}{span}, hash {version.training_hash}",
        "judged on": console.count(version.test_rows, "row") if version.test_rows else "no rows",
        "parity": _parity(version.parity),
        "parent": f"{version.model}@{version.parent}" if version.parent else "",
        "tags": ", ".join(version.tags),
        "notes": version.notes,
        "made with": version.code,
    }
    console.say(str(version))
    for name, value in lines.items():
        if value:
            console.say(f"  {name + ':':<13} {value}")
    _value(known)
    console.heading("features")
    console.table(["feature", "kind", "values"], [[f.name, f.kind, _some(f.vocabulary)] for f in signature.features], limit=None)
    _metrics(version, facts["evaluations"])
    _tenths(known)
    _baselines(facts["evaluations"], facts["baselines"])
    _findings(facts["findings"])
    _lineage(version)


def _value(known: Known) -> None:
    """Of a predicted number: against baselines, where the value is, its total, its intervals."""
    from foretable.report.summary import of_value

    found = of_value(known)
    if found:
        console.heading("in short")
    for said in found:
        console.say(f"{said.matter}: {said.text}")


def _tenths(known: Known) -> None:
    from foretable.report.value import tenths_table

    shown = tenths_table([known])
    if shown is not None:
        console.heading(f"{shown.title.lower()}, on the test rows")
        console.table([name.lower() for name in shown.columns], shown.rows, limit=None)


def _parity(parity: Mapping[str, Any]) -> str:
    if not parity.get("rows") and not parity.get("probes"):
        return ""
    return f"SQL and the estimator itself differ by at most {parity['max_difference']:.0e}, on {parity['rows'] + parity['probes']:,} rows"


def _some(values: Sequence[str]) -> str:
    """The first values of a vocabulary, and how many more there are."""
    more = f", … {len(values) - WORDS_SHOWN:,} more (--json has all)" if len(values) > WORDS_SHOWN else ""
    return ", ".join(repr(value) for value in values[:WORDS_SHOWN]) + more


def _metrics(version: Version, evaluations: Sequence[Mapping[str, Any]]) -> None:
    found = {(each["split"], each["segment"], each["metric"]): each for each in evaluations}
    splits = [split for split in SPLITS if any(key[:2] == (split, ALL) for key in found)]
    names = dict.fromkeys(metric for _, segment, metric in found if segment == ALL)
    if splits:
        console.heading("metrics, with 95 % intervals")
        rows = [[name, *(_figure(found.get((split, ALL, name))) for split in splits)] for name in names]
        console.table(["metric", *splits], rows, limit=None)
    gate = str((version.lineage or {}).get("gate", {}).get("metric", ""))
    main = list(dict.fromkeys((*([gate] if gate in names else []), *METRICS_OF[version.signature.task])))[:MAIN]
    of_test = {key[1:]: each for key, each in found.items() if key[0] == SPLITS[0] and key[1] != ALL}
    shown = _by_segment("segments of the test rows", "segment", of_test, main)
    shown |= _by_segment("groups of the test rows", "group", of_test, FAIRNESS)
    shown |= _gaps(of_test)
    hidden = len({segment for segment, _ in of_test} - shown)
    if hidden:
        console.say(f"{console.count(hidden, 'more segment')} with: foretable models show {version} --json")


def _by_segment(title: str, what: str, found: Mapping[tuple[str, str], Mapping[str, Any]], metrics: Sequence[str]) -> set[str]:
    """Segments below each other, those of one column together, the largest first; which of them are shown."""
    sizes = {segment: each["row_count"] for (segment, metric), each in found.items() if metric == metrics[0]}
    by_size = sorted(sizes, key=lambda name: (name.partition("=")[0], -sizes[name], name))
    names = [name for _, group in groupby(by_size, lambda name: name.partition("=")[0]) for name in islice(group, SEGMENTS_SHOWN)]
    if names:
        console.heading(title)
        rows = [[name, sizes[name], *(_figure(found.get((name, metric))) for metric in metrics)] for name in names]
        console.table([what, "rows", *metrics], rows, limit=None)
    return set(names)


def _gaps(found: Mapping[tuple[str, str], Mapping[str, Any]]) -> set[str]:
    """The greatest differences between groups of a column."""
    columns = list(dict.fromkeys(segment for segment, metric in found if metric == f"{FAIRNESS[0]}_gap"))
    if columns:
        console.heading("greatest gaps between groups")
        rows = [[name, *(_figure(found.get((name, f"{measure}_gap"))) for measure in FAIRNESS)] for name in columns]
        console.table(["column", *FAIRNESS], rows, limit=None)
    return set(columns)


def _figure(each: Mapping[str, Any] | None) -> str:
    return report.interval("", each["value"], each["low"], each["high"]).strip() if each else ""


def _baselines(evaluations: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]]) -> None:
    """What simple baselines reach on the test rows, a table each: their names are long."""
    own = {each["metric"]: each for each in evaluations if (each["split"], each["segment"]) == (SPLITS[0], ALL)}
    for name, of_baseline in groupby(baselines, lambda each: str(each["baseline"])):
        console.heading(f"beside {name} on the test rows, with 95 % intervals")
        rows = [[each["metric"], _figure(own.get(each["metric"])), _figure(each), _better(each)] for each in of_baseline]
        console.table(["metric", "version", "baseline", "better by"], rows, limit=None)


def _better(each: Mapping[str, Any]) -> str:
    return report.interval("", each["difference"], each["difference_low"], each["difference_high"]).strip()


def _findings(findings: Sequence[Mapping[str, Any]]) -> None:
    if findings:
        console.heading("findings")
        rows = [[each["severity"], each["check"], each["column"], each["message"]] for each in findings]
        console.table(["severity", "check", "column", "what was found"], rows, limit=None)


def _lineage(version: Version) -> None:
    from foretable.registry.difference import flat_lineage

    made_from = flat_lineage(version.lineage)
    if made_from:
        console.heading("made from")
        console.table(["name", "what"], list(made_from.items()), limit=None)


def _differences(found: Difference) -> None:
    first, second = str(found.first), str(found.second)
    pairs = [
        *((name, *pair) for name, pair in found.settings.items()),
        *((f"parameter {name}", *pair) for name, pair in found.parameters.items()),
        *((f"kind of {name}", *pair) for name, pair in found.features_retyped.items()),
        *((f"training {name}", *pair) for name, pair in found.rows.items()),
        *((f"lineage {name}", *pair) for name, pair in found.lineage.items()),
    ]
    if pairs:
        rows = [[name, *("" if value is None else str(value) for value in values)] for name, *values in pairs]
        console.table(["", first, second], rows, limit=None)
    for name in found.features_added:
        console.say(f"+ {name}: only in {second}")
    for name in found.features_removed:
        console.say(f"- {name}: only in {first}")
    for name, vocabulary in found.vocabularies.items():
        parts = [f"{sign} {_some(values)}" for sign, values in (("+", vocabulary.added), ("-", vocabulary.removed)) if values]
        console.say(f"~ {name}: {'; '.join(parts)}")
    if found.metrics:
        console.heading("metrics, with 95 % intervals")
        rows = [[*key, *(_figure(asdict(each) if each else None) for each in pair)] for key, pair in found.metrics.items()]
        console.table(["split", "segment", "metric", first, second], rows, limit=None)
    if not (pairs or found.features_added or found.features_removed or found.vocabularies):
        console.say(f"{first} and {second} are declared and trained alike")


def _difference_facts(found: Difference) -> dict[str, Any]:
    def pairs(changed: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
        return {name: {"first": pair[0], "second": pair[1]} for name, pair in changed.items()}

    def measured(each: Evaluation | None) -> dict[str, Any] | None:
        return {"value": each.value, "low": each.low, "high": each.high, "rows": each.row_count} if each else None

    return {
        "first": str(found.first),
        "second": str(found.second),
        "settings": pairs(found.settings),
        "parameters": pairs(found.parameters),
        "features": {
            "added": found.features_added,
            "removed": found.features_removed,
            "retyped": pairs(found.features_retyped),
            "vocabulary": {name: asdict(each) for name, each in found.vocabularies.items()},
        },
        "rows": pairs(found.rows),
        "lineage": pairs(found.lineage),
        "metrics": [
            {"split": split, "segment": segment, "metric": metric, "first": measured(first), "second": measured(second)}
            for (split, segment, metric), (first, second) in found.metrics.items()
        ],
    }
