"""Features of keys from the online copy, without the warehouse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from foretable import online
from foretable.online.kinds import family
from foretable.store.assemble import Missing, Part, parts_of
from foretable.store.lookup import Answer
from foretable.store.views import Wanted


def look_up_online(
    path: Path, wanted: Sequence[Wanted], keys: Mapping[str, Sequence[Any]], *, prefix: bool = False
) -> tuple[list[tuple[Any, ...]], Answer]:
    """What the online copy holds of some keys: the rows, and about them what a look-up in the warehouse would say.

    Parameters
    ----------
    path
        The copy.
    wanted
        Views of one entity, and which of their features.
    keys
        Values by key column.
    prefix
        Whether a feature is called ``<view>__<feature>``.

    Raises
    ------
    WarehouseError
        There is no copy.
    UnknownName
        It has no such view, or a view no such feature.
    UsageError
        The views are about different things, or two features have one name.
    """
    with online.open(path) as copy, copy.snapshot():
        parts = parts_of(wanted, {one.view.name: copy.columns(one.view.name) for one in wanted}, prefix=prefix)
        kinds = {name.lower(): kind for name, kind in parts[0].kinds.items()}
        typed = {name: [_number(value) if _is_number(kinds.get(name.lower(), "")) else value for value in of] for name, of in keys.items()}
        asked = [dict(zip(typed, values, strict=True)) for values in zip(*typed.values(), strict=True)]
        found = [copy.get(part.view.name, asked) for part in parts]
        clocks = {line["name"]: datetime.fromisoformat(line["as_of"]) for line in copy.tables()}
    rows = [_row(key, held, parts) for key, *held in zip(asked, *found, strict=True)]
    columns = (*keys, *(name for part in parts for name in part.names))
    lacking = [_missing(part, asked, held) for part, held in zip(parts, found, strict=True)]
    as_of = {part.view.name: clocks[part.view.name] for part in parts}
    return rows, Answer("", len(rows), columns, as_of, tuple(lacking))


def _row(key: Mapping[str, Any], held: Sequence[Mapping[str, Any] | None], parts: Sequence[Part]) -> tuple[Any, ...]:
    return (*key.values(), *(row and row[feature] for part, row in zip(parts, held, strict=True) for feature in part.features))


def _is_number(kind: str) -> bool:
    return family(kind) in ("whole", "wide")


def _number(value: Any) -> Any:
    """A whole number that was written as text, as on a command line."""
    return int(value) if isinstance(value, str) and value.lstrip("-").isdecimal() else value


def _missing(part: Part, asked: Sequence[Mapping[str, Any]], held: Sequence[object]) -> Missing:
    lacking = [tuple(key.values()) for key, row in zip(asked, held, strict=True) if row is None]
    return Missing(part.view, len(lacking), tuple(dict.fromkeys(lacking)))
