"""One line per rule: a query, and what the analyser says of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foretable.compile.deterministic import deterministic
from foretable.compile.incremental import Analysis, analyse, push
from foretable.compile.spliced import spliced
from foretable.declare.project import Macro
from foretable.sql import render

SCHEMAS = {
    "raw.c": {"k": "BIGINT", "segment": "VARCHAR", "since": "TIMESTAMP"},
    "raw.t": {"id": "BIGINT", "k": "BIGINT", "ts": "TIMESTAMP", "v": "DECIMAL(12,2)", "f": "DOUBLE", "p": "INTEGER", "l": "INTEGER[]"},
    "raw.text": {"k": "VARCHAR", "v": "DECIMAL(12,2)", "ts": "TIMESTAMP"},
    "raw.plans": {"k": "BIGINT", "plan": "VARCHAR", "valid_from": "TIMESTAMP", "valid_to": "TIMESTAMP"},
    "raw.seg": {"segment": "VARCHAR", "w": "INTEGER", "valid_from": "TIMESTAMP"},
    "raw.p": {"p": "INTEGER", "price": "DECIMAL(8,2)", "brand": "INTEGER", "day": "DATE"},
    "raw.brand": {"brand": "INTEGER", "name": "VARCHAR"},
    "raw.months": {"k": "BIGINT", "month": "DATE", "v": "INTEGER"},
    "raw.floats": {"k": "DOUBLE", "v": "INTEGER"},
    "features.u": {"k": "BIGINT", "a": "DOUBLE", "b": "VARCHAR"},
}
MACROS = {
    "half": Macro("half", "CREATE MACRO half(x) AS x / 2", "m.sql:1"),
    "recent": Macro("recent", "CREATE MACRO recent(t, a) AS t >= a - INTERVAL 7 DAY", "m.sql:2"),
}


def said(text: str, keys: tuple[str, ...] = ("k",)) -> Analysis:
    return analyse(deterministic(spliced(text), SCHEMAS, MACROS), keys, SCHEMAS, MACROS, {}, {})


def told(found: Analysis) -> str:
    """The plan in a line: key | columns by place | effects | edges | volatile."""
    if found.reason:
        return f"FULL {found.reason}"
    places = " ".join(f"{place}:{','.join(columns)}" for place, columns in found.restricted.items())
    effects = " ".join(sorted(effect_told(effect) for effect in found.effects))
    edges = "; ".join(f"{effect_told(edge.effect)}: {render(edge.row)} ~ {render(edge.moment)}" for edge in found.boundaries).replace(
        '"', ""
    )
    parts = [",".join(found.key), places, effects, edges, f"volatile {found.volatile}" if found.volatile else ""]
    return " | ".join(part for part in parts if part)


def effect_told(effect) -> str:
    hops = "".join(f">{hop.table.split('.')[1]}({','.join(hop.columns)}->{','.join(hop.gives)})" for hop in effect.path)
    return f"{effect.table.split('.')[1]}({','.join(effect.columns)}){hops}"


def cases() -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Key, query and what is said of it, from ``cases.sql``."""
    keys: tuple[str, ...] = ()
    query = ""
    for line in Path(__file__).with_name("cases.sql").read_text().splitlines():
        if line.startswith("--> "):
            yield keys, query, line.removeprefix("--> ")
        elif line.startswith("-- ") and ": " in line:
            keys = tuple(line.split(": ")[1].split(", "))
        elif line:
            query = line.removesuffix(";")


@pytest.mark.parametrize(("keys", "query", "expected"), list(cases()))
def test_what_is_said(keys, query, expected):
    assert told(said(query, keys)) == expected


def test_a_refusal_still_says_what_is_read_and_how_to_write_it():
    found = said("SELECT k, sum(v) OVER (PARTITION BY p) AS s FROM raw.t")
    assert found.mode == "FULL" and found.hint == "write PARTITION BY k, …"
    assert [effect_told(effect) for effect in found.effects] == ["t()"]
    assert found.reads == {"raw.t": ("k", "v", "p")}


def test_a_table_without_entity_is_recomputed():
    assert "no entity" in said("SELECT count(*) AS n FROM raw.t", ()).reason


def test_an_asof_join_asks_for_unique_times():
    assert said("SELECT c.k, t.v FROM raw.c AS c ASOF JOIN raw.t AS t ON t.k = c.k AND t.ts <= c.since").unique == (("raw.t", ("k", "ts")),)
    grouped = "(SELECT k, ts, sum(v) AS v FROM raw.t GROUP BY k, ts)"
    assert said(f"SELECT c.k, t.v FROM raw.c AS c ASOF JOIN {grouped} AS t ON t.k = c.k AND t.ts <= c.since").unique == ()


def test_what_rebuilds_the_table_is_noted():
    found = said("SELECT t.k, t.v > m.w AS high FROM raw.t AS t CROSS JOIN (SELECT max(w) AS w FROM raw.seg) AS m")
    assert found.notes == ("any change of raw.seg rebuilds the table: m is joined without an equality that leads to the key",)


@pytest.mark.parametrize(
    ("query", "reads"),
    [
        ("SELECT k, v FROM raw.t WHERE ts < as_of()", {"raw.t": ("k", "ts", "v")}),
        ("SELECT * FROM raw.plans", {"raw.plans": ("k", "plan", "valid_from", "valid_to")}),
        ("SELECT c.k, (SELECT max(v) FROM raw.t AS t WHERE t.k = c.k AND t.ts < c.since) AS m FROM raw.c AS c", None),
        ("SELECT f.k, to_json(f) AS j FROM features.u AS f", {"features.u": ("k", "a", "b")}),
        ("SELECT k, count(*) AS n FROM raw.t GROUP BY k HAVING max(p) > 1", {"raw.t": ("k", "p")}),
    ],
)
def test_columns_that_are_read(query, reads):
    assert said(query).reads == (reads or {"raw.t": ("k", "ts", "v"), "raw.c": ("k", "since")})


def test_names_keep_the_spelling_of_their_table():
    schemas = {
        "raw.telco": {"customerID": "VARCHAR", "Month": "DATE", "Plan": "VARCHAR"},
        "raw.fees": {"PLAN": "VARCHAR", "Fee": "INTEGER"},
    }
    text = "SELECT T.CUSTOMERID AS customer_id, f.fee FROM Raw.Telco AS t JOIN raw.FEES f ON f.plan = t.plan WHERE month < as_of()"
    found = analyse(spliced(text), ("Customer_ID",), schemas, {}, {}, {})
    assert (
        told(found)
        == "Customer_ID | 0:customerID | fees(PLAN)>telco(Plan->customerID) telco(customerID) | telco(customerID): Month ~ as_of()"
    )


def test_what_is_not_looked_at_counts_as_lost(monkeypatch):
    monkeypatch.setattr(push, "_queries", lambda parts: iter(()))
    text = "SELECT k FROM raw.c AS c WHERE EXISTS (SELECT 1 FROM raw.plans AS p WHERE p.k = c.k AND p.valid_from < as_of())"
    assert told(said(text)) == "k | 0:k | c(k) plans() | volatile p.valid_from < as_of()"


def test_what_stands_under_an_unused_with_rebuilds_nothing_else():
    found = said("WITH w AS (SELECT k FROM raw.t WHERE ts < as_of()) SELECT k, segment FROM raw.t JOIN raw.c USING (k)")
    assert told(found) == "k | 1:k 2:k | c(k) t(k)"
