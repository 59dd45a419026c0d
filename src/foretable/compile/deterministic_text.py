"""A text, its tokens, and what is inserted into it: everything else stays byte for byte."""

from __future__ import annotations

from collections.abc import Mapping

from sqlglot.tokenizer_core import TokenType

from foretable.compile.deterministic_facts import AGGREGATES, MARK, WINDOWS
from foretable.sql import tokens

ORDER_BY = "order_by"
Key = tuple[tuple[bool, str], ...]
"""An expression as its tokens, to tell whether two are the same."""
_ENDS = frozenset(("LIMIT", "OFFSET", "FETCH", "UNION", "EXCEPT", "INTERSECT", ";"))
_NULLS = frozenset(("IGNORE", "RESPECT"))


class Text:
    """A query's text with insertions; places are numbers of tokens."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokens(text)
        self.words = [token.text.upper() for token in self.tokens]
        self._inserted: dict[int, str] = {}
        self._closing = self._brackets()

    def _brackets(self) -> Mapping[int, int]:
        found: dict[int, int] = {}
        opened: list[int] = []
        for place, token in enumerate(self.tokens):
            if token.token_type in (TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE):
                opened.append(place)
            elif token.token_type in (TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE) and opened:
                found[opened.pop()] = place
        return found

    def marked(self, others: Mapping[str, object]) -> tuple[str, bool]:
        """The text with a mark for every call and ORDER BY of interest, and whether there is any."""
        parts: list[str] = []
        done = 0
        for place, token in enumerate(self.tokens[:-1]):
            name, following = token.text.lower(), self.tokens[place + 1]
            if token.token_type is TokenType.ORDER_BY and self.words[place + 1] != "ALL":
                parts += [self.text[done : token.end + 1], f" {MARK}{place}_{ORDER_BY}(), "]
                done = token.end + 1
            elif self._is_call(place) and (name in AGGREGATES or name in WINDOWS) and name not in others:
                parts += [self.text[done : token.start], f"{MARK}{place}_{name}"]
                done = following.start
        return "".join([*parts, self.text[done:]]), bool(parts)

    def _is_call(self, place: int) -> bool:
        before = self.tokens[place - 1].token_type if place else None
        quoted = self.tokens[place].token_type is TokenType.STRING
        return self.tokens[place + 1].token_type is TokenType.L_PAREN and before is not TokenType.DOT and not quoted

    def insert(self, place: int, text: str) -> None:
        """Write ``text`` behind the token of that place and of what was written there before; once, for a named window is used often."""
        before = self._inserted.get(place, "")
        self._inserted[place] = before if text in before else before + text

    def written(self, first: int = 0, last: int | None = None) -> str:
        """The text from one token to another, insertions included; the whole of it without places."""
        start = self.tokens[first].start if last is not None else 0
        stop = self.tokens[last].end + 1 if last is not None else len(self.text)
        parts: list[str] = []
        for place in sorted(place for place in self._inserted if start <= self.tokens[place].start < stop):
            parts += [self.text[start : self.tokens[place].end + 1], self._inserted[place]]
            start = self.tokens[place].end + 1
        return "".join([*parts, self.text[start:stop]])

    def key(self, first: int, last: int) -> Key:
        """What stands between two places, however it is spaced and written in capitals."""
        return tuple((self.tokens[place].token_type is TokenType.STRING, self.words[place]) for place in range(first, last + 1))

    def closing(self, place: int) -> int:
        """The bracket that closes the one at that place."""
        return self._closing[place]

    def parts(self, first: int, stop: int) -> list[tuple[int, int]]:
        """First and last places of what the commas between two places divide."""
        found: list[tuple[int, int]] = []
        start = place = first
        while place < stop:
            if self.tokens[place].token_type is TokenType.COMMA:
                found.append((start, place - 1))
                start = place + 1
            place = self._closing.get(place, place) + 1
        return [*found, (start, stop - 1)] if start < stop else found

    def find(self, words: frozenset[str], first: int, stop: int) -> int:
        """The first place of one of the words outside brackets; ``stop`` where there is none."""
        place = first
        while place < stop and self.words[place] not in words:
            place = self._closing.get(place, place) + 1
        return min(place, stop)

    def call(self, place: int) -> tuple[list[tuple[int, int]], list[tuple[int, int]], int]:
        """Arguments and ORDER BY keys of the call at a place, and the place behind which more keys go."""
        first, close = place + 2, self.closing(place + 1)
        if self.words[first] in ("DISTINCT", "ALL"):
            first += 1
        stop = self.find(_NULLS, first, close)
        order = self.find(frozenset(("ORDER BY",)), first, stop)
        return self.parts(first, order), self.parts(order + 1, stop), stop - 1

    def list_end(self, place: int) -> int:
        """The last place of the list behind the ORDER BY of a query."""
        stop = place + 1
        while stop < len(self.tokens) and self.words[stop] not in _ENDS and self.tokens[stop].token_type is not TokenType.R_PAREN:
            stop = self._closing.get(stop, stop) + 1
        return stop - 1

    def over(self, place: int) -> int:
        """The place behind OVER of the call at a place."""
        return self.find(frozenset(("OVER",)), self.closing(place + 1), len(self.tokens)) + 1

    def plain(self, first: int, last: int) -> Key:
        """The key of one of an ORDER BY, without its direction."""
        while last > first and self.words[last] in ("ASC", "DESC", "FIRST", "LAST", "NULLS", "NULLS FIRST", "NULLS LAST"):
            last -= 1
        return self.key(first, last)
