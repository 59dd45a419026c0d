"""Who is trained on, who is tuned on, who is only looked at in the end."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.declare.clock import interval
from foretable.errors import TrainingError

TRAIN, VALIDATION, TEST, GAP, AWAY = 0, 1, 2, -1, -2
NAMES = {TRAIN: "train", VALIDATION: "validation", TEST: "test"}
_UNIT = {"minute": "m", "hour": "h", "day": "D", "week": "W"}


def split_by_time(as_of: np.ndarray, horizon: str, shares: tuple[float, float, float]) -> np.ndarray:
    """Split rows by date: the latest are tested on, with a gap of the horizon before each border.

    A row's label is known ``horizon`` after its date. A row before a border whose label is known only
    after it would carry news across, so it is left out.

    Parameters
    ----------
    as_of
        ``datetime64`` per row, in any order.
    horizon
        The label's: ``"30 days"``.
    shares
        Wanted shares of rows for train, validation and test; dates are never cut in two, so they are
        met as nearly as dates allow, counted from the end.

    Returns
    -------
    numpy.ndarray
        Per row ``TRAIN``, ``VALIDATION``, ``TEST`` or ``GAP``.

    Raises
    ------
    TrainingError
        The dates are too few for three parts and two gaps.
    """
    moments = as_of.astype("datetime64[us]")
    dates, counts = np.unique(moments, return_counts=True)
    known = later(dates, horizon)
    for wanted in (shares, (1.0, 0.0, 0.0)):
        test = _border(dates, counts, dates <= dates[-1], wanted[2]) if len(dates) else None
        validation = _border(dates, counts, known <= test, wanted[1]) if test is not None else None
        if test is None or validation is None or not (known <= validation).any():
            continue
        parts = np.full(len(dates), GAP, dtype=np.int8)
        parts[known <= validation] = TRAIN
        parts[(dates >= validation) & (known <= test)] = VALIDATION
        parts[dates >= test] = TEST
        split: np.ndarray = parts[np.searchsorted(dates, moments)]
        return split
    raise TrainingError(
        f"{len(dates)} spine dates{_span(dates)} leave no room for training, validation and test rows with a gap of {horizon} between them",
        hint='train on a longer history, declare a finer every=, or split=ft.EntitySplit("<key>")',
    )


def _border(dates: np.ndarray, counts: np.ndarray, allowed: np.ndarray, share: float) -> np.datetime64 | None:
    """The latest allowed date from which the allowed rows make up the share of all rows."""
    if not allowed.any():
        return None
    from_the_end = np.cumsum(np.where(allowed, counts, 0)[::-1])[::-1]
    enough = np.flatnonzero(allowed & (from_the_end >= share * counts.sum()))
    border: np.datetime64 = dates[enough[-1] if len(enough) else np.flatnonzero(allowed)[0]]
    return border


def later(moments: np.ndarray, length: str) -> np.ndarray:
    """Moments moved on by a length of time; the end of a month is kept as DuckDB keeps it.

    Examples
    --------
    >>> str(later(np.array(["2024-01-31"], dtype="datetime64[us]"), "1 month")[0])[:10]
    '2024-02-29'
    """
    number, unit = interval(length)
    if unit in _UNIT:
        passed: np.ndarray = moments + np.timedelta64(number, _UNIT[unit])  # type: ignore[call-overload]
        return passed
    months = moments.astype("datetime64[M]")
    target = months + np.timedelta64(number * (12 if unit == "year" else 1), "M")
    day = moments.astype("datetime64[D]") - months.astype("datetime64[D]")
    last = (target + 1).astype("datetime64[D]") - target.astype("datetime64[D]") - np.timedelta64(1, "D")
    date = target.astype("datetime64[D]") + np.minimum(day, last)
    moved: np.ndarray = date.astype("datetime64[us]") + (moments - moments.astype("datetime64[D]"))
    return moved


def split_by_entity(
    column: pa.Array | pa.ChunkedArray, seed: int, shares: tuple[float, float, float], strata: np.ndarray | None = None
) -> np.ndarray:
    """Split rows by whole entities, by a hash of the value and the seed.

    Without strata an entity stays on its side whatever the order of the rows, whoever else is there, on any machine.

    Parameters
    ----------
    column
        The entity of each row; all NULLs are one entity.
    seed
        Another seed draws other entities.
    shares
        Expected shares of entities for train, validation and test.
    strata
        A number per row, the same on all rows of an entity: the shares are met in each of them, to one entity. An entity's side
        then depends on the others of its stratum.

    Returns
    -------
    numpy.ndarray
        Per row ``TRAIN``, ``VALIDATION`` or ``TEST``.
    """
    codes, values = entity_codes(column)
    split: np.ndarray = part_of(draws(values, seed), shares, None if strata is None else per_entity(codes, strata))[codes]
    return split


def keep_apart(split: np.ndarray, codes: np.ndarray, values: pa.Array, seed: int, shares: tuple[float, float, float]) -> np.ndarray:
    """A split in which, moreover, no entity is in two parts: each is drawn for one, and its rows in the others' are ``AWAY``.

    Parameters
    ----------
    split
        By time.
    codes, values
        Entities, as :func:`entity_codes` gives them.
    seed, shares
        As for :func:`split_by_entity`.
    """
    drawn = part_of(draws(values, seed), shares)[codes]
    return np.where((split >= 0) & (split != drawn), AWAY, split).astype(np.int8)


def part_of(drawn: np.ndarray, shares: Sequence[float], strata: np.ndarray | None = None) -> np.ndarray:
    """The part of each entity, 0 to the number of shares − 1, by its draw; with strata by its rank among the draws of its stratum."""
    borders = np.cumsum(shares)[:-1] / sum(shares)
    if strata is None:
        return np.searchsorted(borders, drawn, side="right").astype(np.int8)
    place = np.empty(len(drawn))
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        place[mine[np.argsort(drawn[mine], kind="stable")]] = (np.arange(len(mine)) + 0.5) / len(mine)
    return np.searchsorted(borders, place, side="right").astype(np.int8)


def entity_codes(column: pa.Array | pa.ChunkedArray) -> tuple[np.ndarray, pa.Array]:
    """A number per row that stands for its value, and the values as text."""
    text = pc.cast(column, pa.string())
    if isinstance(text, pa.ChunkedArray):
        text = text.combine_chunks()
    encoded = text.dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary


def per_entity(codes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """The greatest value of each entity's rows, by code."""
    found = np.full(int(codes.max()) + 1 if len(codes) else 0, -np.inf)
    np.maximum.at(found, codes, values)
    return found


def draws(values: pa.Array, seed: int, purpose: str = "") -> np.ndarray:
    """A number from 0 to 1 per value, by hash; each purpose draws apart from the others."""
    return np.array([_draw(value, seed, purpose) for value in values.to_pylist()])


def _draw(value: str | None, seed: int, purpose: str) -> float:
    text = "" if value is None else "=" + value
    key = seed.to_bytes(16, "big", signed=True)
    digest = hashlib.blake2b(text.encode(), key=key, digest_size=8, person=purpose.encode()).digest()
    return int.from_bytes(digest, "big") / 2**64


def _span(dates: np.ndarray) -> str:
    return f" ({str(dates[0])[:10]} to {str(dates[-1])[:10]})" if len(dates) else ""
