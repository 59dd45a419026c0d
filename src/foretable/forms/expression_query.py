"""A model as a query: the rows of one table with what the model gives for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

from foretable import sql
from foretable.errors import UsageError
from foretable.forms.expression_finish import finished
from foretable.forms.expression_linear import linear_sums, unless_unknown
from foretable.forms.expression_parts import choose, number
from foretable.forms.expression_trees import tree_columns, tree_outputs, unless_empty
from foretable.forms.form import Form, Trees
from foretable.registry.signature import Signature

MOST_BRANCHES = 50_000
"""Beyond, a query takes databases longer to read than its rows to score."""


def check_size(form: Form, model: str) -> None:
    """Refuse a forest that no database would read as one query.

    Raises
    ------
    UsageError
        It has too many branches.
    """
    branches = sum(int((tree.column >= 0).sum()) * len(tree.targets) for tree in form.trees) if isinstance(form, Trees) else 0
    if branches > MOST_BRANCHES:
        raise UsageError(
            f"{model} has {branches:,} branches; as SQL there may be {MOST_BRANCHES:,}",
            hint="declare fewer or shallower trees, or export the version as a file, without --dialect",
        )


def model_query(form: Form, signature: Signature, version: int, source: exp.Expr, names: Sequence[str] = ()) -> exp.Select:
    """What ``FROM predict_<model>(table)`` gives, as a query that needs no function of ours.

    Parameters
    ----------
    form
        The model.
    signature
        What it reads and gives.
    version
        Its number, for the column ``model_version``.
    source
        A table, or what stands in FROM in its place.
    names
        The columns to keep, features among them; none keeps all, which only DuckDB can write.

    Returns
    -------
    sqlglot.exp.Select
        One query in another, each computing what the next reads more than once.
    """
    query, answers, made = _scored(form, signature, source, names)
    for name, value in _outputs(signature, answers, version).items():
        query = query.select(exp.alias_(value, name, quoted=True), copy=False)
    if not names:
        query.expressions[0].set("except_", [exp.to_identifier(name, quoted=True) for name in made])
    return query


def row_query(form: Form, signature: Signature, source: exp.Expr) -> exp.Select:
    """Of ``model_query`` only what the model gives first: its probability, number or most probable class."""
    query, answers, _ = _scored(form, signature, source, [feature.name for feature in signature.features])
    return query.select(_outputs(signature, answers, 0)[signature.output], append=False, copy=False)


def _scored(
    form: Form, signature: Signature, source: exp.Expr, names: Sequence[str]
) -> tuple[exp.Select, Sequence[exp.Expr], Sequence[str]]:
    """A query that reads the kept columns and the answers, the answers, and the names of all that was computed."""
    prefix = _free("s", names) if names else "foretable_"
    made: list[str] = []

    def layer(below: exp.Select, letter: str, values: Sequence[exp.Expr]) -> tuple[exp.Select, list[exp.Column]]:
        """Compute values, then read them by name from a query around."""
        computed = [f"{prefix}{letter}{i}" for i in range(len(values))]
        for name, value in zip(computed, values, strict=True):
            below = below.select(exp.alias_(value, name, quoted=True), copy=False)
        made.extend(computed)
        around = exp.select(*_kept(names)).from_(below.subquery("scored", copy=False), copy=False)
        return around, [sql.column(name) for name in computed]

    columns = [exp.cast(sql.column(f.name), f.sql_type, dialect=sql.DIALECT) for f in signature.features]
    given = [sql.column(f.name) for f in signature.features]
    query = exp.select(*_kept(names)).from_(source)
    if isinstance(form, Trees):
        query, ready = layer(query, "c", tree_columns(form, signature.features, columns))
        raws = [unless_empty(raw, given) for raw in tree_outputs(form, signature.features, ready)]
    else:
        query, ready = layer(query, "c", linear_sums(form, signature.features, columns))
        raws = [unless_unknown(sum_, given) for sum_ in ready]
    query, outputs = layer(query, "r", raws)
    query, answers = layer(query, "p", finished(form.finish, outputs))
    return query, answers, made


def _outputs(signature: Signature, answers: Sequence[exp.Expr], version: int) -> Mapping[str, exp.Expr]:
    model, tail = signature.model, {"model_version": exp.Literal.number(version)}
    if signature.task == "multiclass":
        shares = {f"{model}_probability_{name}": answer for name, answer in zip(signature.classes, answers, strict=True)}
        return {signature.output: _most_probable(signature.classes, answers), **shares, **tail}
    if signature.task == "regression":
        return {signature.output: answers[0], **tail}
    return {signature.output: answers[0], f"{model}_label": _label(signature, answers[0]), **tail}


def _most_probable(classes: Sequence[str], answers: Sequence[exp.Expr]) -> exp.Expr:
    def wins(k: int) -> exp.Expr:
        return exp.and_(*[exp.GTE(this=answers[k].copy(), expression=other.copy()) for other in answers if other is not answers[k]])

    return choose(exp.null(), *[(wins(k), exp.Literal.string(name)) for k, name in enumerate(classes)])


def _label(signature: Signature, score: exp.Expr) -> exp.Expr:
    limit = number(signature.threshold)
    by = signature.by_segment
    if by is not None and by.thresholds:
        segment = exp.cast(sql.column(by.column), "VARCHAR", dialect=sql.DIALECT)
        here = [(exp.EQ(this=segment.copy(), expression=exp.Literal.string(value)), number(own)) for value, own in by.thresholds]
        limit = choose(limit, *here)
    # Two conditions, so that the label of a NULL score is NULL.
    yes, no = exp.GTE(this=score.copy(), expression=limit), exp.LT(this=score.copy(), expression=limit.copy())
    return choose(exp.null(), (yes, exp.Literal.number(1)), (no, exp.Literal.number(0)))


def _kept(names: Sequence[str]) -> list[exp.Expr]:
    return [sql.column(name) for name in names] if names else [exp.Star()]


def _free(prefix: str, names: Sequence[str]) -> str:
    """A prefix such that prefix, letter and number are no column's name."""
    taken = {name.lower() for name in names}
    while any(re.fullmatch(f"{prefix}[crp][0-9]+", name) for name in taken):
        prefix += "s"
    return prefix
