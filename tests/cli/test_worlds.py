"""``foretable simulate``: files of every kind, the truth beside them, and nothing overwritten that may be a warehouse."""

from __future__ import annotations

import duckdb
import pytest


@pytest.mark.parametrize(
    ("ending", "reader"), [("csv", "read_csv('{}')"), ("parquet", "read_parquet('{}')"), ("duckdb", "made.raw.telco")], ids=str
)
def test_every_ending_holds_the_same_customers(call, tmp_path, ending, reader):
    file, truth = tmp_path / f"made.{ending}", tmp_path / "hazards.parquet"
    done = call(tmp_path, "simulate", "telco", "--customers", "50", "--seed", "3", "--to", str(file), "--truth", str(truth))
    assert done.code == 0, done.err
    with duckdb.connect() as connection:
        if ending == "duckdb":
            connection.execute(f"ATTACH '{file}' AS made (READ_ONLY)")
        rows = f"FROM {reader.format(file)}"
        assert connection.execute(f"SELECT count(*), count(DISTINCT customerID), count(DISTINCT Churn) {rows}").fetchall() == [(50, 50, 2)]
        months = connection.execute(f"SELECT sum(tenure) {rows}").fetchall()
        assert connection.execute(f"SELECT count(*) FROM read_parquet('{truth}') WHERE true_hazard BETWEEN 0 AND 1").fetchall() == months


@pytest.mark.parametrize("world", ["telco", "clv", "sample"])
def test_a_file_that_may_be_a_warehouse_stays(call, tmp_path, world):
    warehouse = tmp_path / "warehouse.duckdb"
    warehouse.write_bytes(b"precious")
    done = call(tmp_path, "simulate", world, "--customers", "50", "--to", str(warehouse))
    assert done.code == 2
    assert "is there already" in done.err
    assert warehouse.read_bytes() == b"precious"


def test_the_sample_is_made_again_in_its_place(call, tmp_path):
    sample = tmp_path / "warehouse.duckdb.sample"
    sample.write_bytes(b"old")
    assert call(tmp_path, "simulate", "sample", "--customers", "50", "--to", str(sample)).code == 0
    with duckdb.connect(str(sample), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM raw.telco").fetchall() == [(50,)]


@pytest.mark.parametrize(
    "words",
    [
        ["mars"],
        ["telco", "--to", "x.xls"],
        ["telco", "--to", "x.csv", "--truth", "x.txt"],
        ["sample", "--truth", "x.csv"],
        ["clv", "--to", "x.csv"],
        ["clv", "--to", "x", "--truth", "x.csv"],
        ["clv", "--to", "nowhere/x"],
        ["clv", "--to", "x", "--truth", "x/coldstart_customers.parquet"],
        ["clv", "--to", "x", "--seed", "-1"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_made_writes_nothing(call, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    done = call(tmp_path, "simulate", *words)
    assert done.code == (1 if "nowhere/x" in words else 2)
    assert "Hint:" in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_lifetime_value_world_as_a_folder_and_as_a_database(call, tmp_path):
    folder, file, truth = tmp_path / "world", tmp_path / "world.duckdb", tmp_path / "values.parquet"
    done = call(tmp_path, "simulate", "clv", "--customers", "300", "--seed", "3", "--to", str(folder), "--truth", str(truth))
    assert done.code == 0, done.err
    assert call(tmp_path, "simulate", "clv", "--customers", "300", "--seed", "3", "--to", str(file)).code == 0
    with duckdb.connect() as connection:
        connection.execute(f"ATTACH '{file}' AS made (READ_ONLY)")
        tables = [name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE schema_name = 'raw'").fetchall()]
        assert sorted(path.stem for path in folder.iterdir()) == sorted(tables)
        assert len(tables) == 9
        for name in tables:
            assert f"{name}: {connection.execute(f'SELECT count(*) FROM made.raw.{name}').fetchone()[0]:,} row" in done.out
            parquet = f"read_parquet('{folder / name}.parquet')"
            assert connection.execute(f"FROM made.raw.{name} EXCEPT ALL FROM {parquet}").fetchall() == []
            assert connection.execute(f"DESCRIBE FROM {parquet}").fetchall() == connection.execute(f"DESCRIBE made.raw.{name}").fetchall()
        people = f"SELECT customer_id FROM read_parquet('{truth}') WHERE expected_12m_value >= 0 AND scenario = 'coldstart'"
        assert connection.execute(f"SELECT count(*) FROM ({people})").fetchone() == (300,)


def test_a_world_that_is_there_is_made_again(call, tmp_path):
    (tmp_path / "world").mkdir()
    (tmp_path / "world" / "coldstart_customers.parquet").write_text("old")
    assert call(tmp_path, "simulate", "clv", "--customers", "5", "--to", str(tmp_path / "world")).code == 0
    with duckdb.connect() as connection:
        found = connection.execute(f"SELECT count(*) FROM read_parquet('{tmp_path}/world/coldstart_customers*.parquet')").fetchone()
    assert found >= (5,)
