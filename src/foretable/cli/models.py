"""Commands about models: train, models, promote, rollback."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.options import Json, ModelName, OptionalModel
from foretable.errors import PromotionRefused, UnknownName, UsageError

if TYPE_CHECKING:
    import duckdb

    from foretable.session import Session

VERSIONS = """
SELECT v.model, v.version, v.candidate, v.created_at, v.row_count, v.training_set, v.as_of_from, v.as_of_to,
    v.parameters, v.parent, v.executor,
    (SELECT string_agg(a.alias, ', ' ORDER BY a.alias) FROM foretable.model_aliases AS a
     WHERE a.model = v.model AND a.version = v.version) AS alias
FROM foretable.model_versions AS v
WHERE v.model = coalesce(?, v.model)
ORDER BY v.model, v.version DESC
"""
METRICS = """
SELECT model, version, metric, value, low, high, row_count
FROM foretable.evaluations WHERE split = 'test' AND segment = 'all' AND model = coalesce(?, model)
ORDER BY metric
"""


@app.command()
def train(
    model: ModelName,
    trials: Annotated[int | None, typer.Option(help="Search trials per candidate; by default what the project says.", min=1)] = None,
    json: Json = False,
) -> None:
    """Train a model's candidates; the best goes to the gate.

    Every candidate becomes a version. Ends with exit code 3 when the gate refuses the best one.

    \b
    Examples:
      foretable train churn
      foretable train churn --trials 40
    """
    session = workspace.session()
    with console.progress() as listen:
        done = session.train(model, trials=trials, listen=listen)
    if json:
        console.document(report.training_facts(done))
    else:
        report.training(done)
    if not done.gate.accepted:
        raise PromotionRefused(
            done.gate.reason, where=model, hint=f"promote it all the same: foretable promote {model}@{done.best.version}"
        )


@app.command()
def models(model: OptionalModel = None, json: Json = False) -> None:
    """List models, their versions and metrics.

    \b
    Examples:
      foretable models
      foretable models churn --json
    """
    session = workspace.session()
    with session.connect() as connection:
        found = _versions(connection, model and model.lower())
    if json:
        console.document(found)
        return
    if not found:
        _nothing_trained(session, model)
        return
    rows = [
        [v["model"], v["version"], v["alias"], v["candidate"], report.interval(*_gated(session, v)), v["row_count"], v["created_at"]]
        for v in found
    ]
    console.table(["model", "version", "alias", "candidate", "on held-out rows", "learned from", "trained (UTC)"], rows, limit=None)


@app.command()
def promote(
    version: Annotated[str, typer.Argument(metavar="MODEL@VERSION", help="For example churn@4.")],
    reason: Annotated[str, typer.Option(help="Why; kept in foretable.alias_history.")] = "by hand",
    alias: Annotated[str, typer.Option(help="The name to move.")] = "champion",
) -> None:
    """Let a version answer as predict_<model>().

    \b
    Examples:
      foretable promote churn@4
      foretable promote churn@4 --alias challenger
    """
    from foretable import registry

    session = workspace.session()
    if "@" not in version:
        raise UsageError(f"{version!r} names no version", hint=f"write model@version, such as {version}@1; there are: foretable models")
    with session.connect(write=True) as connection:
        chosen = registry.resolve(connection, version)
        registry.promote(connection, chosen.model, chosen.version, reason=reason, alias=alias)
    console.say(f"{chosen.model}@{chosen.version} is now {alias}")
    console.note("tables that use it are rescored by: foretable run")


@app.command()
def rollback(model: ModelName) -> None:
    """Make the version before champion again.

    \b
    Examples:
      foretable rollback churn
    """
    from foretable import registry

    session = workspace.session()
    with session.connect(write=True) as connection:
        back = registry.rollback(connection, model.lower())
    console.say(f"{back.model}@{back.version} is champion again")
    console.note("tables that use it are rescored by: foretable run")


def _versions(connection: duckdb.DuckDBPyConnection, model: str | None) -> list[dict[str, Any]]:
    cursor = connection.execute(VERSIONS, [model])
    names = [part[0] for part in cursor.description or ()]
    found = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    metrics: dict[tuple[str, int], dict[str, Any]] = {}
    for name, version, metric, value, low, high, rows in connection.execute(METRICS, [model]).fetchall():
        metrics.setdefault((name, version), {})[metric] = {"value": value, "low": low, "high": high, "rows": rows}
    for version in found:
        version["parameters"] = json_text.loads(version["parameters"] or "{}")
        version["metrics"] = metrics.get((version["model"], version["version"]), {})
    return found


def _gated(session: Session, version: Mapping[str, Any]) -> tuple[str, Any, Any, Any]:
    declared = session.project.models.get(version["model"])
    metrics = version["metrics"]
    name = declared.gate.metric if declared and declared.gate.metric in metrics else next(iter(metrics), "")
    found = metrics.get(name, {})
    return name, found.get("value"), found.get("low"), found.get("high")


def _nothing_trained(session: Session, model: str | None) -> None:
    if model is not None and model.lower() not in session.project.models:
        from foretable.errors import nearest

        raise UnknownName(f"no model is called {model!r}", hint=nearest(model, session.project.models))
    console.say("no version is trained yet; train and score with: foretable run")
