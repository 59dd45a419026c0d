"""Models declared in SQL files: CREATE MODEL, whose query gives the rows to learn from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlglot import exp
from sqlglot.errors import SqlglotError

from foretable.declare.entity import Entity
from foretable.declare.model import Model
from foretable.declare.modelheader import ModelHeader, declares_model, model_header
from foretable.declare.modeloptions import arguments
from foretable.declare.origin import Origin
from foretable.declare.statement import Statement, statements
from foretable.declare.tables import DynamicTable, Label
from foretable.errors import DeclarationError, UsageError
from foretable.faces import anything, rewritten
from foretable.sql import column, parse, render

DEFAULT_LABEL = "label"
"""What BigQuery takes for the label where ``input_label_cols`` is not given."""


class Inputs(Label):
    """What a model declared in SQL learns from: it lives in training sets, as its label does."""

    @property
    def kind(self) -> str:
        """``model inputs``."""
        return "model inputs"


def declared_models(text: str, file: str, entities: Mapping[str, Entity], tables: Mapping[str, DynamicTable]) -> list[Model]:
    """The models that a text declares, as they would stand in that file.

    Parameters
    ----------
    text, file
        A file under ``sql/``.
    entities, tables
        What else the project declares: the key of the rows may be that of the one table that the query reads.

    Raises
    ------
    DeclarationError
        A statement is not written as it should be, an option is unknown, or nothing says what the key is; with file and line.
    """
    found = [statement for statement in statements(text, file) if declares_model(statement.words)]
    return [_model(statement, model_header(statement, text), entities, tables) for statement in found]


def _model(statement: Statement, header: ModelHeader, entities: Mapping[str, Entity], tables: Mapping[str, DynamicTable]) -> Model:
    origin = statement.origin
    tree = _parsed(header, origin)
    entity = _entity(header, tree, entities, tables, origin)
    label = _label(header)
    rows: exp.Expr = exp.Subquery(this=exp.Var(this=header.query), alias=exp.to_identifier("foretable_rows"))
    keys = [column(key) for key in entity.keys]
    others = exp.Star(except_=[exp.to_identifier(label, quoted=True)])
    shared: dict[str, Any] = {"entity": entity, "origin": origin, "description": statement.comment}
    return Model(
        header.name,
        label=Label(name=f"training.{header.name}_label", sql=render(exp.select(*keys, column(label)).from_(rows)), **shared),
        features=[Inputs(name=f"training.{header.name}_inputs", sql=render(exp.select(others).from_(rows)), **shared)],
        description=statement.comment,
        origin=origin,
        **arguments(header, entity.keys, str(origin)),
    )


def _parsed(header: ModelHeader, origin: Origin) -> exp.Query:
    try:
        tree = parse(rewritten(header.query, anything, place=lambda line: f"{origin.file}:{header.query_line + line - 1}", declared=True))
    except UsageError as error:
        raise DeclarationError(f"{header.name}: {error.message}", where=error.where, hint=error.hint) from None
    except SqlglotError as error:
        line = header.query_line + int((getattr(error, "errors", None) or [{}])[0].get("line") or 1) - 1
        first = str(error).splitlines()[0].split(". Line")[0]
        where, hint = f"{origin.file}:{line}", "what follows AS is a query in DuckDB's dialect"
        raise DeclarationError(f"{header.name}: {first}", where=where, hint=hint) from None
    if not isinstance(tree, exp.Query):
        where = f"{origin.file}:{header.query_line}"
        raise DeclarationError(f"what follows AS in {header.name} is no query", where=where, hint="write AS SELECT …")
    return tree


def _label(header: ModelHeader) -> str:
    given = header.options.get("input_label_cols")
    if given is None:
        return DEFAULT_LABEL
    if not isinstance(given.value, list) or len(given.value) != 1 or not isinstance(given.value[0], str):
        hint = "write input_label_cols = ['churned']"
        raise DeclarationError(f"{header.name}: a model learns one column", where=given.where, hint=hint)
    return str(given.value[0])


def _entity(
    header: ModelHeader, tree: exp.Query, entities: Mapping[str, Entity], tables: Mapping[str, DynamicTable], origin: Origin
) -> Entity:
    """Whom a row is about: what ``key`` says, or the entity of the one table that the query reads."""
    given = header.options.get("key")
    if given is None:
        read = {".".join(part.name for part in node.parts).lower() for node in tree.find_all(exp.Table)}
        read -= {cte.alias.lower() for cte in tree.find_all(exp.CTE)}
        entity = tables[next(iter(read))].entity if len(read) == 1 and read <= tables.keys() else None
        if entity is not None:
            return entity
        raise DeclarationError(
            f"nothing says what the key of the rows of {header.name} is", where=str(origin), hint="add key = ['customer_id'] to its OPTIONS"
        )
    keys = (given.value,) if isinstance(given.value, str) else tuple(given.value)
    if not keys or not all(isinstance(key, str) for key in keys):
        raise DeclarationError(f"{header.name}: key names columns", where=given.where, hint="write key = ['customer_id']")
    known = {tuple(key.lower() for key in entity.keys): entity for entity in entities.values()}
    found = known.get(tuple(key.lower() for key in keys))
    return found if found is not None else Entity(header.name, keys, origin)
