"""BigQuery's and Snowflake's spelling in, our words out; both run, and give the rows of a hand-written twin in our words."""

import shutil
from pathlib import Path

import pytest

import foretable as ft
from foretable.faces import in_catalog, rewritten

HERE = Path(__file__).parent / "faces"
NAMES = sorted(path.name.removesuffix(".in.sql") for path in HERE.glob("*.in.sql"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The shop with a champion of its model."""
    import duckdb

    root = tmp_path_factory.mktemp("faces") / "shop"
    shutil.copytree(Path(__file__).parents[1] / "shop", root, ignore=shutil.ignore_patterns("__pycache__"))
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((root / "data.sql").read_text())
    session = ft.open(root)
    session.run(trials=1)
    return session


@pytest.mark.parametrize("name", NAMES)
def test_in_our_words(trained, name):
    given = (HERE / f"{name}.in.sql").read_text()
    with trained.connect() as connection:
        text = rewritten(given, in_catalog(connection))
        assert text == (HERE / f"{name}.out.sql").read_text()
        ours = connection.execute(text).fetchall()
        twin = connection.execute((HERE / f"{name}.twin.sql").read_text()).fetchall()
    assert ours == twin
    assert len(ours) > 3
    assert [tuple(row.values()) for row in trained.sql(given).to_pylist()] == ours
