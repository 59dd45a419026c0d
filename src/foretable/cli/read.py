"""Commands that read the declarations: ls, show, compile, sync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, describe, workspace
from foretable.cli.app import app
from foretable.cli.options import AnyName, Json
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    from foretable.declare.project import Project


@app.command()
def ls(json: Json = False) -> None:
    """List sources, tables and models, by layer.

    \b
    Examples:
      foretable ls
      foretable ls --json | jq '.[] | select(.kind == "feature view").name'
    """
    session = workspace.session()
    project = session.project
    listed = [*_sources(project), *_tables(project), *_models(project)]
    for entry in listed:
        entry["declared"] = describe.near(session, entry["declared"])
    if json:
        console.document(listed)
        return
    layers = dict.fromkeys(str(entry["layer"]) for entry in listed)
    for layer in layers:
        console.heading(layer)
        rows = [[entry["name"], entry["kind"], entry["detail"], entry["description"]] for entry in listed if entry["layer"] == layer]
        console.table(["name", "kind", "", ""], rows, limit=None)
    if not listed:
        console.say("nothing is declared yet; see the README of a starter: foretable init mine")


@app.command()
def show(name: AnyName, json: Json = False) -> None:
    """Show a declaration: columns, lineage, SQL.

    \b
    Examples:
      foretable show features.usage
      foretable show churn
    """
    found = describe.described(workspace.session(), name)
    if json:
        console.document(found)
        return
    columns, statement = found.pop("columns", None), found.pop("sql", None)
    width = max(len(key) for key in found)
    for key, value in found.items():
        console.say(f"{key.replace('_', ' '):<{width}}  {_line(value)}".rstrip())
    if columns:
        console.heading("columns")
        console.table([name.replace("_", " ") for name in columns[0]], [list(column.values()) for column in columns], limit=None)
    if statement:
        console.heading("sql")
        console.sql(statement)


@app.command("compile")
def compile_(
    check: Annotated[bool, typer.Option("--check", help="Change nothing; fail when the files are out of date.")] = False,
) -> None:
    """Write what the declarations compile to, into sql/compiled.

    \b
    Examples:
      foretable compile
      foretable compile --check
    """
    from foretable.compile.output import stale, write_compiled

    session = workspace.session()
    changed = stale(session.graph) if check else write_compiled(session.graph)
    for path in changed:
        console.say(str(path.relative_to(session.root)))
    if check and changed:
        raise DeclarationError(
            f"{console.count(len(changed), 'file')} under sql/compiled out of date", hint="write them: foretable compile"
        )
    console.note(f"{console.count(len(session.graph.tables), 'table')} compiled, {console.count(len(changed), 'file')} changed")


@app.command()
def sync(json: Json = False) -> None:
    """Record the schemas of the sources in sql/sources.

    \b
    Examples:
      foretable sync
    """
    session = workspace.session()
    changed = session.sync()
    if json:
        console.document({"sources": sorted(session.project.sources), "changed": changed})
        return
    for name in changed:
        console.say(f"sql/sources/{name}.sql")
    console.note(f"{console.count(len(session.project.sources), 'source')} read, {console.count(len(changed), 'file')} changed")


def _line(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(part) for part in value)
    return console.cell(value)


def _sources(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "layer": source.name.rpartition(".")[0],
            "name": source.name,
            "kind": f"{source.kind} source" if source.kind else "source",
            "entity": source.entity.name if source.entity else None,
            "detail": describe.known_when(source),
            "description": describe.summary(source.description),
            "declared": str(source.origin),
        }
        for source in sorted(project.sources.values(), key=lambda source: source.name)
    ]


def _tables(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "layer": table.name.rpartition(".")[0],
            "name": table.name,
            "kind": table.kind,
            "entity": table.entity.name if table.entity else None,
            "detail": f"lag {table.target_lag}{', at its own pace' if table.own_pace else ''}",
            "owner": table.owner,
            "tags": list(table.tags),
            "online": table.online,
            "own_pace": table.own_pace,
            "description": describe.summary(table.description),
            "declared": str(table.origin),
        }
        for table in sorted(project.tables.values(), key=lambda table: (describe.position(table.name), table.name))
    ]


def _models(project: Project) -> list[dict[str, Any]]:
    return [
        {
            "layer": "models",
            "name": model.name,
            "kind": model.task,
            "entity": model.label.entity.name if model.label.entity else None,
            "detail": f"gate {model.gate.metric}",
            "description": describe.summary(model.description),
            "declared": str(model.origin),
        }
        for model in sorted(project.models.values(), key=lambda model: model.name)
    ]
