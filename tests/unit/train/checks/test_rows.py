"""Copies across splits, identifiers, odd values and few examples."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foretable.train.checks import Examined, examine, ordered
from foretable.train.checks.duplicates import crossing, duplicates
from foretable.train.checks.few import few
from foretable.train.checks.identifiers import identifiers
from foretable.train.checks.values import values
from foretable.train.result import Finding

Sheet = Callable[..., Examined]
ROWS = 2_000


def measures(random: np.random.Generator, rows: int = ROWS) -> dict[str, np.ndarray]:
    return {
        "a": random.normal(size=rows),
        "b": random.gamma(2, 20, rows),
        "c": random.uniform(0, 9, rows),
        "d": random.normal(1e6, 10, rows),
    }


def left(random: np.random.Generator, rows: int = ROWS) -> np.ndarray:
    return random.random(rows) < 0.2


def copied(columns: dict[str, np.ndarray], share: float, noise: float) -> dict[str, np.ndarray]:
    """The last rows are the first ones again."""
    count = int(share * ROWS)
    return {name: np.r_[each[:-count], each[:count] * (1 + noise)] for name, each in columns.items()}


@pytest.mark.parametrize(("noise", "exact"), [(0.0, True), (1e-12, False)])
def test_copies_of_training_rows_among_held_out_rows(sheet: Sheet, noise: float, exact: bool) -> None:
    random = np.random.default_rng(1)
    examined = sheet(copied(measures(random), 0.1, noise), left(random))
    (finding,) = duplicates(examined)
    assert finding.severity == "warning"
    expected = {row for row in range(ROWS - 200, ROWS) if examined.split[row] and not examined.split[row - ROWS + 200]}
    expected |= {row for row in range(200) if examined.split[row] and not examined.split[ROWS - 200 + row]}
    assert len(expected) - 2 * (not exact) <= finding.evidence["rows"] <= len(expected), "noise may cross a border between two digits"
    assert finding.evidence["exact"] == (len(expected) if exact else 0)
    assert finding.evidence["of"] == len(examined.others)
    assert all(int(key.removeprefix("id ")) in expected for key in finding.evidence["examples"])


def test_rows_without_copies_and_rows_of_the_same_entity_are_fine(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    plain = measures(random)
    assert duplicates(sheet(plain, left(random))) == []
    again = {name: np.repeat(each[: ROWS // 2], 2) for name, each in plain.items()}
    assert duplicates(sheet(again, left(random), clusters=np.repeat(np.arange(ROWS // 2), 2))) == []
    assert len(duplicates(sheet(again, left(random)))) == 1


@pytest.mark.parametrize(
    "columns",
    [
        lambda r: {"plan": r.integers(0, 5, ROWS), "visits": r.poisson(2, ROWS), "age": r.integers(18, 70, ROWS)},
        lambda r: {name: np.where(r.random(ROWS) < 0.9, 0.0, r.random(ROWS)) for name in "abcd"},
        lambda r: {name: np.full(ROWS, np.nan) if name != "a" else r.random(ROWS) for name in "abc"},
        lambda r: dict.fromkeys("abcd", r.integers(0, 300, ROWS)),
    ],
    ids=["few values", "mostly nothing", "mostly NULL", "one column under four names"],
)
def test_rows_that_are_alike_by_nature_are_no_copies(sheet: Sheet, columns: Callable[[np.random.Generator], dict[str, np.ndarray]]) -> None:
    random = np.random.default_rng(1)
    assert duplicates(sheet(columns(random), left(random))) == []


def test_coarse_states_that_hang_together_are_a_note(sheet: Sheet) -> None:
    """One of 600 states decides all six columns, none of which follows from another: much agrees, and nothing was copied."""
    random = np.random.default_rng(1)
    states, drawn = random.integers(0, 60, (600, 6)), random.integers(0, 600, ROWS)
    columns = {f"s{at}": states[drawn, at] for at in range(6)}
    (finding,) = duplicates(sheet(columns, left(random)))
    assert finding.severity == "note"
    assert finding.evidence["share"] > 0.5
    assert "no copies" in finding.message and "flatter" not in finding.message


def test_rows_that_were_drawn_many_times_are_copies(sheet: Sheet) -> None:
    """As oversampling makes them: a value is common only among the copies themselves."""
    random = np.random.default_rng(1)
    drawn = random.integers(0, 100, ROWS)
    (finding,) = duplicates(
        sheet({name: each[drawn] for name, each in measures(random).items()} | {"e": random.normal(size=ROWS)[drawn]}, left(random))
    )
    assert finding.severity == "warning"


@pytest.mark.parametrize(("count", "expected"), [(2, 0), (3, 1)])
def test_three_columns_are_needed_to_tell_rows_apart(sheet: Sheet, count: int, expected: int) -> None:
    random = np.random.default_rng(1)
    wide = {f"x{at}": np.exp(random.normal(0, 5, ROWS)) for at in range(count)}
    assert len(duplicates(sheet(copied(wide, 0.2, 0.0), left(random)))) == expected


def test_keys_that_only_differ_in_writing(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    names = [f"C{at // 2}" if at % 2 else f" c{at // 2}" for at in range(ROWS)]
    (finding,) = crossing(sheet(measures(random), left(random), entities=pa.array(names)))
    assert (finding.severity, finding.column) == ("warning", "id") and finding.evidence["entities"] > 400
    assert crossing(sheet(measures(random), left(random))) == []
    assert crossing(sheet(measures(random), left(random), entities=pa.array(names), held_out="")) == []


IDS = {
    "counted up": lambda r: np.arange(ROWS) + 10_000,
    "counted up, in another order": lambda r: r.permutation(ROWS) + 10_000,
    "a long number": lambda r: r.integers(2**40, 2**50, ROWS),
    "along the key": lambda r: np.sqrt(np.arange(ROWS) + 0.5),
}


@pytest.mark.parametrize("name", IDS)
def test_numbers_that_say_who_a_row_is_about(sheet: Sheet, name: str) -> None:
    random = np.random.default_rng(1)
    found = identifiers(sheet(measures(random) | {"x": IDS[name](random)}, left(random)))
    assert [(finding.severity, finding.column) for finding in found] == [("warning", "x")]


def test_measures_are_no_identifiers(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    cents = random.integers(100, 10_000_000, ROWS)
    counts = random.poisson(3, ROWS)
    columns = measures(random) | {
        "cents": cents,
        "counts": counts,
        "age": random.integers(18, 80, ROWS),
        "text": random.integers(0, 200, ROWS),
    }
    assert identifiers(sheet(columns, left(random), vocabularies={"text": [str(each) for each in range(200)]})) == []


def test_an_identifier_of_an_entity_with_several_rows(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(500), 4)
    columns = {"who": np.repeat(random.permutation(500), 4), "step": np.arange(ROWS)}
    assert [finding.column for finding in identifiers(sheet(columns, left(random), clusters=clusters))] == ["who"]


def test_a_text_for_every_row(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    examined = sheet({"code": np.arange(200)}, left(random, 200), vocabularies={"code": [f"c{at}" for at in range(150)]})
    assert [finding.column for finding in identifiers(examined)] == ["code"]


DATES = np.datetime64("2025-01-01", "us") + np.arange(ROWS) % 10 * np.timedelta64(30, "D")


@pytest.mark.parametrize(("scale", "unit"), [(1, "seconds"), (1e3, "milliseconds"), (1e6, "microseconds")])
def test_moments_and_those_after_as_of(sheet: Sheet, scale: float, unit: str) -> None:
    random = np.random.default_rng(1)
    before = DATES.astype(np.int64) / 1e6 - random.uniform(0, 1e6, ROWS)
    (past,) = identifiers(sheet({"at": before * scale}, left(random), dates=DATES))
    assert (past.check, past.evidence["unit"], past.evidence["after_as_of"]) == ("identifier", unit, 0)
    later = np.where(np.arange(ROWS) < 77, before + 2e6, before)
    (future,) = identifiers(sheet({"at": later * scale}, left(random), dates=DATES))
    assert (future.check, future.evidence["after_as_of"]) == ("leak", 77)


def test_a_number_that_follows_the_date(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    days = (DATES - DATES[0]).astype("timedelta64[D]").astype(float)
    (finding,) = identifiers(sheet({"day": days, "trend": days + random.normal(0, 60, ROWS)}, left(random), dates=DATES))
    assert finding.column == "day" and "its order is that of as_of" in finding.message


def test_odd_values_are_told_with_their_counts(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    plain = sheet({"x": random.normal(size=ROWS)}, left(random))
    held = plain.split != 0
    columns = {
        "null": np.where(np.arange(ROWS) % 25 == 0, 1.0, np.nan),
        "text": np.where(held & (np.arange(ROWS) % 3 == 0), -1, random.integers(0, 2, ROWS)),
        "year": np.where(held, 2026.5, random.integers(2000, 2026, ROWS)),
        "money": np.where(np.arange(ROWS) == int(plain.train[5]), 1e9, random.gamma(2, 20, ROWS)),
        "fine": random.normal(size=ROWS),
    }
    found = values(sheet(columns, left(random), vocabularies={"text": ("a", "b")}))
    assert [(finding.check, finding.column, finding.severity) for finding in found] == [
        ("constant", "null", "warning"),
        ("drift", "text", "warning"),
        ("drift", "year", "warning"),
        ("range", "money", "warning"),
    ]
    unseen = int((held & (columns["text"] == -1)).sum())
    assert found[1].evidence["rows"] == unseen and f"{unseen:,} of {held.sum():,} held-out rows" in found[1].message


def test_a_single_unknown_text_is_a_note(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    row = int(np.flatnonzero(sheet({"x": np.zeros(ROWS)}, left(random)).split)[0])
    text = np.where(np.arange(ROWS) == row, -1, random.integers(0, 2, ROWS))
    (finding,) = values(sheet({"text": text}, left(random), vocabularies={"text": ("a", "b")}))
    assert (finding.check, finding.severity, finding.evidence["rows"]) == ("drift", "note", 1)


@pytest.mark.parametrize(
    ("positives", "features", "said"), [(99, 1, "99 training rows of class 1"), (100, 1, ""), (100, 11, "for 11 inputs")]
)
def test_few_positives(sheet: Sheet, positives: int, features: int, said: str) -> None:
    split = np.arange(ROWS) % 2
    outcome = np.zeros(ROWS)
    outcome[: 2 * positives] = 1
    columns = {f"x{at}": np.arange(ROWS) * 1.0 for at in range(features)}
    found = few(sheet(columns, outcome, split=split))
    assert [said in finding.message for finding in found] == ([True] if said else [])


def test_few_of_the_rarest_class_and_few_rows_for_a_number(sheet: Sheet) -> None:
    split, classes = np.zeros(ROWS, dtype=int), np.where(np.arange(ROWS) < 40, 2, np.arange(ROWS) % 2)
    (finding,) = few(sheet({"x": classes}, classes, task="multiclass", classes=("a", "b", "c"), split=split))
    assert "40 training rows of class c" in finding.message
    texts = {"x": [str(at) for at in range(250)]}
    (finding,) = few(sheet({"x": classes}, classes, task="regression", split=split, vocabularies=texts))
    assert finding.evidence == {"events": 2_000, "inputs": 249, "per_input": 2_000 / 249}


def test_findings_are_ordered_plain_and_can_be_stored(sheet: Sheet) -> None:
    random = np.random.default_rng(1)
    odd = {"who": np.arange(ROWS), "null": np.where(np.arange(ROWS) % 25 == 0, 1.0, np.nan), "half": left(random) * 1.0}
    outcome = left(np.random.default_rng(5))
    found = examine(sheet(copied(measures(random), 0.2, 0.0) | odd, outcome))
    assert {finding.check for finding in found} >= {"duplicates", "identifier", "constant"}
    for finding in found:
        assert json.loads(json.dumps(dict(finding.evidence), allow_nan=False)) == finding.evidence
    mixed = [Finding("leak", "note", "c"), Finding("few", "warning", "b"), Finding("chance", "refused", "a")]
    assert [finding.message for finding in ordered(mixed)] == ["a", "b", "c"]


columns = st.lists(st.sampled_from(["normal", "null", "zero", "counts", "huge", "same in training"]), min_size=1, max_size=5)


@settings(max_examples=40, deadline=None)
@given(columns, st.integers(0, 2**16), st.sampled_from(["classification", "regression", "multiclass"]))
def test_any_columns_are_looked_at_without_an_accident(sheet: Sheet, kinds: list[str], seed: int, task: str) -> None:
    random = np.random.default_rng(seed)
    made = {
        "normal": random.normal(size=200),
        "null": np.where(random.random(200) < 0.97, np.nan, random.normal(size=200)),
        "zero": np.zeros(200),
        "counts": random.poisson(1, 200) * 1.0,
        "huge": random.normal(size=200) * 1e37,
        "same in training": np.where(np.arange(200) < 140, 0.0, random.random(200)),
    }
    outcome = np.arange(200) % 3 if task == "multiclass" else np.arange(200) % 2 if task == "classification" else random.normal(size=200)
    given_ = sheet(
        {f"{kind} {at}": made[kind] for at, kind in enumerate(kinds)},
        outcome,
        task=task,
        classes=("a", "b", "c"),
        split=np.arange(200) // 140,
    )
    for finding in examine(given_):
        assert finding.message and json.dumps(dict(finding.evidence), allow_nan=False)


def test_a_hundred_thousand_rows_cost_seconds(sheet: Sheet) -> None:
    """Below two on an idle core; the limit leaves room for a busy one."""
    random, rows = np.random.default_rng(1), 100_000
    made = {f"number {at}": random.normal(size=rows) for at in range(20)} | {f"count {at}": random.poisson(3, rows) for at in range(7)}
    texts = {f"text {at}": random.integers(0, 200, rows) for at in range(3)}
    examined = sheet(made | texts, left(random, rows), vocabularies={name: [str(at) for at in range(200)] for name in texts})
    started = time.process_time()
    assert examine(examined) == ()
    assert time.process_time() - started < 6
