"""A form as bytes: compressed JSON with the arrays in base64. Reading it checks every number and runs nothing."""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foretable.errors import WarehouseError
from foretable.forms.form import Column, Finish, Form, Linear, Tree, Trees
from foretable.forms.sound import flaw, misfit
from foretable.registry.signature import Feature

MAGIC = b"foretable form 1\n"
LARGEST = 1 << 29
"""Bytes that a form may unfold to; a few kilobytes of zeros could otherwise fill the memory."""

_DTYPES = {"int32": "<i4", "float32": "<f4", "float64": "<f8", "bool": "|b1"}
_NODES = {"column": "int32", "threshold": "float32", "left": "int32", "right": "int32", "missing_left": "bool", "cover": "float64"}


def to_bytes(form: Form) -> bytes:
    """The bytes of a form; equal forms give equal bytes.

    Raises
    ------
    WarehouseError
        The form does not hold together: its shapes differ, a branch leads nowhere, a weight is no number.
    """
    _refuse(flaw(form))
    content = _linear(form) if isinstance(form, Linear) else _trees(form)
    text = json.dumps(content | {"finish": _finish(form.finish)}, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return MAGIC + zlib.compress(text.encode(), 6)


def from_bytes(content: bytes, features: Sequence[Feature] | None = None) -> Form:
    """Read back what ``to_bytes`` wrote.

    Parameters
    ----------
    content
        The bytes, from anywhere.
    features
        Those of the signature, where the form is to answer for it.

    Raises
    ------
    WarehouseError
        The bytes are not a form, it does not hold together, or it does not fit the features.
    """
    if not content.startswith(MAGIC):
        _refuse("it does not begin as one, or was written by a later foretable")
    try:
        form = _read(json.loads(_unfolded(content[len(MAGIC) :])))
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        RecursionError,
        MemoryError,
        zlib.error,
        binascii.Error,
    ) as error:
        _refuse(f"{type(error).__name__}: {error}"[:200])
    _refuse(flaw(form) or (misfit(form, features) if features is not None else None))
    return form


def _refuse(reason: str | None) -> None:
    if reason:
        hint = "restore the warehouse from a backup, or train the model anew"
        raise WarehouseError(f"this is not the form of a model: {reason}", where="foretable.model_artifacts", hint=hint)


def _unfolded(content: bytes) -> bytes:
    stream = zlib.decompressobj()
    text = stream.decompress(content, LARGEST)
    if not stream.eof or stream.unused_data:
        raise ValueError("it is cut short, too large, or has something behind it")
    return text


def _packed(values: np.ndarray, dtype: str) -> dict[str, Any]:
    array = np.ascontiguousarray(values, dtype=_DTYPES[dtype])
    return {"dtype": dtype, "shape": list(array.shape), "bytes": base64.b64encode(array.tobytes()).decode()}


def _array(packed: Mapping[str, Any], dtype: str) -> np.ndarray:
    if packed["dtype"] != dtype:
        raise ValueError(f"an array of {packed['dtype']} where {dtype} belongs")
    content, shape = base64.b64decode(packed["bytes"], validate=True), [int(size) for size in packed["shape"]]
    if min(shape, default=0) < 0 or (dtype == "bool" and content.strip(b"\0\1")):
        raise ValueError("an array of a shape or of truth values that there are not")
    return np.frombuffer(content, dtype=_DTYPES[dtype]).reshape(shape)


def _finish(finish: Finish) -> dict[str, Any]:
    knots = [[float(x), float(y)] for x, y in finish.knots]
    return {"link": finish.link, "slope": float(finish.slope), "offset": float(finish.offset), "knots": knots}


def _linear(form: Linear) -> dict[str, Any]:
    arrays = {name: _packed(getattr(form, name), "float64") for name in _LINEAR}
    return {"kind": "linear", "per_level": [[int(j), _packed(form.per_level[j], "float64")] for j in sorted(form.per_level)], **arrays}


_LINEAR = ("mean", "fill", "per_unit", "per_gap", "offset")


def _trees(form: Trees) -> dict[str, Any]:
    return {
        "kind": "trees",
        "strict": bool(form.strict),
        "base": _packed(form.base, "float64"),
        "columns": [[int(c.feature), None if c.table is None else _packed(c.table, "float32")] for c in form.columns],
        "sizes": [len(tree.column) for tree in form.trees],
        "targets": [[int(target) for target in tree.targets] for tree in form.trees],
        "values": _packed(_joined([tree.value.ravel() for tree in form.trees]), "float32"),
        "nodes": {name: _packed(_joined([getattr(tree, name) for tree in form.trees]), dtype) for name, dtype in _NODES.items()},
    }


def _joined(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(arrays) if arrays else np.empty(0)


def _read(content: Mapping[str, Any]) -> Form:
    finish = content["finish"]
    knots = tuple((float(x), float(y)) for x, y in finish["knots"])
    last = Finish(finish["link"], float(finish["slope"]), float(finish["offset"]), knots)
    if content["kind"] == "linear":
        arrays = {name: _array(content[name], "float64") for name in _LINEAR}
        return Linear(**arrays, per_level={int(j): _array(packed, "float64") for j, packed in content["per_level"]}, finish=last)
    if content["kind"] != "trees":
        raise ValueError(f"of kind {content['kind']!r}")
    columns = tuple(Column(int(j), None if table is None else _array(table, "float32")) for j, table in content["columns"])
    if not isinstance(content["strict"], bool):
        raise ValueError("strict is neither true nor false")
    return Trees(columns, _read_trees(content), _array(content["base"], "float64"), content["strict"], last)


def _read_trees(content: Mapping[str, Any]) -> tuple[Tree, ...]:
    sizes = [int(size) for size in content["sizes"]]
    targets = [tuple(int(target) for target in listed) for listed in content["targets"]]
    if any(size < 1 for size in sizes) or len(targets) != len(sizes):
        raise ValueError("a tree without nodes or targets")
    nodes = {name: _parts(_array(content["nodes"][name], dtype), sizes) for name, dtype in _NODES.items()}
    values = _parts(_array(content["values"], "float32"), [size * len(listed) for size, listed in zip(sizes, targets, strict=True)])
    return tuple(
        Tree(
            **{name: parts[number] for name, parts in nodes.items()},
            value=values[number].reshape(size, len(targets[number])),
            targets=targets[number],
        )
        for number, size in enumerate(sizes)
    )


def _parts(joined: np.ndarray, sizes: list[int]) -> list[np.ndarray]:
    if joined.ndim != 1 or len(joined) != sum(sizes):
        raise ValueError("the trees' nodes are not as many as their sizes say")
    return np.split(joined, np.cumsum(sizes)[:-1]) if sizes else []
