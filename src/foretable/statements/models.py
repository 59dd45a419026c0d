"""CREATE MODEL and DROP MODEL, SHOW MODELS and DESCRIBE MODEL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.project import Project
from foretable.errors import DeclarationError, ForetableError, PromotionRefused, UnknownName, nearest
from foretable.run import install_macros, prepare
from foretable.statements.change import Work, compiled, nothing_written
from foretable.statements.files import Change, added, model_file_for, place_of, removed, replaced
from foretable.statements.outcome import Outcome
from foretable.statements.read import CreateModel, DescribeModel, DropModel, ShowModels
from foretable.statements.show import near, pattern

if TYPE_CHECKING:
    from foretable.train.result import TrainingReport

HAS_MODELS = "SELECT 1 FROM duckdb_views() WHERE database_name = current_database() AND schema_name = 'foretable' AND view_name = 'models'"
MODELS = "SELECT model, champion, challenger, versions, last_trained_at FROM foretable.models"
COLUMNS = ("model", "task", "label", "champion", "challenger", "versions", "last_trained_at", "declared")


def create_model(work: Work, asked: CreateModel) -> Outcome:
    """Write the declaration to its file, and train the model; the gate says whether it may become champion.

    Raises
    ------
    PromotionRefused
        The gate refuses the version; the file and the version stay.
    """
    name = asked.header.name
    before = work.project.models.get(name)
    if before is not None and asked.header.if_not_exists:
        return _done(name, f"{name} is declared already, in {near(before.origin, work.project.root)}")
    if before is None:
        change = added(model_file_for(work.project, name), asked.statement)
    elif asked.header.replace:
        change = replaced(place_of(before), asked.statement)
    else:
        hint = "to change it, write CREATE OR REPLACE MODEL"
        raise DeclarationError(f"model {name} is declared already", where=str(before.origin), hint=hint)
    graph = compiled(work, change)
    change.write()
    try:
        report = _trained(work, graph, name)
    except BaseException as error:
        change.take_back()
        nothing_written(error)
        raise
    file, version = work.near(change.path), f"{name}@{report.best.version}"
    if not report.gate.accepted:
        refused = any(finding.severity == "refused" for finding in (*report.findings, *report.best.trained.findings))
        force = " --force --reason WHY" if refused else ""
        hint = f"{file} and the version stay; promote it all the same: foretable promote {version}{force}"
        raise PromotionRefused(f"{version} is not champion: {report.gate.reason}", where=str(file), hint=hint)
    return _done(name, f"{file}: {version} is champion: {report.gate.reason}", str(file))


def _trained(work: Work, graph: Graph, name: str) -> TrainingReport:
    from foretable.train import train_model

    prepare(work.connection, graph)
    report = train_model(work.connection, graph, name, trials=work.project.config.trials, listen=work.listen)
    install_macros(work.connection, graph)  # one that calls the model may have waited for it
    return report


def drop_model(work: Work, asked: DropModel) -> Outcome:
    """Take the statement out of its file; refused while a table calls the model. Its versions stay in the catalog."""
    declared = work.project.models.get(asked.name)
    if declared is None:
        if asked.if_exists:
            return _done(asked.name, f"there is no model {asked.name}")
        raise UnknownName(f"no model is called {asked.name}", hint=nearest(asked.name, work.project.models))
    change = removed(place_of(declared))
    _require_uncalled(work, change, asked.name)
    change.write()
    file = work.near(change.path)
    rest = f"{file} no longer declares it" if change.after else f"{file}, which declared nothing else, is gone"
    return _done(asked.name, f"model {asked.name} is dropped; {rest}; its versions stay", str(file))


def _require_uncalled(work: Work, change: Change, name: str) -> None:
    """Refuse to drop a model that tables call; or the project would not compile for another reason."""
    try:
        compiled(work, change)
    except ForetableError as error:
        try:
            graph = compile_project(work.project)
        except ForetableError:
            raise error from None
        callers = [table for table in graph.tables if name in graph.tables[table].models]
        if not callers:
            raise
        where = str(work.project.models[name].origin)
        raise DeclarationError(f"model {name} is called by {', '.join(callers)}", where=where, hint="drop or change those first") from None


def show_models(connection: duckdb.DuckDBPyConnection, project: Project, asked: ShowModels) -> Outcome:
    """One row per model, those not yet trained and those no longer declared among them."""
    trained = {row[0]: row[1:] for row in connection.execute(MODELS).fetchall()} if connection.execute(HAS_MODELS).fetchall() else {}
    wanted = pattern(asked.like)
    rows: list[tuple[Any, ...]] = []
    for name in sorted({*project.models, *trained}):
        if wanted.fullmatch(name):
            model = project.models.get(name)
            own = (model.task, model.label.name) if model else (None, None)
            rows.append((name, *own, *trained.get(name, (None, None, 0, None)), near(model.origin, project.root) if model else None))
    return Outcome(COLUMNS, rows)


def describe_model(connection: duckdb.DuckDBPyConnection, project: Project, asked: DescribeModel) -> Outcome:
    """One row per input of the champion, and its label."""
    from foretable.registry import resolve

    if asked.name not in project.models and not connection.execute(HAS_MODELS).fetchall():
        raise UnknownName(f"no model is called {asked.name}", hint=nearest(asked.name, project.models))
    signature = resolve(connection, asked.name).signature
    rows = [(feature.name, feature.kind, "input", len(feature.vocabulary) or None) for feature in signature.features]
    return Outcome(
        ("column", "kind", "role", "values"), [*rows, (signature.label, signature.task, "label", len(signature.classes) or None)]
    )


def _done(model: str, message: str, file: str | None = None) -> Outcome:
    return Outcome(("model", "file", "message"), [(model, file, message)], message)
