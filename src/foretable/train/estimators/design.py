"""The columns that estimators read, made of encoded rows: for linear models in float64, for trees in float32."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from foretable.forms.evaluate import read_columns, slots
from foretable.forms.form import FIRST_SLOT, NULL_SLOT, Column
from foretable.train.estimators.encoding import cross_fitted, indicator, mean_table, places, targets
from foretable.train.estimators.fitting import FitInput


@dataclass(frozen=True, eq=False)
class Design:
    """How an encoded row becomes the columns of a linear model.

    The columns are, in this order: each number or boolean with gaps filled and standardised; one indicator
    per feature that has NULLs in training; one indicator per category of each one-hot vocabulary; one
    standardised column per table. An unseen category has no indicator set; nor has a NULL, but for that of its own.
    """

    numeric: np.ndarray
    fill: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    gaps: np.ndarray
    levels: tuple[tuple[int, int], ...]
    """(feature, size of its vocabulary) of each one-hot category."""
    tables: tuple[tuple[int, np.ndarray], ...]
    """(feature, standardised value per slot)."""
    shares: Mapping[int, np.ndarray]
    """Of each category, how the training rows fall on its slots; they add up to 1."""

    def columns(self, matrix: np.ndarray) -> np.ndarray:
        """The columns for encoded rows."""
        missing = np.isnan(matrix)
        numbers = np.where(missing[:, self.numeric], self.fill, matrix[:, self.numeric])
        parts = [(numbers - self.mean) / self.scale, missing[:, self.gaps].astype(np.float64)]
        parts += [(matrix[:, [j]] == np.arange(size)).astype(np.float64) for j, size in self.levels]
        parts += [table[slots(matrix[:, [j]])] for j, table in self.tables]
        return np.hstack(parts)


def linear_design(given: FitInput) -> tuple[Design, np.ndarray]:
    """The columns of a linear model and, for the rows that it is fitted to, their values.

    The two differ where a category is encoded by the label: training rows have the means of other entities.
    """
    matrix, features = given.matrix, given.features
    numeric = np.array([j for j, feature in enumerate(features) if feature.kind != "category"], dtype=np.intp)
    fill = _filling(matrix[:, numeric], given.model.impute)
    mean, scale = _spread(np.where(np.isnan(matrix[:, numeric]), fill, matrix[:, numeric]))
    tables, seen = _tables(given)
    by_label = [j for j, feature in enumerate(features) if given.encoding(feature) == "target"]
    missing = np.isnan(matrix).any(axis=0)
    missing[by_label] = False
    design = Design(
        numeric=numeric,
        fill=fill,
        mean=mean,
        scale=scale,
        gaps=np.flatnonzero(missing),
        levels=tuple((j, len(feature.vocabulary)) for j, feature in enumerate(features) if given.encoding(feature) == "onehot"),
        tables=tables,
        shares={j: _shares(matrix[:, j], len(feature.vocabulary)) for j, feature in enumerate(features) if feature.kind == "category"},
    )
    columns = design.columns(matrix)
    if tables:
        columns[:, -len(tables) :] = seen
    return design, columns


def _shares(codes: np.ndarray, size: int) -> np.ndarray:
    counts: np.ndarray = np.bincount(slots(codes), minlength=FIRST_SLOT + size) / len(codes)
    return counts


def _filling(numbers: np.ndarray, impute: str) -> np.ndarray:
    """What stands for NULL in each column; 0 where a column has no value at all."""
    empty = np.isnan(numbers).all(axis=0)
    if impute == "zero" or not len(numbers):
        return np.zeros(numbers.shape[1])
    known = np.where(empty, 0.0, numbers)
    middle: np.ndarray = np.nanmedian(known, axis=0) if impute == "median" else np.nanmean(known, axis=0)
    return middle


def _spread(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means and standard deviations; 1 for a column of one value, whose mean is off by a rounding and its deviation nothing else."""
    scale = columns.std(axis=0)
    varies = (columns.max(axis=0) > columns.min(axis=0)) & (scale > 0)
    return columns.mean(axis=0), np.where(varies, scale, 1.0)


def _tables(given: FitInput) -> tuple[tuple[tuple[int, np.ndarray], ...], np.ndarray]:
    """Standardised tables of a linear model, and their values for the training rows."""
    found, seen = [], [np.empty((len(given.matrix), 0))]
    for j, table, values in _encoded(given):
        fill = _filling(values[:, None], given.model.impute)[0]
        filled = np.where(np.isnan(values), fill, values)
        mean, scale = _spread(filled)
        found.append((j, (np.where(np.isnan(table), fill, table) - mean) / scale))
        seen.append(((filled - mean) / scale)[:, None])
    return tuple(found), np.hstack(seen)


def _encoded(given: FitInput) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Of each category that is not one-hot: feature, value per slot, values of the training rows."""
    for j, feature in enumerate(given.features):
        codes, size, encoding = given.matrix[:, j], len(feature.vocabulary), given.encoding(feature)
        if encoding == "ordinal":
            table = places(size)
            yield j, table, table[slots(codes)]
        elif encoding == "target":
            target = targets(given.outcome, given.classes)
            seen = cross_fitted(codes, target, given.weights, given.clusters, size, given.seed, feature=feature.name)
            for table, values in zip(mean_table(codes, target, given.weights, size).T, seen.T, strict=True):
                yield j, table, values


def tree_columns(given: FitInput) -> tuple[tuple[Column, ...], np.ndarray]:
    """The columns that trees read and, for the rows that they are fitted to, their values.

    Numbers and booleans come first, as they are; then one indicator per category: 1 or 0, for a NULL NaN,
    so that each split learns where NULLs go. An unseen category is 0 everywhere: it takes, at every split,
    the side of those that are not the category asked for. Last come places and means of the label.
    """
    numbers = [Column(j) for j, feature in enumerate(given.features) if feature.kind != "category"]
    levels = [
        Column(j, indicator(len(feature.vocabulary), code).astype(np.float32))
        for j, feature in enumerate(given.features)
        if given.encoding(feature) == "onehot"
        for code in range(len(feature.vocabulary))
    ]
    encoded = list(_encoded(given))
    columns = (*numbers, *levels, *(Column(j, table.astype(np.float32)) for j, table, _ in encoded))
    read = read_columns(columns, given.matrix)
    for position, (_, _, values) in enumerate(encoded, start=len(numbers) + len(levels)):
        read[:, position] = values
    return columns, read


def weights_of_slots(design: Design, weights: np.ndarray, sizes: dict[int, int]) -> dict[int, np.ndarray]:
    """What each slot of each category adds to the outputs, from the weights (outputs, columns) of the columns.

    Parameters
    ----------
    sizes
        Size of the vocabulary, by feature.
    """
    found = {j: np.zeros((len(weights), FIRST_SLOT + size)) for j, size in sizes.items()}
    position = len(design.numeric)
    for j in design.gaps.tolist():
        if j in found:
            found[j][:, NULL_SLOT] += weights[:, position]
        position += 1
    for j, size in design.levels:
        found[j][:, FIRST_SLOT:] += weights[:, position : position + size]
        position += size
    for j, table in design.tables:
        found[j] += weights[:, [position]] * table
        position += 1
    return found


def centred(levels: Mapping[int, np.ndarray], shares: Mapping[int, np.ndarray]) -> tuple[dict[int, np.ndarray], np.ndarray | float]:
    """Weights of slots as distances from their mean over the training rows, and the sum of these means for the offset.

    The answers stay what they are; what a category contributes becomes its distance from the average row.
    """
    means = {j: weights @ shares[j] for j, weights in levels.items()}
    return {j: weights - means[j][:, None] for j, weights in levels.items()}, sum(means.values(), start=0.0)
