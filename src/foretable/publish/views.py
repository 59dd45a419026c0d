"""The BI file: a DuckDB database of nothing but views, replaced only when one of them changes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.publish.content import SYSTEM, Content, SystemView
from foretable.publish.live import query
from foretable.sql import column, parse, render, table
from foretable.warehouse.disk import sync
from foretable.warehouse.open import NO_PROGRESS

# Raise it when script() writes other statements for the same tables.
_FORM = 1


def script(live: Path, contents: Sequence[Content], system_views: Sequence[SystemView]) -> list[str]:
    """The statements that make the BI file.

    System tables stand in its schema ``main``: opened as foretable.duckdb, the file is the catalog
    ``foretable``, so ``foretable.models`` names the same thing there as in the warehouse. A schema of
    that name beside the catalog would make it ambiguous.
    """
    queries = {content.name: query(live, content) for content in contents}
    schemas = sorted({_layer(content.name) for content in contents} - {SYSTEM})
    statements = [render(exp.Create(this=table(name), kind="SCHEMA")) for name in schemas]
    for content in contents:
        view = _view(content.name)
        statements.append(_create(view, queries[content.name]))
        statements.extend(_comments(view, content.description, content.comments))
    for found in system_views:
        view = table(found.name)
        statements.append(_create(view, parse(found.sql).expression.transform(_inline, queries)))
        statements.extend(_comments(view, found.description, found.comments))
    return statements


def digest(live: Path, contents: Sequence[Content], system_views: Sequence[SystemView]) -> str:
    """What the statements depend on; cheaper than the statements."""
    shapes = [(content.name, content.columns, content.description, content.comments) for content in contents]
    return hashlib.sha256(repr((_FORM, duckdb.__version__, str(live), shapes, system_views)).encode()).hexdigest()


def is_current(bi_file: Path, live: Path, wanted: str) -> bool:
    """Whether the BI file was made from what has this digest."""
    mark = _mark(live)
    return bi_file.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == wanted


def write(bi_file: Path, live: Path, statements: Sequence[str], made_from: str) -> None:
    """Make the BI file anew and rename it into place; open readers keep the one they have."""
    part = bi_file.with_name(f"{bi_file.name}.tmp")
    part.unlink(missing_ok=True)
    connection = duckdb.connect(str(part))
    try:
        connection.execute(NO_PROGRESS)
        for text in statements:
            connection.execute(text)
        connection.execute("CHECKPOINT")  # closing does it too, but on a full disk without a word: the file would be empty
    finally:
        connection.close()
    sync(part)
    part.rename(bi_file)
    sync(bi_file.parent)
    mark = _mark(live)
    mark.write_text(made_from, encoding="utf-8")
    sync(mark)


def _inline(node: exp.Expr, queries: dict[str, exp.Query]) -> exp.Expr:
    """Put a system table's query where a view names the table, so that the view needs no name of its file."""
    if not isinstance(node, exp.Table) or node.db != SYSTEM:
        return node
    return queries[f"{SYSTEM}.{node.name}"].copy().subquery(node.alias or node.name)


def _create(view: exp.Table, text: exp.Expr) -> str:
    return render(exp.Create(this=view.copy(), kind="VIEW", expression=text))


def _comments(view: exp.Table, description: str, columns: Sequence[tuple[str, str]]) -> list[str]:
    found = [_comment(view, "VIEW", description)] if description else []
    for name, text in columns:
        target = column(name)
        target.set("table", view.this.copy())
        if view.args.get("db"):
            target.set("db", view.args["db"].copy())
        found.append(_comment(target, "COLUMN", text))
    return found


def _comment(target: exp.Expr, kind: str, text: str) -> str:
    return render(exp.Comment(this=target.copy(), kind=kind, expression=exp.Literal.string(text)))


def _view(name: str) -> exp.Table:
    return table(name.removeprefix(f"{SYSTEM}."))


def _layer(name: str) -> str:
    return name.split(".")[0]


def _mark(live: Path) -> Path:
    return live / "views.sha256"
