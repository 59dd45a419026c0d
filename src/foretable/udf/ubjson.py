"""UBJSON as XGBoost writes it, read into plain values: nothing is handed to XGBoost that this cannot read.

XGBoost's own reader trusts what it reads: bytes that are cut off end the process.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_NUMBERS = {b"i": "b", b"U": "B", b"I": "h", b"l": "i", b"L": "q", b"d": "f", b"D": "d"}
_CONSTANTS: dict[bytes, Any] = {b"Z": None, b"T": True, b"F": False}
DEEPEST = 64


def read_ubjson(content: bytes) -> Any:
    """The value that the bytes hold.

    Raises
    ------
    ValueError
        They are no UBJSON, cut off, or have something behind it.
    """
    reader = _Reader(content)
    try:
        value = reader.value(reader.take(1), 0)
    except (struct.error, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    if reader.at != len(content):
        raise ValueError("something stands behind it")
    return value


class _Reader:
    """A place in bytes, which only moves on."""

    def __init__(self, content: bytes) -> None:
        self.content, self.at = content, 0

    def take(self, count: int) -> bytes:
        if count < 0 or self.at + count > len(self.content):
            raise ValueError("it is cut off")
        self.at += count
        return self.content[self.at - count : self.at]

    def value(self, kind: bytes, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError("it is nested too deeply")
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]
        if kind in _NUMBERS:
            return self._number(kind)
        if kind == b"S":
            return self._text()
        if kind == b"[":
            return self._array(depth)
        if kind == b"{":
            return self._object(depth)
        raise ValueError(f"no value begins with {kind!r}")

    def _number(self, kind: bytes) -> Any:
        form = ">" + _NUMBERS[kind]
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def _length(self) -> int:
        kind = self.take(1)
        if kind not in (b"i", b"U", b"I", b"l", b"L"):
            raise ValueError("a length is no integer")
        return int(self._number(kind))

    def _text(self) -> str:
        return self.take(self._length()).decode()

    def _array(self, depth: int) -> Any:
        kind = self.take(1)
        if kind == b"$":
            element, mark = self.take(1), self.take(1)
            if element not in _NUMBERS or mark != b"#":
                raise ValueError("an array of neither numbers nor a length")
            form = np.dtype(">" + {"b": "i1", "B": "u1", "h": "i2", "i": "i4", "q": "i8", "f": "f4", "d": "f8"}[_NUMBERS[element]])
            return np.frombuffer(self.take(self._length() * form.itemsize), dtype=form)
        if kind == b"#":
            return [self.value(self.take(1), depth + 1) for _ in range(self._length())]
        found = []
        while kind != b"]":
            found.append(self.value(kind, depth + 1))
            kind = self.take(1)
        return found

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while self.content[self.at : self.at + 1] != b"}":
            name = self._text()
            if name in found:
                raise ValueError(f"{name!r} stands in it twice")
            found[name] = self.value(self.take(1), depth + 1)
        self.take(1)
        return found
