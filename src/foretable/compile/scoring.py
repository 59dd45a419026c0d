"""The query behind a scoring table."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.declare.tables import ScoringTable
from foretable.errors import DeclarationError, UnknownName, nearest
from foretable.sql import column, table

ROW = "f"


def scoring_query(declared: ScoringTable, columns_of: Callable[[str], Columns]) -> exp.Query:
    """``SELECT key, keep, predict_<model>(f) AS …, model_version(…) FROM features AS f``.

    Parameters
    ----------
    declared
        The scoring table; scored are the rows of ``over``, else the model's feature views joined on the key.
    columns_of
        Gives the columns of a table.

    Raises
    ------
    UnknownName
        A column in ``keep`` is in none of the scored tables.
    """
    model = declared.model
    views = [declared.over] if declared.over is not None else list(model.features)
    keys = declared.entity.keys if declared.entity else ()
    owner: dict[str, str] = {}
    for view in views:
        for name in columns_of(view.name):
            if name in owner and name not in keys:
                raise DeclarationError(
                    f"{declared.name}: column {name!r} is in {owner[name]} and in {view.name}",
                    where=str(declared.origin),
                    hint="rename one",
                )
            owner.setdefault(name, view.name)
    for name in (*keys, *declared.keep):
        if name not in owner:
            raise UnknownName(
                f"{declared.name}: {name!r} is not among the scored columns", where=str(declared.origin), hint=nearest(name, owner)
            )
    suffix = "probability" if model.task == "classification" else "prediction"
    row = exp.column(exp.to_identifier(ROW, quoted=True))
    score = exp.Anonymous(this=f"predict_{model.name}", expressions=[row])
    version = exp.Anonymous(this="model_version", expressions=[exp.Literal.string(model.name)])
    return exp.select(
        *(column(name, ROW) for name in dict.fromkeys((*keys, *declared.keep))),
        exp.alias_(score, f"{model.name}_{suffix}", quoted=True),
        exp.alias_(version, "model_version", quoted=True),
    ).from_(_rows([view.name for view in views], keys))


def _rows(views: list[str], keys: tuple[str, ...]) -> exp.Expr:
    if len(views) == 1:
        return exp.alias_(table(views[0]), ROW, quoted=True, table=True)
    joined = exp.select("*").from_(table(views[0]))
    for view in views[1:]:
        joined = joined.join(table(view), join_type="LEFT", using=[exp.to_identifier(key, quoted=True) for key in keys])
    return joined.subquery(exp.to_identifier(ROW, quoted=True))
