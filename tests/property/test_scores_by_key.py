"""Predictions refreshed by key are those of a full refresh to the bit; a new champion rescores, and nothing else does."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from foretable.session import Session

SCORES = "SELECT * FROM predictions.churn ORDER BY customer_id"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shop with a trained model and everything built."""
    import shutil

    root = tmp_path_factory.mktemp("scores") / "shop"
    shutil.copytree(Path(__file__).parents[1] / "shop", root, ignore=shutil.ignore_patterns("__pycache__"))
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((root / "data.sql").read_text())
    Session(root).run(trials=1)
    return root


@pytest.fixture
def shop(trained: Path, tmp_path: Path) -> Iterator[Session]:
    import shutil

    root = tmp_path / "shop"
    shutil.copytree(trained, root, symlinks=True)
    yield Session(root)


def change(session: Session, query: str, *values: object) -> None:
    with duckdb.connect(session.warehouse) as connection:
        connection.execute(query, list(values))


def actions(session: Session, **options: object) -> dict[str, tuple[str, int]]:
    done = session.run(train=False, **options)  # type: ignore[arg-type]
    return {built.table: (built.action, built.inserted + built.updated + built.deleted) for built in done.wave.built}


def test_only_rows_whose_features_changed_are_scored_and_to_the_bit(shop: Session) -> None:
    before = {row[0]: row for row in shop.rows(SCORES)[1]}
    chance = random.Random(1)
    touched = chance.sample(sorted(before), 3)
    change(shop, "UPDATE raw.plans SET monthly_fee = monthly_fee + 1 WHERE customer_id IN (SELECT unnest(?))", touched)
    took = actions(shop)
    assert took["features.customer_usage"] == ("INCREMENTAL", 3) and took["predictions.churn"][0] == "INCREMENTAL"
    by_key = shop.rows(SCORES)[1]
    assert {row[0] for row in by_key if row != before[row[0]]} <= set(touched)
    assert actions(shop, full_refresh=True)["predictions.churn"] == ("FULL", 0)
    assert shop.rows(SCORES)[1] == by_key, "scored_at too is that of the last change"


def test_a_new_champion_rescores_what_depends_on_it_and_nothing_else(shop: Session) -> None:
    from foretable.registry import promote

    shop.train("churn", trials=1)
    with shop.connect(write=True) as connection:
        promote(connection, "churn", 2, reason="test")
    took = actions(shop)
    assert took["features.customer_usage"][0] == "NO_DATA"
    assert took["predictions.churn"][0] == "FULL"
    assert {row[0] for row in shop.rows("SELECT DISTINCT model_version FROM predictions.churn")[1]} == {2}
    assert {action for action, _ in actions(shop).values()} == {"NO_DATA"}
