"""``python -m foretable``."""

from foretable.cli import main

main()
