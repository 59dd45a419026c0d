"""What is known of DuckDB's functions holds in the DuckDB that is installed."""

import duckdb
import pytest
from sqlglot import exp

from foretable.compile.deterministic import deterministic
from foretable.compile.deterministic_facts import AGGREGATES, PEERS, WINDOWS, name_of
from foretable.compile.functions import CLOCK, HARMLESS, RANDOM, SESSION, problem
from foretable.compile.spliced import spliced
from foretable.compile.typed import typed
from foretable.sql import parse, render

SCHEMAS = {
    "raw.t": {
        "id": "BIGINT",
        "k": "INTEGER",
        "x": "DOUBLE",
        "y": "DOUBLE",
        "tie": "INTEGER",
        "n": "INTEGER",
        "s": "VARCHAR",
        "ts": "INTEGER",
        "d": "DECIMAL(9,2)",
    },
    "raw.u": {"k": "INTEGER", "z": "DOUBLE"},
}
ROWS = """
CREATE SCHEMA raw;
CREATE TABLE raw.t AS SELECT
    i AS id, (hash(i) % 40)::INTEGER AS k, ((hash(i * 3) % 100000)::DOUBLE / 7 - 5000) * pow(10, hash(i + 11) % 9) AS x,
    (hash(i * 5) % 1000)::DOUBLE / 3 AS y, (hash(i * 7) % 20)::INTEGER AS tie, (hash(i * 13) % 1000)::INTEGER AS n,
    chr(65 + (hash(i * 11) % 26)::INTEGER) AS s, (hash(i * 19) % 50)::INTEGER AS ts, ((hash(i * 17) % 1000) / 8)::DECIMAL(9, 2) AS d
FROM range(4000) AS r(i);
CREATE TABLE raw.u AS SELECT k, avg(x) AS z FROM raw.t GROUP BY k;
"""
ARGUMENTS = {
    "approx_quantile": "x, 0.3",
    "approx_top_k": "tie, 3",
    "bitstring_agg": "n, 0, 1000",
    "bool_and": "n > 1",
    "bool_or": "n > 998",
    "count_if": "n > 5",
    "countif": "n > 5",
    "count_star": "",
    "histogram": "tie",
    "histogram_exact": "tie, [1, 2]",
    "mode": "tie",
    "entropy": "s",
    "product": "1 + x / 1e16",
    "quantile": "x, 0.3",
    "quantile_cont": "x, 0.3",
    "quantile_disc": "x, 0.3",
    "string_agg": "s, ','",
    "listagg": "s, ','",
    "sum_no_overflow": "n",
    "nth_value": "x, 2",
    "bit_and": "n",
    "bit_or": "n",
    "bit_xor": "n",
}


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 4}) as connection:
        connection.execute(ROWS)
        for number in range(2):
            connection.execute(f"CREATE TABLE shuffled{number} AS SELECT * FROM raw.t ORDER BY hash(id + {number} * 17)")
        yield connection


def completed(text):
    return render(deterministic(spliced(text), SCHEMAS, {}))


def arguments_of(name):
    if name in ARGUMENTS:
        return ARGUMENTS[name]
    if name.startswith(("arg_", "max_by", "min_by", "argm")):
        return "n, tie"
    return "x, y" if name.startswith(("corr", "covar", "regr")) else "x"


def results(connection, text, threads):
    connection.execute(f"SET threads = {threads}")
    return {row[0]: repr(row[1:]) for row in connection.execute(text).fetchall()}


def differences(connection, text):
    """How a query by the key in its first column depends on order, threads, and on which keys are there."""
    found = []
    whole = results(connection, text, 1)
    for rows, threads in (("raw.t", 4), ("shuffled0 AS t", 1), ("shuffled1 AS t", 4), ("shuffled1 AS t", 2)):
        if results(connection, text.replace("raw.t", rows), threads) != whole:
            found.append(f"{rows} on {threads} threads")
    for rows, some in (("shuffled0", "k IN (3, 7, 11)"), ("shuffled1", "k = 7"), ("raw.t", "k = 7")):
        part = results(connection, text.replace("raw.t", f"(FROM {rows} WHERE {some}) AS t"), 4)
        if any(whole[key] != value for key, value in part.items()):
            found.append(f"{rows} where {some}")
    return found


def test_every_aggregate_and_window_function_is_known():
    with duckdb.connect() as connection:
        rows = connection.execute("SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'").fetchall()
    assert {name for (name,) in rows} - {*AGGREGATES, *WINDOWS} == set()
    assert {*AGGREGATES} - {name for (name,) in rows} == {"percentile_cont", "percentile_disc"}  # only WITHIN GROUP


def test_every_volatile_function_is_known():
    sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE stability <> 'CONSISTENT'"
    with duckdb.connect() as connection:
        names = {name for (name,) in connection.execute(sql).fetchall()}
    assert names - (CLOCK | SESSION | RANDOM | HARMLESS) == set()


@pytest.mark.parametrize("name", sorted({*AGGREGATES, *WINDOWS} - {"percentile_cont", "percentile_disc"}))
def test_a_function_is_recognised_in_a_tree(name):
    node = next(node for node in parse(f"SELECT {name}({arguments_of(name)}) FROM t").walk() if isinstance(node, exp.Func))
    found = name_of(node)
    assert AGGREGATES.get(found) == AGGREGATES.get(name) and (found in WINDOWS) == (name in WINDOWS)
    assert (found in PEERS) == (name in PEERS)


UNCALLED = {"reservoir_quantile", "percentile_cont", "percentile_disc", "sum_no_overflow"}
"""Refused, written WITHIN GROUP, or DuckDB's own."""


@pytest.mark.parametrize("name", sorted({*AGGREGATES} - UNCALLED))
def test_a_completed_aggregate_gives_the_same_bits(connection, name):
    text = completed(f"SELECT k, {name}({arguments_of(name)}) FROM raw.t GROUP BY k")
    assert ("ORDER BY" in text or "CASE" in text) == (AGGREGATES[name].kind != "never")
    assert differences(connection, text) == []


@pytest.mark.parametrize("name", ["sum", "avg", "stddev", "corr", "first", "list", "arg_max", "kurtosis", "mode", "entropy"])
def test_as_written_it_does_not(connection, name):
    assert differences(connection, f"SELECT k, {name}({arguments_of(name)}) FROM raw.t GROUP BY k")


EXACT = [
    "sum(n)",
    "avg(n)",
    "sum(d)",
    "avg(d)",
    "sum(d * n)",
    "avg(ts)",
    "sum(n > 3)",
    "sum(CASE WHEN n > 3 THEN d ELSE 0 END)",
    "count(x)",
]


@pytest.mark.parametrize("call", EXACT)
def test_exact_values_need_no_order(connection, call):
    text = f"SELECT k, {call} FROM raw.t GROUP BY k"
    query = spliced(text)
    assert deterministic(query, SCHEMAS, {}) is query
    assert differences(connection, text) == []


WINDOWED = [
    "sum(x) OVER (PARTITION BY k)",
    "sum(x) OVER (PARTITION BY k ORDER BY ts)",
    "sum(x) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 40 PRECEDING AND CURRENT ROW)",
    "sum(x) OVER (PARTITION BY k ORDER BY ts RANGE BETWEEN 5 PRECEDING AND CURRENT ROW)",
    "arg_max(n, tie) OVER (PARTITION BY k ORDER BY ts ROWS 5 PRECEDING)",
    "mode(tie) OVER (PARTITION BY k ORDER BY ts ROWS 5 PRECEDING)",
    "list(n) OVER (PARTITION BY k ORDER BY ts)",
    "list(n) OVER (PARTITION BY k ORDER BY ts ROWS 5 PRECEDING)",
    "first(n) OVER (PARTITION BY k ORDER BY ts DESC)",
    "first_value(n) OVER (PARTITION BY k ORDER BY ts)",
    "last_value(n) OVER (PARTITION BY k ORDER BY ts)",
    "nth_value(n, 2) OVER (PARTITION BY k ORDER BY ts)",
    "last_value(n) OVER (PARTITION BY k ORDER BY ts ROWS BETWEEN 2 PRECEDING AND 2 FOLLOWING)",
    "row_number() OVER (PARTITION BY k ORDER BY ts)",
    "row_number() OVER (PARTITION BY k)",
    "lag(n) OVER (PARTITION BY k ORDER BY ts)",
    "lead(s, 2, '?') OVER (PARTITION BY k ORDER BY ts DESC NULLS LAST)",
    "ntile(7) OVER (PARTITION BY k ORDER BY ts)",
]


@pytest.mark.parametrize("call", WINDOWED)
def test_a_completed_window_gives_the_same_bits(connection, call):
    text = f"SELECT id, {call} FROM raw.t"
    assert differences(connection, text)
    assert differences(connection, completed(text)) == []


@pytest.mark.parametrize(
    "call",
    [
        "rank() OVER (PARTITION BY k ORDER BY ts)",
        "cume_dist() OVER (PARTITION BY k ORDER BY x)",
        "sum(n) OVER (PARTITION BY k ORDER BY ts)",
    ],
)
def test_peers_need_no_completion(connection, call):
    text = f"SELECT id, {call} FROM raw.t"
    assert completed(text) == text
    assert differences(connection, text) == []


KEEPING = [
    "SELECT DISTINCT ON (k) k, n, s FROM raw.t ORDER BY k, ts",
    "SELECT k, n, s FROM raw.t QUALIFY row_number() OVER (PARTITION BY k ORDER BY ts DESC) = 1",
]


@pytest.mark.parametrize("text", KEEPING)
def test_rows_that_are_kept_are_the_same_ones(connection, text):
    assert differences(connection, text)
    assert differences(connection, completed(text)) == []


def problems(text):
    tree = typed(deterministic(spliced(text), SCHEMAS, {}), SCHEMAS, {}, {})
    return [found for node in tree.walk() if (found := problem(node))[0]]


FINE = [
    *(
        f"SELECT k, {name}({arguments_of(name)}) AS v FROM raw.t GROUP BY k"
        for name in ("sum", "corr", "string_agg", "arg_max", "count_if")
    ),
    *(f"SELECT id, {call} AS v FROM raw.t" for call in WINDOWED),
    *(f"SELECT k, {call} AS v FROM raw.t GROUP BY k" for call in EXACT),
    *KEEPING,
    "SELECT k, sum(v) AS v FROM (SELECT k, n * 2 + 1 AS v FROM raw.t) GROUP BY k",
    "SELECT t.*, u.z, lag(x) OVER (PARTITION BY t.k ORDER BY ts) AS v FROM raw.t JOIN raw.u USING (k)",
    "SELECT k, sum(x) AS v FROM raw.t GROUP BY k ORDER BY v DESC LIMIT 3",
    "SELECT k, (SELECT z FROM raw.u WHERE u.k = t.k ORDER BY z LIMIT 1) AS v FROM raw.t",
    "SELECT k, row_number() OVER w AS v, lag(x) OVER w AS u FROM raw.t WINDOW w AS (PARTITION BY k ORDER BY ts)",
]


@pytest.mark.parametrize("text", FINE)
def test_what_was_completed_is_no_problem(text):
    assert problems(text) == []


PROBLEMS = {
    "SELECT random() AS v FROM raw.t": "another value every time",
    "SELECT now() AS v FROM raw.t": "computer's clock",
    "SELECT current_date AS v FROM raw.t": "computer's clock",
    "SELECT getvariable('a') AS v FROM raw.t": "another value every time",
    "SELECT reservoir_quantile(x, 0.5) AS v FROM raw.t": "same result twice",
    "SELECT fill(x) OVER (ORDER BY ts) AS v FROM raw.t": "same result twice",
    "SELECT k FROM raw.t USING SAMPLE 10": "sample",
    "SELECT k FROM raw.t LIMIT 3": "LIMIT without ORDER BY",
    "SELECT DISTINCT ON (k) k, n FROM raw.t": "DISTINCT ON without ORDER BY",
    "SELECT mode() WITHIN GROUP (ORDER BY n) AS v FROM raw.t": "order of rows",
    "SELECT x.sum() AS v FROM raw.t": "rounds differently",
    "SELECT list(x) AS v FROM (SELECT x FROM raw.t ORDER BY ts)": "order of rows",
    "SELECT k, row_number() OVER w AS v, rank() OVER w AS u FROM raw.t WINDOW w AS (ORDER BY ts)": "equal in ORDER BY",
    "SELECT k, lag(n, 1 ORDER BY x) OVER (ORDER BY id) AS v FROM raw.t": "ORDER BY inside",
}


@pytest.mark.parametrize(("text", "reason"), PROBLEMS.items())
def test_what_cannot_be_completed_is_a_problem(text, reason):
    found = problems(text)
    assert len(found) == 1 and reason in found[0][0] and found[0][1]
