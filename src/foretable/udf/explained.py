"""Why a row scores as it does: contributions by feature, largest first, with words for people.

The whole list of structs is built here, in Arrow: sorted in SQL, thirty structs per row cost three times as much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from foretable.registry.signature import Feature, Signature, encode
from foretable.udf.host import Answer, Columns, Score, once, unknown

REASON = 'STRUCT(feature VARCHAR, "value" VARCHAR, contribution DOUBLE, reason VARCHAR)'
"""One reason; ``contribution`` is in the unit of the model's raw output: log-odds of a classification, the label's unit (its
logarithm with a log link) of a regression."""
UNKNOWN = "unknown"
"""What people read for NULL."""
DIGITS = 3
"""Significant digits that people read of a number below 1; above, it has two decimals, and none from a million on."""
LARGE, MOST_DECIMALS = 1e6, 300

_STRUCT = pa.struct([("feature", pa.string()), ("value", pa.string()), ("contribution", pa.float64()), ("reason", pa.string())])
LIST = pa.list_(_STRUCT)


def explaining(signature: Signature, load: Callable[[], Answer]) -> Score:
    """A function that gives the reasons of each row.

    Parameters
    ----------
    signature
        The features, and the words of ``signature.reasons``.
    load
        Makes ready what gives the contributions, shape (rows, features + 1), the last one that of no feature (the base).

    Returns
    -------
    collections.abc.Callable
        Takes the number of reasons wanted by each row (NULL for all), then one Arrow array per feature, and gives
        lists of ``REASON`` by the size of their contribution; NULL where ``predict_`` gives NULL.
    """
    loaded = once(load)
    words = _words(signature)

    def explain(wanted: pa.Array | pa.ChunkedArray, *columns: pa.Array | pa.ChunkedArray) -> pa.Array:
        if not len(wanted):
            return pa.array([], LIST)
        contributions = loaded()(columns)
        with np.errstate(invalid="ignore", over="ignore"):  # infinities that cancel leave no answer to explain
            mask = unknown(columns, contributions.sum(axis=1))
        return _reasons(columns, signature.features, contributions[:, :-1], wanted, words, mask)

    return explain


def _reasons(
    columns: Columns,
    features: tuple[Feature, ...],
    contributions: np.ndarray,
    wanted: pa.Array | pa.ChunkedArray,
    words: _Words,
    mask: np.ndarray | None,
) -> pa.Array:
    rows, width = contributions.shape
    counts = np.clip(np.asarray(pc.fill_null(wanted, width)), 0, width)
    # Stable, so that features that contribute alike come in the order of the signature for any batch.
    order = np.argsort(-np.abs(contributions), axis=1, kind="stable")[:, : counts.max()]
    feature, row = order[np.arange(order.shape[1]) < counts[:, None]], np.repeat(np.arange(rows), counts)
    values = _texts(columns, features, feature, row)
    which = pa.array(feature)
    names = pa.array([each.name for each in features], pa.string()).take(which)
    told = pc.if_else(pa.array(words.silent[feature]), "", values) if words.silent.any() else values
    reason = pc.binary_join_element_wise(words.before.take(which), told, words.after.take(which), "")
    cells = [names, values, pa.array(contributions[row, feature]), reason]
    structs = pa.StructArray.from_arrays(cells, fields=list(_STRUCT))
    starts = pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))
    return pa.ListArray.from_arrays(starts, structs, mask=None if mask is None else pa.array(mask))


def _texts(columns: Columns, features: tuple[Feature, ...], feature: np.ndarray, row: np.ndarray) -> pa.Array:
    """The values of some cells, as people read them."""
    is_number = np.array([each.kind == "number" for each in features])
    texts = None
    if not is_number.all():
        rows = len(columns[0])
        stacked = pa.concat_arrays([_text(column) for column, number in zip(columns, is_number, strict=True) if not number])
        place = np.cumsum(~is_number) - 1
        at = place[feature] * rows + row
        texts = stacked.take(pa.array(at, mask=is_number[feature]))
    if is_number.any():
        matrix = encode([column for column, number in zip(columns, is_number, strict=True) if number], _numbers(features))
        place = np.cumsum(is_number) - 1
        numbers = matrix[row, np.maximum(place[feature], 0)]
        read = readable(numbers)
        texts = read if texts is None else pc.if_else(pa.array(is_number[feature]), read, texts)
    return pc.fill_null(texts, UNKNOWN)


def readable(numbers: np.ndarray) -> pa.Array:
    """Numbers as people read them: no ``.0``, two decimals, three significant digits below 1; NaN is NULL."""
    size = np.abs(numbers)
    rounded = np.round(numbers, 2)
    small = (size < 1) & (size > 0)
    if small.any():
        scale = 10.0 ** np.minimum(DIGITS - 1 - np.floor(np.log10(size[small])), MOST_DECIMALS)
        rounded[small] = np.round(numbers[small] * scale) / scale
    rounded += 0.0  # a negative zero is 0
    missing = np.isnan(numbers)
    text = pa.array(rounded, mask=missing).cast(pa.string())
    large = (size >= LARGE) & (size < 2.0**53)
    if large.any():
        whole = pa.array(np.where(large, np.round(rounded), 0.0).astype(np.int64), mask=missing).cast(pa.string())
        text = pc.if_else(pa.array(large), whole, text)
    return text


def _text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return pc.if_else(array, "yes", "no")
    return array if pa.types.is_string(array.type) else array.cast(pa.string())


def _numbers(features: tuple[Feature, ...]) -> tuple[Feature, ...]:
    return tuple(each for each in features if each.kind == "number")


class _Words(NamedTuple):
    """What stands before and after the value, by feature, and where it is left out."""

    before: pa.Array
    after: pa.Array
    silent: np.ndarray


def _words(signature: Signature) -> _Words:
    declared: Mapping[str, str] = dict(signature.reasons)
    parts = [declared[f.name].partition("{value}") if f.name in declared else (f"{f.name} is ", "{value}", "") for f in signature.features]
    before, placed, after = zip(*parts, strict=True)
    return _Words(pa.array(before), pa.array(after), np.array([not place for place in placed]))
