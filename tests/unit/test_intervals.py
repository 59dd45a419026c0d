"""Intervals from the declaration to the tables: trained, judged, promoted, shared among versions, exported, registered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest

import foretable as ft
from foretable.errors import DeclarationError
from foretable.registry import champion, evaluations, findings, promote, versions
from foretable.registry.transfer import export_version, import_version

FILES = {
    "pyproject.toml": "[tool.foretable]\n",
    "sql/sources/raw.customers.sql": "CREATE TABLE raw.customers (customer_id BIGINT, visits DOUBLE, spend DOUBLE)",
    "models/spend.py": """import foretable as ft
from foretable import _

customer = ft.Entity("customer", key="customer_id")
customers = ft.Source("raw.customers", entity=customer, fixed=["visits", "spend"])

@ft.feature_view("features.visits", entity=customer)
def visits() -> ft.Table:
    return customers.rows().select("customer_id", "visits")

@ft.label("training.spent", entity=customer)
def spent() -> ft.Table:
    return customers.rows().select("customer_id", "spend")

spend = ft.Model("spend", label=spent, features=[visits], task="regression", INTERVALScandidates=[ft.LinearRegression()])
ft.scoring_table("predictions.spend", model=spend, output="expected", shadow="challenger", traffic={"challenger": 0.5}, history="1 year")
""",
    "sql/decisions.sql": "CREATE DYNAMIC TABLE decisions.spend ENTITY = customer AS SELECT * FROM predict_spend(features.visits);\n",
}
FILL = """
CREATE SCHEMA raw;
CREATE TABLE raw.customers AS
SELECT i AS customer_id, v AS visits, CASE WHEN u < 0.2 THEN 0 ELSE v * 10 * -ln(u) END AS spend
FROM (SELECT i, (i * 7919 % 100)::DOUBLE AS v, ((i * 104729 % 10007) + 0.5) / 10007 AS u FROM range(3000) AS t(i))
"""
ENDS = "SELECT expected, expected_low, expected_high, model_version, expected_challenger, expected_challenger_low FROM predictions.spend"


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A project whose first version has no intervals; then they are declared, and it is run again."""
    root = tmp_path_factory.mktemp("intervals")
    write(root, FILES | {"models/spend.py": FILES["models/spend.py"].replace("INTERVALS", "")})
    with duckdb.connect(root / "warehouse.duckdb") as connection:
        connection.execute(FILL)
    ft.open(root).run()
    write(root, {"models/spend.py": FILES["models/spend.py"].replace("INTERVALS", "intervals=0.9, ")})
    ft.open(root).run()
    yield root


def test_declaring_intervals_trains_again_and_lets_the_equal_version_in(root: Path) -> None:
    with ft.open(root).connect(write=False) as connection:
        now = champion(connection, "spend")
        assert now is not None and now.version == 2 and now.signature.intervals is not None and now.signature.intervals.level == 0.9
        measured = {(e.split, e.segment, e.metric): e for e in evaluations(connection, "spend", 2)}
        for split in ("validation", "test"):
            one = measured[split, "all", "coverage"]
            assert one.low <= one.value <= one.high and abs(one.value - 0.9) < 0.04
            assert measured[split, "all", "interval_width"].value > 0
        assert ("test", "decile=1", "coverage") in measured and ("train", "all", "coverage") not in measured
        assert "intervals" not in {found.check for found in findings(connection, "spend", 2)}
        # The figures are those of the table that people read.
        held = connection.execute(
            "SELECT avg((spend BETWEEN expected_low AND expected_high)::INT) FROM predictions.spend JOIN raw.customers USING (customer_id)"
        ).fetchall()[0][0]
        assert abs(held - 0.9) < 0.02


def test_the_interval_is_that_of_the_version_that_answered(root: Path) -> None:
    session = ft.open(root)
    with session.connect(write=True) as connection:
        promote(connection, "spend", 1, reason="without intervals", alias="challenger")
    session.run()
    with session.connect(write=True) as connection:
        connection.execute("UPDATE raw.customers SET visits = visits + 0.5 WHERE customer_id % 50 = 0")
    built = {step.table: step.action for step in session.run(train=False).wave.built}
    assert built["predictions.spend"] == "INCREMENTAL"
    with session.connect(write=False) as connection:
        signature = champion(connection, "spend").signature
        rows = connection.execute(ENDS).fetchall()
        columns = [name for (name,) in connection.execute("SELECT column_name FROM (DESCRIBE FROM decisions.spend)").fetchall()]
        table = connection.execute("SELECT spend_prediction, spend_prediction_low FROM decisions.spend").fetchnumpy()
    assert {row[3] for row in rows} == {1, 2}
    assert all(row[1:3] == (None, None) for row in rows if row[3] == 1), "the first version has none"
    ours = [row for row in rows if row[3] == 2]
    low, high = signature.intervals.of(np.array([row[0] for row in ours]))
    assert [row[1] for row in ours] == low.tolist() and [row[2] for row in ours] == high.tolist()
    assert all(row[4] is not None and row[5] is None for row in rows)
    assert columns == ["customer_id", "visits", "spend_prediction", "spend_prediction_low", "spend_prediction_high", "model_version"]
    assert table["spend_prediction_low"].tolist() == signature.intervals.of(np.asarray(table["spend_prediction"]))[0].tolist()


def test_an_estimator_of_a_notebook_and_a_version_in_a_file_have_intervals(root: Path, tmp_path: Path) -> None:
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LinearRegression
    from sklearn.pipeline import make_pipeline

    session = ft.open(root)
    rows = session.training_set("spend", part="train").to_pandas()
    estimator = make_pipeline(SimpleImputer(), LinearRegression()).fit(rows[["visits"]], rows["spend"])
    report = session.register("spend", estimator, ["visits"], unseen=True)
    number = report.best.version
    with session.connect(write=True) as connection:
        mine = next(each for each in versions(connection, "spend") if each.version == number)
        assert mine.signature.intervals is not None and mine.signature.intervals.low
        moved = import_version(connection, export_version(connection, f"spend@{number}", tmp_path))
        assert moved.version.signature == mine.signature
        query = (
            f"SELECT predict_spend_interval__v{number}(f), predict_spend_interval__v{moved.version.version}(f) FROM features.visits AS f"
        )
        assert all(one == other and one["low"] <= one["high"] for one, other in connection.execute(query).fetchall())


def test_a_model_that_declares_none_has_no_such_function(root: Path, tmp_path: Path) -> None:
    write(tmp_path, FILES | {"models/spend.py": FILES["models/spend.py"].replace("INTERVALS", "")})
    write(tmp_path, {"sql/decisions.sql": FILES["sql/decisions.sql"].replace("*", "customer_id, spend_prediction_low")})
    with pytest.raises(DeclarationError, match="spend_prediction_low"):
        ft.open(tmp_path).graph  # noqa: B018


@pytest.mark.parametrize(
    "scoring", ['output="visits", keep=["visits"]', 'output="model_version"', 'output="Scored_At"', 'output="expected", shadow="low"']
)
def test_no_column_hides_another(tmp_path: Path, scoring: str) -> None:
    declared = FILES["models/spend.py"].replace("INTERVALS", "intervals=0.9, ")
    head, _, _ = declared.partition('output="expected"')
    write(tmp_path, FILES | {"models/spend.py": f"{head}{scoring})\n"})
    with pytest.raises(DeclarationError, match=r"two columns would be called '(visits|model_version|Scored_At|expected_low)'"):
        ft.open(tmp_path).graph  # noqa: B018
