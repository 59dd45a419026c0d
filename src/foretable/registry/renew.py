"""A warehouse of an earlier release: its catalog, and the functions of its versions, as this release writes them."""

from __future__ import annotations

import duckdb

from foretable.registry.aliases import ARCHIVED, CHAMPION

_VERSIONS = "SELECT model, version FROM foretable.model_versions WHERE model = coalesce($1, model) ORDER BY ALL"
_ALIASES = "SELECT model, version, alias FROM foretable.model_aliases WHERE model = coalesce($1, model) AND alias <> $2 ORDER BY ALL"


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
        ensure_catalog(connection, then=renew_functions)


def renew_functions(connection: duckdb.DuckDBPyConnection, of: str | None = None) -> None:
    """Create the functions of all versions and aliases anew, in the caller's transaction; ``of`` one model, or of all."""
    # Here, because the functions import this package for the signature.
    from foretable.udf.functions import install_macros

    for model, version in connection.execute(_VERSIONS, [of]).fetchall():
        install_macros(connection, model, version, f"predict_{model}__v{version}")
    for model, version, alias in connection.execute(_ALIASES, [of, ARCHIVED]).fetchall():
        install_macros(connection, model, version, f"predict_{model}__{alias}")
        if alias == CHAMPION:
            install_macros(connection, model, version, f"predict_{model}")
