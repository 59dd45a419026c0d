"""A whole run: train what needs training, build what changed in one wave, publish."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from foretable.compile.answers import answer_type
from foretable.compile.graph import Graph
from foretable.compile.references import called_model, calls, models_of, reached
from foretable.compile.scratch import create_macros
from foretable.errors import ForetableError, TrainingError, WarehouseError
from foretable.monitor import update_comparisons
from foretable.online.copy import Copied, copy_online
from foretable.online.file import online_path, seen_waves
from foretable.progress import Listener, Progress, silent
from foretable.publish import publish
from foretable.refresh.fingerprint import declaration_fingerprint
from foretable.refresh.history import next_wave, utc_now
from foretable.refresh.plan import Plan, plan
from foretable.refresh.retention import forget_old, remove_leftovers
from foretable.refresh.state import State
from foretable.refresh.step import count_dirty
from foretable.refresh.sync import mount_files, require_recorded
from foretable.refresh.watermark import now
from foretable.refresh.wave import WaveReport, look, run_wave
from foretable.registry import champion, find_version, past_champions, promote, versions
from foretable.sql import render
from foretable.train import TrainingReport, train_model
from foretable.train.training_set import build_training_set
from foretable.udf.absent import install_absent
from foretable.warehouse import ensure_catalog, rolled_back, translate


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    ``published`` is the file for BI tools, None when nothing was published; ``untrained`` the models
    that could not be trained, with the reason: the tables of the others were built all the same; ``online``
    what was copied to the online copy.
    """

    trainings: tuple[TrainingReport, ...]
    wave: WaveReport
    published: Path | None
    seconds: float
    untrained: Mapping[str, ForetableError] = field(default_factory=dict)
    online: tuple[Copied, ...] = ()


def prepare(connection: duckdb.DuckDBPyConnection, graph: Graph) -> None:
    """Make a warehouse ready for a plan: catalog, file sources, macros; refuse sources whose schema moved."""
    ensure_catalog(connection)
    mount_files(connection, graph.project)
    install_macros(connection, graph)
    require_recorded(connection, graph.project, graph.schemas)


def install_macros(connection: duckdb.DuckDBPyConnection, graph: Graph) -> None:
    """Create the project's macros; one that calls a model waits until there is a champion."""
    macros = graph.project.macros
    install_absent(connection, _called(graph))
    missing = {name for name in graph.project.models if champion(connection, name) is None}
    create_macros(connection, [macro for macro in macros.values() if not models_of(reached(macro.sql, macros), missing)])


def _called(graph: Graph) -> dict[str, str]:
    """The functions of aliases, such as ``predict_churn__challenger``, that tables call, with the type of their answer."""
    models, answers = graph.project.models, {}
    for compiled in graph.tables.values():
        beside = any("@" in alias for alias in compiled.aliases)  # to write a query out costs more than a wave without news
        for name in sorted(calls(render(compiled.query))) if beside else []:
            found = called_model(name, models)
            if found is not None and f"{found.model}@{found.alias}" in compiled.aliases:
                answers[name] = answer_type(found.kind, models[found.model].task)
    return answers


def make_plan(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    *,
    select: Collection[str] | None = None,
    train: bool = True,
    full_refresh: bool = False,
    as_of: datetime | None = None,
) -> Plan:
    """What ``run`` would do now; what is detected on the way is forgotten again."""
    clock = as_of or now(graph)
    with rolled_back(connection):
        state = look(connection, graph, clock, next_wave(connection))
        planned = plan(graph, state, clock, select=select, train=train, full_refresh=full_refresh)
        return replace(planned, builds=tuple(count_dirty(connection, graph, state, build) for build in planned.builds))


def run(
    connection: duckdb.DuckDBPyConnection,
    graph: Graph,
    *,
    select: Collection[str] | None = None,
    train: bool = True,
    full_refresh: bool = False,
    prune: bool = False,
    replaced: Collection[str] = (),
    trials: int | None = None,
    as_of: datetime | None = None,
    trigger: str | None = None,
    first: Callable[[duckdb.DuckDBPyConnection], object] = lambda _: None,
    listen: Listener = silent,
) -> RunReport:
    """Bring the selected tables up to date.

    Parameters
    ----------
    connection
        A writable warehouse from :func:`foretable.connect`, prepared by :func:`prepare`.
    graph
        The compiled project.
    select
        Tables to build; None means all.
    train
        Train models that have no version of their declaration.
    full_refresh
        Build every selected table, changed or not.
    prune
        Drop tables that nothing declares any more.
    replaced
        Sources whose content was replaced just now: models that learned from them learn again.
    trials
        Search trials per candidate; the project's setting, else the model's, where None.
    as_of
        The clock of this run, in UTC; None means the project's.
    trigger
        What asked for it: ``RUN``, ``REFRESH``, ``SCHEDULED`` or ``STATEMENT``; None says whether it trains.
    first
        What is done at the start of the wave, in its transaction.
    listen
        Told about every model and table.
    """
    start = time.perf_counter()
    clock = as_of or now(graph)
    relearn = _learned_from(graph, replaced, select) if train else set()
    wanted = sorted(relearn | set(untrained_models(connection, graph, select))) if train else []
    trainings, untrained = _train(connection, graph, wanted, relearn, trials or graph.project.config.trials, listen)
    # What was learned from rows that are gone must not score those that replaced them.
    held = {
        table: f"model {name} could not learn from the replaced rows"
        for name in relearn & untrained.keys()
        for table in graph.refreshed
        if name in graph.tables[table].models
    }

    def planner(state: State, failed: dict[str, str]) -> Plan:
        return plan(graph, state, clock, select=select, train=False, full_refresh=full_refresh, without=held | failed)

    asked = trigger or ("RUN" if train else "REFRESH")
    copied = seen_waves(online_path(graph.project.root))
    report = run_wave(connection, graph, clock, planner, trigger=asked, prune=prune, first=first, copied=copied, listen=listen)
    update_comparisons(connection, graph)
    published = _publish(connection, graph, report)
    online = copy_online(connection, graph)
    forget_old(connection, graph.project.config.keep_logs, utc_now())
    remove_leftovers(graph.project.warehouse)
    return RunReport(tuple(trainings), report, published, time.perf_counter() - start, untrained, online)


def untrained_models(connection: duckdb.DuckDBPyConnection, graph: Graph, select: Collection[str] | None) -> list[str]:
    """Models that the selected tables call and that have no version of their declaration."""
    chosen = [name for name in graph.refreshed if select is None or name in select]
    needed = {model for name in chosen for model in graph.tables[name].models}
    return sorted(model for model in needed if find_version(connection, model, declaration_fingerprint(graph, model)) is None)


def _train(
    connection: duckdb.DuckDBPyConnection, graph: Graph, names: list[str], relearn: set[str], trials: int | None, listen: Listener
) -> tuple[list[TrainingReport], dict[str, ForetableError]]:
    """Train one model after the other; what stops one does not stop the next."""
    trainings: list[TrainingReport] = []
    untrained: dict[str, ForetableError] = {}
    for name in names:
        fresh = name in relearn
        try:
            if fresh and _known_data(connection, graph, name):
                listen(Progress(name, "skipped", "a version has learned from these very rows"))
                continue
            trainings.append(train_model(connection, graph, name, trials=trials, listen=listen, fresh_lineage=fresh))
        except WarehouseError:
            raise
        except ForetableError as error:
            untrained[name] = error
            listen(Progress(name, "failed", error.message))
        except duckdb.Error as error:
            known = translate(error)
            if known is not None:  # the warehouse itself is in trouble, or somebody pressed Ctrl-C: no model is to blame
                raise known from error
            message = str(error).split("\n\nLINE")[0]
            untrained[name] = TrainingError(message, where=name, hint=f"look at the SQL of its label and features: foretable show {name}")
            listen(Progress(name, "failed", message))
    if trainings:
        install_macros(connection, graph)
    return trainings, untrained


def _learned_from(graph: Graph, replaced: Collection[str], select: Collection[str] | None) -> set[str]:
    """Models whose training set stands on a replaced source and whose predictions are selected."""
    chosen = set(graph.refreshed) if select is None else set(select)
    used = {model for name in chosen for model in graph.tables[name].models}
    return {model for model in used if any(source in graph.upstream(name) for name in graph.training_tables(model) for source in replaced)}


def _known_data(connection: duckdb.DuckDBPyConnection, graph: Graph, model: str) -> bool:
    """Whether a champion, past or present, learned from the very rows that are there now; it is champion then."""
    built = build_training_set(connection, graph, model)
    declaration = declaration_fingerprint(graph, model)
    known = {v.version for v in versions(connection, model) if v.training_hash == built.hash and v.declaration == declaration}
    champions = past_champions(connection, model)
    fitting = [version for version in champions if version in known]
    if fitting and fitting[0] != champions[0]:
        promote(connection, model, fitting[0], reason="the rows it learned from are back", force=True)
    return bool(fitting)


def _publish(connection: duckdb.DuckDBPyConnection, graph: Graph, report: WaveReport) -> Path | None:
    layers = graph.project.config.publish
    tables = [name for name in graph.refreshed if name.split(".")[0] in layers]
    there = {name for (name,) in connection.execute("SELECT name FROM foretable.tables").fetchall()}
    touched = {done.table for done in report.built} | report.failed.keys() | report.blocked.keys()  # what was left behind is marked stale
    if not touched & there & set(tables):
        return None
    keys = {name: entity.keys for name in tables if (entity := graph.tables[name].entity) is not None}
    return publish(connection, graph.project.root, [name for name in tables if name in there], report.wave, keys)
