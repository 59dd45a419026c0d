"""Values of features: ``features get`` for some keys, ``features join`` for every row of a spine."""

from __future__ import annotations

import csv
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foretable.cli import console, files, workspace
from foretable.cli.features import features, names, wanted_names
from foretable.cli.options import Json
from foretable.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import duckdb

    from foretable.session import Session
    from foretable.store.assemble import Missing
    from foretable.store.lookup import Answer
    from foretable.store.views import View

SHOWN = 10
"""Unknown keys that are named."""
Prefix = Annotated[bool, typer.Option("--prefix", help="Call every feature <view>__<feature>.")]


@features.command()
def get(
    views: Annotated[list[str], typer.Argument(metavar="VIEW[@VERSION]...", help="Views about one entity.", autocompletion=names)],
    entity: Annotated[
        list[str],
        typer.Option(
            "--entity", metavar="NAME=KEY,…", help="Whom to look up: customer=42,43; of a key of two columns customer_month=42/7."
        ),
    ],
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DATE", help="As known at this date, UTC; by default what the tables hold now.")
    ] = None,
    feature: Annotated[list[str] | None, typer.Option("--feature", metavar="NAME", help="Only this feature.")] = None,
    online: Annotated[bool, typer.Option("--online", help="From the online copy; the warehouse is not opened.")] = False,
    prefix: Prefix = False,
    json: Json = False,
    csv_: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write a CSV file.", show_default=False)] = None,
) -> None:
    """Look up features by key, now or at a date.

    At a date every view is computed from what was known then, as for a training set. A key of several columns is written
    with slashes; a key that holds a comma, in quotes.

    \b
    Examples:
      foretable features get rfm_features --entity customer=42,43
      foretable features get rfm_features engagement --entity customer=42 --as-of 2025-06-30
      foretable features get rfm_features@2 --entity customer=42 --feature recency_days --json
      foretable features get rfm_features --entity customer=42 --online
    """
    from foretable.store.views import find_view

    if json and csv_ is not None:
        raise UsageError("--json and --csv at once", hint="choose one")
    if online and as_of is not None:
        raise UsageError("--online and --as-of at once", hint="the online copy holds what is now; leave one of them out")
    session = workspace.session()
    found = [find_view(session.project, name) for name in views]
    keys = _keys(found[0], entity)
    if online:
        rows, answer = _online(session, found, keys, feature, prefix)
    else:
        columns = {view: session.graph.tables[view.name].columns if feature else () for view in found}  # compiling costs half a second
        asked = _narrowed(columns, feature)
        with session.looked_up(asked, keys, as_of=as_of, prefix=prefix) as (connection, answer):
            rows = connection.execute(answer.query).fetchall()
    if json:
        console.document(_facts(answer, rows))
        return
    if csv_ is not None:
        with files.replacing(csv_) as part, part.open("w", newline="", encoding="utf-8") as file:
            console.comma_separated(answer.columns, rows, file)
        console.note(f"{csv_}: {console.count(len(rows), 'row')}")
    else:
        console.table(answer.columns, rows, limit=None)
    for name, date in answer.as_of.items():
        console.note(f"{name} as of {console.cell(date)}" if date else f"{name}: the same at every date")
    _tell_missing(answer)


@features.command()
def join(
    spine: Annotated[str, typer.Option("--spine", metavar="FILE|SQL", help="CSV, Parquet or JSON; or a query: SELECT ….")],
    wanted: Annotated[
        list[str],
        typer.Option("--features", metavar="VIEW[:FEATURE],…", help="Views, or single features.", autocompletion=wanted_names),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file to write: .parquet or .csv.")],
    timestamp: Annotated[str, typer.Option(metavar="COLUMN", help="The spine's column with the time of a row.")] = "as_of",
    prefix: Prefix = False,
    json: Json = False,
) -> None:
    """Build a training set from any spine: each row with the features as they were known at its time.

    The spine has the key columns of the views, a time (without an offset it is UTC; a day starts in the project's time zone), and
    whatever else a row should keep, such as a label. Its rows come out as they are, in their order, duplicates too. A row
    after what the sources are known to is refused.

    \b
    Examples:
      foretable features join --spine spine.csv --features rfm_features --to training.parquet
      foretable features join --spine "SELECT customer_id, opened_at, outcome FROM raw.tickets" \\
          --timestamp opened_at --features rfm_features,usage:orders_30d --to tickets.csv
    """
    ending = to.suffix.lower()
    if ending not in (".parquet", ".csv"):
        raise UsageError(f"the format of {to} cannot be told from its name", hint="write .parquet or .csv")
    session = workspace.session()
    with (
        console.progress() as listen,
        session.joined(spine, wanted, timestamp, prefix=prefix, listen=listen) as (connection, answer),
        files.replacing(to) as part,
    ):
        write_rows(connection, answer, part, ending)
    lacking = {one.view.name: one.rows for one in answer.missing if one.rows}
    if json:
        console.document({"file": str(to), "rows": answer.rows, "columns": list(answer.columns), "without_features": lacking})
        return
    console.say(f"{to}: {console.count(answer.rows, 'row')}, {len(answer.columns)} columns")
    for name in answer.unclocked:
        console.note(f"{name}: the same at every date")
    _tell_missing(answer)


def write_rows(connection: duckdb.DuckDBPyConnection, answer: Answer, to: Path, ending: str) -> None:
    """Write the rows of an answer, in their order."""
    with files_of(to):
        if ending == ".csv":
            connection.sql(answer.query).write_csv(str(to), header=True)
        else:
            connection.sql(_storable(connection, answer.query)).write_parquet(str(to))


def _storable(connection: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query with sums of whole numbers as DECIMAL: Parquet has no integer of 128 bits, and DuckDB would write a rounded DOUBLE."""
    from sqlglot import exp

    from foretable.sql import parse, render, statement

    tree = parse(query)
    kinds = [row[1] for row in connection.execute(statement("DESCRIBE $query", query=tree)).fetchall()]
    for selected, kind in zip(tree.selects, kinds, strict=True):
        if kind == "HUGEINT":
            selected.set("this", exp.cast(selected.this, "DECIMAL(38, 0)"))
    return render(tree)


@contextmanager
def files_of(to: Path) -> Iterator[None]:
    """What DuckDB says of a file that it cannot write, as the file system says it."""
    import duckdb

    try:
        to.touch()
        yield
    except duckdb.IOException as error:
        raise OSError(str(error).splitlines()[0]) from error


def _keys(view: View, given: Sequence[str]) -> Mapping[str, list[str]]:
    """The keys of ``customer=42,43`` and ``customer_month=42/7`` by column."""
    columns = view.entity.keys
    known = {view.entity.name.lower(), *(columns if len(columns) == 1 else ())}
    found: dict[str, list[str]] = {column: [] for column in columns}
    for text in given:
        name, sign, values = text.partition("=")
        if not sign or not values:
            raise UsageError(f"--entity {text!r} names no key", hint=f"write --entity {view.entity.name}={'/'.join('1' for _ in columns)}")
        if name.strip().lower() not in known:
            raise UsageError(f"{view} is not about a {name.strip()}", hint=f"write --entity {view.entity.name}=…")
        if {"\n", "\r"} & set(values):
            raise UsageError(f"--entity {text!r} has more than one line", hint="write the keys with commas between them")
        for value in next(csv.reader([values], skipinitialspace=True)):
            parts = value.split("/") if len(columns) > 1 else [value]
            if len(parts) != len(columns):
                raise UsageError(f"{value!r} is no key of {view}", hint=f"its key is {'/'.join(columns)}, such as 42/7")
            for column, part in zip(columns, parts, strict=True):
                found[column].append(part.strip())
    return found


def _online(
    session: Session, views: Sequence[View], keys: Mapping[str, list[str]], features: Sequence[str] | None, prefix: bool
) -> tuple[list[tuple[Any, ...]], Answer]:
    from foretable import online
    from foretable.online.file import online_path
    from foretable.store.online import look_up_online
    from foretable.store.views import wanted

    path = online_path(session.root)
    with online.open(path) as copy:
        asked = _narrowed({view: copy.columns(view.name) for view in views}, features)
    return look_up_online(path, wanted(session.project, asked), keys, prefix=prefix)


def _narrowed(columns: Mapping[View, Collection[str]], asked: Sequence[str] | None) -> list[str]:
    """The views, or ``view:feature`` for every feature asked for, in the views that have it."""
    if not asked:
        return [str(view) for view in columns]
    words = [part.strip() for text in asked for part in text.split(",")]
    features = {view: {name.lower() for name in of} - {key.lower() for key in view.entity.keys} for view, of in columns.items()}
    for word in words:
        if not any(word.lower() in known for known in features.values()):
            raise UnknownName(
                f"{', '.join(map(str, features))} has no feature {word!r}", hint=nearest(word.lower(), set().union(*features.values()))
            )
    return [f"{view}:{word}" for view, known in features.items() for word in words if word.lower() in known]


def _facts(answer: Answer, rows: Sequence[Sequence[Any]]) -> dict[str, Any]:
    return {
        "as_of": dict(answer.as_of),
        "rows": [dict(zip(answer.columns, row, strict=True)) for row in rows],
        "unknown": {one.view.name: [dict(zip(one.view.entity.keys, key, strict=True)) for key in one.keys] for one in answer.missing},
    }


def _tell_missing(answer: Answer) -> None:
    for one in answer.missing:
        if one.rows:
            console.note(f"{console.count(one.rows, 'row')} without features: {one.view} does not know {_named(one)}")
    for note in answer.notes:
        if note:
            console.note(note)


def _named(one: Missing) -> str:
    shown = ", ".join("/".join(str(part) for part in key) for key in one.keys[:SHOWN])
    more = f" and {len(one.keys) - SHOWN:,} more" if len(one.keys) > SHOWN else ""
    return f"{'/'.join(one.view.entity.keys)} {shown}{more}"
