"""The system catalog: created once, migrated whole, refused when newer."""

import threading
from datetime import datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from foretable.errors import CatalogTooNew
from foretable.warehouse import CATALOG_VERSION, ensure_catalog, open_warehouse
from foretable.warehouse.catalog import Migration, migrate, migrations
from foretable.warehouse.version import catalog_version


def names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM (SHOW ALL TABLES) WHERE schema = 'foretable'").fetchall()}


def test_migrations_are_numbered_without_a_gap() -> None:
    assert [step.version for step in migrations()] == list(range(1, CATALOG_VERSION + 1))


def test_a_catalog_is_made_once(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        assert catalog_version(connection) == 0
        ensure_catalog(connection)
        ensure_catalog(connection)
        assert catalog_version(connection) == CATALOG_VERSION
        assert connection.execute("SELECT count(*) FROM foretable.catalog").fetchall() == [(CATALOG_VERSION,)]
        assert {"tables", "waves", "refresh_history", "model_versions", "models", "table_status", "quarantine_summary"} <= names(connection)
    assert not (tmp_path / "backups").exists()


def test_a_catalog_of_an_attached_file_is_not_taken_for_ours(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "other.duckdb") as connection:
        ensure_catalog(connection)
    with open_warehouse(tmp_path / "w.duckdb", attach={"other": tmp_path / "other.duckdb"}) as connection:
        assert catalog_version(connection) == 0
        ensure_catalog(connection)
        assert catalog_version(connection) == CATALOG_VERSION


def test_threads_that_arrive_together_make_one_catalog(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        problems: list[BaseException] = []
        together = threading.Barrier(4)

        def arrive() -> None:
            with connection.cursor() as cursor:
                together.wait()
                try:
                    ensure_catalog(cursor)
                except BaseException as problem:
                    problems.append(problem)

        threads = [threading.Thread(target=arrive) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert problems == []
        assert connection.execute("SELECT count(*) FROM foretable.catalog").fetchall() == [(CATALOG_VERSION,)]


NEXT = Migration(CATALOG_VERSION + 1, "ALTER TABLE foretable.waves ADD COLUMN host VARCHAR; UPDATE foretable.waves SET host = 'here'")
BROKEN = Migration(CATALOG_VERSION + 2, "CREATE TABLE foretable.more (a INTEGER); SELECT error('half way')")


def older(path: Path) -> Path:
    with open_warehouse(path) as connection:
        ensure_catalog(connection)
        connection.execute("INSERT INTO foretable.waves (wave) VALUES (7)")
        connection.execute("CREATE TABLE kept AS SELECT i FROM range(1000) AS t(i)")
    return path


def test_an_older_catalog_is_copied_then_migrated(tmp_path: Path) -> None:
    path = older(tmp_path / "w.duckdb")
    with open_warehouse(path) as connection:
        migrate(connection, [*migrations(), NEXT])
        assert catalog_version(connection) == NEXT.version
        assert connection.execute("SELECT wave, host FROM foretable.waves").fetchall() == [(7, "here")]
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name.startswith(f"w-catalog-{CATALOG_VERSION}-")
    with open_warehouse(copy, read_only=True) as connection:
        assert catalog_version(connection) == CATALOG_VERSION
        assert connection.execute("SELECT count(*) FROM kept").fetchall() == [(1000,)]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = older(tmp_path / "w.duckdb")
    with open_warehouse(path) as connection:
        before = names(connection)
        with pytest.raises(duckdb.Error, match="half way"):
            migrate(connection, [*migrations(), NEXT, BROKEN])
        assert catalog_version(connection) == CATALOG_VERSION
        assert names(connection) == before
        assert connection.execute("SELECT * FROM foretable.waves").description == connection.execute("FROM foretable.waves").description
        assert "host" not in [column[0] for column in connection.execute("FROM foretable.waves").description]


def test_a_newer_catalog_is_refused_and_unharmed(tmp_path: Path) -> None:
    path = older(tmp_path / "w.duckdb")
    with open_warehouse(path) as connection:
        connection.execute("INSERT INTO foretable.catalog VALUES (99, '9.0', NULL)")
    before = path.read_bytes()
    with open_warehouse(path) as connection, pytest.raises(CatalogTooNew, match="version 99") as caught:
        ensure_catalog(connection)
    assert "upgrade" in caught.value.hint
    assert path.read_bytes() == before


def test_status_says_how_late_a_table_is(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        for name, target, days in (("a", "1 day", 3), ("b", "1 week", 3), ("c", "DOWNSTREAM", 3), ("d", None, 3)):
            connection.execute(
                "INSERT INTO foretable.tables (name, target_lag, refreshed_at) VALUES (?, ?, make_timestamp(epoch_us(now())) - to_days(?))",
                [name, target, days],
            )
        for zone in ("UTC", "Pacific/Kiritimati"):
            connection.execute("SET TimeZone = ?", [zone])
            status = connection.execute(
                "SELECT name, is_late, actual_lag, next_due IS NULL FROM foretable.table_status ORDER BY name"
            ).fetchall()
            assert [(name, late, none) for name, late, _, none in status] == [
                ("a", True, False),
                ("b", False, False),
                ("c", False, True),
                ("d", False, True),
            ]
            assert all(timedelta(days=3) <= lag < timedelta(days=3, minutes=5) for _, _, lag, _ in status)


def test_models_show_their_aliases(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        for version in (1, 2, 3):
            row = ["churn", version, datetime(2024, 1, version), f'{{"auc": 0.{version}}}']
            connection.execute("INSERT INTO foretable.model_versions (model, version, created_at, metrics) VALUES (?, ?, ?, ?)", row)
        connection.execute("INSERT INTO foretable.model_versions (model, version) VALUES ('clv', 1)")
        connection.execute("INSERT INTO foretable.model_aliases VALUES ('churn', 'champion', 2, NULL), ('churn', 'challenger', 3, NULL)")
        assert connection.execute("SELECT * FROM foretable.models ORDER BY model").fetchall() == [
            ("churn", 2, 3, 3, 3, datetime(2024, 1, 3), '{"auc": 0.2}'),
            ("clv", None, None, 1, 1, None, None),
        ]


def test_quarantine_counts_what_is_waiting(tmp_path: Path) -> None:
    with open_warehouse(tmp_path / "w.duckdb") as connection:
        ensure_catalog(connection)
        connection.execute(
            "INSERT INTO foretable.quarantine_log VALUES"
            " ('raw.t', 1, 'charges >= 0', 'charges', 5, '2024-01-01', 2), ('raw.t', 2, 'charges >= 0', 'charges', 3, '2024-01-02', 0)"
        )
        assert connection.execute("SELECT quarantined, redriven, waiting FROM foretable.quarantine_summary").fetchall() == [(8, 2, 6)]
