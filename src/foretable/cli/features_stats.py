"""``features stats``: what is in the columns of a view, beside another version or what a model learned from."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, options, workspace
from foretable.cli.features import ViewName, features, names
from foretable.cli.options import Json

if TYPE_CHECKING:
    from foretable.store.reports import Side
    from foretable.store.statistics import Statistics

MOVED, MUCH = 0.1, 0.25
"""From here on a stability index says that something, and that much, has moved."""


def _references(incomplete: str) -> list[str]:
    return [*options.models(incomplete), *names(incomplete)]


@features.command()
def stats(
    view: ViewName,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="As known at this date, UTC; by default what the table holds now.")
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="MODEL|VIEW[@VERSION]", help="A model, for what it learned from; or a view.", autocompletion=_references),
    ] = None,
    json: Json = False,
) -> None:
    """Describe every feature of a view: shares of NULL and zero, quantiles, moments, frequent values.

    Against a model or a view, the statistics stand beside, and psi says how far a feature has moved: below 0.1 little, above
    0.25 much. NaN counts as NULL; counts are exact.

    \b
    Examples:
      foretable features stats rfm_features
      foretable features stats rfm_features@2 --against rfm_features
      foretable features stats rfm_features --as-of 2025-06-30 --against clv_model --json
    """
    from foretable.declare.clock import pinned
    from foretable.store.reports import describe_view
    from foretable.store.views import find_view
    from foretable.warehouse import rolled_back

    session = workspace.session()
    chosen = find_view(session.project, view)
    date = pinned(as_of) if as_of is not None else None
    with session.connect() as connection, rolled_back(connection):
        found = describe_view(connection, session.project, chosen, as_of=date, against=against, graph=lambda: session.graph)
    if json:
        reference = _facts(found.reference) if found.reference is not None else None
        console.document({**_facts(found.side), "against": reference, "psi": found.index})
        return
    console.say(_heading(found.side))
    if found.reference is not None:
        console.say(f"beside it, in ( ): {_heading(found.reference)}")
    beside = {one.name.lower(): one for one in found.reference.features} if found.reference is not None else {}
    labels = ["feature", "type", "null", "zero", "distinct", "min", "p05", "median", "mean", "std", "p95", "max"]
    rows = [[one.name, one.type, *_cells(one, beside.get(one.name.lower()))] for one in found.side.features]
    if found.index is not None:
        labels.insert(1, "psi")
        rows = [[row[0], _moved(found.index.get(row[0])), *row[1:]] for row in rows]
    console.table(labels, rows, limit=None)
    texts = [one for one in found.side.features if one.top]
    if texts:
        console.heading("most frequent values")
        console.table(["feature", "values"], [[one.name, _top(one)] for one in texts], limit=None)


def _facts(side: Side) -> dict[str, Any]:
    facts = [{**asdict(one), "top": [{"value": value, "share": share} for value, share in one.top]} for one in side.features]
    return {"table": None if side.table.startswith("temp.") else side.table, "of": side.of, "as_of": list(side.as_of), "features": facts}


def _heading(side: Side) -> str:
    dates = " to ".join(console.cell(date) for date in side.as_of)
    return f"{side.of}{f' as of {dates}' if dates else ''}: {console.count(side.rows, 'row')}"


def _cells(one: Statistics, other: Statistics | None) -> list[str]:
    shares = (_share(one.nulls), _share(one.zeros))
    mine = [*shares, f"{one.distinct:,}", *(_value(one, name) for name in _VALUES)]
    if other is None:
        return mine
    its = [_share(other.nulls), _share(other.zeros), f"{other.distinct:,}", *(_value(other, name) for name in _VALUES)]
    return [f"{here} ({there})" if here or there else "" for here, there in zip(mine, its, strict=True)]


_VALUES = ("low", "p05", "median", "mean", "std", "p95", "high")


def _value(one: Statistics, name: str) -> str:
    value = getattr(one, name)
    if not isinstance(value, float):
        return value or ""
    if value == round(value) and abs(value) < 1e15:
        return f"{value:,.0f}"
    return f"{value:,.2f}" if abs(value) >= 100 else f"{value:.4g}"


def _share(share: float | None) -> str:
    if share is None:
        return ""
    return "0" if not share else "<0.1 %" if share < 0.001 else f"{share:.1%}".replace("%", " %")


def _moved(index: float | None) -> str:
    if index is None:
        return ""
    return f"{index:.3f}{' much' if index > MUCH else ' moved' if index > MOVED else ''}"


def _top(one: Statistics) -> str:
    return ", ".join(f"{value} {_share(share)}" for value, share in one.top)
