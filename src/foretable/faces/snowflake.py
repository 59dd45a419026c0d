"""``m!PREDICT(…)``, ``MODEL(m, v)!PREDICT(*)`` and ``WITH x AS MODEL m VERSION v``, in our words."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from foretable.errors import UnknownName, UsageError, nearest
from foretable.faces.calls import NAMES, Argument, Call, dotted, tokens_of
from foretable.faces.facts import Facts, Models
from foretable.sql import statement

METHODS = ("PREDICT", "PREDICT_PROBA", "EXPLAIN")
SHAPE = "churn!PREDICT(f), where f names the table, or MODEL(churn, v1)!PREDICT(*)"
OF_TWO = "{'0': 1 - $score, '1': $score}"
VERSION = re.compile(r"[a-z][a-z0-9_]*")
NAMED = re.compile(r"\bAS\s+MODEL\b", re.IGNORECASE)


@dataclass(frozen=True)
class Named:
    """A model, and a version or alias of it; without one, its champion."""

    model: str
    version: str = ""


@dataclass
class Rows:
    """Names that stand for the row of a call until the query around it can be read; each with what was asked for."""

    asked: dict[str, str] = field(default_factory=dict)

    def add(self, text: str) -> exp.Expr:
        """A name for ``*``, or for a name that is a table's or a column's."""
        name = f"foretable_row_{len(self.asked) + 1}"
        self.asked[name] = text
        return exp.Var(this=name)


def in_our_words(call: Call, models: Models, names: Mapping[str, Named], rows: Rows, where: str) -> str:
    """The call of our function.

    Raises
    ------
    UsageError
        The method is not known, or is not called as it should be.
    UnknownName
        There is no such model, version or alias.
    """
    if call.function not in METHODS:
        raise UsageError(f"!{call.function} is not known here", where=where, hint=nearest(call.function, METHODS))
    named = _named(call.on, names, where)
    facts = models(named.model)
    _require_version(named, facts, where)
    row = _row(call, rows, where)
    kind = "explain" if call.function == "EXPLAIN" else "predict"
    suffix = f"__{named.version}" if named.version else ""
    if call.function == "PREDICT_PROBA" and facts.task == "regression":
        raise UsageError(f"model {named.model} has no probabilities: it predicts a number", where=where, hint="write !PREDICT(…)")
    if call.function == "PREDICT_PROBA" and facts.task == "multiclass":
        return statement("$call", call=_call(f"{kind}_{named.model}_probabilities{suffix}", row))
    score = _call(f"{kind}_{named.model}{suffix}", row)
    return statement(OF_TWO, score=score) if call.function == "PREDICT_PROBA" else statement("$call", call=score)


def _call(name: str, row: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=[row])


def _named(on: Sequence[Argument], names: Mapping[str, Named], where: str) -> Named:
    parts = [dotted(argument.tokens) for argument in on]
    if len(parts) not in (1, 2) or not all(parts) or len(parts[-1]) > 1 == len(parts) - 1:
        raise UsageError(f"MODEL({', '.join(argument.text for argument in on)}) names no model", where=where, hint=f"write: {SHAPE}")
    name = parts[0][-1].lower()
    if len(parts) == 1:
        return names.get(name, Named(name))
    return _with_version(name, parts[1][-1], where)


def _with_version(model: str, version: str, where: str) -> Named:
    word = version.lower()
    if not VERSION.fullmatch(word):
        raise UsageError(f"{version!r} is no version of {model}", where=where, hint="write v1, or an alias such as challenger")
    return Named(model, "" if word in ("champion", "default") else word)


def _require_version(named: Named, facts: Facts, where: str) -> None:
    if named.version and facts.callable is not None and named.version not in facts.callable:
        raise UnknownName(f"model {named.model} has no {named.version}", where=where, hint=nearest(named.version, facts.callable))


def _row(call: Call, rows: Rows, where: str) -> exp.Expr:
    """The row that a call is about: ``*`` and single names depend on the query around it, several columns are a row of their own."""
    texts = [argument.text for argument in call.arguments]
    if texts == ["*"]:
        return rows.add("*")
    parts = [dotted(argument.tokens) for argument in call.arguments]
    if len(texts) == 1 and len(parts[0]) == 1:
        return rows.add(texts[0])
    star = call.arguments[0].tokens if len(texts) == 1 else ()
    if len(star) > 2 and star[-1].text == "*" and star[-2].token_type is TokenType.DOT and dotted(star[:-2]):
        return exp.Var(this=texts[0].removesuffix("*").rstrip().removesuffix(".").rstrip())
    if not texts or not all(parts):
        wrong = next((text for text, part in zip(texts, parts, strict=True) if not part), "")
        problem = f"{wrong} is neither a column nor a table" if wrong else f"!{call.function}() is about no row"
        raise UsageError(problem, where=where, hint=f"write: {SHAPE}; or name the columns: churn!PREDICT(spend, plan)")
    return struct_of({part[-1]: text for part, text in zip(parts, texts, strict=True)})


def struct_of(columns: Mapping[str, str]) -> exp.Expr:
    """``{'name': column, …}``."""
    pairs = [exp.PropertyEQ(this=exp.to_identifier(name), expression=exp.Var(this=text)) for name, text in columns.items()]
    return exp.Struct(expressions=pairs)


def without_names(text: str, where: str) -> tuple[str, dict[str, Named]]:
    """The text without ``x AS MODEL m VERSION v`` in WITH, and what each x means."""
    found: dict[str, Named] = {}
    while NAMED.search(text):
        tokens = tokens_of(text)
        at = next((at for at in range(1, len(tokens) - 3) if _is_named(tokens, at)), None)
        if at is None:
            break
        versioned = at + 5 < len(tokens) and tokens[at + 4].text.upper() == "VERSION"
        name = tokens[at + 3].text.lower()
        named = _with_version(name, tokens[at + 5].text, where) if versioned else Named(name)
        found[tokens[at].text.lower()] = named
        first, last = at, at + (5 if versioned else 3)
        following = tokens[last + 1] if last + 1 < len(tokens) else None
        stop = following.start if following is not None else len(text)
        if following is not None and following.token_type is TokenType.COMMA:
            stop = tokens[last + 2].start if last + 2 < len(tokens) else len(text)
        else:
            first -= 1  # the WITH, or the comma before
            if tokens[first].token_type is TokenType.COMMA:
                stop = tokens[last].end + 1
        text = text[: tokens[first].start] + text[stop:]
    return text, found


def _is_named(tokens: Sequence[Token], at: int) -> bool:
    before, name, word, kind, model = tokens[at - 1 : at + 4]
    return (
        (before.token_type in (TokenType.WITH, TokenType.COMMA) or before.text.upper() == "RECURSIVE")
        and name.token_type in NAMES
        and word.token_type is TokenType.ALIAS
        and kind.text.upper() == "MODEL"
        and model.token_type in NAMES
    )
