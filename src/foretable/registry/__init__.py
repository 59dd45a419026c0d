"""Model versions and the names that point to them: tables in schema ``foretable``."""

from foretable.registry.aliases import champion, champions, past_champions, promote, resolve, rollback
from foretable.registry.versions import Version, add_version, declarations, find_version, version_of, versions

__all__ = [
    "Version",
    "add_version",
    "champion",
    "champions",
    "declarations",
    "find_version",
    "past_champions",
    "promote",
    "resolve",
    "rollback",
    "version_of",
    "versions",
]
