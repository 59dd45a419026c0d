"""The command line."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Entry point of the command ``foretable``."""
    # The collector looks at trees and modules in vain: a quarter of the time of `foretable plan`.
    gc.set_threshold(200_000, 30, 100)
    from foretable.cli.app import run

    sys.exit(run(sys.argv[1:]))
