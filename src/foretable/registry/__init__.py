"""Model versions and the names that point to them: tables in schema ``foretable``."""

from foretable.registry.add import add_version
from foretable.registry.aliases import archived, champion, champions, past_champions, pointed, promote, resolve, rollback
from foretable.registry.annotate import note, tag
from foretable.registry.baselines import baselines
from foretable.registry.details import aliases_of, curves, evaluations, findings, refusals
from foretable.registry.versions import Version, declarations, find_version, version_of, versions

__all__ = [
    "Version",
    "add_version",
    "aliases_of",
    "archived",
    "baselines",
    "champion",
    "champions",
    "curves",
    "declarations",
    "evaluations",
    "find_version",
    "findings",
    "note",
    "past_champions",
    "pointed",
    "promote",
    "refusals",
    "resolve",
    "rollback",
    "tag",
    "version_of",
    "versions",
]
