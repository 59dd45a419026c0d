"""The group of commands ``models``: list, note, tag; ``models churn`` lists the versions of one model."""

from __future__ import annotations

import json as json_text
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from foretable.cli import console, report, workspace
from foretable.cli.app import app
from foretable.cli.models_names import Reference
from foretable.cli.options import Json, OptionalModel
from foretable.declare.judge import METRICS_OF
from foretable.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    import duckdb

    from foretable.session import Session

VERSIONS = """
SELECT v.model, v.version, v.candidate, v.created_at, v.row_count, v.training_set, v.as_of_from, v.as_of_to,
    v.parameters, v.parent, v.executor, v.signature ->> '$.task' AS task, v.lineage ->> '$.gate.metric' AS gate_metric,
    coalesce(v.origin, 'trained') AS origin, coalesce(v.tags, []) AS tags, v.notes,
    (SELECT string_agg(a.alias, ', ' ORDER BY a.alias) FROM foretable.model_aliases AS a
     WHERE a.model = v.model AND a.version = v.version) AS alias,
    (SELECT count(*) FROM foretable.findings AS f WHERE f.model = v.model AND f.version = v.version AND f.severity = 'refused') AS refusals
FROM foretable.model_versions AS v
WHERE v.model = coalesce(?, v.model)
ORDER BY v.model, v.version DESC
"""
METRICS = """
SELECT model, version, metric, value, low, high, row_count
FROM foretable.evaluations WHERE split = 'test' AND segment = 'all' AND model = coalesce(?, model)
ORDER BY metric
"""
LIST = "list"


class _ModelsGroup(TyperGroup):
    """Commands about versions; a word that is none of them is a model to list."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` in front of arguments that begin with no command."""
        word = next((arg for arg in args if not arg.startswith("-")), None)
        if word not in self.commands and not {"-h", "--help"} & set(args):
            args = [LIST, *args]
        return super().parse_args(ctx, args)


models = typer.Typer(cls=_ModelsGroup, rich_markup_mode=None)
app.add_typer(models, name="models")


@models.callback()
def about() -> None:
    """List models, their versions and metrics; show and compare versions.

    \b
    Examples:
      foretable models
      foretable models churn --json
      foretable models show churn@3
      foretable models diff churn@champion churn@challenger
    """


@models.command(name=LIST)
def list_(
    model: OptionalModel = None,
    all_: Annotated[bool, typer.Option("--all", help="Archived versions too.")] = False,
    json: Json = False,
) -> None:
    """List versions and their metrics; `foretable models` alone does the same.

    \b
    Examples:
      foretable models
      foretable models churn --all
    """
    session = workspace.session()
    with session.connect() as connection:
        found = _versions(connection, model and model.lower())
    shown = [version for version in found if all_ or version["alias"] != "archived"]
    if json:
        console.document(shown)
        return
    if not found:
        _nothing_trained(session, model)
        return
    rows = [
        [v["model"], v["version"], _names(v), v["candidate"], report.interval(*_gated(session, v)), v["row_count"], v["created_at"]]
        for v in shown
    ]
    console.table(["model", "version", "alias", "candidate", "on held-out rows", "learned from", "made (UTC)"], rows, limit=None)
    if len(shown) < len(found):
        console.note(f"{console.count(len(found) - len(shown), 'archived version')} not shown; with them: foretable models --all")


def _names(version: Mapping[str, Any]) -> str:
    """Aliases, tags, and whether a check refused it."""
    parts = [version["alias"] or "", *(f"#{tag}" for tag in version["tags"])]
    return ", ".join(part for part in (*parts, "refused" if version["refusals"] else "") if part)


@models.command()
def note(
    version: Reference,
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="What to say about it.", show_default=False)] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Take the note away.")] = False,
    json: Json = False,
) -> None:
    """Say something about a version; it replaces what was said before.

    \b
    Examples:
      foretable models note churn@3 "trained before the price change"
    """
    from foretable import registry

    if (text is None) != remove:
        raise UsageError("a note needs a text, or --remove", hint=f'foretable models note {version} "what to say"')
    with workspace.session().changing() as connection:
        found = registry.note(connection, version, text or "")
    _told(json, {"model": found.model, "version": found.version, "note": found.notes or None}, f"{found}: {found.notes or 'no note'}")


@models.command()
def tag(
    version: Reference,
    tags: Annotated[list[str], typer.Argument(metavar="TAG...", help="Words to find it by.")],
    remove: Annotated[bool, typer.Option("--remove", help="Take the tags away.")] = False,
    json: Json = False,
) -> None:
    """Add tags to a version, or take them away.

    \b
    Examples:
      foretable models tag churn@3 audited q3
      foretable models tag churn@3 q3 --remove
    """
    from foretable import registry

    with workspace.session().changing() as connection:
        found = registry.tag(connection, version, tags, remove=remove)
    _told(json, {"model": found.model, "version": found.version, "tags": found.tags}, f"{found}: {', '.join(found.tags) or 'no tags'}")


def _told(json: bool, facts: Mapping[str, Any], line: str) -> None:
    if json:
        console.document(facts)
    else:
        console.say(line)


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
    asked = [declared.gate.metric if declared else "", version["gate_metric"], *METRICS_OF.get(version["task"], ())]
    name = next((metric for metric in asked if metric in metrics), "")
    found = metrics.get(name, {})
    return name, found.get("value"), found.get("low"), found.get("high")


def _nothing_trained(session: Session, model: str | None) -> None:
    if model is not None and model.lower() not in session.project.models:
        raise UnknownName(f"no model is called {model!r}", hint=nearest(model, session.project.models))
    console.say("no version is trained yet; train and score with: foretable run")
