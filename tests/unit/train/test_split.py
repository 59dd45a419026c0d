"""Splits: by time with a gap, by whole entities."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretable.errors import TrainingError
from foretable.train.split import GAP, TEST, TRAIN, VALIDATION, later, split_by_entity, split_by_time

SHARES = (0.7, 0.15, 0.15)


def months(count: int, start: str = "2024-01") -> np.ndarray:
    return (np.datetime64(start, "M") + np.arange(count)).astype("datetime64[us]")


@given(
    dates=st.lists(st.integers(0, 400), min_size=1, max_size=60),
    days=st.integers(1, 60),
    rest=st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4)),
)
def test_no_row_is_known_only_after_a_later_part_begins(dates: list[int], days: int, rest: tuple[float, float]) -> None:
    as_of = np.datetime64("2024-01-01", "us") + np.array(dates) * np.timedelta64(1, "D")
    try:
        parts = split_by_time(as_of, f"{days} days", (1 - sum(rest), *rest))
    except TrainingError:
        first, last = min(dates), max(dates)
        assert last - first < 2 * days or not any(first + days <= d <= last - days for d in dates)
        return
    horizon = np.timedelta64(days, "D")
    for earlier, after in ((TRAIN, VALIDATION), (VALIDATION, TEST)):
        assert (as_of[parts == earlier] + horizon).max() <= as_of[parts == after].min()
    for date in np.unique(as_of):
        assert len(set(parts[as_of == date])) == 1
    assert (parts == TEST).mean() >= min(rest[1], (as_of == as_of.max()).mean()) - 1e-9


def test_the_order_of_the_rows_does_not_matter() -> None:
    as_of = np.repeat(months(14), 5)
    shuffle = np.random.default_rng(1).permutation(len(as_of))
    assert (split_by_time(as_of, "30 days", SHARES)[shuffle] == split_by_time(as_of[shuffle], "30 days", SHARES)).all()


def test_months_with_a_horizon_of_one_month_lose_no_row() -> None:
    parts = split_by_time(months(20), "1 month", SHARES)
    assert [int((parts == part).sum()) for part in (TRAIN, VALIDATION, TEST, GAP)] == [14, 3, 3, 0]


def test_rows_in_the_gap_are_left_out() -> None:
    parts = split_by_time(months(20), "3 months", SHARES)
    assert parts.tolist() == [TRAIN] * 10 + [GAP] * 2 + [VALIDATION] * 3 + [GAP] * 2 + [TEST] * 3


def test_too_few_dates_say_so() -> None:
    with pytest.raises(TrainingError, match=r"3 spine dates .* gap of 60 days") as caught:
        split_by_time(months(3), "60 days", SHARES)
    assert "EntitySplit" in caught.value.hint


def test_few_dates_still_split_when_they_can() -> None:
    assert split_by_time(months(3), "1 month", (0.2, 0.4, 0.4)).tolist() == [TRAIN, VALIDATION, TEST]


@pytest.mark.parametrize(
    ("start", "length", "end"),
    [
        ("2024-01-31T10:30", "1 month", "2024-02-29T10:30"),
        ("2023-11-30", "3 months", "2024-02-29"),
        ("2024-02-29", "1 year", "2025-02-28"),
        ("2024-01-31", "2 weeks", "2024-02-14"),
        ("2024-01-31T23:00", "90 minutes", "2024-02-01T00:30"),
    ],
)
def test_later_counts_months_as_duckdb_does(start: str, length: str, end: str) -> None:
    import duckdb

    moved = later(np.array([start], dtype="datetime64[us]"), length)[0]
    assert moved == np.datetime64(end, "us")
    connection = duckdb.connect()
    same = connection.execute("SELECT CAST(? AS TIMESTAMP) + CAST(? AS INTERVAL)", [start, length]).fetchall()[0][0]
    connection.close()
    assert moved == np.datetime64(same, "us")


def test_entities_stay_whole_and_on_their_side() -> None:
    ids = pa.array([f"c{i % 500}" for i in range(4000)])
    parts = split_by_entity(ids, 0, SHARES)
    for entity in ("c0", "c17", "c499"):
        assert len(set(parts[np.array(ids.to_pylist()) == entity])) == 1
    shuffled = np.random.default_rng(0).permutation(len(ids))
    assert (split_by_entity(ids.take(pa.array(shuffled)), 0, SHARES) == parts[shuffled]).all()
    assert (split_by_entity(ids[:10], 0, SHARES) == parts[:10]).all(), "who else is there does not matter"
    assert (split_by_entity(ids, 1, SHARES) != parts).any()


def test_entity_shares_are_met() -> None:
    parts = split_by_entity(pa.array(range(20_000)), 3, (0.6, 0.1, 0.3))
    assert np.bincount(parts) / 20_000 == pytest.approx([0.6, 0.1, 0.3], abs=0.015)


def test_integers_null_and_text_have_their_place() -> None:
    assert (split_by_entity(pa.array([1, 2, 3]), 0, SHARES) == split_by_entity(pa.array(["1", "2", "3"]), 0, SHARES)).all()
    with_null = split_by_entity(pa.chunked_array([["a", None], [None, "b"]]), 0, SHARES)
    assert with_null[1] == with_null[2]


def test_the_draw_does_not_depend_on_the_process() -> None:
    code = (
        "import pyarrow as pa; from foretable.train.split import split_by_entity;"
        "print(split_by_entity(pa.array([f'c{i}' for i in range(40)]), 7, (.5, .25, .25)).tolist())"
    )
    runs = {subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout for _ in range(2)}
    here = split_by_entity(pa.array([f"c{i}" for i in range(40)]), 7, (0.5, 0.25, 0.25)).tolist()
    assert runs == {f"{here}\n"}
