"""What stands under export: a table as CSV, a model as a file or as pure SQL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from foretable.cli import console, files, workspace
from foretable.cli.app import app
from foretable.errors import UnknownName, UsageError, nearest

if TYPE_CHECKING:
    import duckdb

    from foretable.declare.project import Project
    from foretable.forms.form import Form
    from foretable.registry import Version

LARGEST = 1_000_000
"""Characters of a query that BigQuery and Snowflake read."""

COLUMNS = """
SELECT column_name FROM duckdb_columns()
WHERE lower(schema_name) = lower(?) AND lower(table_name) = lower(?) AND database_name = current_database()
ORDER BY column_index
"""


class Tables(TyperGroup):
    """What is no command is a table: ``export decisions.action_plan``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Read ``export NAME`` as ``export table NAME``."""
        known = self.get_command(ctx, args[0]) is not None or args[0].startswith("-")
        return super().resolve_command(ctx, args if known else ["table", *args])


exports = typer.Typer(cls=Tables, help="Write a table as CSV, or a model as a file or as SQL.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(exports, name="export")


@exports.command(name="model")
def export_model(
    version: Annotated[str, typer.Argument(metavar="MODEL[@VERSION]", help="For example churn@4; without a version, the champion.")],
    dialect: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write SQL: duckdb, snowflake, bigquery, postgres or spark.", show_default=False),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write this file.", show_default=False)] = None,
    table: Annotated[
        str | None, typer.Option(metavar="TABLE", help="The table of features that the SQL reads.", show_default=False)
    ] = None,
    install: Annotated[bool, typer.Option("--install", help="Keep the SQL in the warehouse as <model>_sql(), for any client.")] = False,
) -> None:
    """Write a model version as one file, or as SQL that needs nothing of foretable.

    The file is for: foretable import model. The SQL reads a table of features and gives its columns and what the model
    gives for each row. With --install it is kept as a function by row and by table, which any DuckDB client can call.

    \b
    Examples:
      foretable export model churn@4
      foretable export model churn --dialect snowflake --output churn.sql
      foretable export model churn --dialect bigquery --table project.dataset.customers
      foretable export model churn --install
    """
    if dialect is None and not install:
        _file(version, table, output)
        return
    from foretable.forms.dialect import DIALECTS

    if dialect is not None and dialect not in DIALECTS:
        raise UsageError(f"SQL is not written in {dialect!r}", hint=f"--dialect takes {', '.join(DIALECTS)}")
    if install:
        _install(version, dialect, output, table)
        return
    session = workspace.session()
    with session.connect() as connection:
        found, form = _form(connection, version)
        text = _query(connection, session.project, found, form, table, dialect or "")
    if len(text) > LARGEST and dialect in ("bigquery", "snowflake"):
        console.note(f"the query has {len(text):,} characters; {dialect} reads {LARGEST:,}")
    if output is None:
        console.say(text)
        return
    with files.replacing(output) as part:
        part.write_text(f"{text}\n", encoding="utf-8")
    console.note(f"{output}: {found} in SQL for {dialect}")


def _file(version: str, table: str | None, output: Path | None) -> None:
    if table is not None:
        raise UsageError("--table is for SQL", hint="say for which database: --dialect duckdb")
    from foretable.registry.transfer import export_version

    with workspace.session().connect() as connection:
        written = export_version(connection, version, output if output is not None else Path())
    console.say(f"{written}: take it in elsewhere with: foretable import model {written}")


def _install(version: str, dialect: str | None, output: Path | None, table: str | None) -> None:
    for given, name in ((output, "--output"), (table, "--table"), (dialect not in (None, "duckdb") or None, f"--dialect {dialect}")):
        if given is not None:
            raise UsageError(f"--install and {name} at once", hint="--install keeps the SQL in the warehouse, which is DuckDB's")
    from foretable.forms.expression_query import check_size
    from foretable.udf.install_sql import sql_macros

    with workspace.session().changing() as connection:
        found, form = _form(connection, version)
        check_size(form, str(found))
        name, statements = sql_macros(found.signature, form, found.version)
        for statement in statements:
            connection.execute(statement)
    interval = f", {name}_interval(row)" if found.signature.intervals else ""
    console.say(f"{name} answers as {found}: {name}(row), FROM {name}(table){interval}")


def _form(connection: duckdb.DuckDBPyConnection, reference: str) -> tuple[Version, Form]:
    from foretable.forms.store import from_bytes
    from foretable.registry import resolve
    from foretable.registry.artifacts import artifact_hashes, read_artifact

    found = resolve(connection, reference)
    if "form" not in artifact_hashes(connection, found.model, found.version):
        raise UsageError(
            f"{found} has no form in plain numbers, so no SQL: it came as a graph",
            hint=f"export it as a file, without --dialect: foretable export model {found}",
        )
    return found, from_bytes(read_artifact(connection, found.model, found.version, "form"))


def _query(connection: duckdb.DuckDBPyConnection, project: Project, found: Version, form: Form, table: str | None, dialect: str) -> str:
    from foretable import sql
    from foretable.forms.dialect import written
    from foretable.forms.expression_query import check_size, model_query

    check_size(form, str(found))
    name = table or _features(project, found.model)
    features = [feature.name for feature in found.signature.features]
    there = _columns(connection, name)
    known = {*project.tables, *project.sources}
    if not there and dialect == "duckdb" and name not in known:
        raise UnknownName(
            f"no table is called {name}",
            hint=f"{nearest(name, known)}; a table of another database is read with its --dialect",
        )
    kept = there or features
    missing = [feature for feature in features if feature.lower() not in {column.lower() for column in kept}]
    if missing:
        raise UnknownName(f"table {name} has no column {missing[0]!r}, which {found} reads", hint=nearest(missing[0], kept))
    return written(model_query(form, found.signature, found.version, sql.table(name), kept), dialect)


def _features(project: Project, model: str) -> str:
    declared = project.models.get(model)
    names = [view.name for view in declared.features] if declared is not None else []
    if len(names) != 1:
        says = f"{model} reads {' and '.join(names)}" if names else f"model {model} is not declared in this project"
        raise UsageError(f"{says}: which table is the SQL to read?", hint="name it: --table features.customers")
    return names[0]


def _columns(connection: duckdb.DuckDBPyConnection, name: str) -> list[str]:
    """The columns of a table of this warehouse; none of another one."""
    schema, _, table = name.rpartition(".")
    rows = connection.execute(COLUMNS, [schema or "main", table]).fetchall()
    return [column for (column,) in rows]
