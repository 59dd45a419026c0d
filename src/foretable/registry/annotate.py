"""Notes and tags: the only things about a version that change."""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from foretable.errors import UsageError
from foretable.registry.aliases import resolve
from foretable.registry.together import together
from foretable.registry.versions import Version, version_of

MOST_CHARACTERS = 10_000
_TAG = re.compile(r"[A-Za-z0-9][\w.:/-]{0,99}\Z")


def note(connection: duckdb.DuckDBPyConnection, reference: str, text: str) -> Version:
    """Say something about a version in words; it replaces what was said before, an empty text takes it away.

    Raises
    ------
    UsageError
        The reference is malformed, or the text too long.
    UnknownName
        There is no such version.
    """
    if len(text) > MOST_CHARACTERS:
        raise UsageError(f"a note of {len(text):,} characters", hint=f"keep it below {MOST_CHARACTERS:,}, and link to the rest")
    with together(connection):
        found = resolve(connection, reference)
        query = "UPDATE foretable.model_versions SET notes = ? WHERE model = ? AND version = ?"
        connection.execute(query, [text.strip() or None, found.model, found.version])
        return version_of(connection, found.model, found.version)


def tag(connection: duckdb.DuckDBPyConnection, reference: str, tags: Sequence[str], *, remove: bool = False) -> Version:
    """Add tags to a version, or take them away; one that it has already, or has not, stays as it is.

    Raises
    ------
    UsageError
        The reference is malformed, or a tag is none.
    UnknownName
        There is no such version.
    """
    for word in tags:
        if not _TAG.match(word):
            raise UsageError(f"{word!r} cannot be a tag", hint="use letters, digits and . _ : / -, at most 100 of them")
    with together(connection):
        found = resolve(connection, reference)
        kept = set(found.tags) - set(tags) if remove else {*found.tags, *tags}
        query = "UPDATE foretable.model_versions SET tags = ? WHERE model = ? AND version = ?"
        connection.execute(query, [sorted(kept), found.model, found.version])
        return version_of(connection, found.model, found.version)
