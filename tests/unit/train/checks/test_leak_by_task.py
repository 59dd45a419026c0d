"""A number, or one of several classes, in another column."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import pearsonr, rankdata

from foretable.errors import LabelLeak
from foretable.train.checks import Examined, examine
from foretable.train.checks.leak_by_task import class_leaks, number_leaks
from foretable.train.checks.ranks import correlation, ranks

Sheet = Callable[..., Examined]
ROWS = 3_000
CLASSES = ("a", "b", "c")


def spending(seed: int = 1) -> tuple[np.random.Generator, np.ndarray]:
    random = np.random.default_rng(seed)
    return random, np.where(random.random(ROWS) < 0.6, 0.0, random.gamma(2, 30, ROWS))


LEAKS = {
    "the same in another unit": lambda r, y: y * 1.2 + r.normal(0, 0.5, ROWS),
    "its logarithm": lambda r, y: np.log1p(y),
    "against it": lambda r, y: -(y**3),
    "known for a tenth of them": lambda r, y: np.where(r.random(ROWS) < 0.1, y, np.nan),
}


@pytest.mark.parametrize("name", LEAKS)
def test_a_number_in_another_column_is_refused(sheet: Sheet, name: str) -> None:
    random, spent = spending()
    examined = sheet({"honest": spent + random.normal(0, 30, ROWS), "leak": LEAKS[name](random, spent)}, spent, task="regression")
    (finding,) = number_leaks(examined)
    assert (finding.severity, finding.column) == ("refused", "leak")
    with pytest.raises(LabelLeak, match="Spearman"):
        examine(examined)


def test_a_text_that_tells_a_number_is_refused(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    tier = random.integers(0, 3, ROWS)
    names = {"tier": ("gold", "iron", "tin")}
    leak = sheet({"tier": tier}, tier * 100 + random.normal(size=ROWS), task="regression", vocabularies=names)
    assert [finding.severity for finding in number_leaks(leak)] == ["refused"]
    honest = sheet({"tier": tier}, tier * 100 + random.normal(0, 50, ROWS), task="regression", vocabularies=names)
    assert number_leaks(honest) == []


def test_the_very_same_number_in_many_rows_is_warned_of(sheet: Sheet) -> None:
    random, spent = spending()
    mixed = np.where(random.random(ROWS) < 0.7, spent, random.gamma(2, 30, ROWS))
    (finding,) = number_leaks(sheet({"mixed": mixed}, spent, task="regression"))
    assert finding.severity == "warning" and "the very same number" in finding.message


@pytest.mark.parametrize(("r2", "expected"), [(0.9, []), (0.965, ["warning"]), (0.99, ["refused"])])
def test_how_much_of_a_number_is_told_decides(sheet: Sheet, r2: float, expected: list[str]) -> None:
    random = np.random.default_rng(1)
    x = random.normal(size=ROWS)
    y = np.sqrt(r2) * x + np.sqrt(1 - r2) * random.normal(size=ROWS)
    assert [finding.severity for finding in number_leaks(sheet({"x": x}, y, task="regression"))] == expected


def test_few_known_rows_prove_nothing(sheet: Sheet) -> None:
    _, spent = spending()
    assert number_leaks(sheet({"x": np.where(np.arange(ROWS) % 30 == 0, spent, np.nan)}, spent, task="regression")) == []


@pytest.mark.parametrize(("every", "expected"), [(ROWS, ["refused"]), (50, ["warning"]), (10, [])])
@pytest.mark.parametrize("kind", ["number", "text"])
def test_classes_in_another_column(sheet: Sheet, kind: str, every: int, expected: list[str]) -> None:
    random = np.random.default_rng(2)
    true = random.integers(0, 3, ROWS)
    written = np.where(np.arange(ROWS) % every == 0, (true + 1) % 3, true)
    column = written if kind == "text" else written * 10 + random.random(ROWS)
    names = {"x": ("one", "three", "two")} if kind == "text" else {}
    found = class_leaks(sheet({"x": column}, true, task="multiclass", classes=CLASSES, vocabularies=names))
    assert [finding.severity for finding in found] == expected


def test_one_class_told_alone_is_no_leak(sheet: Sheet) -> None:
    """As a petal tells one iris of three."""
    random = np.random.default_rng(2)
    true = random.integers(0, 3, ROWS)
    assert class_leaks(sheet({"x": np.where(true == 0, 0, 5) + random.random(ROWS)}, true, task="multiclass", classes=CLASSES)) == []


def test_null_alone_tells_a_class(sheet: Sheet) -> None:
    random = np.random.default_rng(2)
    true = random.integers(0, 2, ROWS)
    x = np.where(true == 1, np.nan, random.normal(size=ROWS))
    (finding,) = class_leaks(sheet({"x": x}, true, task="multiclass", classes=("a", "b")))
    assert (finding.severity, finding.evidence["accuracy"]) == ("refused", 1.0)


numbers = st.lists(st.integers(-5, 5), min_size=3, max_size=40)


@given(numbers)
def test_ranks_are_those_of_scipy(values: list[int]) -> None:
    assert ranks(np.array(values)).tolist() == rankdata(values).tolist()


@given(st.lists(st.tuples(st.integers(-5, 5), st.integers(-5, 5)), min_size=3, max_size=40))
def test_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = np.array(pairs, dtype=float).T
    expected = pearsonr(a, b).statistic if len(set(a)) > 1 and len(set(b)) > 1 else 0.0
    assert correlation(a, b) == pytest.approx(expected, abs=1e-9)
