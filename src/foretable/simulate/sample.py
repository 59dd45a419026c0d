"""The sample warehouse: raw tables of the reference worlds, small, from a seed."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from foretable.simulate.telco import simulate_telco

CUSTOMERS = 2_500
SEED = 2026


def build_sample(path: Path, *, customers: int = CUSTOMERS, seed: int = SEED) -> Path:
    """Write ``warehouse.duckdb.sample``: only raw tables, in a storage version that every DuckDB 1.x reads.

    The file is the same byte for byte whenever it is built from the same seed with the same DuckDB: one
    thread, nothing compressed, and its place taken only when it is complete.

    Parameters
    ----------
    path
        The file to write; one that is there is replaced.
    customers
        Rows of ``raw.telco``.
    seed
        The seed of every generator.
    """
    with TemporaryDirectory(dir=path.parent, prefix=".sample") as folder:
        made = Path(folder) / "warehouse.duckdb"  # DuckDB writes the stem into the file: it must not depend on the path
        connection = duckdb.connect(made, config={"threads": 1, "storage_compatibility_version": "v1.0.0"})
        try:
            connection.execute("PRAGMA force_compression = 'uncompressed'")  # compressed segments end in stray bytes of memory
            _write_telco(connection, customers, seed)
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
