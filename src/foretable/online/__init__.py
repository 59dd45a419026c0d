"""The online copy: the newest rows of chosen tables in one SQLite file, for look-ups by key in microseconds.

Reading needs neither DuckDB nor a project, and nothing heavy is imported for it.
"""

from foretable.online.read import OnlineCopy, lookup, open

__all__ = ["OnlineCopy", "lookup", "open"]
