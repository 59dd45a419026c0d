"""``foretable.connect``: a plain DuckDB connection on which ``predict_<model>()`` works."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import duckdb

from foretable.udf.functions import register_models
from foretable.warehouse import open_warehouse


def connect(path: str | Path, *, read_only: bool = False, wait: float = 0.0, attach: Mapping[str, Path] = {}) -> duckdb.DuckDBPyConnection:
    """Open a warehouse with its models as functions.

    Parameters
    ----------
    path
        The warehouse file; a file without models, even an empty one, will do.
    read_only
        Open for reading; several processes may.
    wait
        Seconds to wait politely while another process writes.
    attach
        Alias and path of other DuckDB files, attached read-only.

    Returns
    -------
    duckdb.DuckDBPyConnection
        Times are UTC. ``predict_<model>(row)`` and ``FROM predict_<model>(table)`` call the champion,
        ``predict_<model>__v<N>`` any retained version; ``<alias>.main.predict_<model>`` those of an
        attached warehouse. Works with Ibis (``ibis.duckdb.from_connection``), pandas and Arrow. The caller
        closes it, and keeps it for as long as its cursors score.

    Raises
    ------
    WarehouseLocked
        Another process still writes after ``wait`` seconds.
    WarehouseError
        The file cannot be used.
    """
    connection = open_warehouse(path, read_only=read_only, wait=wait, attach=attach)
    try:
        register_models(connection)
    except BaseException:
        connection.close()
        raise
    return connection
