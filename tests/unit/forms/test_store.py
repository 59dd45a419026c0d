"""A form as bytes: what was written is read back, and what is no form is refused."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.errors import WarehouseError
from foretable.forms import Column, Finish, Trees, store
from foretable.forms.evaluate import answer
from foretable.forms.graph import onnx_of
from foretable.registry.signature import Feature

LINKS = [("linear", 1, "knots"), ("linear", 3, "softmax"), ("trees", 1, "sigmoid"), ("trees", 4, "identity")]


@pytest.mark.parametrize(("kind", "outputs", "link"), LINKS)
def test_a_form_comes_back_as_it_was(some: Any, kind: str, outputs: int, link: str) -> None:
    for seed in range(5):
        form = some.form(kind, outputs, link, seed)
        content = store.to_bytes(form)
        again = store.from_bytes(content)
        matrix = some.rows(40, np.random.default_rng(seed))
        assert store.to_bytes(again) == content == store.to_bytes(some.form(kind, outputs, link, seed))
        assert again.finish == form.finish
        assert np.array_equal(answer(again, matrix), answer(form, matrix), equal_nan=True)
        assert onnx_of(again, some.width) == onnx_of(form, some.width)


def content_of(form: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(zlib.decompress(store.to_bytes(form)[len(store.MAGIC) :]))
    return content


def written(content: Any) -> bytes:
    return store.MAGIC + zlib.compress(json.dumps(content).encode())


def at(*path: Any, value: Any) -> Callable[[Any], None]:
    """Put a value somewhere in the content; a function is given what stands there."""

    def put(content: Any) -> None:
        for step in path[:-1]:
            content = content[step]
        content[path[-1]] = value(content[path[-1]]) if callable(value) else value

    return put


def array(values: Any, dtype: str = "int32") -> Any:
    return store._packed(np.array(values), dtype)


STUMP = {"column": [0, -1, -1], "left": [1, 0, 0], "right": [2, 0, 0]}
TREES = {
    "a kind of its own": at("kind", value="pickle"),
    "no base": at("base", value=array([], "float64")),
    "a base that is infinite": at("base", value=array([np.inf], "float64")),
    "a base of another type": at("base", value=array([1.0], "float32")),
    "a shape that the bytes do not fill": at("base", "shape", value=[10**15]),
    "a shape below zero": at("base", "shape", value=[-2]),
    "bytes that are no base64": at("base", "bytes", value="§"),
    "an unknown link": at("finish", "link", value="__import__('os')"),
    "a link for several outputs": at("finish", "link", value="softmax"),
    "a slope that is no number": at("finish", "slope", value=float("nan")),
    "a slope of text": at("finish", "slope", value="steep"),
    "knots that descend": at("finish", "knots", value=[[1, 0], [0, 1]]),
    "knots of three": at("finish", "knots", value=[[1, 0, 0]]),
    "a strictness that is no boolean": at("strict", value=1),
    "a column without a feature": at("columns", 0, value=[-1, None]),
    "a column with no slots": at("columns", 0, value=[0, array([1.0], "float32")]),
    "a column of two dimensions": at("columns", 0, value=[0, array([[1.0, 2.0]], "float32")]),
    "a branch on a column that is not there": at("nodes", "column", value=array([1, -1, -1])),
    "a column below the leaf's": at("nodes", "column", value=array([-2, -1, -1])),
    "a child that is not there": at("nodes", "left", value=array([3, 0, 0])),
    "a child below zero": at("nodes", "right", value=array([-1, 0, 0])),
    "a circle": at("nodes", "left", value=array([0, 0, 0])),
    "one child for both sides": at("nodes", "left", value=array([2, 0, 0])),
    "a threshold that is no number": at("nodes", "threshold", value=array([np.nan, 0, 0], "float32")),
    "neither true nor false": at("nodes", "missing_left", "bytes", value="AAIA"),
    "a leaf that is infinite": at("values", value=array([0, np.inf, 1], "float32")),
    "a cover below zero": at("nodes", "cover", value=array([1, -1, 1], "float64")),
    "too few nodes": at("nodes", "right", value=array([2, 0])),
    "no nodes": at("sizes", value=[0]),
    "sizes that cancel": at("sizes", value=[4, -1]),
    "more trees than targets": at("sizes", value=[2, 1]),
    "a target that is not there": at("targets", value=[[1]]),
    "a target twice": at("targets", value=[[0, 0]]),
    "no target": at("targets", value=[[]]),
    "nodes in a list": at("nodes", value=[1, 2]),
}


def small_trees(some: Any) -> Trees:
    stump = some.tree(1, 1, (0,), np.random.default_rng(0))
    nodes = {name: np.array(values) for name, values in STUMP.items()}
    flags, numbers = np.zeros(3, dtype=bool), np.zeros(3, dtype=np.float32)
    stump = replace(stump, **nodes, threshold=numbers, missing_left=flags, value=numbers[:, None], cover=np.ones(3))
    return Trees((Column(0),), (stump,), np.zeros(1), finish=Finish("sigmoid"))


@pytest.mark.parametrize("name", TREES)
def test_trees_that_do_not_hold_together_are_refused(some: Any, name: str) -> None:
    content = content_of(small_trees(some))
    store.from_bytes(written(content))
    TREES[name](content)
    with pytest.raises(WarehouseError, match=r"not the form of a model"):
        store.from_bytes(written(content))


LINEAR = {
    "a mean of two dimensions": at("mean", "shape", value=lambda shape: [1, *shape]),
    "weights for other features": at("per_unit", value=array([[1.0, 2.0]], "float64")),
    "a weight that is no number": at("offset", value=array([np.nan], "float64")),
    "a category that is not there": at("per_level", 0, 0, value=6),
    "a category below zero": at("per_level", 0, 0, value=-1),
    "a category without slots": at("per_level", 0, 1, value=array([[1.0]], "float64")),
    "a category for other outputs": at("per_level", 0, 1, value=array([[1.0, 2.0], [1.0, 2.0]], "float64")),
    "a link for one": at("finish", "link", value="softmax"),
    "fills of another length": at("fill", value=array([1.0], "float64")),
}


@pytest.mark.parametrize("name", LINEAR)
def test_weights_that_do_not_hold_together_are_refused(some: Any, name: str) -> None:
    content = content_of(some.form("linear", 1, "sigmoid", 0))
    store.from_bytes(written(content))
    LINEAR[name](content)
    with pytest.raises(WarehouseError, match=r"not the form of a model"):
        store.from_bytes(written(content))


def test_a_form_answers_for_its_own_features_only(some: Any) -> None:
    categories = [Feature("e", "category", ("a", "b", "c")), Feature("f", "category", ("a", "b"))]
    features = [*(Feature(name, "number") for name in "abcd"), *categories]
    others = [features[:5], [*features[:4], *categories[::-1]], [*features[:5], Feature("f", "number")]]
    for kind in ("linear", "trees"):
        content = store.to_bytes(some.form(kind, 1, "sigmoid", 0))
        store.from_bytes(content, features)
        for other in others:
            with pytest.raises(WarehouseError, match="other features"):
                store.from_bytes(content, other)
    with pytest.raises(WarehouseError, match="other features"):
        store.from_bytes(store.to_bytes(some.form("linear", 1, "sigmoid", 0)), [*features, Feature("g", "number")])


def test_a_form_that_does_not_hold_together_is_not_written(some: Any) -> None:
    form = small_trees(some)
    for wrong in (replace(form, base=np.zeros(2)), replace(form, columns=()), replace(form, base=np.zeros(0))):
        with pytest.raises(WarehouseError):
            store.to_bytes(wrong)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_refused(some: Any, data: st.DataObject) -> None:
    content = store.to_bytes(some.form("trees", 1, "sigmoid", 2))
    cut = data.draw(st.integers(0, len(content) - 1))
    flipped = bytearray(content)
    flipped[cut] ^= data.draw(st.integers(1, 255))
    for wrong in (content[:cut], bytes(flipped), content + b"\0", data.draw(st.binary()), store.MAGIC + data.draw(st.binary())):
        with pytest.raises(WarehouseError):
            store.from_bytes(wrong)


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{}", b"\xff", b"[" * 100_000, b"1" * 10_000, b'{"finish": {"knots": 1}}'])
def test_other_content_is_refused(text: bytes) -> None:
    with pytest.raises(WarehouseError):
        store.from_bytes(store.MAGIC + zlib.compress(text))


def test_a_bomb_is_not_unfolded(some: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    content = store.to_bytes(some.form("linear", 1, "sigmoid", 1))
    monkeypatch.setattr(store, "LARGEST", 100)
    with pytest.raises(WarehouseError, match="too large"):
        store.from_bytes(content)
