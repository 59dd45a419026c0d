"""Rows that are in two splits: what a model has seen already, it is not tested on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.train.checks.examined import NAMED, Examined
from foretable.train.checks.ranks import ranks
from foretable.train.result import Finding

DIGITS = 3
"""Significant digits, counted from a column's spread, in which two rows may agree to be near-duplicates."""
CONTINUOUS = 50
"""Different values from which a number says something about whose row it is."""
LEAST_COLUMNS = 3
SURPRISE = 3.0
"""Rows count where chance, were columns independent, would give fewer than one such pair in a thousand rows."""
ALIKE = 0.9
"""Correlation from which two columns say the same about whose row it is."""
SAMPLE = 4_000
WARNED = 0.01
"""Share of the held-out rows that could be told apart."""
SINGULAR = 0.005
"""Share of the training rows, those that agree in everything left out, up to which a value is hardly anybody else's."""
COPIES = "figures on held-out rows flatter; drop the copies, or split by whom they are about"
STATES = "their values are those of many others, so they may well be states that are shared, and no copies"


def duplicates(examined: Examined, identifying: Collection[str] = ()) -> list[Finding]:
    """Held-out rows that agree with a training row of another entity in every feature.

    Rows of the same entity may look alike from date to date. Rows whose values are common ones, such as all zeros of those who
    did nothing, agree by nature and are not counted: a row needs at least three continuous columns, none of which follows from
    another, with values rare enough to tell rows apart. That is a warning where three of these values are hardly anybody
    else's, so that chance does not bring them together; a note where they are coarse ones that many rows share. Columns that
    are ``identifying`` are not looked at: a copy has its own.
    """
    compared = [position for position, feature in enumerate(examined.features) if feature.name not in identifying]
    telling = set(_telling(examined)) & set(compared)
    if len(telling) < LEAST_COLUMNS:
        return []
    size = len(examined.train)
    hashes, exactly = (np.zeros(size + len(examined.others), dtype=np.uint64) for _ in range(2))
    held_by: list[np.ndarray] = []
    for position in compared:  # one column at a time: all of them at once take several times the room of the matrix
        values = np.concatenate([examined.learned[:, position], examined.held[:, position]])
        rounded = _rounded(values)
        hashes, exactly = _mixed(hashes, rounded), _mixed(exactly, values)
        if position in telling:
            held_by.append(_held_by(rounded, size))
    enough = _surprise(held_by, size) > np.log10(size) + SURPRISE
    seen, exact, total = _seen(examined, hashes) & enough, _seen(examined, exactly), int(enough.sum())
    copies = seen & (_singular(held_by, _held_by(hashes, size), size) >= LEAST_COLUMNS)
    if copies.sum() > WARNED * total:
        return [_finding(examined, np.flatnonzero(copies), int((exact & copies).sum()), total, "warning", COPIES)]
    if seen.sum() > WARNED * total:
        return [_finding(examined, np.flatnonzero(seen), int((exact & seen).sum()), total, "note", STATES)]
    return []


def _finding(examined: Examined, rows: np.ndarray, exact: int, total: int, severity: Literal["warning", "note"], meaning: str) -> Finding:
    keys = [examined.key(int(examined.others[row])) for row in rows[:NAMED]]
    share = len(rows) / total
    message = (
        f"{len(rows):,} of {total:,} held-out rows that can be told apart ({share:.1%}) agree with a training row of another key "
        f"in every feature to {DIGITS} digits, {exact:,} of them exactly, such as {keys[0]}: {meaning}"
    )
    evidence: dict[str, Any] = {"rows": len(rows), "exact": exact, "of": total, "share": share, "examples": keys}
    return Finding("duplicates", severity, message, "", evidence)


def _telling(examined: Examined) -> list[int]:
    """Continuous columns, none of which follows from one before."""
    step = max(len(examined.learned) // SAMPLE, 1)
    sample = examined.learned[::step]
    found: list[tuple[int, np.ndarray]] = []
    for position, feature in enumerate(examined.features):
        if feature.kind != "number" or len(np.unique(sample[:, position])) < CONTINUOUS:
            continue
        ranked = ranks(sample[:, position]) - (len(sample) + 1) / 2
        ranked /= np.sqrt(ranked @ ranked)
        if all(abs(ranked @ other) < ALIKE for _, other in found):
            found.append((position, ranked))
    return [position for position, _ in found]


def _rounded(values: np.ndarray) -> np.ndarray:
    """A column to three digits; one that is far from zero is counted from its middle, else all would be alike."""
    known = values[~np.isnan(values)]
    with np.errstate(all="ignore"):
        middle, spread = np.nan_to_num((np.median(known), known.std())) if len(known) else (0.0, 0.0)
        centred = values - (middle if abs(middle) > 100 * spread else 0.0)
        unit = np.power(10.0, np.floor(np.log10(np.abs(centred))) - (DIGITS - 1))
        found = np.round(centred / unit) * unit
    return np.where(np.isfinite(found), np.round(found, 12), np.where(np.isnan(values), np.nan, 0.0))


def _surprise(held_by: Sequence[np.ndarray], size: int) -> np.ndarray:
    """Decimal digits that the values of a held-out row single it out by; none for a row with fewer than three rare values."""
    digits, rare = np.zeros(len(held_by[0])), np.zeros(len(held_by[0]), dtype=int)
    for count in held_by:
        share = np.maximum(count, 1) / max(size, 1)
        digits -= np.log10(share)
        rare += share <= 1 / CONTINUOUS * 2
    return np.where(rare >= LEAST_COLUMNS, digits, 0.0)


def _singular(held_by: Sequence[np.ndarray], alike: np.ndarray, size: int) -> np.ndarray:
    """In how many columns a held-out row has a value that hardly any training row has but those that agree with it in everything.

    Coarse columns that hang together make rows alike without a copy: whoever has one of the values has the others, too.
    """
    found = np.zeros(len(alike), dtype=int)
    for count in held_by:
        found += count - alike <= SINGULAR * size
    return found


def _held_by(values: np.ndarray, size: int) -> np.ndarray:
    """How many of the training rows, which come first, have the value of each held-out row."""
    _, codes = np.unique(values, return_inverse=True)
    found: np.ndarray = np.bincount(codes[:size], minlength=codes.max() + 1)[codes[size:]]
    return found


def _mixed(hashes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """A number per row that another column is mixed into: equal rows have equal ones, and different rows hardly ever."""
    bits = np.where(np.isnan(values), np.nan, values + 0.0).view(np.uint64)
    found: np.ndarray = (hashes ^ bits) * np.uint64(0x9E3779B97F4A7C15)
    found ^= found >> np.uint64(29)
    return found


def _seen(examined: Examined, hashes: np.ndarray) -> np.ndarray:
    """Which held-out rows have the hash of a training row of another cluster."""
    size = len(examined.train)
    order = np.argsort(hashes[:size], kind="stable")
    known, owner = hashes[:size][order], examined.clusters[examined.train][order]
    starts = np.flatnonzero(np.r_[True, known[1:] != known[:-1]])
    one_owner = np.minimum.reduceat(owner, starts) == np.maximum.reduceat(owner, starts)
    at = np.clip(np.searchsorted(known[starts], hashes[size:]), 0, len(starts) - 1)
    found = known[starts][at] == hashes[size:]
    own = one_owner[at] & (owner[starts][at] == examined.clusters[examined.others])
    seen: np.ndarray = found & ~own
    return seen


def crossing(examined: Examined) -> list[Finding]:
    """Entities of an entity split that are in two parts, also where only the writing of a text tells two keys apart."""
    if not examined.held_out:
        return []
    values: pa.Array = examined.entities
    codes = examined.clusters
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        written = pc.utf8_lower(pc.utf8_trim_whitespace(values)).dictionary_encode().indices.to_numpy(zero_copy_only=False)
        codes = written[codes]
    both = np.intersect1d(codes[examined.train], codes[examined.others])
    if not len(both):
        return []
    rows = np.flatnonzero(np.isin(codes, both))
    keys = sorted({str(values[int(examined.clusters[row])].as_py()) for row in rows})[:NAMED]
    message = (
        f"{len(both):,} values of {examined.held_out} are in training and in held-out rows, written in other letters or with other spaces, "
        f"such as {' and '.join(repr(key) for key in keys[:2])}: write them alike in the clean layer"
    )
    return [Finding("duplicates", "warning", message, examined.held_out, {"entities": len(both), "examples": keys})]
