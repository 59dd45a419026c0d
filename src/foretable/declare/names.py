"""Names of tables: ``layer.table``, or ``file.layer.table`` in an attached file."""

from __future__ import annotations

import re

from foretable.errors import DeclarationError

LAYERS = ("raw", "clean", "features", "training", "predictions", "decisions", "monitoring", "quarantine")
SYSTEM = "foretable"

_PART = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def split(name: str) -> tuple[str, str, str]:
    """(catalog, schema, table) of a qualified name; the catalog is empty in the warehouse itself."""
    parts = name.split(".")
    if len(parts) not in (2, 3) or not all(_PART.match(part) for part in parts):
        raise DeclarationError(
            f"{name!r} is not the name of a table",
            hint="write layer.table, such as features.customer_usage; letters, digits and _ only",
        )
    return ("", *parts) if len(parts) == 2 else (parts[0], parts[1], parts[2])  # type: ignore[return-value]


def checked(name: str, *, where: object = "") -> str:
    """The name in lower case (identifiers are case-insensitive), or an error that says where it stands."""
    try:
        split(name)
    except DeclarationError as error:
        raise DeclarationError(error.message, where=str(where), hint=error.hint) from None
    return name.lower()


def versioned(name: str, version: int) -> str:
    """The table of a version of a feature view: of the first one the view's own name."""
    return name if version == 1 else f"{name}__v{version}"
