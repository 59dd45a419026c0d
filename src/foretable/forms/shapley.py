"""Shapley values of the raw output: exact, for few rows.

The players are the features of the signature: a category that trees read through several columns is one player.
What a set of known features is worth is what the trees give when branches on other features send a row both ways,
in the shares of the training rows (Lundberg and others 2020, "From local explanations to global understanding with
explainable AI for trees", path-dependent). A leaf's worth is a product over the features on its path: 1 or 0 for a known
one, whether the row goes that way; for an unknown one the share of rows that does. Its Shapley value is then one integral,
∫ (known − share) · Π_others (known·t + share·(1 − t)) dt over 0…1, of a polynomial: Gauss and Legendre's points give it exactly.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from foretable.forms.contributions import chosen, contributions, expected_base
from foretable.forms.evaluate import columns_of, goes_left
from foretable.forms.form import Form, Linear, Tree, Trees
from foretable.forms.paths import left_share, top_down

CHUNK = 1 << 17
"""Numbers worked on at a time, rows × leaves × players: what the processor's cache holds."""


def exact(form: Form, matrix: np.ndarray) -> np.ndarray:
    """Shapley values of every feature.

    Parameters
    ----------
    form
        A fitted model.
    matrix
        Encoded rows, shape (rows, features); about a thousand rows a second for a hundred trees of depth 6.

    Returns
    -------
    numpy.ndarray
        float64, shape (rows, features + 1), last the base: as ``contributions``, which are the Shapley values
        of a linear form against a row of means.
    """
    if isinstance(form, Linear):
        return contributions(form, matrix)
    columns, output = columns_of(form, matrix), chosen(form, matrix)
    given = np.zeros((len(matrix), matrix.shape[1] + 1))
    given[:, -1] = expected_base(form)[output]
    for tree in form.trees:
        if tree.column[0] >= 0:
            _add_tree(form, tree, columns, output, given)
    return given


@dataclass(frozen=True, eq=False)
class _Ways:
    """All ways from the root to a leaf, side by side: a feature asked for twice on a way is one player of it.

    Shapes: ``leaves`` (ways,); ``player`` and ``share`` (players, ways), where a way has fewer players than the
    longest the player −1 with share 1; ``branch``, ``is_left``, ``place`` (steps,), a step being a branch of a way.
    """

    leaves: np.ndarray
    player: np.ndarray
    share: np.ndarray
    branch: np.ndarray
    is_left: np.ndarray
    place: np.ndarray
    """Where a step belongs among players × ways; ascending."""


def _ways(form: Trees, tree: Tree) -> _Ways:
    nodes = top_down(tree)
    leaves = nodes[tree.column[nodes] < 0]
    branch, is_left = _steps(tree, leaves)
    taken = branch >= 0
    features = np.array([column.feature for column in form.columns])
    feature = np.where(taken, features[tree.column[branch]], np.iinfo(np.int64).max)
    by_feature = np.argsort(feature, axis=0, kind="stable")
    branch, is_left, feature, taken = (np.take_along_axis(each, by_feature, axis=0) for each in (branch, is_left, feature, taken))
    first = taken & np.concatenate([taken[:1], feature[1:] != feature[:-1]])
    position, way = np.cumsum(first, axis=0) - 1, np.broadcast_to(np.arange(len(leaves)), taken.shape)
    player, share = np.full((position.max() + 1, len(leaves)), -1), np.ones((position.max() + 1, len(leaves)))
    player[position[first], way[first]] = feature[first]
    went_left = left_share(tree)[branch]
    np.multiply.at(share, (position[taken], way[taken]), np.where(is_left, went_left, 1 - went_left)[taken])
    place = (position * len(leaves) + way)[taken]
    order = np.argsort(place, kind="stable")
    return _Ways(leaves, player, share, branch[taken][order], is_left[taken][order], place[order])


def _steps(tree: Tree, leaves: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From each leaf up to the root: the branches passed, −1 beyond the root, and whether the way went left; shape (steps, ways)."""
    parent = np.full(len(tree.column), -1)
    branches = np.flatnonzero(tree.column >= 0)
    parent[tree.left[branches]] = branches
    parent[tree.right[branches]] = branches
    passed, turned, at = [], [], leaves
    while (at > 0).any():
        above = np.where(at > 0, parent[at], -1)
        passed.append(above)
        turned.append(tree.left[above] == at)
        at = above
    return np.stack(passed), np.stack(turned)


def _add_tree(form: Trees, tree: Tree, columns: np.ndarray, output: np.ndarray, given: np.ndarray) -> None:
    """Add one tree's values to ``given``, some rows at a time."""
    ways = _ways(form, tree)
    value = np.zeros((form.outputs, len(ways.leaves)))
    value[list(tree.targets)] = tree.value[ways.leaves].T
    order = np.argsort(ways.player, axis=None, kind="stable")
    features, starts = np.unique(ways.player.ravel()[order], return_index=True)
    features, starts = features[features >= 0], starts[features >= 0]
    rows = np.flatnonzero(np.isin(output, tree.targets))
    at_once = max(1, CHUNK // ways.player.size)
    for start in range(0, len(rows), at_once):
        part = rows[start : start + at_once]
        worth = _worth(ways, _known(form, tree, ways, columns[part])) * value[output[part]].T
        by_player = np.add.reduceat(worth.reshape(-1, len(part))[order], starts, axis=0)
        given[part[:, None], features] += by_player.T


def _known(form: Trees, tree: Tree, ways: _Ways, columns: np.ndarray) -> np.ndarray:
    """Whether a row goes each way where it is asked for each player: 0 or 1, shape (players, ways, rows)."""
    left = goes_left(tree, ways.branch, columns[:, tree.column[ways.branch]], strict=form.strict)
    places, starts = np.unique(ways.place, return_index=True)
    known = np.ones((ways.player.size, len(columns)))
    known[places] = np.logical_and.reduceat((left == ways.is_left).T, starts, axis=0)
    return known.reshape(*ways.player.shape, len(columns))


def _worth(ways: _Ways, known: np.ndarray) -> np.ndarray:
    """The Shapley value of each player of each way whose leaf gives 1, shape (players, ways, rows)."""
    players, share = len(ways.player), ways.share[:, :, None]
    points, weights = np.polynomial.legendre.leggauss((players + 1) // 2)
    worth = np.zeros_like(known)
    for point, weight in zip((points + 1) / 2, weights / 2, strict=True):
        factors = known * point + share * (1 - point)
        others = np.full_like(factors, weight)
        after = np.ones_like(factors[0])
        for player in range(1, players):
            np.multiply(others[player - 1], factors[player - 1], out=others[player])
        for player in range(players - 1, -1, -1):
            others[player] *= after
            after *= factors[player]
        worth += others
    worth *= known - share
    return worth
