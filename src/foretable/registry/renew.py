"""A warehouse of an earlier release: its catalog, and the functions of its versions, as this release writes them."""

from __future__ import annotations

import duckdb

from foretable.registry.aliases import ARCHIVED, CHAMPION


def renew(connection: duckdb.DuckDBPyConnection) -> None:
    """Bring an earlier catalog to this release; with it every version gets the functions that came later.

    Nothing is done where the catalog is this release's, or there is none. Call it outside a transaction.

    Parameters
    ----------
    connection
        A writable warehouse.
    """
    from foretable.warehouse import CATALOG_VERSION, ensure_catalog
    from foretable.warehouse.version import catalog_version

    if 0 < catalog_version(connection) < CATALOG_VERSION:
        ensure_catalog(connection, then=_functions)


def _functions(connection: duckdb.DuckDBPyConnection) -> None:
    # Here, because the functions import this package for the signature.
    from foretable.udf.functions import install_macros

    for model, version in connection.execute("SELECT model, version FROM foretable.model_versions ORDER BY ALL").fetchall():
        install_macros(connection, model, version, f"predict_{model}__v{version}")
    query = "SELECT model, version, alias FROM foretable.model_aliases WHERE alias <> ? ORDER BY ALL"
    for model, version, alias in connection.execute(query, [ARCHIVED]).fetchall():
        install_macros(connection, model, version, f"predict_{model}__{alias}")
        if alias == CHAMPION:
            install_macros(connection, model, version, f"predict_{model}")
