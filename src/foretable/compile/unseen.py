"""What a declared query may not depend on: its change would be noticed by nothing, and it has no past."""

from __future__ import annotations

from collections.abc import Container
from itertools import pairwise

from sqlglot.tokenizer_core import Token, TokenType

from foretable.errors import DeclarationError
from foretable.sql import tokens

_CLOCKS = frozenset({"now", "today", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp", "current_localtime"})
_BARE_CLOCKS = frozenset({"current_date", "current_timestamp", "current_time", "localtimestamp", "localtime"})
_READERS = frozenset({"parquet_scan", "glob", "query_table"})


def require_seen(text: str, own: Container[str], *, where: str) -> None:
    """Refuse the machine's clock, and tables or files that are read behind the graph's back.

    Parameters
    ----------
    text
        A query, or a macro that one calls.
    own
        Names of the project's macros and functions, which are seen.
    where
        Where it is declared.

    Raises
    ------
    DeclarationError
        Names the function.
    """
    read = tokens(text)
    for number, (token, following) in enumerate(pairwise([*read, Token.string("")])):
        name = token.text.lower()
        if name in own or (number and read[number - 1].token_type in (TokenType.DOT, TokenType.ALIAS)):
            continue
        called = following.token_type is TokenType.L_PAREN
        if (called and name in _CLOCKS) or (name in _BARE_CLOCKS and token.token_type not in (TokenType.IDENTIFIER, TokenType.STRING)):
            raise DeclarationError(
                f"{name} is the machine's clock, which cannot be set back", where=where, hint="as_of() is the clock: use that"
            )
        if called and (name in _READERS or name.startswith("read_")):
            raise DeclarationError(
                f"{name}() reads what no source declares",
                where=where,
                hint='declare it, and read it by its name: ft.Source("raw.orders", file="orders.parquet", …)',
            )
