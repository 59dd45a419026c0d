"""What a look-up and a join give is what training sets and tables have; what cannot be known is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from sqlglot import exp

from foretable.cli.features_rows import _keys, write_rows
from foretable.errors import DeclarationError, IngestError, UnknownName, UsageError
from foretable.sql import parse, render
from foretable.store.spine import _key, moment_of
from foretable.store.views import find_view

VIEWS = ["usage", "stacked"]


def same(left: pa.Table, right: pa.Table) -> bool:
    """Equal in names, types, rows and their order; NaN equals NaN."""
    return left.schema.equals(right.schema) and repr(left.to_pylist()) == repr(right.to_pylist())


def test_join_at_the_spine_of_a_model_is_its_training_set(world):
    training = world.training_set("again")
    shuffled = training.take(pa.array(np.random.default_rng(0).permutation(training.num_rows)))
    assert training.num_rows > 300
    assert len(training["as_of"].unique()) > 3
    spine = shuffled.select(["back", "as_of", "customer_id"])
    found = world.features_at(spine, VIEWS)
    assert same(found.select(training.column_names), shuffled)


def test_a_look_up_now_is_the_table_and_at_its_date_the_same(world):
    everyone = list(range(1, 125))
    table = world.sql("SELECT u.*, s.* EXCLUDE (customer_id) FROM features.usage AS u LEFT JOIN features.stacked AS s USING (customer_id)")
    as_of = dict(world.rows("SELECT name, as_of FROM foretable.tables")[1])
    assert as_of["features.usage"] == datetime(2026, 2, 26)
    now = world.features(VIEWS, {"customer": everyone})
    assert now["customer_id"].to_pylist() == everyone
    assert repr(now.to_pylist()[:119]) == repr(sorted(table.to_pylist(), key=lambda row: row["customer_id"]))
    assert now.to_pylist()[-1] == dict.fromkeys(now.column_names) | {"customer_id": 124}
    then = world.features("usage", {"customer_id": everyone}, as_of=as_of["features.usage"])
    assert same(then, now.select(then.column_names))
    before = world.features("usage", {"customer_id": everyone}, as_of=date(2026, 1, 20))
    assert not same(before, then)


def test_many_dates_are_each_row_at_its_own_time(world):
    """Rows at any second, a time each, twice over: every row is what a look-up at its time gives."""
    random = np.random.default_rng(3)
    times = [datetime(2026, 1, 1) + timedelta(seconds=int(s)) for s in random.integers(0, 56 * 86_400, 10)] * 2
    spine = pa.table({"note": list(map(str, range(20))), "customer_id": random.integers(1, 130, 20), "at": times})
    found = world.features_at(spine, ["hourly", "stacked:n_all", "usage@2:n"], "at")
    assert found.select(spine.column_names).equals(spine)
    for row in found.to_pylist()[:2]:
        keys = {"customer_id": [row["customer_id"]]}
        alone = world.features(["hourly", "stacked:n_all", "usage@2:n"], keys, as_of=row["at"]).to_pylist()[0]
        assert alone == {name: row[name] for name in alone}
    counted = world.sql("SELECT customer_id, ordered_at FROM raw.orders").to_pylist()
    for row in found.to_pylist():
        hour, day = row["at"].replace(minute=0, second=0), row["at"].replace(hour=0, minute=0, second=0)
        mine = [order["ordered_at"] for order in counted if order["customer_id"] == row["customer_id"]]
        assert (row["n_hour"] or 0) == sum(moment < hour for moment in mine)
        assert row["n_all"] == (sum(moment < hour for moment in mine) if row["customer_id"] < 110 else None)  # a day's view of an hour's
        assert (row["n"] or 0) == sum(moment < day for moment in mine)


def test_keys_of_two_columns_and_one_spine_for_two_entities(world):
    found = world.features("by_shop", {"shop": ["x", "y", "z"], "customer_id": ["7", "7", "7"]})
    here = dict(world.rows("SELECT shop, n_here FROM features.by_shop WHERE customer_id = 7")[1])
    assert found.to_pylist() == [{"customer_id": 7, "shop": shop, "n_here": here.get(shop)} for shop in ("x", "y", "z")]
    both = world.features_at("SELECT 7 AS customer_id, 'y' AS shop, DATE '2026-02-20' AS as_of", "by_shop,usage:n")
    assert both["n_here"].to_pylist()[0] < both["n"].to_pylist()[0]
    with pytest.raises(UsageError, match=r"usage is about a customer, .*by_shop about a customer_shop"):
        world.features(["usage", "by_shop"], {"customer": [7]})


def test_two_features_of_one_name_need_a_prefix(world):
    spine = "SELECT 7 AS customer_id, DATE '2026-02-20' AS as_of, 1 AS recent"
    with pytest.raises(UsageError, match=r"'n' of features\.usage@2 is also in features\.usage") as caught:
        world.features(["usage:n", "usage@2"], {"customer": [7]})
    assert "--prefix" in caught.value.hint
    with pytest.raises(UsageError, match=r"'recent' of features\.usage is also in the spine"):
        world.features_at(spine, "usage")
    found = world.features_at(spine, ["usage:n,usage:recent", "usage@2"], prefix=True)
    assert found.column_names[3:] == ["usage__n", "usage__recent", "usage__v2__n", "usage__v2__spend", "usage__v2__first"]


@pytest.mark.parametrize(
    ("at", "why"),
    [
        ("2026-03-06", "2026-03-06 00:00 lies in the future"),
        ("2026-02-28", "2026-02-28 00:00 is not known to features.usage yet: raw.orders reaches to 2026-02-26 23"),
    ],
)
def test_what_is_not_known_yet_is_refused(world, tmp_path, at, why):
    path = tmp_path / "spine.csv"
    path.write_text(f"customer_id,as_of\n1,2026-02-01\n2,{at}\n3,{at}\n")
    with pytest.raises(UsageError, match=why) as caught:
        world.features_at(path, "usage")
    assert caught.value.where == f"{path}:3"
    with pytest.raises(UsageError, match=why):
        world.features("usage", {"customer": [1]}, as_of=at)


def test_a_source_of_no_kind_is_refused_at_a_date_and_shown_now(world):
    assert world.features("loose", {"customer": [1]}).to_pylist() == [{"customer_id": 1, "secret": 7}]
    with pytest.raises(DeclarationError, match=r"source raw\.loose is in .* nothing says when its rows are known"):
        world.features("loose", {"customer": [1]}, as_of="2026-02-01")


def test_a_view_without_a_clock_is_the_same_at_every_date(world):
    with world.looked_up("fixed", {"customer": [7]}, as_of="1999-01-01") as (connection, answer):
        assert connection.execute(answer.query).fetchall() == [(7, "s")]
        assert answer.unclocked == ("features.fixed",)
        assert answer.as_of == {"features.fixed": None}


def test_before_the_data_is_told(world):
    with world.looked_up("usage", {"customer": [7, 8]}, as_of="2020-01-01") as (_, answer):
        assert answer.notes[0].startswith("2020-01-01 00:00 lies before the data of features.usage: raw.orders begins at 2026-01-01")
        assert [(one.rows, one.keys) for one in answer.missing] == [(2, ((7,), (8,)))]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("customer_id,as_of\n1,2026-02-01\n2,\n", ":3", "column 'as_of' is empty"),
        ('customer_id,as_of,x\n1,2026-02-01,"a\nb"\n2,2026-02-30,c\n', ":4", "column 'as_of': '2026-02-30' is no time"),
        ("customer_id,as_of\n1,01.02.2026\n", ":2", "'01.02.2026' is no time"),
        ("customer_id,as_of\n1,2026-02-01\n2.5,2026-02-01\n", ":3", "column 'customer_id': '2.5' is no BIGINT"),
        ("customer_id,as_of\n,2026-02-01\n", ":2", "column 'customer_id' is empty"),
    ],
)
def test_a_bad_cell_is_told_with_its_line(world, tmp_path, text, line, why):
    path = tmp_path / "spine.csv"
    path.write_text(text)
    with pytest.raises(IngestError, match=why) as caught:
        world.features_at(path, "usage")
    assert caught.value.where == f"{path}{line}"


def test_a_missing_column_is_told(world, tmp_path):
    path = tmp_path / "spine.csv"
    path.write_text("customer,at\n1,2026-02-01\n")
    with pytest.raises(UsageError, match="no column 'as_of'") as caught:
        world.features_at(path, "usage")
    assert "--timestamp" in caught.value.hint
    with pytest.raises(UsageError, match="no column 'customer_id', a key of the features") as caught:
        world.features_at(path, "usage", "at")
    assert caught.value.where == f"{path}:1"
    with pytest.raises(UnknownName, match="has no feature 'recnt'") as caught:
        world.features("usage:recnt", {"customer": [1]})
    assert "recent" in caught.value.hint


def test_a_text_file_is_carried_along_in_types_that_lose_nothing(world, tmp_path):
    path = tmp_path / "spine.csv"
    path.write_text("CUSTOMER_ID;Zip;price;label;when\n7;00123;1.50;1;2026-02-01 12:00:00+02:00\n7;10115;2;;2026-02-01T10:00\n")
    found = world.features_at(path, "usage:n", "when")
    assert found.drop_columns(["n"]).to_pylist() == [
        {"CUSTOMER_ID": 7, "Zip": "00123", "price": 1.5, "label": 1, "when": datetime(2026, 2, 1, 10)},
        {"CUSTOMER_ID": 7, "Zip": "10115", "price": 2.0, "label": None, "when": datetime(2026, 2, 1, 10)},
    ]


def test_a_frame_and_an_infinite_key(world):
    import pandas as pd

    frame = pd.DataFrame({"customer_id": [7.0, 8.0], "as_of": pd.to_datetime(["2026-02-01", "2026-02-02"])}, index=[5, 5])
    assert world.features_at(frame, "usage:n").column_names == ["customer_id", "as_of", "n"]
    assert world.features("usage:n", {"customer_id": list(np.array([7, 8]))}).num_rows == 2
    frame["customer_id"] = [7.0, np.nan]
    with pytest.raises(IngestError, match="row 2: column 'customer_id'"):
        world.features_at(frame, "usage:n")


@pytest.mark.parametrize("value", ["'2026-02-01{}'", "TIMESTAMP '2026-02-01{}'"])
def test_a_time_is_no_key_that_is_a_day(value):
    for time, day in (("", date(2026, 2, 1)), (" 00:00:00", date(2026, 2, 1)), (" 12:00:00", None)):
        kind = "TIMESTAMP" if value.startswith("TIMESTAMP") else "VARCHAR"
        key = _key(parse(f"SELECT {value.format(time)}").selects[0], kind, "DATE")
        assert duckdb.sql(render(exp.select(key))).fetchall() == [(day,)]


@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kolkata"])
def test_times_as_people_give_them(zone):
    """Text, days, times with and without a zone: 2026-03-08 has 23 hours in New York."""
    midnight = datetime(2026, 3, 9, tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    cases = [
        ("'2026-03-09'", midnight),
        ("' 2026-03-09 '", midnight),
        ("DATE '2026-03-09'", midnight),
        ("'2026-03-09 12:30'", datetime(2026, 3, 9, 12, 30)),
        ("'2026-03-09T12:30:00+02:00'", datetime(2026, 3, 9, 10, 30)),
        ("TIMESTAMP '2026-03-09 12:30'", datetime(2026, 3, 9, 12, 30)),
        ("TIMESTAMPTZ '2026-03-09 12:30:00+02'", datetime(2026, 3, 9, 10, 30)),
        ("TIMESTAMP 'infinity'", None),
        ("'09.03.2026'", None),
        ("'0000-00-00'", None),
    ]
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for text, expected in cases:
            kind = connection.execute(f"SELECT typeof({text})").fetchall()[0][0]
            found = render(exp.select(moment_of(parse(text), kind, zone, "spine")))
            assert connection.execute(found).fetchall() == [(expected,)], text
    with pytest.raises(UsageError, match="the column is BIGINT, no time"):
        moment_of(parse("7"), "BIGINT", zone, "spine")


def test_sums_of_whole_numbers_stay_whole_in_parquet(world, tmp_path):
    spine = "SELECT 7 AS customer_id, DATE '2026-02-20' AS as_of"
    with world.joined(spine, "usage:items") as (connection, answer):
        write_rows(connection, answer, tmp_path / "a.parquet", ".parquet")
    assert duckdb.sql(f"SELECT typeof(items) FROM '{tmp_path}/a.parquet'").fetchall() == [("DECIMAL(38,0)",)]


def test_keys_as_the_command_line_takes_them(world):
    pair, one = find_view(world.project, "by_shop"), find_view(world.project, "usage")
    assert _keys(pair, ["customer_shop=42/x, 43/y", 'Customer_Shop="7/a,b"']) == {
        "customer_id": ["42", "43", "7"],
        "shop": ["x", "y", "a,b"],
    }
    assert _keys(one, ["customer=1/2"]) == {"customer_id": ["1/2"]}
    with pytest.raises(UsageError, match=r"'42' is no key of features\.by_shop") as caught:
        _keys(pair, ["customer_shop=42"])
    assert "customer_id/shop" in caught.value.hint
