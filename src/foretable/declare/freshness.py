"""How a table is kept fresh: the words that its options know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from foretable.declare.clock import duration
from foretable.errors import UsageError, nearest

if TYPE_CHECKING:
    from foretable.declare.entity import Entity

Grain = Literal["minute", "hour", "day"]
RefreshMode = Literal["AUTO", "INCREMENTAL", "FULL"]
Initialize = Literal["ON_CREATE", "ON_SCHEDULE"]

GRAINS, REFRESH_MODES, INITIALIZE = get_args(Grain), get_args(RefreshMode), get_args(Initialize)
LONGEST = timedelta(days=100 * 365)


def one_of(word: str, option: str, known: Sequence[str]) -> str:
    """The word as the option spells it, whatever its case.

    Raises
    ------
    UsageError
        The option does not know it.
    """
    spelled = {name.upper(): name for name in known}
    if not isinstance(word, str) or word.upper() not in spelled:
        raise UsageError(f"{option} is {word!r}", hint=nearest(str(word), known))
    return spelled[word.upper()]


def check_history(history: str | None, entity: Entity | None) -> None:
    """Refuse a history that cannot be kept.

    Raises
    ------
    UsageError
        It is no length of time, or no key tells the versions of a row from other rows.
    """
    if history is None:
        return
    if entity is None:
        raise UsageError("history needs an entity: its key tells which versions are of one row", hint="add entity=, in SQL ENTITY = name")
    try:
        length = duration(str(history))
    except OverflowError:
        length = timedelta.max
    if not timedelta() < length <= LONGEST:
        raise UsageError(f"history is {history!r}", hint="write a length of time such as '90 days', 100 years at most; or leave it out")
