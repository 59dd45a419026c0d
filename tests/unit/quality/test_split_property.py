"""For random tables and rules: nothing is lost, what is kept passes pandera's own validation, what is held breaks a rule."""

from __future__ import annotations

import json
from collections import Counter

import duckdb
import ibis
import pandera.ibis as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.errors import SchemaError

from foretable.quality.check import check_table
from foretable.quality.quarantine import hold
from foretable.quality.verdict import judge
from foretable.warehouse import ensure_catalog

NUMBERS = st.one_of(st.none(), st.integers(-3, 3))
FLOATS = st.one_of(st.none(), st.sampled_from([-1.5, 0.0, 0.5, 2.0, float("nan"), float("inf")]))
WORDS = st.one_of(st.none(), st.sampled_from(["", "a", "ab", "b", "é"]))
ROWS = st.lists(st.tuples(NUMBERS, FLOATS, WORDS), min_size=1, max_size=25)

BOUND = st.integers(-3, 3)
NUMBER_CHECKS = st.one_of(
    st.builds(pa.Check.ge, BOUND),
    st.builds(pa.Check.lt, BOUND),
    st.builds(pa.Check.ne, BOUND),
    st.builds(pa.Check.isin, st.lists(BOUND, min_size=1, max_size=4)),
    st.builds(pa.Check.notin, st.lists(BOUND, min_size=1, max_size=4)),
    st.builds(lambda m: pa.Check(lambda d: d.table[d.key] % 3 != m), st.integers(0, 2)),
)
WORD_CHECKS = st.one_of(
    st.builds(pa.Check.str_matches, st.sampled_from(["a", "^.b", "[^é]"])),
    st.builds(pa.Check.str_length, st.integers(0, 1), st.integers(1, 2)),
    st.builds(pa.Check.str_startswith, st.sampled_from(["a", ""])),
    st.builds(pa.Check.isin, st.lists(st.sampled_from(["", "a", "b"]), min_size=1, max_size=3)),
)
# Filled, because pandera refuses a table in which a row-wide check is NULL in every row; here it passes, like any NULL.
ROW_CHECKS = st.sampled_from(
    [
        pa.Check(lambda d: (d.table.n <= d.table.x).fill_null(True)),
        pa.Check(lambda d: {"p": (d.table.n > -2).fill_null(True), "q": (d.table.x < 2).fill_null(False)}),
    ]
)


@st.composite
def schemas(draw: st.DrawFn) -> pa.DataFrameSchema:
    columns = {
        "n": pa.Column(int, draw(st.lists(NUMBER_CHECKS, max_size=2)), nullable=draw(st.booleans())),
        "x": pa.Column(float, draw(st.lists(NUMBER_CHECKS, max_size=1)), nullable=draw(st.booleans())),
        "w": pa.Column(str, draw(st.lists(WORD_CHECKS, max_size=2)), nullable=draw(st.booleans())),
    }
    unique = draw(st.sampled_from([None, ["n"], ["n", "w"], ["w"]]))
    return pa.DataFrameSchema(columns, unique=unique, checks=draw(st.lists(ROW_CHECKS, max_size=1)))


CONNECTION = duckdb.connect()
ensure_catalog(CONNECTION)
CONNECTION.execute("CREATE SCHEMA raw")


def text(rows: list[tuple]) -> Counter[str]:
    """Rows as texts, so that NaN equals NaN."""
    return Counter(json.dumps(row) for row in rows)


@settings(max_examples=30, deadline=None)
@given(ROWS, schemas())
def test_good_and_held_are_the_input_and_good_passes_pandera(rows, schema):
    CONNECTION.execute("DROP TABLE IF EXISTS quarantine.t")
    CONNECTION.execute("CREATE OR REPLACE TEMP TABLE staged (n BIGINT, x DOUBLE, w VARCHAR)")
    CONNECTION.executemany("INSERT INTO staged VALUES (?, ?, ?)", rows)
    judge(CONNECTION, "staged", None, schema)
    query = "SELECT n, x, w FROM staged WHERE rowid IN (SELECT id FROM foretable_verdicts WHERE is_copy)"
    copies = CONNECTION.execute(query).fetchall()
    held_count = hold(CONNECTION, "staged", "raw.t", 1)
    good = CONNECTION.execute("FROM staged").fetchall()
    held = []
    if held_count:
        query = "SELECT CAST(row->>'n' AS BIGINT), CAST(row->>'x' AS DOUBLE), row->>'w' FROM quarantine.t"
        held = CONNECTION.execute(query).fetchall()
    assert len(held) == held_count
    assert text(good) + text(copies) + text(held) == text(rows)
    assert set(text(copies)) <= set(text(good))
    assert check_table(CONNECTION, "staged", schema) == []
    if good:  # pandera calls an empty table invalid
        schema.validate(ibis.duckdb.from_connection(CONNECTION).table("staged"))
    for row in held[:2]:
        CONNECTION.execute("CREATE OR REPLACE TEMP TABLE one (n BIGINT, x DOUBLE, w VARCHAR)")
        CONNECTION.execute("INSERT INTO one VALUES (?, ?, ?)", row)
        if not breaks_alone(schema):
            assert schema.unique, f"{row} breaks nothing"
            key = [("n", "x", "w").index(name) for name in schema.unique]
            assert sum(all(json.dumps(other[i]) == json.dumps(row[i]) for i in key) for other in rows) > 1


def breaks_alone(schema: pa.DataFrameSchema) -> bool:
    try:
        schema.validate(ibis.duckdb.from_connection(CONNECTION).table("one"))
    except SchemaError:
        return True
    return False
