"""Which queries see no row below a moment, and which may."""

from __future__ import annotations

import pytest

from foretable.sql import render

from .test_analyse import said

DAYS = "as_of() - INTERVAL 90 DAY"
FLOOR = {"raw.t": ("ts", "as_of() - INTERVAL '90' DAY")}

BOUNDED = [
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts >= {DAYS} GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts > {DAYS} AND ts < as_of() GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE {DAYS} <= ts GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE (p = 1 AND ts BETWEEN {DAYS} AND as_of()) GROUP BY k",
    f"SELECT x.k, count(*) AS n FROM (SELECT k, ts AS seen FROM raw.t) AS x WHERE seen >= {DAYS} GROUP BY x.k",
    f"WITH x(k, seen) AS (SELECT k, ts FROM raw.t WHERE v > 0) SELECT k, count(*) AS n FROM x WHERE seen >= {DAYS} GROUP BY k",
    f"SELECT k, count(*) AS n FROM (SELECT k, ts FROM raw.t UNION ALL SELECT k, ts FROM raw.t) AS x WHERE ts >= {DAYS} GROUP BY k",
    f"SELECT c.k, count(t.id) AS n FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k AND t.ts >= {DAYS} GROUP BY c.k",
    f"SELECT c.k FROM raw.c AS c ANTI JOIN raw.t AS t ON t.k = c.k AND t.ts >= {DAYS}",
    f"SELECT c.k, t.v FROM raw.c AS c LEFT JOIN raw.t AS t ON t.k = c.k WHERE t.ts >= {DAYS}",
    f"SELECT c.k FROM raw.c AS c WHERE EXISTS (SELECT 1 FROM raw.t AS t WHERE t.k = c.k AND t.ts >= {DAYS})",
    f"SELECT sum(v) AS s FROM raw.t WHERE ts >= {DAYS}",
]

UNBOUNDED = [
    "SELECT k, sum(v) AS s FROM raw.t WHERE ts < as_of() GROUP BY k",
    "SELECT k, sum(v) AS s FROM raw.t WHERE ts >= TIMESTAMP '2020-01-01' GROUP BY k",
    f"SELECT k, sum(v) FILTER (WHERE ts >= {DAYS}) AS s FROM raw.t GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts >= {DAYS} OR v > 3 GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE NOT ts >= {DAYS} GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts >= {DAYS} IS NOT FALSE GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE coalesce(ts, as_of()) >= {DAYS} GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts NOT BETWEEN {DAYS} AND as_of() GROUP BY k",
    f"SELECT k, sum(v) AS s FROM raw.t WHERE ts >= CAST({DAYS} AS TIMESTAMPTZ) GROUP BY k",
    f"SELECT k, max(ts) AS last FROM raw.t GROUP BY k HAVING max(ts) >= {DAYS}",
    f"SELECT x.k FROM (SELECT k, max(ts) AS ts FROM raw.t GROUP BY k) AS x WHERE x.ts >= {DAYS}",
    f"SELECT x.k, x.n FROM (SELECT k, ts, count(*) OVER (PARTITION BY k) AS n FROM raw.t) AS x WHERE x.ts >= {DAYS}",
    f"SELECT x.k FROM (SELECT DISTINCT ON (k) k, ts FROM raw.t ORDER BY k, v) AS x WHERE x.ts >= {DAYS}",
    f"SELECT k, v FROM raw.t WHERE ts >= {DAYS} AND k IN (SELECT k FROM raw.t)",
    f"SELECT k, (SELECT max(v) FROM raw.t) AS m FROM raw.t WHERE ts >= {DAYS}",
    f"SELECT t.k, count(o.id) AS n FROM raw.t AS t LEFT JOIN raw.t AS o ON o.k = t.k AND t.ts >= {DAYS} GROUP BY t.k",
    f"WITH x AS (SELECT k, ts FROM raw.t) SELECT a.k, count(*) AS n FROM x AS a JOIN x AS b ON a.k = b.k WHERE a.ts >= {DAYS} GROUP BY a.k",
    f"SELECT k FROM raw.t WHERE ts >= {DAYS} UNION ALL SELECT k FROM raw.t",
    f"SELECT coalesce(c.k, t.k) AS k FROM raw.c AS c FULL JOIN raw.t AS t ON t.k = c.k AND t.ts >= {DAYS}",
    f"SELECT t.k FROM raw.c AS c RIGHT JOIN raw.t AS t ON t.k = c.k AND t.ts >= {DAYS}",
    f"SELECT c.k, t.v FROM raw.c AS c ASOF JOIN raw.t AS t ON t.k = c.k AND c.since >= t.v::TEXT::TIMESTAMP WHERE t.ts >= {DAYS}",
    f"SELECT k, v FROM raw.t WHERE ts >= {DAYS} LIMIT 5",
]


def floors(query: str) -> dict[str, tuple[str, str]]:
    return {name: (column, render(moment)) for name, (column, moment) in said(query).floors.items()}


@pytest.mark.parametrize("query", BOUNDED)
def test_rows_below_a_floor_do_not_count(query: str) -> None:
    assert floors(query) == FLOOR


@pytest.mark.parametrize("query", UNBOUNDED)
def test_every_row_may_count(query: str) -> None:
    assert "raw.t" not in floors(query)


def test_the_lowest_place_is_the_floor() -> None:
    query = f"SELECT k FROM raw.t WHERE ts >= {DAYS} UNION ALL SELECT k FROM raw.t WHERE ts >= as_of() - INTERVAL 7 DAY"
    assert floors(query) == {"raw.t": ("ts", "LEAST(as_of() - INTERVAL '90' DAY, as_of() - INTERVAL '7' DAY)")}


def test_a_floor_of_days_and_of_two_tables() -> None:
    query = f"SELECT t.k FROM raw.t AS t JOIN raw.p AS p ON p.p = t.p AND p.day >= CAST(as_of() AS DATE) - 30 WHERE t.ts >= {DAYS}"
    assert floors(query) == FLOOR | {"raw.p": ("day", "CAST(as_of() AS DATE) - 30")}


def test_a_table_refreshed_in_full_has_floors_too() -> None:
    found = said(f"SELECT id, v FROM raw.t WHERE ts >= {DAYS}", ())
    assert found.reason and "raw.t" in found.floors
