"""The group of commands ``features``: list and show; ``features rfm_features`` shows a view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from foretable.cli import console, describe, workspace
from foretable.cli.app import app
from foretable.cli.options import Json
from foretable.errors import ForetableError, UnknownName, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from foretable.session import Session
    from foretable.store.views import View

LIST, SHOW = "list", "show"


class _FeaturesGroup(TyperGroup):
    """Commands about feature views; a word that is none of them is a view to show, and no word at all lists them."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put ``list`` or ``show`` in front of arguments that begin with no command."""
        if not {"-h", "--help"} & set(args) and (not args or args[0] not in self.commands):
            args = [LIST if not args or args[0].startswith("-") else SHOW, *args]
        return super().parse_args(ctx, args)


features = typer.Typer(cls=_FeaturesGroup, rich_markup_mode=None)
app.add_typer(features, name="features")


@features.callback()
def about() -> None:
    """The feature store: views, their versions, values now and at a date, training sets, statistics.

    \b
    Examples:
      foretable features
      foretable features show rfm_features
      foretable features get rfm_features --entity customer=42,43 --as-of 2025-06-30
      foretable features join --spine spine.csv --features rfm_features --to training.parquet
      foretable features stats rfm_features --against clv_model
    """


def names(incomplete: str) -> list[str]:
    """Feature views that start so: with their layer when one is being written, and with their version after an @."""
    from foretable.store.views import feature_views

    try:
        views = feature_views(workspace.session().project)
    except ForetableError:
        return []
    start = incomplete.lower()
    known = {view.view for view in views} | ({f"{view.view}@{view.version}" for view in views} if "@" in start else set())
    known = known if "." in start else {name.partition(".")[2] for name in known}
    return sorted(name for name in known if name.startswith(start))


def wanted_names(incomplete: str) -> list[str]:
    """As :func:`names`, for the last word of a list with commas; after a colon the features of the view."""
    before, comma, last = incomplete.rpartition(",")
    view, colon, feature = last.partition(":")
    if not colon:
        return [f"{before}{comma}{name}" for name in names(last)]
    from foretable.store.views import find_view

    try:
        session = workspace.session(wait=0)
        found = find_view(session.project, view)
        columns = session.graph.tables[found.name].columns
    except ForetableError:
        return []
    keys = found.entity.keys
    return [f"{before}{comma}{view}:{name}" for name in columns if name.startswith(feature.lower()) and name not in keys]


def entities(incomplete: str) -> list[str]:
    """Entities of the project that start so."""
    try:
        known = workspace.session().project.entities
    except ForetableError:
        return []
    return sorted(name for name in known if name.startswith(incomplete.lower()))


ViewName = Annotated[
    str,
    typer.Argument(metavar="VIEW[@VERSION]", help="A feature view; its layer may be left out: rfm_features@2.", autocompletion=names),
]


@features.command(name=LIST)
def list_(
    entity: Annotated[str | None, typer.Option(metavar="NAME", help="Only views about this entity.", autocompletion=entities)] = None,
    tag: Annotated[list[str] | None, typer.Option(metavar="TAG", help="Only views with this tag; several: with all of them.")] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only views of this owner.")] = None,
    json: Json = False,
) -> None:
    """List feature views; `foretable features` alone does the same.

    \b
    Examples:
      foretable features
      foretable features --entity customer --tag clv
      foretable features --owner growth --json
    """
    from foretable.store.facts import summaries
    from foretable.store.views import feature_views

    session = workspace.session()
    views = feature_views(session.project)
    shown = _filtered(views, entity, tag or [], owner)
    if session.warehouse.exists():
        with session.connect() as connection:
            found = summaries(connection, shown)
    else:
        found = summaries(None, shown)
    if json:
        console.document(found)
        return
    if not views:
        console.say("no feature view is declared yet; what one looks like: foretable init mine")
        return
    console.table(
        ["view", "version", "entity", "features", "rows", "target lag", "lag", "as of", "owner", "tags"],
        [
            [
                line["view"], line["version"], line["entity"], line["columns"], line["rows"], line["target_lag"], _lag(line), line["as_of"],
                line["owner"], ", ".join([*line["tags"], *(["online"] if line["online"] else [])]),
            ]
            for line in found
        ],
        limit=None,
    )  # fmt: skip


def _filtered(views: Sequence[View], entity: str | None, tags: Sequence[str], owner: str | None) -> list[View]:
    """The views that all filters let pass; a word that no view has is told."""
    _require_one(entity, {view.entity.name for view in views}, "entity")
    for tag in tags:
        _require_one(tag, {known for view in views for known in view.declared.tags}, "tag")
    _require_one(owner, {view.declared.owner for view in views if view.declared.owner}, "owner")
    return [
        view
        for view in views
        if (entity is None or view.entity.name.lower() == entity.lower())
        and {tag.lower() for tag in tags} <= {known.lower() for known in view.declared.tags}
        and (owner is None or view.declared.owner.lower() == owner.lower())
    ]


def _require_one(word: str | None, known: Collection[str], what: str) -> None:
    if word is not None and word.lower() not in {one.lower() for one in known}:
        raise UnknownName(f"no feature view has the {what} {word!r}", hint=nearest(word, known))


def _lag(line: dict[str, Any]) -> str:
    """How old a view is, and whether that is more than it may be."""
    if line["actual_lag"] is None:
        return "not built"
    return console.cell(line["actual_lag"]) + (", suspended" if line["suspended"] else ", late" if line["late"] else "")


@features.command(name=SHOW)
def show(view: ViewName, json: Json = False) -> None:
    """Show a view: its versions side by side, columns, lineage, freshness.

    Of VIEW@2 that version alone.

    \b
    Examples:
      foretable features show rfm_features
      foretable features show rfm_features@2 --json
    """
    from foretable.store.facts import everything
    from foretable.store.views import versions_of

    session = workspace.session()
    versions, asked = versions_of(session.project, view)
    chosen = [one for one in versions if asked in (None, one.version)]
    place = versions.index(chosen[0])
    before = versions[place - 1] if place else None
    graph = session.graph
    if session.warehouse.exists():
        with session.connect() as connection:
            found = everything(connection, graph, chosen, before)
    else:
        found = everything(None, graph, chosen, before)
    _finish(session, found)
    if json:
        console.document(found)
        return
    _told(found)


def _finish(session: Session, found: dict[str, Any]) -> None:
    for version in found["versions"]:
        version["declared"] = describe.near(session, version["declared"])


def _told(found: dict[str, Any]) -> None:
    facts = {
        "view": found["view"],
        "one row per": ", ".join(found["keys"]),
        "entity": found["entity"],
        "description": describe.summary(found["description"]),
        "sources": ", ".join(found["sources"]),
        "made from": ", ".join(found["made_from"]),
        "models": ", ".join(found["models"]),
        "read by": ", ".join(found["read_by"]),
    }
    for name, value in facts.items():
        if value:
            console.say(f"{name:<11}  {value}")
    versions = found["versions"]
    console.heading("versions")
    sides = [_side(version) for version in versions]
    rows = [[name, *(side[name] for side in sides)] for name in sides[0] if any(side[name] for side in sides)]
    console.table(["", *(f"version {version['version']}" for version in versions)], rows, limit=None)
    console.heading("columns")
    labels = [f"version {version['version']}" for version in versions] if len(versions) > 1 else ["type"]
    lines = [[column["column"], *column["types"].values(), ", ".join(column["made_of"])] for column in found["columns"]]
    console.table(["column", *labels, "made of"], lines, limit=None)
    if found["refreshes"]:
        console.heading("last refreshes")
        shown = ("table", "started_at", "action", "state", "rows", "seconds", "reason")
        labels = ["table", "started (UTC)", "action", "state", "rows", "seconds", "reason"]
        console.table(labels, [[line[name] for name in shown] for line in found["refreshes"]], limit=None)


def _side(version: dict[str, Any]) -> dict[str, str]:
    """A version as a column of words."""
    retyped = [f"{name}: {before} → {after}" for name, (before, after) in version["retyped"].items()]
    return {
        "table": version["table"],
        "features": str(version["columns"]),
        "change": ", ".join([*(f"+{name}" for name in version["added"]), *(f"-{name}" for name in version["removed"]), *retyped]),
        "rows": f"{version['rows']:,}" if version["rows"] is not None else "not built",
        "as of": console.cell(version["as_of"]),
        "target lag": version["target_lag"],
        "lag": _lag(version) if version["rows"] is not None else "",
        "why late": version["late_reason"] or "",
        "grain": version["grain"],
        "online": "yes" if version["online"] else "",
        "owner": version["owner"] or "",
        "tags": ", ".join(version["tags"]),
        "models": ", ".join(version["models"]),
        "read by": ", ".join(version["read_by"]),
        "declared": version["declared"],
    }
