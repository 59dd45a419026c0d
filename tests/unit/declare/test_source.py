"""What a source may say about how it is watched."""

from __future__ import annotations

import pytest

from foretable.declare.source import Source
from foretable.errors import DeclarationError


def test_by_default_a_source_is_compared_by_fingerprints():
    source = Source("raw.orders", time="at")
    assert (source.feed, source.audit, source.max_staleness) == ("fingerprint", None, None)


def test_an_ingest_log_is_audited_every_day_unless_told_otherwise():
    assert Source("raw.orders", feed="ingest").audit == "1 day"
    assert Source("raw.orders", feed="ingest", audit="6 hours").audit == "6 hours"


def test_staleness_is_a_length_of_time():
    assert Source("raw.orders", time="at", max_staleness="2 hours").max_staleness == "2 hours"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"feed": "triggers"}, "no feed 'triggers'"),
        ({"audit": "1 day"}, "audit is for feed='ingest'"),
        ({"feed": "ingest", "audit": "daily"}, "audit: 'daily' is not a length of time"),
        ({"feed": "ingest", "audit": 5}, "audit: '5' is not a length of time"),
        ({"feed": "ingest", "audit": "0 days"}, "audit: '0 days' is no time at all"),
        ({"feed": "ingest", "file": "orders.csv"}, "needs a table that foretable loads"),
        ({"name": "shop.raw.orders", "feed": "ingest"}, "needs a table that foretable loads"),
        ({"time": "at", "max_staleness": "soon"}, "max_staleness: 'soon' is not a length of time"),
        ({"max_staleness": "1 day"}, "max_staleness needs events"),
        ({"valid": ("a", "b"), "max_staleness": "1 day"}, "max_staleness needs events"),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(options, told):
    with pytest.raises(DeclarationError) as caught:
        Source(**{"name": "raw.orders", **options})
    assert told in caught.value.message
    assert caught.value.hint
    assert "test_source.py" in caught.value.where


def test_the_query_of_a_source_is_text():
    with pytest.raises(DeclarationError, match="query=5 is no SQL"):
        Source("raw.orders", file="orders.csv", query=5)
