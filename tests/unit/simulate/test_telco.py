"""The simulated telephone company: seeded, shaped like the real file, and true to its own hazard."""

from __future__ import annotations

import hashlib
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from foretable.errors import UsageError
from foretable.simulate import build_sample, simulate_clv, simulate_telco, telco_hazards
from foretable.simulate.sample import COLDSTART, CONTINUOUS, CUSTOMERS, INTERACTIONS, SEED
from foretable.simulate.telco import true_risk

COLUMNS = [
    "customerID", "gender", "SeniorCitizen", "Partner", "Dependents", "tenure", "PhoneService", "MultipleLines", "InternetService",
    "OnlineSecurity", "OnlineBackup", "DeviceProtection", "TechSupport", "StreamingTV", "StreamingMovies", "Contract",
    "PaperlessBilling", "PaymentMethod", "MonthlyCharges", "TotalCharges", "Churn",
]  # fmt: skip


@pytest.fixture(scope="module")
def world() -> pa.Table:
    return simulate_telco(40_000, seed=5)


def test_the_same_seed_gives_the_same_customers_and_another_seed_others() -> None:
    assert simulate_telco(300, seed=1).equals(simulate_telco(300, seed=1))
    assert not simulate_telco(300, seed=1).equals(simulate_telco(300, seed=2))


def test_the_shape_is_ibm_s(world: pa.Table) -> None:
    assert world.column_names == COLUMNS
    assert len(pc.unique(world["customerID"])) == 40_000
    assert all(pc.match_substring_regex(world["customerID"], r"^\d{4}-[A-Z]{5}$").to_pylist())
    assert set(pc.unique(world["Contract"]).to_pylist()) == {"Month-to-month", "One year", "Two year"}
    assert world["TotalCharges"].type == pa.string()


@pytest.mark.parametrize(
    ("what", "real", "tolerance"),
    [
        ("avg((Churn = 'Yes')::INT)", 0.2654, 0.012),
        ("avg(tenure)", 32.37, 1.0),
        ("avg(MonthlyCharges)", 64.76, 1.0),
        ("stddev(MonthlyCharges)", 30.09, 1.0),
        ("avg((TotalCharges = ' ')::INT) * 7043", 11, 4),
        ("avg((Contract = 'Month-to-month')::INT)", 0.550, 0.015),
        ("avg((InternetService = 'Fiber optic')::INT)", 0.440, 0.015),
        ("avg((PaymentMethod = 'Electronic check')::INT)", 0.336, 0.015),
        ("avg((Churn = 'Yes')::INT) FILTER (Contract = 'Month-to-month')", 0.427, 0.03),
        ("avg((Churn = 'Yes')::INT) FILTER (Contract = 'Two year')", 0.028, 0.015),
        ("avg((tenure = 72)::INT)", 0.0514, 0.02),
        ("sum(greatest(tenure - 2, 0)) / sum((Churn = 'Yes' AND tenure >= 3)::INT)", 157, 15),
    ],
)
def test_margins_are_near_the_real_file_s(world: pa.Table, what: str, real: float, tolerance: float) -> None:
    (found,) = duckdb.connect().execute("SELECT " + what + " FROM world").fetchone() or (None,)
    assert found == pytest.approx(real, abs=tolerance)


def test_services_fit_together(world: pa.Table) -> None:
    broken = """
        SELECT count(*) FROM world WHERE (PhoneService = 'No') != (MultipleLines = 'No phone service')
            OR (InternetService = 'No') != (TechSupport = 'No internet service') OR (PhoneService = 'No' AND InternetService = 'No')
            OR (TotalCharges = ' ') != (tenure = 0) OR (tenure = 0 AND Churn = 'Yes') OR tenure > 72 OR MonthlyCharges < 18
            OR TRY_CAST(nullif(trim(TotalCharges), '') AS DOUBLE) < MonthlyCharges - 0.01
    """
    assert duckdb.connect().execute(broken).fetchone() == (0,)


def test_customers_leave_as_often_as_the_hazard_says(world: pa.Table) -> None:
    truth = telco_hazards(world)
    assert len(truth) == pc.sum(world["tenure"]).as_py()
    observed = (
        duckdb.connect()
        .execute("""
        SELECT ntile(10) OVER (ORDER BY t.true_hazard) AS decile, t.true_hazard AS hazard,
            w.Churn = 'Yes' AND w.tenure = t.tenure_month AS goes
        FROM truth AS t JOIN world AS w ON w.customerID = t.customer_id
    """)
        .fetchnumpy()
    )
    for decile in range(1, 11):
        rows = observed["decile"] == decile
        hazard, goes = observed["hazard"][rows], observed["goes"][rows].astype(float)
        error = np.sqrt((hazard * (1 - hazard)).sum())
        assert abs(goes.sum() - hazard.sum()) < 4 * error, f"decile {decile}"


def test_true_risk_is_the_product_of_staying(world: pa.Table) -> None:
    some = world.filter(pc.and_(pc.equal(world["Churn"], "No"), pc.equal(world["tenure"], 10))).slice(0, 1)
    later = some.set_column(some.column_names.index("tenure"), "tenure", pa.array([12]))
    hazards = telco_hazards(later)["true_hazard"].to_numpy()
    stays = np.prod(1 - hazards[9:12])  # months 10, 11 and 12
    assert true_risk(some, 3)[0] == pytest.approx(1 - stays)


def test_a_world_of_no_customers_is_refused() -> None:
    with pytest.raises(UsageError, match="0 customers"):
        simulate_telco(0)


def test_the_sample_is_the_same_byte_for_byte_and_holds_raw_tables_alone(tmp_path: Path) -> None:
    paths = [build_sample(tmp_path / name, customers=500) for name in ("one.duckdb", "two.duckdb")]
    first, second = (hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    assert first == second
    with duckdb.connect(str(paths[0]), read_only=True) as connection:
        assert connection.execute("SELECT DISTINCT table_schema FROM information_schema.tables").fetchall() == [("raw",)]
        assert connection.execute("SELECT count(*), count(DISTINCT customerID) FROM raw.telco").fetchone() == (500, 500)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.duckdb", "two.duckdb"]


def test_a_sample_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "warehouse.duckdb.sample"
    path.write_text("no database")
    build_sample(path, customers=10)
    with duckdb.connect(str(path), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM raw.telco").fetchone() == (10,)


def test_the_sample_in_the_repository_is_what_the_seed_gives() -> None:
    path = Path(__file__).parents[3] / "warehouse.duckdb.sample"
    made = {"telco": simulate_telco(CUSTOMERS, SEED)}
    made |= simulate_clv(CONTINUOUS, SEED, coldstart=COLDSTART, interactions=INTERACTIONS)
    assert path.stat().st_size < 5_000_000
    with duckdb.connect(str(path), read_only=True) as connection:
        assert {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()} == set(made)
        for name, fresh in made.items():
            connection.register("fresh", fresh)
            assert connection.execute(f"FROM fresh EXCEPT ALL FROM raw.{name}").fetchall() == []
            assert connection.execute(f"SELECT count(*) FROM raw.{name}").fetchone() == (len(fresh),)
