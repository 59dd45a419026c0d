"""A completed query means what the author's does, and gives the same bits for rows in any order, alone or among others."""

import math

import duckdb
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from foretable.compile.deterministic import deterministic
from foretable.compile.spliced import spliced
from foretable.sql import render

SCHEMAS = {"raw.t": {"id": "BIGINT", "k": "INTEGER", "ts": "INTEGER", "x": "DOUBLE", "y": "DOUBLE", "n": "INTEGER", "s": "VARCHAR"}}
CALLS = [
    *("sum(x)", "avg(x)", "avg(n)", "sum(n)", "stddev(x)", "var_pop(n)", "corr(x, y)", "regr_slope(y, x)", "fsum(x)", "product(y)"),
    *("sum(x) FILTER (WHERE n > 0)", "sum(DISTINCT x)", "sum(CASE WHEN n > 0 THEN x END)", "sum(x * y + n)", "median(x)", "max(x)"),
    *("arg_max(n, ts)", "arg_min(s, ts)", "max_by(s, ts, 2)", "first(n ORDER BY ts)", "last(s ORDER BY ts DESC)", "mode(n)"),
    *("list(n ORDER BY ts)", "string_agg(s, '-' ORDER BY ts)", "entropy(s)", "count(DISTINCT n)"),
]
FRAMES = ["", "ROWS BETWEEN 2 PRECEDING AND CURRENT ROW", "RANGE BETWEEN 3 PRECEDING AND CURRENT ROW", "GROUPS 1 PRECEDING"]
WINDOWED = ["sum(x)", "avg(y)", "sum(n)", "first_value(s)", "last_value(n)", "nth_value(n, 2)", "list(s)", "arg_max(n, y)", "count(*)"]
PLACES = ["row_number()", "lag(x)", "lead(s, 2)", "ntile(3)", "rank()", "dense_rank()"]
DIRECTIONS = ["ts", "ts DESC", "ts NULLS FIRST", "ts DESC NULLS LAST"]


@st.composite
def queries(draw):
    """A query by key, or by row."""
    if draw(st.booleans()):
        calls = draw(st.lists(st.sampled_from(CALLS), min_size=1, max_size=3))
        return f"SELECT k, {', '.join(calls)} FROM raw.t GROUP BY k"
    frame = draw(st.sampled_from(FRAMES))
    call = draw(st.sampled_from(WINDOWED if frame else WINDOWED + PLACES))
    order = draw(st.sampled_from(DIRECTIONS))
    other = draw(st.sampled_from(["s", "x, y", "n"]))
    if call in PLACES and draw(st.booleans()):
        return f"SELECT k, ts, {other} FROM raw.t QUALIFY row_number() OVER (PARTITION BY k ORDER BY {order}) <= 2"
    return f"SELECT k, id, {other}, {call} OVER (PARTITION BY k ORDER BY {order} {frame}) FROM raw.t"


def rows_of(draw_size, seed, ties):
    """Rows with times that tie, or do not."""
    rows = []
    for number in range(draw_size):
        mixed = hash((seed, number)) & 0xFFFFFFFF
        ts = mixed % 3 if ties else number * 7919 % 10007
        n = mixed // 7 % 4 - 1 if ties else number * 31 % 1009
        x = (mixed % 1000 / 7 - 60) * 10 ** (mixed // 11 % 9)
        rows.append((number, mixed // 5 % 4, ts if mixed % 19 else (ts if not ties else None), x, mixed % 97 / 3 + 0.5, n, f"s{n}"))
    return rows


def answers(connection, text, rows, threads):
    connection.execute(f"SET threads = {threads}")
    connection.execute("CREATE OR REPLACE TABLE raw.t(id BIGINT, k INTEGER, ts INTEGER, x DOUBLE, y DOUBLE, n INTEGER, s VARCHAR)")
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        names = ["id", "k", "ts", "x", "y", "n", "s"]
        unnested = ", ".join(f"unnest(?) AS {name}" for name in names)
        connection.execute(f"INSERT INTO raw.t SELECT {unnested}", columns)
    return sorted(connection.execute(text).fetchall(), key=repr)


def alike(one, other):
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-3)
    return one == other


SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SETTINGS
@given(queries(), st.integers(1, 60), st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_ties_are_broken_by_values_alone(text, size, seed, random):
    completed = render(deterministic(spliced(text), SCHEMAS, {}))
    rows = rows_of(size, seed, ties=True)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        whole = answers(connection, completed, rows, 1)
        for threads in (1, 2, 4):
            random.shuffle(rows)
            assert repr(answers(connection, completed, rows, threads)) == repr(whole)
        some = [row for row in rows if row[1] in (1, 3)]
        assert repr(answers(connection, completed, some, 2)) == repr([row for row in whole if row[0] in (1, 3)])


@SETTINGS
@given(queries(), st.integers(1, 60), st.integers(0, 10**6))
def test_without_ties_it_says_what_was_written(text, size, seed):
    assume("mode(" not in text)  # of values that all differ, each is as frequent as the others
    completed = render(deterministic(spliced(text), SCHEMAS, {}))
    rows = rows_of(size, seed, ties=False)
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA raw")
        written, ours = (answers(connection, one, rows, 1) for one in (text, completed))
    assert len(written) == len(ours)
    keyed = 2 if " id, " in text else 1  # floats in the last places may sort otherwise
    for one, other in zip(sorted(written, key=lambda row: repr(row[:keyed])), sorted(ours, key=lambda row: repr(row[:keyed])), strict=True):
        assert all(alike(*pair) for pair in zip(one, other, strict=True)), (one, other)
