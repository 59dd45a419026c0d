"""What an estimator is given, and what a fitted one can tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np

from foretable.declare.model import Encoding, Model
from foretable.forms.form import Finish, Form, Link
from foretable.registry.signature import Feature

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class FitInput:
    """What an estimator is fitted to.

    ``matrix`` (rows, features) is encoded, float64; ``outcome`` is 0 or 1, the position of a class, or a number;
    ``clusters`` tells the entity of each row; ``classes`` is their number for ``multiclass``, else 0. ``kept`` is what other
    parameters on the same rows can use again.
    """

    matrix: np.ndarray
    outcome: np.ndarray
    weights: np.ndarray
    clusters: np.ndarray
    features: tuple[Feature, ...]
    parameters: Mapping[str, Any]
    model: Model
    classes: int
    seed: int
    kept: dict[str, Any] = field(default_factory=dict, repr=False)

    def once(self, name: str, make: Callable[[FitInput], T]) -> T:
        """What ``make`` gives for these rows, made once for all parameters; it must not depend on them but by its name."""
        if name not in self.kept:
            self.kept[name] = make(self)
        found: T = self.kept[name]
        return found

    def encoding(self, feature: Feature) -> Encoding | None:
        """How a category enters; ``None`` for a number or a boolean."""
        return self.model.encoding.get(feature.name, "onehot") if feature.kind == "category" else None


class Fit(Protocol):
    """A fitted estimator."""

    @property
    def link(self) -> Link:
        """What makes the answer of the raw outputs, without calibration."""

    def raw(self, matrix: np.ndarray) -> np.ndarray:
        """The raw outputs of encoded rows by the estimator's own code, float64: (rows,), or (rows, classes)."""

    def form(self, finish: Finish) -> Form:
        """The same in plain numbers."""

    def booster(self) -> bytes | None:
        """XGBoost's own format, where it is XGBoost's."""


Fitter = Callable[[FitInput], Fit]
