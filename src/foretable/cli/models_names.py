"""Names of versions on the command line, and what the shell completes for them."""

from __future__ import annotations

from typing import Annotated

import typer

from foretable.cli import workspace
from foretable.errors import ForetableError

NAMES = """
SELECT model || '@' || version FROM foretable.model_versions
UNION ALL SELECT model || '@' || alias FROM foretable.model_aliases WHERE alias <> 'archived'
ORDER BY ALL
"""


def references(incomplete: str) -> list[str]:
    """Versions and aliases of the warehouse that start so; none while another process writes to it."""
    import duckdb

    try:
        names = [name for (name,) in workspace.session(wait=0).rows(NAMES)[1]]
    except (ForetableError, duckdb.Error):
        return []
    return [name for name in names if name.startswith(incomplete)]


Reference = Annotated[
    str, typer.Argument(metavar="MODEL@VERSION", help="A version or an alias: churn@4, churn@challenger.", autocompletion=references)
]
Second = Annotated[
    str,
    typer.Argument(metavar="MODEL@VERSION", help="The version to compare with, such as churn@4.", autocompletion=references),
]
