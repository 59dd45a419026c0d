"""Model versions and the names that point to them: tables in schema ``foretable``."""

from foretable.registry.add import add_version
from foretable.registry.aliases import champion, champions, past_champions, pointed, promote, resolve, rollback
from foretable.registry.versions import Version, declarations, find_version, version_of, versions

__all__ = [
    "Version",
    "add_version",
    "champion",
    "champions",
    "declarations",
    "find_version",
    "past_champions",
    "pointed",
    "promote",
    "resolve",
    "rollback",
    "version_of",
    "versions",
]
