"""The command line."""

from __future__ import annotations

import sys


def main() -> None:
    """Entry point of the command ``foretable``."""
    from foretable.cli.app import run

    sys.exit(run(sys.argv[1:]))
