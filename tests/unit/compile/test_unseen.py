import pytest

from foretable.compile.unseen import require_seen
from foretable.errors import DeclarationError


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("SELECT now() AS t", "now"),
        ("SELECT d < Today ( ) FROM raw.t", "today"),
        ("SELECT CURRENT_DATE - d FROM raw.t", "current_date"),
        ("SELECT * FROM raw.t WHERE t < current_timestamp", "current_timestamp"),
        ("SELECT * FROM read_csv('x.csv')", "read_csv"),
        ("FROM query_table('raw.t')", "query_table"),
    ],
)
def test_what_nothing_would_notice_is_refused(text, name):
    with pytest.raises(DeclarationError, match=name) as caught:
        require_seen(text, set(), where="a.sql:3")
    assert caught.value.where == "a.sql:3" and caught.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "SELECT t.now, today, glob FROM raw.t",
        'SELECT "current_date", t.current_date, d AS current_date FROM raw.t -- now()',
        "SELECT 'now()', 'current_date' AS note, read_between(lines) FROM raw.t",
    ],
)
def test_names_and_the_projects_own_functions_are_not(text):
    require_seen(text, {"read_between"}, where="")
