"""What plans, runs and trainings tell: for people, and as plain data for --json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from foretable.cli import console, describe, highlights
from foretable.online.file import online_path

if TYPE_CHECKING:
    from foretable.compile.graph import Graph
    from foretable.refresh import Plan
    from foretable.refresh.due import Agenda
    from foretable.refresh.step import Built
    from foretable.run import RunReport
    from foretable.session import Session
    from foretable.train import TrainingReport
    from foretable.train.result import Finding, Trained

FIRST = 10


def interval(metric: str, value: float | None, low: float | None, high: float | None) -> str:
    """``roc_auc 0.864 [0.852, 0.876]``: a metric and its 95 % interval."""
    if value is None:
        return ""
    return f"{metric} {value:.3f}" + (f" [{low:.3f}, {high:.3f}]" if low is not None and high is not None else "")


def plan(graph: Graph, planned: Plan) -> None:
    """Print a plan: what would be done, and why."""
    for step in planned.trainings:
        console.say(f"train {step.model}: {step.reason}")
    counted = any(b.dirty is not None for b in planned.builds)
    rows: list[list[Any]] = [[b.table, _mode(graph, b.table), b.action, b.dirty, b.as_of, b.reason] for b in planned.builds]
    rows += [[name, _mode(graph, name), "BLOCKED", None, None, reason] for name, reason in planned.blocked.items()]
    rows += [[drop.table, "", "DROP", None, None, "nothing declares it; dropped only with --prune"] for drop in planned.drops]
    if rows:
        names = ["table", "mode", "action", "dirty keys", "as of", "why"]
        kept = [i for i in range(len(names)) if counted or i != 3]
        console.table([names[i] for i in kept], [[row[i] for i in kept] for row in rows], limit=None)
    if not planned.trainings and not planned.work:
        why = "every table is up to date" if planned.builds else "no table is declared under pipelines/ or sql/"
        console.say(f"nothing to do: {why}")


def plan_facts(graph: Graph, planned: Plan) -> dict[str, Any]:
    """A plan as plain data."""
    return {
        "train": [{"model": step.model, "reason": step.reason} for step in planned.trainings],
        "tables": [
            {
                "table": b.table,
                "mode": _mode(graph, b.table),
                "mode_reason": graph.tables[b.table].analysis.reason or None,
                "action": b.action,
                "as_of": b.as_of,
                "reason": b.reason,
                "dirty": b.dirty,
            }
            for b in planned.builds
        ],
        "blocked": dict(planned.blocked),
        "drop": [drop.table for drop in planned.drops],
    }


def _mode(graph: Graph, name: str) -> str:
    return graph.tables[name].analysis.mode


def training(done: TrainingReport) -> None:
    """Print a training: candidates, their metrics with intervals, and what the gate said."""
    names = list(
        dict.fromkeys([done.gate.metric, *(("roc_auc", "pr_auc") if done.best.trained.signature.task == "classification" else ())])
    )
    segments = [name for name in ("all", "latest") if any((e.split, e.segment) == ("test", name) for e in done.best.trained.evaluations)]
    rows = [
        [
            f"{done.model}@{found.version}",
            found.trained.candidate,
            "champion" if found.version == done.champion else "",
            segment,
            *(_measured(found.trained, name, segment) for name in names),
        ]
        for found in done.candidates
        for segment in segments
    ]
    console.table(["version", "candidate", "", "held-out rows", *names], rows, limit=None)
    positives = f", {done.training.positives:,} of them positive" if done.training.positives else ""
    rows_learned = f"{console.count(done.training.row_count, 'row')}{positives}"
    console.say(f"learned from {done.training.table}: {rows_learned}; {_trials(done)}; {console.duration(done.seconds)}")
    worst = max(found.parity.max_difference for found in done.candidates)
    console.say(
        f"parity: SQL and native estimators differ by at most {worst:.0e}, on {done.best.parity.rows + done.best.parity.probes:,} rows"
    )
    console.say(f"gate: {done.gate.reason}")
    findings = [*done.findings, *(each for each in done.best.trained.findings if each.severity != "note" or each.check == "baseline")]
    for finding in sorted(findings, key=lambda each: ("refused", "warning", "note").index(each.severity)):
        console.say(f"{finding.severity}: {f'{finding.column}: ' if finding.column else ''}{finding.message}")
    for text in dict.fromkeys([*done.notes, *(note for found in done.candidates for note in found.trained.notes)]):
        console.say(f"note: {text}")


def _measured(trained: Trained, metric: str, segment: str) -> str:
    """``0.864 [0.852, 0.876]`` on the test rows of a segment."""
    for found in trained.evaluations:
        if (found.metric, found.split, found.segment) == (metric, "test", segment):
            return interval("", found.value, found.low, found.high).strip()
    return ""


def _trials(done: TrainingReport) -> str:
    """How long the search was, so that a short one is not taken for a full one."""
    most = max((len(found.trained.trials) for found in done.candidates), default=0)
    more = f"{console.count(most, 'search trial')} per candidate (more: foretable train {done.model} --trials 40)"
    return more if most else "nothing to search"


def training_facts(done: TrainingReport) -> dict[str, Any]:
    """A training as plain data."""
    return {
        "model": done.model,
        "champion": done.champion,
        "gate": {
            "accepted": done.gate.accepted,
            "reason": done.gate.reason,
            "metric": done.gate.metric,
            "difference": done.gate.difference,
        },
        "training_set": {
            "table": done.training.table,
            "rows": done.training.row_count,
            "positives": done.training.positives,
            "hash": done.training.hash,
        },
        "candidates": [
            {
                "version": found.version,
                "candidate": found.trained.candidate,
                "parameters": dict(found.trained.parameters),
                "executor": found.trained.executor,
                "threshold": found.trained.signature.threshold,
                "findings": [_finding(finding) for finding in found.trained.findings],
                "metrics": {
                    f"{e.split}/{e.segment}/{e.metric}": {"value": e.value, "low": e.low, "high": e.high, "rows": e.row_count}
                    for e in found.trained.evaluations
                },
            }
            for found in done.candidates
        ],
        "findings": [_finding(finding) for finding in done.findings],
        "notes": list(done.notes),
        "seconds": done.seconds,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"check": finding.check, "severity": finding.severity, "column": finding.column or None, "message": finding.message}


def outcome(session: Session, done: RunReport) -> None:
    """Print a run: tables, models, whom to act on first, where the files are, what to try next."""
    wrote = [built for built in done.wave.built if built.action != "NO_DATA"]
    if not (wrote or done.trainings or done.untrained or done.wave.failed or done.wave.blocked or done.wave.dropped):
        console.say(f"nothing to do: {console.count(len(done.wave.built), 'table')} up to date ({console.duration(done.seconds)})")
    else:
        _tables(done)
    for trained in done.trainings:
        console.heading(f"model {trained.model}")
        training(trained)
    for name, error in done.untrained.items():
        console.heading(f"model {name}: not trained")
        console.say(f"{error.where}: {error.message}" if error.where else error.message)
    for name, columns, rows in highlights.act_first(session, [built.table for built in done.wave.built], FIRST):
        console.heading(f"{name}: act on these first" if rows else f"{name}: nobody to act on")
        if rows:
            console.table(columns, rows)
    if done.published is not None:
        console.heading("published")
        console.say(f"{describe.near(session, str(done.published))} opens in any DuckDB client or BI tool")
        console.say(f"{describe.near(session, str(done.published.parent / 'current'))} holds the same tables as Parquet")
    copied = [copy for copy in done.online if copy.action != "NO_DATA"]
    if copied:
        console.heading("online")
        moved = sum(copy.written + copy.deleted for copy in copied)
        told = f"{console.count(moved, 'row')} of {console.count(len(copied), 'table')} brought up to date, for look-ups by key"
        console.say(f"{describe.near(session, str(online_path(session.root.resolve())))}: {told}")
    _next(session)


def _tables(done: RunReport) -> None:
    rows: list[list[Any]] = [
        [b.table, b.action, b.row_count, changed(b), b.quarantined or None, _time(b), b.reason] for b in done.wave.built
    ]
    rows += [[name, "FAILED", None, "", None, None, error.message] for name, error in done.wave.failed.items()]
    rows += [[name, "BLOCKED", None, "", None, None, reason] for name, reason in done.wave.blocked.items()]
    rows += [[name, "DROP", None, "", None, None, "nothing declares it"] for name in done.wave.dropped]
    wrote = sum(b.action != "NO_DATA" for b in done.wave.built)
    rest = f"{len(done.wave.built) - wrote:,} unchanged, {console.duration(done.seconds)}"
    console.heading(f"wave {done.wave.wave}: {console.count(wrote, 'table')} built, {rest}")
    names = ["table", "action", "rows", "changed", "quarantined", "time", "why"]
    kept = [i for i, name in enumerate(names) if name not in ("changed", "quarantined") or any(row[i] for row in rows)]
    console.table([names[i] for i in kept], [[row[i] for i in kept] for row in rows], limit=None)


def changed(built: Built) -> str:
    """``+12 ~3 -1``: rows that a refresh inserted, updated and deleted; nothing for a table that was made anew."""
    if built.action in ("NO_DATA", "REINITIALIZE"):
        return ""
    parts = (("+", built.inserted), ("~", built.updated), ("-", built.deleted))
    return " ".join(f"{sign}{number:,}" for sign, number in parts if number) or "none"


def _time(built: Built) -> str | None:
    return None if built.action == "NO_DATA" else console.duration(built.seconds)


def outcome_facts(done: RunReport) -> dict[str, Any]:
    """A run as plain data."""
    return {
        "wave": done.wave.wave,
        "tables": [
            {
                "table": b.table,
                "action": b.action,
                "reason": b.reason,
                "as_of": b.as_of,
                "rows": b.row_count,
                "quarantined": b.quarantined,
                "inserted": b.inserted,
                "updated": b.updated,
                "deleted": b.deleted,
                "dirty": b.dirty,
                "seconds": b.seconds,
                "timings": dict(b.timings),
            }
            for b in done.wave.built
        ],
        "failed": {name: {"message": error.message, "where": error.where, "hint": error.hint} for name, error in done.wave.failed.items()},
        "blocked": dict(done.wave.blocked),
        "dropped": list(done.wave.dropped),
        "trained": [training_facts(trained) for trained in done.trainings],
        "untrained": {name: {"message": error.message, "where": error.where, "hint": error.hint} for name, error in done.untrained.items()},
        "published": str(done.published) if done.published else None,
        "online": [asdict(copy) for copy in done.online],
        "seconds": done.seconds,
    }


NOTHING: Mapping[str, Any] = {
    "wave": None, "tables": [], "failed": {}, "blocked": {}, "dropped": [], "trained": [], "untrained": {}, "published": None,
    "online": [],
}  # fmt: skip
"""What :func:`outcome_facts` gives where no wave was needed."""


def schedule_facts(agenda: Agenda | None) -> dict[str, Any]:
    """What is left out, and when the next table is due, as plain data."""
    return {"suspended": dict(agenda.suspended) if agenda else None, "next_due": agenda.next_wake if agenda else None}


def next_wake(moment: datetime | None) -> str:
    """``; the next table in 4 min``, as the end of a line."""
    if moment is None:
        return ""
    return f"; the next table in {console.duration(max((moment - datetime.now(UTC).replace(tzinfo=None)).total_seconds(), 0.0))}"


def _next(session: Session) -> None:
    console.heading("next")
    example = highlights.example_query(session.graph)
    if example:
        console.say(f'  foretable sql "{example}"')
    for command in ("foretable status", "foretable models", "foretable ls"):
        console.say(f"  {command}")
