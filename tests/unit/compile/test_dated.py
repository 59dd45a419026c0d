"""One query at many dates reads as if it had been written for each of them."""

from datetime import datetime

import duckdb
import pytest

from foretable.compile.asof import AnyDate, cut, fill, literal
from foretable.compile.dated import filling
from foretable.compile.spliced import spliced
from foretable.sql import parse

ZONE = "Europe/Berlin"
DATES = [datetime(2026, 3, 29, 1, 30, 12, 5), datetime(2026, 10, 25, 0, 30), datetime(2026, 10, 25, 1, 30)]


def at(date, grain):
    return AnyDate(grain) if isinstance(date, AnyDate) else cut(date, grain, ZONE)


def rows(date, written=parse):
    query = parse("SELECT * FROM (VALUES ('as_of')) AS t(said)")
    for grain in ("minute", "hour", "day"):
        query = query.select(fill(written("SELECT as_of()"), at(date, grain)).subquery().as_(grain))
    return query.select(literal(date).as_("moment"))


@pytest.mark.parametrize("written", [parse, spliced])
def test_every_date_is_cut_to_each_tables_grain_in_the_projects_time_zone(written):
    with duckdb.connect() as connection:
        for text in filling("found", lambda date: rows(date, written), DATES, ZONE, temporary=True):
            connection.execute(text)
        found = connection.execute("FROM found").fetchall()
    assert found == [("as_of", *(cut(date, grain, ZONE) for grain in ("minute", "hour", "day")), date) for date in DATES]


def test_a_query_without_a_clock_is_made_once():
    assert [*filling("a.b", lambda date: parse(f"SELECT {date} AS x"), [None], "UTC")] == [
        'CREATE OR REPLACE TABLE "a"."b" AS SELECT None AS x'
    ]


def test_the_query_is_made_twice_at_most():
    made = []

    def build(date):
        made.append(date)
        return parse("SELECT 1 AS x")

    assert len([*filling("t", build, DATES * 100, "UTC")]) == 300
    assert len(made) == 2
