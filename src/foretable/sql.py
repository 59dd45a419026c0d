"""SQL as trees: the only place where names become text."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ParseError
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.tokenizer_core import Token

from foretable.errors import ForetableError

DIALECT = "duckdb"
_READER = DuckDB()
_OWN_TYPE = DuckDBGenerator.TRANSFORMS[exp.DataType]
_OWN_TYPES = {exp.DType.ARRAY, exp.DType.TIME, exp.DType.TIMETZ, exp.DType.TIMESTAMPTZ}
"""What DuckDB writes otherwise; it asks each type whether it is one of them, which takes a sixth of the time of writing a query."""


class Spliced(exp.Expression, exp.Query):
    """A query made of text that stays as it is (``exp.Var``) and of trees between; see ``compile.spliced``."""

    arg_types = {"expressions": True}  # noqa: RUF012


try:
    Spliced(expressions=[])
except TypeError as error:
    raise ForetableError(
        f"sqlglot is installed in its compiled form, in which its trees cannot be extended: {error}", hint="pip uninstall sqlglotc"
    ) from error


def _apart(text: exp.Literal) -> exp.Expr:
    """A text with a character that no query can hold, put together of those around it."""
    nothing = exp.Anonymous(this="chr", expressions=[exp.Literal.number(0)])
    first, *others = (exp.Literal.string(part) for part in text.this.split("\0"))
    whole: exp.Expr = first
    for other in others:
        whole = exp.DPipe(this=exp.DPipe(this=whole, expression=nothing.copy()), expression=other)
    return exp.Paren(this=whole)


class Writer(DuckDB):
    """DuckDB's dialect, which can also write a spliced query."""

    class Generator(DuckDBGenerator):
        """What is text already stays as it is."""

        TRANSFORMS = {  # noqa: RUF012
            **DuckDBGenerator.TRANSFORMS,
            Spliced: lambda self, tree: "".join(self.sql(part) for part in tree.expressions),
            exp.Literal: lambda self, tree: self.sql(_apart(tree)) if "\0" in tree.this else self.literal_sql(tree),
            exp.DataType: lambda self, tree: _OWN_TYPE(self, tree) if tree.this in _OWN_TYPES else self.datatype_sql(tree),
        }


def as_it_is(text: str) -> Spliced:
    """A query that is written already, as a tree to put into another."""
    return Spliced(expressions=[exp.Var(this=text)])


def table(name: str) -> exp.Table:
    """The tree of ``layer.table`` or ``file.layer.table``, every part quoted."""
    parts = [exp.to_identifier(part, quoted=True) for part in name.split(".")]
    return exp.Table(**dict(zip(("this", "db", "catalog"), reversed(parts), strict=False)))


def column(name: str, of: str = "") -> exp.Column:
    """The tree of a column, quoted; ``of`` is the alias of its table."""
    return exp.column(exp.to_identifier(name, quoted=True), table=exp.to_identifier(of, quoted=True) if of else None)


def render(tree: exp.Expr, *, pretty: bool = False, copy: bool = True) -> str:
    """DuckDB's text of a tree; function names keep their case. Without ``copy`` the tree may be changed by it."""
    return tree.sql(Writer, pretty=pretty, normalize_functions=False, copy=copy)


@lru_cache(maxsize=8)
def tokens(text: str) -> Sequence[Token]:
    """The tokens of a text in DuckDB's dialect; several readers ask for those of one text, one after the other."""
    return tuple(sqlglot.tokenize(text, dialect=DIALECT))


def parse(text: str) -> Any:
    """The tree of one statement in DuckDB's dialect."""
    found = _READER.parser().parse(list(tokens(text)), text)
    if not found or found[0] is None:
        raise ParseError(f"no statement was read from {text!r}")
    return found[0] if len(found) == 1 else exp.Block(expressions=found)


def statement(template: str, /, **parts: exp.Expr) -> str:
    """Fill a template with trees, never with text.

    Parameters
    ----------
    template
        One SQL statement; ``$name`` stands where a part goes, ``?`` where a value will be bound.
    parts
        A table, column, query or other tree for each name.

    Examples
    --------
    >>> statement("SELECT count(*) FROM $source", source=table("raw.orders"))
    'SELECT COUNT(*) FROM "raw"."orders"'
    """
    return render(tree(template, **{name: part.copy() for name, part in parts.items()}), copy=False)


def tree(template: str, /, **parts: exp.Expr) -> Any:
    """As :func:`statement`, but the tree and not its text; the parts become part of it."""

    def fill(node: exp.Expr) -> exp.Expr:
        name = node.name if isinstance(node, exp.Placeholder) else ""
        if name not in parts:
            return node
        return parts[name] if parts[name].parent is None else parts[name].copy()

    return _template(template).transform(fill)


@lru_cache(maxsize=512)
def _template(text: str) -> Any:
    """A template's tree, which is not to be changed."""
    return parse(text)
