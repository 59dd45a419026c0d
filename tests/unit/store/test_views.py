"""Views by the names that people write."""

from __future__ import annotations

import pytest

from foretable.errors import UnknownName, UsageError
from foretable.store.views import Wanted, feature_views, find_view, versions_of, wanted


@pytest.mark.parametrize(
    ("asked", "table"),
    [
        ("usage", "features.usage"),
        ("Features.USAGE", "features.usage"),
        ("usage@2", "features.usage__v2"),
        ("usage@V2", "features.usage__v2"),
        ("features.usage__v2", "features.usage__v2"),
        ("usage@1", "features.usage"),
    ],
)
def test_a_view_is_found(world, asked, table):
    assert find_view(world.project, asked).name == table


def test_versions_stand_together(world):
    assert [(view.view, view.version) for view in feature_views(world.project) if view.view == "features.usage"] == [
        ("features.usage", 1),
        ("features.usage", 2),
    ]
    versions, asked = versions_of(world.project, "usage")
    assert len(versions) == 2 and asked is None


@pytest.mark.parametrize(
    ("asked", "error", "message", "hint"),
    [
        ("usge", UnknownName, "no feature view is called 'usge'", "did you mean 'usage'?"),
        ("features.usge", UnknownName, "'features.usge'", "did you mean 'features.usage'?"),
        ("usage@3", UnknownName, "features.usage has no version 3", "there is features.usage@1, features.usage@2"),
        ("usage@x", UsageError, "names no feature view", "rfm_features@2"),
        ("back", UnknownName, "no feature view", ""),
    ],
)
def test_what_is_no_view_is_told(world, asked, error, message, hint):
    with pytest.raises(error, match=message) as caught:
        find_view(world.project, asked)
    assert hint in caught.value.hint


def test_views_and_single_features_are_asked_for(world):
    found = wanted(world.project, ["usage:n, stacked", "usage:spend"])
    assert found == (Wanted(find_view(world.project, "usage"), ("n", "spend")), Wanted(find_view(world.project, "stacked")))
    assert wanted(world.project, ["usage:n", "usage"])[0].features == ()
    with pytest.raises(UsageError, match="is no feature"):
        wanted(world.project, ["usage:"])
