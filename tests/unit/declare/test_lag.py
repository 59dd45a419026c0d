"""Target lags: lengths of time, cron in the right time zone, DOWNSTREAM, and what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

import foretable as ft
from foretable.declare.lag import Lag, parse_lag
from foretable.errors import DeclarationError, UsageError


@pytest.mark.parametrize(
    ("text", "lag"),
    [
        ("5 minutes", Lag(every=timedelta(minutes=5))),
        (" 1 Day ", Lag(every=timedelta(days=1))),
        ("30 seconds", Lag(every=timedelta(seconds=30))),
        ("downstream", Lag()),
        ("0 6 * * *", Lag(cron="0 6 * * *")),
        ("*/5 8-18 * * mon-fri", Lag(cron="*/5 8-18 * * mon-fri")),
        ("USING CRON 0 6 * * * Europe/Berlin", Lag(cron="0 6 * * *", zone="Europe/Berlin")),
        ("using cron 0 6 * * *", Lag(cron="0 6 * * *")),
        ("0 6 * * * America/New_York", Lag(cron="0 6 * * *", zone="America/New_York")),
    ],
)
def test_what_a_lag_may_be(text, lag):
    assert parse_lag(text) == lag
    assert lag.downstream is (text == "downstream")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no target lag"),
        ("soon", "is no target lag"),
        ("0 minutes", "of nothing"),
        ("999999999999999 years", "100 years at most"),
        ("0 6 * *", "is no target lag"),
        ("USING CRON 0 6 * *", "five fields"),
        ("0 0 6 * * * *", "five fields"),
        ("61 6 * * *", "bad minute"),
        ("0 6 * * FOO", "bad day-of-week"),
        ("0 6 31 2 *", "bad day-of-month"),
        ("0 6 * * * Mars/Olympus", "the time zone 'Mars/Olympus' is unknown"),
        ("0 6 * * * ../etc", "time zone"),
    ],
)
def test_what_it_may_not_be(text, says):
    with pytest.raises(UsageError, match=says) as refused:
        parse_lag(text)
    assert refused.value.hint


def test_a_declaration_tells_its_place():
    with pytest.raises(DeclarationError, match="five fields") as refused:
        ft.dynamic_table("clean.x", target_lag="USING CRON 6 *")(lambda: None)
    assert "test_lag.py" in refused.value.where


def next_due(text: str, refreshed_at: str, zone: str = "UTC") -> str:
    found = parse_lag(text).next_due(datetime.fromisoformat(refreshed_at), zone)
    assert found is not None and found.tzinfo is None
    return f"{found:%Y-%m-%d %H:%M:%S}"


def test_a_length_counts_from_the_refresh():
    assert next_due("5 minutes", "2026-01-01T10:00:30") == "2026-01-01 10:05:30"
    assert parse_lag("DOWNSTREAM").next_due(datetime(2026, 1, 1), "UTC") is None


def test_cron_is_strictly_after_the_refresh():
    assert next_due("0 6 * * *", "2026-01-01T05:59:59.999") == "2026-01-01 06:00:00"
    assert next_due("0 6 * * *", "2026-01-01T06:00:00") == "2026-01-02 06:00:00"
    assert next_due("0 6 * * MON", "2026-01-01T06:00:00") == "2026-01-05 06:00:00"


def test_cron_follows_the_clock_on_the_wall():
    assert next_due("0 6 * * *", "2026-01-10T12:00:00", "Europe/Berlin") == "2026-01-11 05:00:00"
    assert next_due("0 6 * * *", "2026-07-10T12:00:00", "Europe/Berlin") == "2026-07-11 04:00:00"
    assert next_due("0 6 * * * America/New_York", "2026-07-10T12:00:00", "Europe/Berlin") == "2026-07-11 10:00:00"


def test_a_time_that_spring_skips_comes_after_the_gap():
    # In Berlin 2:30 does not exist on 29 March 2026: the clocks go from 2:00 to 3:00, which is 1:00 UTC.
    assert next_due("30 2 * * *", "2026-03-28T12:00:00", "Europe/Berlin") == "2026-03-29 01:00:00"
    assert next_due("30 2 * * *", "2026-03-29T01:00:00", "Europe/Berlin") == "2026-03-30 00:30:00"


def test_a_time_that_autumn_repeats_comes_once():
    # On 25 October 2026, 2:30 in Berlin is 0:30 and again 1:30 UTC.
    assert next_due("30 2 * * *", "2026-10-24T12:00:00", "Europe/Berlin") == "2026-10-25 00:30:00"
    for moment in ("00:30:00", "01:10:00", "01:30:00", "02:00:00"):
        assert next_due("30 2 * * *", f"2026-10-25T{moment}", "Europe/Berlin") == "2026-10-26 01:30:00"


def test_every_quarter_of_an_hour_goes_on_through_both_hours():
    moment = datetime(2026, 10, 25, 0, 50)
    seen = []
    for _ in range(5):
        found = parse_lag("*/15 * * * *").next_due(moment, "Europe/Berlin")
        assert found is not None
        seen.append(f"{found:%H:%M}")
        moment = found
    assert seen == ["01:00", "01:15", "01:30", "01:45", "02:00"]
