"""Feature views by name: every version, found as a person writes it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from foretable.declare.entity import Entity
from foretable.declare.project import Project
from foretable.declare.tables import DynamicTable, FeatureView
from foretable.errors import UnknownName, UsageError, nearest

LAYER = "features"
_VERSIONED = re.compile(r"(?P<view>.+)__v(?P<version>[1-9]\d*)\Z")
_ASKED = re.compile(r"(?P<view>[^@:]+)(?:@v?(?P<version>[1-9]\d*))?\Z", re.IGNORECASE)


@dataclass(frozen=True)
class View:
    """One version of a feature view: ``name`` is its table, ``view`` the name that its versions share."""

    name: str
    view: str
    version: int
    entity: Entity
    declared: DynamicTable

    def __str__(self) -> str:
        return f"{self.view}@{self.version}" if self.version > 1 else self.view

    @property
    def short(self) -> str:
        """The table's name without its layer."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True)
class Wanted:
    """Features that are asked for: ``features`` of a view by name, all of them where there are none."""

    view: View
    features: tuple[str, ...] = ()


def feature_views(project: Project) -> list[View]:
    """Every declared version of every feature view with an entity, by view and version."""
    found = []
    for declared in project.tables.values():
        if isinstance(declared, FeatureView) and declared.entity is not None:
            match = _VERSIONED.match(declared.name)
            view, version = (match["view"], int(match["version"])) if match else (declared.name, 1)
            found.append(View(declared.name, view, version, declared.entity, declared))
    return sorted(found, key=lambda view: (view.view, view.version))


def versions_of(project: Project, asked: str) -> tuple[list[View], int | None]:
    """All versions of a view, and which of them was named.

    Parameters
    ----------
    project
        The declarations.
    asked
        ``features.usage``, ``usage``, ``Usage@2`` or the table ``features.usage__v2``.

    Raises
    ------
    UsageError
        It is no name of a view.
    UnknownName
        No view is called so, or it has no such version.
    """
    match = _ASKED.match(asked.strip())
    if match is None:
        raise UsageError(f"{asked!r} names no feature view", hint="write a view, or one version of it: rfm_features@2")
    every = feature_views(project)
    name, version = match["view"].strip().lower(), int(match["version"]) if match["version"] else None
    chosen = _named(every, name)
    if not chosen and version is None and (written := _VERSIONED.match(name)):
        chosen, version = _named(every, written["view"]), int(written["version"])
    if not chosen:
        known = {known for view in every for known in (view.view, view.view.rpartition(".")[2])}
        raise UnknownName(f"no feature view is called {match['view']!r}", hint=_near(name, known))
    if version is not None and version not in {view.version for view in chosen}:
        there = ", ".join(f"{view.view}@{view.version}" for view in chosen)
        raise UnknownName(f"{chosen[0].view} has no version {version}", hint=f"there is {there}")
    return chosen, version


def find_view(project: Project, asked: str) -> View:
    """One version of a view; without a version the first, which is the table of that name: a new one changes nobody's answers.

    Raises
    ------
    UsageError, UnknownName
        As :func:`versions_of`.
    """
    chosen, version = versions_of(project, asked)
    return next(view for view in chosen if version in (None, view.version))


def wanted(project: Project, asked: Sequence[str]) -> tuple[Wanted, ...]:
    """What ``rfm_features``, ``purchase_patterns:recent_90d_amount`` ask for; each view once, in the order given.

    Raises
    ------
    UsageError
        Nothing is asked for, or a word is no view or ``view:feature``.
    UnknownName
        There is no such view.
    """
    found: dict[str, Wanted] = {}
    for word in (part.strip() for text in asked for part in text.split(",")):
        name, colon, feature = word.partition(":")
        if not name or (colon and not feature):
            raise UsageError(f"{word!r} is no feature", hint="write a view, or view:feature, such as rfm_features,usage:orders_30d")
        view = find_view(project, name)
        before = found.get(view.name)
        if not feature or (before is not None and not before.features):
            found[view.name] = Wanted(view)
        else:
            found[view.name] = Wanted(view, tuple(dict.fromkeys((*(before.features if before else ()), feature.strip()))))
    if not found:
        raise UsageError("no feature is asked for", hint="name views: rfm_features, usage:orders_30d")
    return tuple(found.values())


def _named(views: Sequence[View], name: str) -> list[View]:
    full = name if "." in name else f"{LAYER}.{name}"
    return [view for view in views if view.view == full]


def _near(name: str, known: set[str]) -> str:
    """The nearest name; short ones answer short ones."""
    return nearest(name, {one for one in known if ("." in one) == ("." in name)})
