"""Names that point to a version: ``champion`` is what ``predict_<model>`` calls.

``archived`` is the one name that several versions of a model may have: it keeps them out of lists. Their bytes, figures
and ``predict_<model>__v<N>`` stay, and any other name takes a version out of the archive.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

import duckdb

from foretable.errors import PromotionRefused, UnknownName, UsageError, nearest
from foretable.registry.details import refusals
from foretable.registry.together import together
from foretable.registry.versions import Version, retained, version_of

CHAMPION = "champion"
ARCHIVED = "archived"
_ROLLBACK = "rollback from "
TAKEN = frozenset({"exact"})
"""No names of versions: ``explain_<model>__exact`` is another function of the champion."""
_NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
_VERSION = re.compile(r"v?(\d+)\Z")


def champion(connection: duckdb.DuckDBPyConnection, model: str) -> Version | None:
    """The version that ``predict_<model>`` calls, or None before the first promotion."""
    number = _aliases(connection, model.lower()).get(CHAMPION)
    return version_of(connection, model, number) if number is not None else None


def champions(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """The number of every model's champion."""
    return dict(connection.execute("SELECT model, version FROM foretable.model_aliases WHERE alias = ?", [CHAMPION]).fetchall())


def pointed(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Where every alias points: the champion by the model's name, others as ``model@alias``."""
    rows = connection.execute("SELECT model, alias, version FROM foretable.model_aliases").fetchall()
    return {model if alias == CHAMPION else f"{model}@{alias}": version for model, alias, version in rows}


def resolve(connection: duckdb.DuckDBPyConnection, reference: str) -> Version:
    """The version that ``churn@4``, ``churn@champion`` or plain ``churn`` (its champion) means.

    Raises
    ------
    UsageError
        The reference is not of that form.
    UnknownName
        There is no such model, version or alias.
    """
    model, at, name = reference.strip().lower().partition("@")
    number = _VERSION.match(name)
    if not _NAME.match(model) or (at and not number and not _NAME.match(name)):
        raise UsageError(f"{reference!r} names no model version", hint="write model@version or model@alias: churn@4, churn@champion")
    if number:
        return version_of(connection, model, int(number[1]))
    known = retained(connection, model)
    aliases = _aliases(connection, model)
    alias = name or CHAMPION
    if alias == ARCHIVED:
        shown = ", ".join(f"{model}@{number}" for number in sorted(archived(connection, model))) or "none"
        raise UsageError("archived names no single version", hint=f"say which; archived are: {shown}")
    if alias not in aliases:
        hint = nearest(alias, aliases) if aliases else f"promote a version: foretable promote {model}@{known[0].version}"
        raise UnknownName(f"model {model} has no {alias}", hint=hint)
    return version_of(connection, model, aliases[alias])


def promote(
    connection: duckdb.DuckDBPyConnection, model: str, version: int, *, reason: str, alias: str = CHAMPION, force: bool = False
) -> Version:
    """Let an alias point to a version, in one transaction (the caller's, if there is one).

    ``predict_<model>`` (for the champion) and ``predict_<model>__<alias>`` call it from then on. Nothing
    changes where the alias points there already. ``archived`` hides the version instead.

    Parameters
    ----------
    connection
        A writable connection from ``foretable.connect``.
    model, version
        What to promote.
    reason
        Why; kept in ``foretable.alias_history``.
    alias
        A lower-case identifier.
    force
        Make it champion although a check refused it; the history says so.

    Raises
    ------
    UnknownName
        There is no such model or version.
    UsageError
        The alias is no lower-case identifier, or looks like a version; or a version with another alias is to be archived.
    PromotionRefused
        A check found what keeps the version from being champion: no better than chance, unfair, …
    """
    if not _NAME.match(alias) or _VERSION.match(alias) or "__" in alias or alias in TAKEN:
        raise UsageError(f"{alias!r} cannot be an alias", hint="use a lower-case identifier such as champion or challenger")
    with together(connection):
        found = version_of(connection, model, version)
        if alias == ARCHIVED:
            _archive(connection, found, reason)
        elif _aliases(connection, found.model).get(alias) != version:
            _point(connection, found, alias, _admitted(connection, found, reason, force) if alias == CHAMPION else reason)
    return found


def archived(connection: duckdb.DuckDBPyConnection, model: str) -> set[int]:
    """The numbers of the archived versions of a model."""
    query = "SELECT version FROM foretable.model_aliases WHERE model = ? AND alias = ?"
    return {number for (number,) in connection.execute(query, [model, ARCHIVED]).fetchall()}


def _admitted(connection: duckdb.DuckDBPyConnection, found: Version, reason: str, force: bool) -> str:
    """The reason to keep; a version that a check refused is champion only by force."""
    refused = refusals(connection, found.model, found.version)
    if refused and not force:
        raise PromotionRefused(
            "; ".join(f"{finding.check}: {finding.message}" for finding in refused),
            where=str(found),
            hint=f"where you know better: foretable promote {found} --force --reason WHY",
        )
    return f"{reason} (forced; refused for {', '.join(finding.check for finding in refused)})" if refused else reason


def _archive(connection: duckdb.DuckDBPyConnection, found: Version, reason: str) -> None:
    names = [alias for alias, version in _aliases(connection, found.model).items() if version == found.version]
    if names:
        raise UsageError(
            f"{found} is {', '.join(sorted(names))} and cannot be archived",
            hint=f"promote another first: foretable promote {found.model}@N --alias {sorted(names)[0]}",
        )
    if found.version not in archived(connection, found.model):
        now = _now()
        connection.execute("INSERT INTO foretable.model_aliases VALUES (?, ?, ?, ?)", [found.model, ARCHIVED, found.version, now])
        _remember(connection, found, ARCHIVED, None, now, reason)


def rollback(connection: duckdb.DuckDBPyConnection, model: str) -> Version:
    """Make the previous champion champion again, in one transaction (the caller's, if there is one).

    A second rollback goes one champion further back.

    Raises
    ------
    UnknownName
        There is no such model, or it has no champion.
    UsageError
        There was no champion before this one.
    """
    with together(connection):
        current = resolve(connection, f"{model}@{CHAMPION}")
        previous = _previous(connection, current.model)
        if previous is None:
            raise UsageError(
                f"{current} is the first champion of {current.model}: there is none to go back to",
                hint=f"promote another version: foretable promote {current.model}@N",
            )
        found = version_of(connection, model, previous)
        _point(connection, found, CHAMPION, f"{_ROLLBACK}{current.version}")
    return found


def past_champions(connection: duckdb.DuckDBPyConnection, model: str) -> list[int]:
    """Every version that ever was champion, the last one first."""
    rows = connection.execute(
        "SELECT version FROM foretable.alias_history WHERE model = ? AND alias = ? ORDER BY set_at DESC, rowid DESC", [model, CHAMPION]
    ).fetchall()
    return list(dict.fromkeys(version for (version,) in rows))


def _previous(connection: duckdb.DuckDBPyConnection, model: str) -> int | None:
    history = connection.execute(
        "SELECT version, previous, reason FROM foretable.alias_history WHERE model = ? AND alias = ? ORDER BY set_at, rowid",
        [model, CHAMPION],
    ).fetchall()
    champions: list[int] = []
    for version, previous, reason in history:
        # A promotion by hand may give any reason: only a step back to the champion before is a rollback.
        if reason == f"{_ROLLBACK}{previous}" and champions[-2:-1] == [version]:
            champions.pop()
        else:
            champions.append(version)
    return champions[-2] if len(champions) > 1 else None


def _aliases(connection: duckdb.DuckDBPyConnection, model: str) -> dict[str, int]:
    query = "SELECT alias, version FROM foretable.model_aliases WHERE model = ? AND alias <> ?"
    return dict(connection.execute(query, [model, ARCHIVED]).fetchall())


def _point(connection: duckdb.DuckDBPyConnection, found: Version, alias: str, reason: str) -> None:
    # Here, because the functions import this package for the signature.
    from foretable.udf.functions import install_macros

    previous, now = _aliases(connection, found.model).get(alias), _now()
    connection.execute(
        "DELETE FROM foretable.model_aliases WHERE model = ? AND (alias = ? OR (alias = ? AND version = ?))",
        [found.model, alias, ARCHIVED, found.version],
    )
    connection.execute("INSERT INTO foretable.model_aliases VALUES (?, ?, ?, ?)", [found.model, alias, found.version, now])
    _remember(connection, found, alias, previous, now, reason)
    install_macros(connection, found.model, found.version, f"predict_{found.model}__{alias}")
    if alias == CHAMPION:
        install_macros(connection, found.model, found.version, f"predict_{found.model}")


def _remember(connection: duckdb.DuckDBPyConnection, found: Version, alias: str, previous: int | None, now: datetime, reason: str) -> None:
    row = [found.model, alias, found.version, previous, now, reason]
    connection.execute("INSERT INTO foretable.alias_history VALUES (?, ?, ?, ?, ?, ?)", row)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
