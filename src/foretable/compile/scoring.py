"""The query behind a scoring table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate, pairwise

from sqlglot import exp

from foretable.compile.answers import HIGH, LOW
from foretable.compile.recorded import Columns
from foretable.compile.references import FUNCTIONS
from foretable.declare.model import Model
from foretable.declare.scoring import ScoringTable
from foretable.declare.tables import Rows
from foretable.errors import DeclarationError, UnknownName, nearest
from foretable.registry.signature import OUTPUTS
from foretable.sql import DIALECT, column, table

ROW, OTHERWISE = "f", "foretable_row"
"""The name of a row in the query, and the one where a column is called so: a call would get that column alone."""
SCORED_AT = "scored_at"
"""When a prediction was last changed, by the table's clock; kept by the engine, and no part of what is compared."""
SCORED = "scored"
"""What the rows are called that have their predictions already: the interval is made of these, so that no row is scored twice."""
PLACES = 10_000
"""Traffic is shared out in steps of a hundredth of a percent."""


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
    DeclarationError
        Two columns of the scored tables, or of the table itself, have one name.
    """
    views, keys = _views(declared), declared.entity.keys if declared.entity else ()
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
    row = OTHERWISE if ROW in {name.lower() for name in owner} else ROW
    query = exp.select(
        *(column(name, row) for name in dict.fromkeys((*keys, *declared.keep))),
        *_answers(declared, keys, row),
    ).from_(scored_rows(declared, row))
    query = query if declared.model.intervals is None else _with_intervals(query, declared, keys)
    _require_distinct(declared, query.named_selects)
    return query


def scored_rows(declared: ScoringTable, row: str) -> exp.Expr:
    """The rows that a scoring table scores, as something to select from that is called ``row``."""
    return _rows([view.name for view in _views(declared)], declared.entity.keys if declared.entity else (), row)


def _views(declared: ScoringTable) -> Sequence[Rows]:
    return [declared.over] if declared.over is not None else declared.model.features


def _require_distinct(declared: ScoringTable, names: list[str]) -> None:
    """Refuse a table in which one of two columns would be lost: ``output=`` and the names of aliases are free."""
    seen = {SCORED_AT}
    for name in names:
        if name.lower() in seen:
            raise DeclarationError(
                f"{declared.name}: two columns would be called {name!r}",
                where=str(declared.origin),
                hint="choose another output=, keep= or alias",
            )
        seen.add(name.lower())


def output_of(declared: ScoringTable) -> str:
    """What the column of predictions is called."""
    return declared.output or f"{declared.model.name}_{OUTPUTS[declared.model.task]}"


def _with_intervals(scored: exp.Select, declared: ScoringTable, keys: tuple[str, ...]) -> exp.Select:
    """The same columns, and both ends of the interval behind each prediction: that of the version that made it."""
    model, output = declared.model, output_of(declared)
    ours = _interval(model, output)
    for alias, chosen in _chosen(declared, keys, SCORED).items():
        ours = exp.case().when(chosen, _interval(model, output, alias)).else_(ours)
    intervals = {output: ours}
    if declared.shadow:
        shadow = f"{output}_{declared.shadow}"
        intervals[shadow] = _interval(model, shadow, declared.shadow)
    found: list[exp.Expr] = []
    for name in scored.named_selects:
        found.append(column(name, SCORED))
        if name in intervals:
            for end in (LOW, HIGH):
                value = exp.Anonymous(this="struct_extract", expressions=[intervals[name].copy(), exp.Literal.string(end.strip("_"))])
                found.append(exp.alias_(value, f"{name}{end}", quoted=True))
    return exp.select(*found).from_(scored.subquery(exp.to_identifier(SCORED, quoted=True)))


def _interval(model: Model, prediction: str, alias: str = "") -> exp.Expr:
    before, after = FUNCTIONS["interval_of"]
    name = f"{before}{model.name}{after}"
    return exp.Anonymous(this=f"{name}__{alias}" if alias else name, expressions=[column(prediction, SCORED)])


def _answers(declared: ScoringTable, keys: tuple[str, ...], row: str) -> list[exp.Expr]:
    """The columns that the model adds: its answer and version, those of the shadow, the reasons."""
    model = declared.model
    output = output_of(declared)
    answer, version = _call("predict", model, row), _version(model)
    reasons = _call("explain", model, row)
    for alias, chosen in _chosen(declared, keys, row).items():
        answer, version, reasons = (
            exp.case().when(chosen.copy(), theirs).else_(ours)
            for ours, theirs in (
                (answer, _call("predict", model, row, alias)),
                (version, _version(model, alias)),
                (reasons, _call("explain", model, row, alias)),
            )
        )
    found = [exp.alias_(answer, output, quoted=True), exp.alias_(version, "model_version", quoted=True)]
    if declared.shadow:
        shadow = (_call("predict", model, row, declared.shadow), f"{output}_{declared.shadow}")
        theirs = (_version(model, declared.shadow), f"model_version_{declared.shadow}")
        found += [exp.alias_(tree, name, quoted=True) for tree, name in (shadow, theirs)]
    if declared.reasons:
        first = exp.Anonymous(this="list_slice", expressions=[reasons, exp.Literal.number(1), exp.Literal.number(declared.reasons)])
        found.append(exp.alias_(exp.Anonymous(this="to_json", expressions=[first]), f"{model.name}_factors", quoted=True))
    return found


def _chosen(declared: ScoringTable, keys: tuple[str, ...], row: str) -> dict[str, exp.Expr]:
    """Whether the version of an alias answers for a row, by alias."""
    model = declared.model
    return {
        alias: exp.and_(_version(model, alias).is_(exp.null()).not_(), *_between(_place(model, keys, row), low, high))
        for alias, (low, high) in _ranges(declared.traffic).items()
    }


def _call(kind: str, model: Model, row: str, alias: str = "") -> exp.Expr:
    before, after = FUNCTIONS[kind]
    name = f"{before}{model.name}{after}"
    return exp.Anonymous(this=f"{name}__{alias}" if alias else name, expressions=[exp.column(exp.to_identifier(row, quoted=True))])


def _version(model: Model, alias: str = "") -> exp.Expr:
    names = [model.name, alias] if alias else [model.name]
    return exp.Anonymous(this="model_version", expressions=[exp.Literal.string(name) for name in names])


def _ranges(traffic: Mapping[str, float]) -> dict[str, tuple[int, int]]:
    """The places of each alias, of ``PLACES``."""
    borders = list(accumulate((round(share * PLACES) for share in traffic.values()), initial=0))
    return dict(zip(traffic, pairwise(borders), strict=True))


def _place(model: Model, keys: tuple[str, ...], row: str) -> exp.Expr:
    """Where a key falls: not DuckDB's own hash, which a later version may change."""
    parts = [exp.Literal.string(model.name), *(exp.cast(column(key, row), "VARCHAR", dialect=DIALECT) for key in keys)]
    text = exp.Anonymous(this="concat_ws", expressions=[exp.Literal.string("|"), *parts])
    return exp.Mod(this=exp.Anonymous(this="md5_number_lower", expressions=[text]), expression=exp.Literal.number(PLACES))


def _between(place: exp.Expr, low: int, high: int) -> list[exp.Expr]:
    return [exp.GTE(this=place, expression=exp.Literal.number(low)), exp.LT(this=place.copy(), expression=exp.Literal.number(high))]


def _rows(views: list[str], keys: tuple[str, ...], row: str) -> exp.Expr:
    if len(views) == 1:
        return exp.alias_(table(views[0]), row, quoted=True, table=True)
    joined = exp.select("*").from_(table(views[0]))
    for view in views[1:]:
        joined = joined.join(table(view), join_type="LEFT", using=[exp.to_identifier(key, quoted=True) for key in keys])
    return joined.subquery(exp.to_identifier(row, quoted=True))
