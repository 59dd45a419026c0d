"""A completed query says what it said, and no more is left to chance."""

import duckdb
import ibis
import pytest
from ibis.backends.sql.compilers.duckdb import compiler

from foretable.compile.deterministic import deterministic
from foretable.compile.spliced import spliced
from foretable.declare.project import Macro
from foretable.sql import Spliced, parse, render

T = {"k": "BIGINT", "ts": "TIMESTAMP", "x": "DOUBLE", "n": "INTEGER", "d": "DECIMAL(9,2)", "s": "VARCHAR", "b": "BOOLEAN"}
SCHEMAS = {"raw.t": T, "raw.u": {"k": "BIGINT", "z": "DOUBLE"}}
ROWS = """
CREATE SCHEMA raw;
CREATE TABLE raw.t AS SELECT
    i % 5 AS k, TIMESTAMP '2025-01-01' + to_days((i * 7 % 30)::INTEGER) AS ts, i * 0.25::DOUBLE AS x, i::INTEGER AS n,
    (i / 4)::DECIMAL(9, 2) AS d, 'row ' || i AS s, i % 3 = 0 AS b FROM range(30) AS r(i);
CREATE TABLE raw.u AS SELECT k, k / 2 AS z FROM range(5) AS r(k);
CREATE MACRO as_of() AS TIMESTAMP '2025-01-20';
"""

GOLDEN = {
    # aggregates: floating sums, what rounds, what gives rows back
    "SELECT k, sum(x), sum(n), avg(n), avg(x) FROM raw.t GROUP BY k": (
        "SELECT k, sum(x ORDER BY x), sum(n), avg(n), avg(x ORDER BY x) FROM raw.t GROUP BY k"
    ),
    "SELECT corr(x, n) FILTER (WHERE b), stddev(n) FROM raw.t": (
        "SELECT corr(x, n ORDER BY x, n) FILTER (WHERE b), stddev(n ORDER BY n) FROM raw.t"
    ),
    "SELECT arg_max(n, ts), max_by(s, ts, 3), any_value(s), mode(n) FROM raw.t WHERE n = 3": (
        "SELECT arg_max(n, CASE WHEN (ts) IS NOT NULL THEN ( ts, n) END), max_by(s, ts, 3 ORDER BY s, ts),"
        " any_value(s ORDER BY s), mode(n ORDER BY n) FROM raw.t WHERE n = 3"
    ),
    "SELECT first(x ORDER BY ts DESC), list(s ORDER BY ts DESC NULLS FIRST), string_agg(s, ', ' ORDER BY n, s) FROM raw.t": (
        "SELECT first(x ORDER BY ts DESC, x), list(s ORDER BY ts DESC NULLS FIRST, s), string_agg(s, ', ' ORDER BY n, s) FROM raw.t"
    ),
    "SELECT sum(DISTINCT x), string_agg(DISTINCT s, '-' ORDER BY s) FROM raw.t": (
        "SELECT sum(DISTINCT x ORDER BY x), string_agg(DISTINCT s, '-' ORDER BY s) FROM raw.t"
    ),
    "SELECT sum(x -- all of it )\n) FROM raw.t": "SELECT sum(x ORDER BY x -- all of it )\n) FROM raw.t",
    "SELECT Sum ( CASE WHEN ts < as_of() THEN x END ) FROM raw.t": (
        "SELECT Sum ( CASE WHEN ts < as_of() THEN x END ORDER BY CASE WHEN ts < as_of() THEN x END ) FROM raw.t"
    ),
    "SELECT sum(sum(x)) OVER () FROM raw.t GROUP BY k": (
        "SELECT sum(sum(x ORDER BY x) ORDER BY sum(x ORDER BY x)) OVER () FROM raw.t GROUP BY k"
    ),
    "FROM raw.t SELECT k, sum(x) GROUP BY k": "FROM raw.t SELECT k, sum(x ORDER BY x) GROUP BY k",
    "SELECT sum(v) FROM (SELECT x / 2 AS v FROM raw.t)": "SELECT sum(v ORDER BY v) FROM (SELECT x / 2 AS v FROM raw.t)",
    # windows
    "SELECT k, x, row_number() OVER (PARTITION BY k ORDER BY ts DESC) AS r FROM raw.t QUALIFY r = 1": (
        'SELECT k, x, row_number() OVER (PARTITION BY k ORDER BY ts DESC, "t"."x") AS r FROM raw.t QUALIFY r = 1'
    ),
    "SELECT k, lag(x) OVER (PARTITION BY k ORDER BY ts ROWS 3 PRECEDING) FROM raw.t": (
        'SELECT k, lag(x) OVER (PARTITION BY k ORDER BY ts, "t"."x" ROWS 3 PRECEDING) FROM raw.t'
    ),
    "SELECT * FROM raw.u AS o QUALIFY row_number() OVER (ORDER BY z) < 3": (
        'SELECT * FROM raw.u AS o QUALIFY row_number() OVER (ORDER BY z, "o"."k") < 3'
    ),
    "SELECT last_value(x IGNORE NULLS) OVER (PARTITION BY k ORDER BY ts) FROM raw.t": (
        "SELECT last_value(x ORDER BY ts, x IGNORE NULLS) OVER (PARTITION BY k ORDER BY ts) FROM raw.t"
    ),
    "SELECT sum(x) OVER (PARTITION BY k), list(n) OVER (PARTITION BY k ORDER BY ts DESC) FROM raw.t": (
        "SELECT sum(x ORDER BY x) OVER (PARTITION BY k), list(n ORDER BY ts DESC, n) OVER (PARTITION BY k ORDER BY ts DESC) FROM raw.t"
    ),
    "SELECT k, lag(x) OVER w, row_number() OVER w FROM raw.t WINDOW w AS (PARTITION BY k ORDER BY ts)": (
        'SELECT k, lag(x) OVER w, row_number() OVER w FROM raw.t WINDOW w AS (PARTITION BY k ORDER BY ts, "t"."x")'
    ),
    "SELECT k, row_number() OVER (ORDER BY sum(x)) FROM raw.t GROUP BY k": (
        'SELECT k, row_number() OVER (ORDER BY sum(x ORDER BY x), "t"."k") FROM raw.t GROUP BY k'
    ),
    # rows that are kept
    "SELECT DISTINCT ON (k) k, n FROM raw.t ORDER BY k, ts": 'SELECT DISTINCT ON (k) k, n FROM raw.t ORDER BY k, ts, "t"."n"',
    "SELECT k, count(*) AS c FROM raw.t GROUP BY ALL ORDER BY c LIMIT 2": (
        'SELECT k, count(*) AS c FROM raw.t GROUP BY ALL ORDER BY c, "t"."k" LIMIT 2'
    ),
    "SELECT k, n FROM raw.t UNION ALL SELECT k, k FROM raw.u ORDER BY n LIMIT 3": (
        'SELECT k, n FROM raw.t UNION ALL SELECT k, k FROM raw.u ORDER BY n, "k" LIMIT 3'
    ),
    "WITH c AS (SELECT k, x FROM raw.t) SELECT k, (SELECT x FROM c WHERE c.k = u.k ORDER BY c.k LIMIT 1) FROM raw.u": (
        'WITH c AS (SELECT k, x FROM raw.t) SELECT k, (SELECT x FROM c WHERE c.k = u.k ORDER BY c.k, "c"."x" LIMIT 1) FROM raw.u'
    ),
}

UNTOUCHED = [
    "SELECT k, sum(n), sum(d * 2), avg(ts), count(*), max(x), median(x), count(DISTINCT x) FROM raw.t GROUP BY k",
    "SELECT sum(CASE WHEN b THEN n ELSE 0 END), sum(b), sum(v) FROM (SELECT *, n + 1 AS v FROM raw.t)",
    "SELECT rank() OVER (ORDER BY x), sum(n) OVER (PARTITION BY k ORDER BY ts), max(x) OVER () FROM raw.t",
    "SELECT first(x ORDER BY ts, x), sum(x ORDER BY x DESC) FROM raw.t",
    "SELECT k, x FROM raw.t ORDER BY x",
    "SELECT k, x / 2 AS h FROM raw.t ORDER BY h, k LIMIT 3",
    "SELECT 'sum(x)', s AS first, n AS list FROM raw.t",
    "SELECT list(x) FROM (SELECT x FROM raw.t ORDER BY ts)",
    "SELECT row_number() OVER w, rank() OVER w FROM raw.t WINDOW w AS (ORDER BY ts)",
    "SELECT max(n) FROM raw.t LIMIT 1",
]


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        connection.execute(ROWS)
        yield connection


@pytest.mark.parametrize(("text", "expected"), GOLDEN.items())
def test_completed(connection, text, expected):
    query = deterministic(spliced(text), SCHEMAS, {})
    assert render(query) == expected
    assert sorted(connection.execute(expected).fetchall(), key=repr) == sorted(connection.execute(text).fetchall(), key=repr)
    assert deterministic(query, SCHEMAS, {}) is query


@pytest.mark.parametrize("text", UNTOUCHED)
def test_untouched(connection, text):
    for query in (spliced(text), parse(text)):
        assert deterministic(query, SCHEMAS, {}) is query
    connection.execute(text)


def test_holes_of_a_spliced_text_stay_holes():
    query = deterministic(spliced("SELECT sum(x * as_of()) FROM raw.t"), SCHEMAS, {})
    assert isinstance(query, Spliced)
    assert [type(part).__name__ for part in query.expressions if type(part).__name__ != "Var"] == ["Anonymous", "Anonymous", "Table"]


def test_columns_of_a_table_that_is_not_known_are_not_guessed():
    for text in ("SELECT *, row_number() OVER (ORDER BY a) FROM range(3) AS r(a)", "SELECT a, lag(b) OVER (ORDER BY a) FROM raw.other"):
        assert render(deterministic(spliced(text), SCHEMAS, {})) == text


def test_a_macro_of_that_name_is_no_aggregate():
    text = "SELECT product(x, 2) FROM raw.t"
    macro = Macro(name="product", sql="CREATE MACRO product(a, b) AS a * b", origin="")
    assert render(deterministic(spliced(text), SCHEMAS, {"product": macro})) == text


def test_ibis_queries_stay_trees(connection):
    t = ibis.table({"k": "int64", "ts": "timestamp", "x": "float64", "n": "int32"}, name="t", database="raw")
    latest = t.group_by("k").agg(s=t.x.sum(), c=t.n.sum(), n=t.n.argmax(t.ts), f=t.x.first(order_by="ts"))
    query = deterministic(compiler.to_sqlglot(latest), SCHEMAS, {})
    text = render(query)
    assert not isinstance(query, Spliced)
    assert 'SUM("t0"."x" ORDER BY "t0"."x")' in text and 'SUM("t0"."n")' in text
    assert 'FIRST("t0"."n" ORDER BY "t0"."ts" DESC, "t0"."n")' in text and 'FIRST("t0"."x" ORDER BY "t0"."ts" ASC, "t0"."x")' in text
    assert deterministic(query, SCHEMAS, {}) is query
    assert sorted(connection.execute(text).fetchall()) == sorted(connection.execute(render(compiler.to_sqlglot(latest))).fetchall())


RANGES = {
    "sum(x ORDER BY x)": ("nan", "inf", "nan"),
    "avg(x ORDER BY x)": ("nan", "inf", "nan"),
    "stddev(x ORDER BY x)": ("error", "error", "error"),
    "corr(x, x ORDER BY x)": ("error", "error", "error"),
    "kurtosis(x ORDER BY x)": ("error", "error", "error"),
    "regr_slope(x, x ORDER BY x)": ("error", "error", "error"),
}


@pytest.mark.parametrize(("call", "expected"), RANGES.items())
def test_ranges_are_those_of_duckdb(connection, call, expected):
    found = []
    for values in (["inf", "-inf", "1", "2"], ["1e308", "1.5e308", "2", "3"], ["nan", "1", "2", "3"]):
        try:
            found.append(str(connection.execute(f"SELECT {call} FROM (SELECT unnest(?)::DOUBLE AS x)", [values]).fetchone()[0]))
        except duckdb.OutOfRangeException:
            found.append("error")
    assert tuple(found) == expected
