"""The sample warehouse: raw tables of the reference worlds, small, from a seed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
from sqlglot import exp

from foretable.simulate.clv import simulate_clv
from foretable.simulate.telco import simulate_telco
from foretable.sql import statement, table
from foretable.warehouse.open import NO_PROGRESS

CUSTOMERS = 2_500
SEED = 2026
CONTINUOUS, COLDSTART = 600, 900
"""Customers of the lifetime-value world."""
INTERACTIONS = 0.15
"""Share of their interactions that the sample keeps."""
CLV_TABLES = {
    "coldstart_customers": "Simulated customers as they were exported in their first 30 days",
    "coldstart_customers_staging": "Newcomers since the last load, and corrected rows",
    "coldstart_transactions": "What the cold-start customers bought",
    "continuous_customers_profile": "Simulated customers with a history",
    "continuous_customers_profile_staging": "New customers since the last load, and corrected rows",
    "continuous_transactions": "What the continuous customers bought",
    "continuous_transactions_staging": "New purchases since the last load, and corrected rows",
    "continuous_interactions": "What the continuous customers looked at, opened and asked",
    "continuous_interactions_staging": "New interactions since the last load, and corrected rows",
}


def build_sample(path: Path, *, customers: int = CUSTOMERS, seed: int = SEED) -> Path:
    """Write ``warehouse.duckdb.sample``: only raw tables, in a storage version that every DuckDB 1.x reads.

    The file is the same byte for byte whenever it is built from the same seed with the same DuckDB: one
    thread, nothing compressed, and its place taken only when it is complete.

    Parameters
    ----------
    path
        The file to write; one that is there is replaced.
    customers
        Rows of ``raw.telco``; the tables of the lifetime-value world have a size of their own.
    seed
        The seed of every generator.
    """
    with TemporaryDirectory(dir=path.parent, prefix=".sample") as folder:
        made = Path(folder) / "warehouse.duckdb"  # DuckDB writes the stem into the file: it must not depend on the path
        connection = duckdb.connect(made, config={"threads": 1, "storage_compatibility_version": "v1.0.0"})
        try:
            connection.execute(NO_PROGRESS)
            connection.execute("PRAGMA force_compression = 'uncompressed'")  # compressed segments end in stray bytes of memory
            _write_telco(connection, customers, seed)
            _write_clv(connection, seed)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
        made.replace(path)
    return path


def _write_telco(connection: duckdb.DuckDBPyConnection, customers: int, seed: int) -> None:
    connection.register("simulated_telco", simulate_telco(customers, seed))
    connection.execute("CREATE SCHEMA raw")
    connection.execute("CREATE TABLE raw.telco AS FROM simulated_telco")
    connection.execute("COMMENT ON TABLE raw.telco IS 'Simulated telephone customers in the shape of IBM''s Telco sample'")
    connection.unregister("simulated_telco")


def _write_clv(connection: duckdb.DuckDBPyConnection, seed: int) -> None:
    made = simulate_clv(CONTINUOUS, seed, coldstart=COLDSTART, interactions=INTERACTIONS)
    for name, comment in CLV_TABLES.items():
        connection.register("simulated_clv", made[name])
        target = table(f"raw.{name}")
        connection.execute(statement("CREATE TABLE $target AS SELECT * FROM simulated_clv", target=target))
        connection.execute(statement("COMMENT ON TABLE $target IS $text", target=target, text=exp.Literal.string(comment)))
        connection.unregister("simulated_clv")
