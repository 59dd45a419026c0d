"""Model versions and the names that point to them: tables in schema ``foretable``."""

from foretable.registry.aliases import champion, past_champions, promote, resolve, rollback
from foretable.registry.versions import Version, add_version, find_version, version_of, versions

__all__ = [
    "Version",
    "add_version",
    "champion",
    "find_version",
    "past_champions",
    "promote",
    "resolve",
    "rollback",
    "version_of",
    "versions",
]
