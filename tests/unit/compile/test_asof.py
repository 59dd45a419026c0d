from datetime import datetime, timedelta

import pytest

from foretable.compile.asof import before, cut, fill, spine_dates, uses_as_of
from foretable.errors import RefreshFailed
from foretable.sql import parse, render


@pytest.mark.parametrize(
    ("grain", "zone", "expected"),
    [
        ("minute", "UTC", datetime(2026, 3, 29, 1, 30)),
        ("hour", "UTC", datetime(2026, 3, 29, 1)),
        ("day", "UTC", datetime(2026, 3, 29)),
        ("day", "Europe/Berlin", datetime(2026, 3, 28, 23)),  # midnight there, on the night the clock goes forward
        ("day", "America/New_York", datetime(2026, 3, 28, 4)),
        ("hour", "Asia/Kolkata", datetime(2026, 3, 29, 1, 30)),  # 07:00 there
    ],
)
def test_cutting_follows_the_projects_time_zone(grain, zone, expected):
    assert cut(datetime(2026, 3, 29, 1, 30, 12), grain, zone) == expected


def test_a_day_that_has_two_midnights_starts_at_the_first():
    starts = {cut(datetime(2026, 11, 1, 4, 15 * quarter % 60) + hour * timedelta(hours=1), "day", "America/Havana")
              for hour in range(20) for quarter in range(4)}  # fmt: skip
    assert starts == {datetime(2026, 11, 1, 4)}


def test_cutting_twice_changes_nothing():
    for zone in ("UTC", "Europe/Berlin", "America/St_Johns"):
        for hour in range(24):
            once = cut(datetime(2026, 10, 25, hour, 30), "day", zone)
            assert cut(once, "day", zone) == once


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ((1, "month"), [datetime(2024, 1, 31), datetime(2024, 2, 29), datetime(2024, 3, 31)]),
        ((2, "week"), [datetime(2024, 1, 31), datetime(2024, 2, 14), datetime(2024, 2, 28), datetime(2024, 3, 13), datetime(2024, 3, 27)]),
        ((1, "year"), [datetime(2024, 1, 31)]),
    ],
)
def test_spine_dates_keep_the_day_of_the_month(every, expected):
    assert spine_dates("2024-01-31", every, datetime(2024, 3, 31), "UTC") == expected


def test_spine_dates_are_local_midnights():
    dates = spine_dates("2026-03-01", (1, "month"), datetime(2026, 4, 2), "Europe/Berlin")
    assert dates == [datetime(2026, 2, 28, 23), datetime(2026, 3, 31, 22)]


def test_before_counts_calendar_months():
    assert before(datetime(2024, 3, 31), 1, "month") == datetime(2024, 2, 29)
    assert before(datetime(2024, 3, 31), 30, "day") == datetime(2024, 3, 1)


def test_filling_replaces_every_placeholder_and_leaves_the_query_alone():
    query = parse("SELECT model_version('m') AS v FROM t WHERE a < AS_OF() AND b >= as_of() - INTERVAL 30 DAY")
    filled = render(fill(query, datetime(2026, 1, 2), {"m": 3}))
    assert "as_of" not in filled.lower() and filled.count("2026-01-02 00:00:00") == 2 and "CAST(3 AS INT)" in filled
    assert uses_as_of(query) and not uses_as_of(fill(query, datetime(2026, 1, 2)))


def test_a_model_without_a_champion_is_named():
    with pytest.raises(RefreshFailed, match="model m has no champion") as caught:
        fill(parse("SELECT model_version('m')"), datetime(2026, 1, 1), {})
    assert "foretable train m" in caught.value.hint
