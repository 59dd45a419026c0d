"""The words of CREATE MODEL, read token by token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from sqlglot.tokenizer_core import Token, TokenType

from foretable.declare.candidates import Among, Between
from foretable.declare.statement import Statement
from foretable.errors import DeclarationError

SHAPE = "CREATE MODEL churn OPTIONS(model_type = 'logistic_reg', input_label_cols = ['churned'], key = ['customer_id']) AS SELECT …"
WORDS: Mapping[str, Any] = {"TRUE": True, "FALSE": False}


@dataclass(frozen=True)
class Given:
    """The value of an option: a text, a number, a truth value, a list of these, or a range to search."""

    value: Any
    where: str


@dataclass(frozen=True)
class ModelHeader:
    """What CREATE MODEL says; ``query`` starts at ``query_line`` of the file."""

    name: str
    replace: bool
    if_not_exists: bool
    options: Mapping[str, Given]
    query: str
    query_line: int


def declares_model(words: list[str]) -> bool:
    """Whether a statement with these words in upper case is CREATE [OR REPLACE] MODEL."""
    return words[:2] == ["CREATE", "MODEL"] or words[:4] == ["CREATE", "OR", "REPLACE", "MODEL"]


def model_header(statement: Statement, text: str) -> ModelHeader:
    """Read ``CREATE [OR REPLACE] MODEL [IF NOT EXISTS] name OPTIONS(…) AS query``.

    Parameters
    ----------
    statement
        One statement of
    text
        the whole text.

    Raises
    ------
    DeclarationError
        It is not written so; with file and line.
    """
    return _Reader(statement, text).header()


class _Reader:
    """Goes through the tokens once."""

    def __init__(self, statement: Statement, text: str) -> None:
        self.statement = statement
        self.text = text
        self.at = 0

    def header(self) -> ModelHeader:
        self.words("CREATE")
        replace = self.words("OR", "REPLACE")
        self.words("MODEL")
        if_not_exists = self.words("IF", "NOT", "EXISTS")
        name = self.name()
        options: dict[str, Given] = {}
        if self.words("OPTIONS"):
            self.options(name, options)
        if not self.words("AS"):
            found = f" before {self.token.text}" if self.token else ""
            self.refuse(f"{name}: AS and a query are missing{found}")
        if self.token is None:
            self.refuse(f"{name} has no query")
        first = self.statement.tokens[self.at]
        return ModelHeader(name, replace, if_not_exists, options, self.text[first.start : self.statement.stop], first.line)

    @property
    def token(self) -> Token | None:
        return self.statement.tokens[self.at] if self.at < len(self.statement.tokens) else None

    def words(self, *wanted: str) -> bool:
        """Step over these words, if they are next."""
        there = [token.text.upper() for token in self.statement.tokens[self.at : self.at + len(wanted)]]
        if there == list(wanted):
            self.at += len(wanted)
        return there == list(wanted)

    def refuse(self, message: str) -> NoReturn:
        raise DeclarationError(message, where=self.statement.at(self.at), hint=f"the shape is: {SHAPE}")

    def name(self) -> str:
        """The model's name; a project and a dataset that stand before it are left out."""
        name, quoted, before = "", False, "."
        while self.token is not None and (quoted or self.token.text in (".", "`") or (before == "." and self.token.text.isidentifier())):
            before = self.token.text
            quoted = quoted is not (before == "`")  # within backquotes even project-names have dashes
            name = name if before in (".", "`") else before.lower()
            self.at += 1
        if not name.isidentifier() or name in ("options", "as"):
            self.refuse("the name of the model is missing")
        return name

    def options(self, name: str, found: dict[str, Given]) -> None:
        if not self.words("("):
            self.refuse(f"{name}: a bracket is missing after OPTIONS")
        while not self.words(")"):
            if self.token is None:
                self.refuse(f"{name}: OPTIONS( is not closed")
            key, where = self.token.text.lower(), self.statement.at(self.at)
            if key in found:
                raise DeclarationError(f"{name} has option {key} twice", where=where, hint="leave one of them out")
            self.at += 1
            if not self.words("="):
                self.refuse(f"{name}: option {key} has no value")
            found[key] = Given(self.value(name, key), where)
            if not self.words(",") and self.token is not None and self.token.text != ")":
                self.refuse(f"{name}: a comma is missing after option {key}")

    def value(self, name: str, key: str) -> Any:
        token = self.token
        if token is None:
            self.refuse(f"{name}: option {key} has no value")
        self.at += 1
        word = token.text.upper()
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            return token.text
        if token.token_type is TokenType.L_BRACKET:
            return self.listed(name, key, "]")
        if word in ("HPARAM_RANGE", "HPARAM_CANDIDATES") and self.words("("):
            return self.searched(word, self.listed(name, key, ")"), name, key)
        if word in WORDS:
            return WORDS[word]
        if word in ("-", "+") and self.token is not None and self.token.token_type is TokenType.NUMBER:
            return self.value(name, key) * (-1 if word == "-" else 1)
        if word == "." and self.token is not None and self.token.text.isdigit():
            self.at += 1
            return float(f"0.{self.statement.tokens[self.at - 1].text}")
        if token.token_type is not TokenType.NUMBER:
            self.at -= 1
            self.refuse(f"{name}: {token.text} is no value of option {key}: a text stands in quotes")
        return _number(token.text)

    def listed(self, name: str, key: str, end: str) -> list[Any]:
        found: list[Any] = []
        while not self.words(end):
            found.append(self.value(name, key))
            if not self.words(",") and not (self.token is not None and self.token.text == end):
                self.refuse(f"{name}: option {key} is not closed")
        return found

    def searched(self, word: str, values: list[Any], name: str, key: str) -> Between | Among:
        if word == "HPARAM_RANGE":
            if len(values) != 2 or not all(_is_number(value) for value in values) or not values[0] < values[1]:
                self.refuse(f"{name}: {key} takes HPARAM_RANGE(lowest, highest)")
            return Between(*values)
        given = values[0] if len(values) == 1 and isinstance(values[0], list) else []
        if len(given) < 2:
            self.refuse(f"{name}: {key} takes HPARAM_CANDIDATES([two values, or more])")
        return Among(tuple(given))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> int | float:
    return int(text) if text.isdigit() else float(text)
