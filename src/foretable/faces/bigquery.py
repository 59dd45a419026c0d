"""``ML.PREDICT``, ``ML.EXPLAIN_PREDICT`` and ``ML.EVALUATE``, in our words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from foretable.errors import UsageError, nearest
from foretable.faces.calls import Argument, Call, dotted
from foretable.faces.facts import Facts, Models
from foretable.sql import column, parse, render, statement, table

FUNCTIONS = ("PREDICT", "EXPLAIN_PREDICT", "EVALUATE")
SHAPES: Mapping[str, str] = {
    "PREDICT": "ML.PREDICT(MODEL churn, TABLE features.usage), or (MODEL churn, (SELECT …), STRUCT(0.3 AS threshold))",
    "EXPLAIN_PREDICT": "ML.EXPLAIN_PREDICT(MODEL churn, TABLE features.usage, STRUCT(3 AS top_k_features))",
    "EVALUATE": "ML.EVALUATE(MODEL churn)",
}
SETTINGS: Mapping[str, tuple[str, ...]] = {"PREDICT": ("threshold",), "EXPLAIN_PREDICT": ("threshold", "top_k_features")}
ROWS = "foretable_rows"

LABEL = "CASE WHEN $score >= $threshold THEN 1 WHEN $score < $threshold THEN 0 END"
OF_TWO = "[{'label': 1, 'prob': $score}, {'label': 0, 'prob': 1 - $score}]"
OF_MANY = "[{'label': each.key, 'prob': each.value} FOR each IN map_entries(CAST($probabilities AS MAP(VARCHAR, DOUBLE)))]"
ATTRIBUTIONS = "[{'feature': each.feature, 'attribution': each.contribution} FOR each IN $explained[1 : $most]]"
EVALUATIONS = """
(SELECT e.* FROM foretable.evaluations AS e JOIN foretable.model_aliases AS a ON a.model = e.model AND a.version = e.version
WHERE a.alias = 'champion' AND e.model = $model)
"""


@dataclass(frozen=True)
class Asked:
    """The model of a call with what is known of it, and the numbers in its STRUCT."""

    model: str
    facts: Facts
    settings: Mapping[str, str]


def in_our_words(call: Call, models: Models, where: str, *, declared: bool) -> str:
    """The query in brackets that stands where the call stood.

    Raises
    ------
    UsageError
        The function is not known here, or is not called as it should be.
    UnknownName
        There is no such model.
    """
    if call.function not in FUNCTIONS:
        raise UsageError(
            f"ML.{call.function} is not known here", where=where, hint=nearest(f"ML.{call.function}", [f"ML.{one}" for one in FUNCTIONS])
        )
    model = _model(call.arguments[0], where, call.function)
    facts = models(model)
    if call.function == "EVALUATE":
        return _evaluations(call, model, where, declared=declared)
    if len(call.arguments) not in (2, 3):
        _refuse(f"ML.{call.function} takes a model and rows, not {len(call.arguments)} arguments", where, call.function)
    settings = _settings(call.arguments[2], call.function, where) if len(call.arguments) == 3 else {}
    if "threshold" in settings and facts.task != "classification":
        raise UsageError(f"model {model} has no threshold: it is a {facts.task} model", where=where, hint="leave STRUCT(…) out")
    return _scored(call, Asked(model, facts, settings), _rows(call.arguments[1], call.function, where))


def _model(argument: Argument, where: str, function: str) -> str:
    """The last part of the name: a project and a dataset may stand before it."""
    parts = dotted(argument.tokens[1:])
    if not parts:
        _refuse(f"{argument.text} names no model", where, function)
    return parts[-1].lower()


def _rows(argument: Argument, function: str, where: str) -> exp.Expr:
    if argument.words[:1] == ["TABLE"]:
        parts = dotted(argument.tokens[1:])
        if not parts:
            _refuse(f"{argument.text} names no table", where, function)
        written = argument.text[argument.tokens[1].start - argument.tokens[0].start :]
        return table(".".join(parts)) if "`" in written else exp.Var(this=written)
    if argument.words[:1] != ["("] or argument.words[-1:] != [")"]:
        _refuse(f"{argument.text or 'nothing'} is no TABLE name and no (query)", where, function)
    return exp.Var(this=argument.text)


def _settings(argument: Argument, function: str, where: str) -> dict[str, str]:
    """The numbers of ``STRUCT(0.3 AS threshold)`` by name."""
    words = argument.words
    if words[:2] != ["STRUCT", "("] or words[-1:] != [")"]:
        _refuse(f"{argument.text} is no STRUCT(number AS name)", where, function)
    found: dict[str, str] = {}
    for part in _parts(argument.tokens[2:-1]):
        *number, word, name = ["", "", *(token.text.lower() for token in part)]
        value = "".join(number)
        if word != "as" or not _is_number(value):
            _refuse(f"{argument.text} is no STRUCT(number AS name)", where, function)
        if name not in SETTINGS[function]:
            raise UsageError(f"ML.{function} has no setting {name} here", where=where, hint=nearest(name, SETTINGS[function]))
        if name == "threshold" and not 0 <= float(value) <= 1:
            raise UsageError(f"threshold {value} is no probability", where=where, hint="give a number from 0 to 1")
        if name == "top_k_features" and not value.isdigit():
            raise UsageError(f"top_k_features {value} is no count", where=where, hint="give a whole number")
        found[name] = value
    return found


def _parts(tokens: Sequence[Token]) -> list[list[Token]]:
    parts: list[list[Token]] = [[]]
    for token in tokens:
        if token.token_type is TokenType.COMMA:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return text[0] in "0123456789."


def _scored(call: Call, asked: Asked, rows: exp.Expr) -> str:
    """All that ``FROM predict_<model>(rows)`` gives, and BigQuery's own names beside it."""
    scored: exp.Expr = exp.Table(this=exp.Anonymous(this=f"predict_{asked.model}", expressions=[exp.column(ROWS)]))
    if call.function == "EXPLAIN_PREDICT":
        scored = exp.alias_(scored, "foretable_scored", table=True)
    query: Any = parse(statement("SELECT * FROM $scored", scored=scored))
    kept, added = _columns(asked)
    query.set("expressions", [kept, *(exp.alias_(tree, name, quoted=True) for name, tree in added.items())])
    if call.function == "EXPLAIN_PREDICT":
        explained = exp.Anonymous(this=f"explain_{asked.model}", expressions=[exp.column("foretable_scored")])
        most = exp.Literal.number(asked.settings.get("top_k_features", "5"))
        attributions = parse(statement(ATTRIBUTIONS, explained=explained, most=most))
        query = query.select(exp.alias_(attributions, "top_feature_attributions"), copy=False)
    # Through a name of its own, since the macro takes a table by its name; not materialised, or DuckDB would keep it all.
    query.set("with_", exp.With(expressions=[exp.CTE(this=exp.select("*").from_(rows), alias=exp.to_identifier(ROWS), materialized=False)]))
    return render(exp.Paren(this=query))


def _columns(asked: Asked) -> tuple[exp.Expr, dict[str, exp.Expr]]:
    """The star, and BigQuery's columns by name."""
    name, label = asked.model, f"predicted_{asked.facts.label}"
    ours = column(f"{name}_label")
    if asked.facts.task == "regression":
        return exp.Star(), {label: column(f"{name}_prediction")}
    if asked.facts.task == "multiclass":
        return exp.Star(), {label: ours, f"{label}_probs": parse(statement(OF_MANY, probabilities=column(f"{name}_probabilities")))}
    score = column(f"{name}_probability")
    probabilities = parse(statement(OF_TWO, score=score))
    if "threshold" not in asked.settings:
        return exp.Star(), {label: ours, f"{label}_probs": probabilities}
    cut = parse(statement(LABEL, score=score, threshold=exp.Literal.number(asked.settings["threshold"])))
    star = exp.Star(replace=[exp.alias_(cut.copy(), f"{name}_label", quoted=True)])
    return star, {label: cut, f"{label}_probs": probabilities}


def _evaluations(call: Call, model: str, where: str, *, declared: bool) -> str:
    if len(call.arguments) > 1:
        hint = "ask for what was measured when it was trained: ML.EVALUATE(MODEL churn); other rows: foretable report"
        raise UsageError("ML.EVALUATE measures nothing anew", where=where, hint=hint)
    if declared:
        hint = "ask for it in a session: foretable sql"
        raise UsageError("ML.EVALUATE reads the catalog, which no declared table may", where=where, hint=hint)
    return statement(EVALUATIONS, model=exp.Literal.string(model))


def _refuse(message: str, where: str, function: str) -> NoReturn:
    raise UsageError(message, where=where, hint=f"write: {SHAPES[function]}")
