"""Numbers and texts that say who a row is about, or when, rather than something about it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from foretable.registry.signature import Feature
from foretable.train.checks.examined import Examined
from foretable.train.checks.ranks import spearman
from foretable.train.result import Finding

UNIQUE = 0.99
"""Share of the entities that have a number of their own."""
LEAST_ENTITIES = 100
DENSE = 2.0
"""Whole numbers that fill half of their range are counted up, not measured."""
HUGE = 2.0**31
ALONG = 0.999
"""Rank correlation with the key, or with as_of, from which a number is another way to write it."""
SAMPLE = 4_000
"""Rows that are looked at first."""
TEXTS = 0.5
"""Different texts per entity."""
MOMENTS = {"seconds": 1.0, "milliseconds": 1e3, "microseconds": 1e6, "nanoseconds": 1e9}
FIRST, LAST = 946_684_800.0, 4_102_444_800.0
"""2000-01-01 and 2100-01-01 in seconds since 1970."""
CONSEQUENCE = "a model that learns it knows its rows by heart; list the column in the model's exclude="


def identifiers(examined: Examined) -> list[Finding]:
    """Features that are unique per entity, follow the key or the date, or are moments in time."""
    order = _key_order(examined)
    found: list[Finding] = []
    for position, feature in enumerate(examined.features):
        values = examined.matrix[:, position]
        found += next(([each] for each in _each(examined, feature, values, order)), [])
    return found


def _each(examined: Examined, feature: Feature, values: np.ndarray, order: np.ndarray | None) -> Iterator[Finding]:
    if feature.kind == "category":
        yield from _text(examined, feature, values)
    elif feature.kind == "number":
        yield from _moment(examined, feature, values)
        yield from _numbered(examined, feature, values, order)
        yield from _dated(examined, feature, values)


def _key_order(examined: Examined) -> np.ndarray | None:
    """The key of each entity as a number; None where it is no whole number."""
    column = examined.keys[examined.held_out or next(iter(examined.keys))]
    if not pa.types.is_integer(column.type):
        return None
    keys: np.ndarray = column.cast(pa.float64()).to_numpy()[examined.firsts]
    return keys


def _numbered(examined: Examined, feature: Feature, values: np.ndarray, order: np.ndarray | None) -> Iterator[Finding]:
    first = values[examined.firsts]
    known = ~np.isnan(first)
    here = first[known]
    if len(here) < LEAST_ENTITIES or len(np.unique(here[:SAMPLE])) < UNIQUE * len(here[:SAMPLE]):
        return
    whole, span = bool((here == np.floor(here)).all()), float(here.max() - here.min())
    along = _along(here, order[known]) if order is not None else 0.0
    different = len(np.unique(here)) if whole or along >= ALONG else 0
    if different < UNIQUE * len(here) or not _constant(examined, values):
        return
    evidence = {"different": different, "entities": len(here), "rank_correlation_with_key": along}
    said = f"{different:,} different values for {len(here):,} keys"
    if along >= ALONG:
        yield Finding("identifier", "warning", f"{said}, in the order of the key: {CONSEQUENCE}", feature.name, evidence)
    elif whole and (span <= DENSE * different or span >= HUGE):
        yield Finding(
            "identifier", "warning", f"{said}, all whole numbers: it looks like an identifier; {CONSEQUENCE}", feature.name, evidence
        )


def _constant(examined: Examined, values: np.ndarray) -> bool:
    """Whether it hardly changes among the rows of an entity."""
    order = np.argsort(examined.clusters, kind="stable")
    same = examined.clusters[order][1:] == examined.clusters[order][:-1]
    moved = same & (values[order][1:] != values[order][:-1])
    return not same.any() or bool(moved.sum() <= (1 - UNIQUE) * same.sum())


def _dated(examined: Examined, feature: Feature, values: np.ndarray) -> Iterator[Finding]:
    if examined.dates is None:
        return
    known = ~np.isnan(values)
    moments = examined.dates.astype("datetime64[us]").astype(np.int64).astype(np.float64)
    if known.sum() < LEAST_ENTITIES or len(np.unique(moments[known])) < 3:
        return
    along = _along(values[known], moments[known])
    if along >= ALONG:
        message = (
            f"its order is that of as_of (rank correlation {along:.4f}): it is a date, "
            "and tomorrow's are all beyond what was learned; turn it into a length of time, or list the column in the model's exclude="
        )
        yield Finding("identifier", "warning", message, feature.name, {"rank_correlation_with_as_of": along, "rows": int(known.sum())})


def _moment(examined: Examined, feature: Feature, values: np.ndarray) -> Iterator[Finding]:
    """Numbers that are all moments of this century since 1970; a moment after as_of was not known then, or is a plan."""
    known = ~np.isnan(values)
    here = values[known]
    if len(here) < LEAST_ENTITIES:
        return
    for unit, scale in MOMENTS.items():
        if here.min() < FIRST * scale or here.max() > LAST * scale or here.min() == here.max():
            continue
        later = 0
        if examined.dates is not None:
            later = int((here / scale > examined.dates[known].astype("datetime64[us]").astype(np.int64) / 1e6).sum())
        said, evidence = f"it looks like moments in {unit} since 1970", {"unit": unit, "rows": len(here), "after_as_of": later}
        if later:
            message = f"{said}, and {later:,} of {len(here):,} lie after as_of: they were not known then, or are plans"
            yield Finding("leak", "warning", message, feature.name, evidence)
        else:
            message = f"{said}, which do not come again: turn it into a length of time, such as the days to as_of()"
            yield Finding("identifier", "warning", message, feature.name, evidence)


def _along(values: np.ndarray, order: np.ndarray) -> float:
    """How closely values follow an order or its reverse, on some rows, and on all where these do."""
    step = max(len(values) // SAMPLE, 1)
    some = abs(spearman(values[::step], order[::step]))
    return abs(spearman(values, order)) if step > 1 and some >= ALONG - 0.01 else some


def _text(examined: Examined, feature: Feature, values: np.ndarray) -> Iterator[Finding]:
    entities = len(np.unique(examined.clusters[examined.train]))
    different = len(feature.vocabulary)
    if different >= TEXTS * entities:
        message = f"{different:,} different texts for {entities:,} keys in the training rows: it looks like an identifier; {CONSEQUENCE}"
        yield Finding("identifier", "warning", message, feature.name, {"different": different, "entities": entities})
