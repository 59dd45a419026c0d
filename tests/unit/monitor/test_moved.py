"""Whose prediction moved, since when, and by what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest

import foretable as ft
from foretable.cli.app import run
from foretable.errors import UnknownName, UsageError
from foretable.monitor import Moved, histories_of, moved
from foretable.registry import promote, version_of
from foretable.report import report_page
from foretable.session import Session
from foretable.warehouse import ensure_catalog

from ..registry.conftest import added

FILES = {
    "pyproject.toml": "[tool.foretable]\n",
    "sql/sources/raw.people.sql": "CREATE TABLE raw.people (branch VARCHAR, id BIGINT, spend DOUBLE, active BOOLEAN, plan VARCHAR)",
    "models/churn.py": """import foretable as ft

person = ft.Entity("person", key=("branch", "id"))
people = ft.Source("raw.people", entity=person, fixed=["spend", "active", "plan"])

@ft.feature_view("features.people", entity=person)
def view() -> ft.Table:
    return people.rows().select("branch", "id", "spend", "active", "plan")

@ft.label("training.churned", entity=person)
def label() -> ft.Table:
    return people.rows().select("branch", "id", "spend")

churn = ft.Model("churn", label=label, features=[view], task="regression", candidates=[ft.LinearRegression()])
ft.scoring_table("predictions.churn", model=churn, output="value", history="90 days")
ft.scoring_table("predictions.plain", model=churn)
""",
}
FILL = """
CREATE SCHEMA raw;
CREATE TABLE raw.people AS SELECT 'north' AS branch, i AS id, i::DOUBLE AS spend, i % 2 = 0 AS active, 'gold' AS plan FROM range(10) AS t(i)
"""
LATER = """
UPDATE raw.people SET spend = spend + 3 WHERE id = 2;
UPDATE raw.people SET spend = spend - 2 WHERE id IN (5, 6);
DELETE FROM raw.people WHERE id = 9;
INSERT INTO raw.people VALUES ('south', 2, 1.0, TRUE, 'gold');
"""
FIRST, SECOND, THIRD = datetime(2026, 1, 1), datetime(2026, 2, 1), datetime(2026, 3, 1)
SAID = "SELECT branch, id, predict_churn__v1(f), predict_churn__v2(f), predict_churn__v3(f) FROM features.people AS f"


def changed(session: Session, statements: str) -> None:
    with duckdb.connect(session.warehouse) as connection:
        connection.execute(statements)


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Session:
    """Three dates: as version 1 says, then as version 2 says, then with other people."""
    root = tmp_path_factory.mktemp("moved")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    changed(made := ft.open(root), FILL)
    with made.connect(write=True) as connection:
        ensure_catalog(connection)
        for weight in (0.4, -0.8, 0.1):
            added(connection, "regression", weight=weight)
        promote(connection, "churn", 1, reason="first")
    made.run(train=False, as_of=FIRST)
    with made.connect(write=True) as connection:
        promote(connection, "churn", 2, reason="to see it")
    made.run(train=False, as_of=SECOND)
    changed(made, LATER)
    made.run(train=False, as_of=THIRD)
    return made


@pytest.fixture(scope="module")
def connection(session: Session) -> Iterator[duckdb.DuckDBPyConnection]:
    with session.connect() as opened:
        yield opened


@pytest.fixture
def found(session: Session, connection: duckdb.DuckDBPyConnection) -> Moved:
    """What moved since the first date."""
    return moved(connection, session.graph, "predictions.churn", 20, datetime(2026, 1, 15))


def test_who_is_new_and_who_is_gone_is_counted_and_not_ranked(found):
    assert (found.both, found.new, found.gone, found.other_version) == (9, 1, 1, 9)
    assert found.risen + found.fallen == 9 == len(found.rose) + len(found.fell)
    assert {each.keys for each in (*found.rose, *found.fell)} == {("north", n) for n in range(9)}
    assert (found.since, found.now, found.keys, found.output) == (FIRST, THIRD, ("branch", "id"), "value")


def test_the_greatest_come_first_whichever_way(found, session, connection):
    assert found.rose and found.fell
    assert [e.change for e in found.rose] == sorted((e.change for e in found.rose), reverse=True) and found.rose[-1].change > 0
    assert [e.change for e in found.fell] == sorted(e.change for e in found.fell) and found.fell[-1].change < 0
    few = moved(connection, session.graph, "predictions.churn", 2, datetime(2026, 1, 15))
    assert (few.rose, few.fell, few.risen, few.fallen) == (found.rose[:2], found.fell[:2], found.risen, found.fallen)
    every = (*found.rose, *found.fell)
    assert found.sum_now - found.sum_before == pytest.approx(sum(each.change for each in every))


def test_a_new_model_is_told_apart_from_new_features(found, connection):
    said = {(branch, n): (first, second) for branch, n, first, second, _ in connection.execute(SAID).fetchall()}
    for each in (*found.rose, *found.fell):
        first, second = said[each.keys]
        assert (each.version_before, each.version_now, each.now) == (1, 2, second)
        assert each.by_features == pytest.approx(first - each.before, abs=1e-15)
        assert each.by_model == pytest.approx(second - first)
        assert (each.by_features == 0) is (each.keys[1] not in (2, 5, 6)), "whose features are as they were"
        assert len(each.reasons) == 2 and (each.low, each.high) == (None, None)


def test_of_one_version_all_is_by_features(session, connection):
    since = moved(connection, session.graph, "predictions.churn", 20, SECOND)
    assert (since.other_version, since.both, since.new, since.gone, since.since) == (0, 9, 1, 1, SECOND)
    every = (*since.rose, *since.fell)
    assert {each.keys[1] for each in every} == {2, 5, 6} and len(since.rose) == 2
    assert all((each.by_features, each.by_model) == (each.change, 0) for each in every)


def test_a_date_before_the_history_is_its_first(session, connection, found):
    early = moved(connection, session.graph, "predictions.churn", 20, datetime(2020, 1, 1))
    assert (early.asked, early.since, early.rose) == (datetime(2020, 1, 1), FIRST, found.rose)


def test_by_default_it_is_30_days_before_the_last(session, connection):
    assert moved(connection, session.graph, "predictions.churn", 1).asked == datetime(2026, 1, 30)


def test_nothing_has_moved_since_the_last(session, connection):
    last = moved(connection, session.graph, "predictions.churn", 5, THIRD)
    assert (last.risen, last.fallen, last.rose, last.fell) == (0, 0, (), ())


def test_tables_that_tell_nothing_of_then(session, connection):
    assert histories_of(session.graph, "churn") == ["predictions.churn"]
    with pytest.raises(UsageError, match=r"predictions\.plain keeps no history"):
        moved(connection, session.graph, "predictions.plain", 5)
    with pytest.raises(UnknownName, match=r"did you mean 'predictions\.churn'"):
        moved(connection, session.graph, "predictions.chrun", 5)


def test_the_command_tells_models_and_tables(session, capsys, found):
    for name in ("churn", "PREDICTIONS.CHURN"):
        assert run(["-C", str(session.root), "moved", name, "--since", "2026-01-15", "--limit", "2"]) == 0
        told = capsys.readouterr().out
        assert "value of predictions.churn on 2026-03-01, beside that of 2026-01-01.\n" in told
        assert f"Of 9 keys with a prediction then and now, {found.risen} rose and {found.fallen} fell" in told
        assert "Another version of the model answers for 9 of them." in told and told.count("1 → 2") == 4
    assert run(["-C", str(session.root), "moved", "churn", "--json"]) == 0
    (plain,) = json.loads(capsys.readouterr().out)
    assert plain["rose"][0]["change"] == found.rose[0].change and plain["rose"][0]["keys"] == list(found.rose[0].keys)
    for words in (["moved", "chrun"], ["moved", "churn", "--since", "soon"], ["report", "churn", "--since", "2026-01-15"]):
        assert run(["-C", str(session.root), *words]) in (1, 2)
        assert "Hint: " in capsys.readouterr().err


def test_a_report_has_rows_of_people_only_where_it_is_asked(session, connection, found):
    plain, asked = (report_page(connection, version_of(connection, "churn", 2), moved=each) for each in ((), (found,)))
    assert "Who moved most" not in plain and "north" not in plain
    assert 'href="#moved"' in asked and asked.count("<td>north</td>") + asked.count('<th scope="row">north</th>') == 9
