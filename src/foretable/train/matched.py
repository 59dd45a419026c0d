"""The columns and classes of an estimator, matched with those of a training set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from foretable.errors import TrainingError, nearest
from foretable.registry.signature import Feature, encode_table
from foretable.train.estimators.convert import Declared
from foretable.train.features import infer_features
from foretable.train.foreign import known_words
from foretable.train.prepare import Prepared

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

_ONE = {"1", "1.0", "True"}
_ZERO = {"0", "0.0", "False"}


def columns(estimator: Any, features: Sequence[str] | None, training: TrainingSet, data: pa.Table) -> dict[str, Declared]:
    """The columns that an estimator was fitted to, with the words of categories: those of the rows, and those that it knows.

    Raises
    ------
    TrainingError
        It was fitted to a column that is no feature of the model.
    """
    remembered = getattr(estimator, "feature_names_in_", None)
    names = [str(name) for name in (features or (remembered if remembered is not None else training.features))]
    for name in names:
        if name not in training.features:
            what = f"the estimator was fitted to {name!r}, which is no feature of {training.model}"
            raise TrainingError(what, where=training.table, hint=nearest(name, training.features))
    more = known_words(estimator)
    found: dict[str, Declared] = {}
    for feature in infer_features(data, names, training.table):
        words = sorted({*feature.vocabulary, *more.get(feature.name, ())})
        found[feature.name] = words if feature.kind == "category" else feature.kind
    return found


def with_features(prepared: Prepared, features: tuple[Feature, ...], data: pa.Table) -> Prepared:
    """The rows with other columns than a training would take."""
    names = {feature.name for feature in features}
    reasons = tuple(pair for pair in prepared.signature.reasons if pair[0] in names)
    signature = replace(prepared.signature, features=features, reasons=reasons)
    return replace(prepared, signature=signature, matrix=encode_table(data, features))


def with_classes(prepared: Prepared, classes: tuple[str, ...], who: str) -> tuple[Prepared, tuple[str, ...]]:
    """The rows with their classes in the estimator's order, and what is to be said about it.

    Raises
    ------
    TrainingError
        The estimator tells other classes apart than the label has.
    """
    known, task = prepared.signature.classes, prepared.signature.task
    if task == "regression":
        return prepared, ()
    if task == "classification":
        if len(classes) != 2 or classes[0] not in _ZERO or classes[1] not in _ONE:
            raise _other_classes(who, classes, ("0", "1"))
        return prepared, ()
    if sorted(classes) == sorted(known):
        outcome = np.array([classes.index(value) for value in known])[prepared.outcome.astype(np.intp)].astype(np.float64)
        grounds = replace(prepared.grounds, outcome=outcome)
        return replace(prepared, signature=replace(prepared.signature, classes=classes), outcome=outcome, grounds=grounds), ()
    if list(classes) == [str(position) for position in range(len(known))]:
        return prepared, (f"its classes 0 to {len(known) - 1} are taken for {', '.join(known)}",)
    raise _other_classes(who, classes, known)


def _other_classes(who: str, classes: Sequence[str], known: Sequence[str]) -> TrainingError:
    return TrainingError(
        f"{who} tells {', '.join(classes) or 'a number'} apart, the label has {', '.join(known)}",
        where="classes",
        hint="fit it to the label of the training set",
    )
