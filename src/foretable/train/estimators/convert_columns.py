"""What fitted transformers make of columns, followed in symbols instead of values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np

from foretable.errors import TrainingError
from foretable.registry.signature import Feature

UNSEEN_WORD = object()
"""Stands for every category that is not in the vocabulary; it equals none."""


@dataclass(frozen=True)
class Number:
    """``factor · (x − centre) + offset`` of a number or boolean; ``null`` where it is NULL, which is NaN unless it was filled."""

    feature: int
    factor: float = 1.0
    centre: float = 0.0
    offset: float = 0.0
    null: float = float("nan")

    @property
    def plain(self) -> bool:
        """Whether it is the column as it comes, but for NULL."""
        return (self.factor, self.centre, self.offset) == (1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Gap:
    """``on`` where a number is NULL, else ``off``."""

    feature: int
    off: float = 0.0
    on: float = 1.0


@dataclass(frozen=True)
class Text:
    """A category, not encoded yet: the word that stands in each slot; ``None`` is NULL."""

    feature: int
    words: tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class Coded:
    """A value for each slot of a category."""

    feature: int
    table: np.ndarray


Symbol = Number | Gap | Text | Coded


def symbols_of(features: Sequence[Feature]) -> list[Symbol]:
    """Each column as it comes."""
    return [
        Text(j, (None, UNSEEN_WORD, *feature.vocabulary)) if feature.kind == "category" else Number(j) for j, feature in enumerate(features)
    ]


def transformed(transformer: Any, symbols: list[Symbol]) -> list[Symbol]:
    """What a fitted transformer makes of columns.

    Raises
    ------
    TrainingError
        It is none of those known here, or a setting of it has no equal in SQL.
    """
    if transformer is None or transformer == "passthrough":
        return symbols
    kind = type(transformer).__name__
    if kind not in _TRANSFORMERS or not type(transformer).__module__.startswith("sklearn."):
        refuse(f"{kind} is not converted", f"known ahead of a model are {', '.join(_TRANSFORMERS)}")
    if (width := getattr(transformer, "n_features_in_", len(symbols))) != len(symbols):
        refuse(f"{kind} was fitted to {width} columns and gets {len(symbols)}", "name the columns that it was fitted to, in their order")
    return _TRANSFORMERS[kind](transformer, symbols)


def refuse(what: str, hint: str) -> NoReturn:
    """There is no equal in SQL."""
    raise TrainingError(what, where="ft.open().register", hint=hint)


def _pipeline(pipeline: Any, symbols: list[Symbol]) -> list[Symbol]:
    for _, step in pipeline.steps:
        symbols = transformed(step, symbols)
    return symbols


def _column_transformer(transformer: Any, symbols: list[Symbol]) -> list[Symbol]:
    if transformer.transformer_weights:
        refuse("a ColumnTransformer with transformer_weights is not converted", "scale inside of its transformers")
    made: list[Symbol] = []
    for name, part, _ in transformer.transformers_:
        if part != "drop":
            made += transformed(part, [symbols[j] for j in transformer._transformer_to_input_indices[name]])
    return made


def _function(transformer: Any, symbols: list[Symbol]) -> list[Symbol]:
    """A fitted ColumnTransformer keeps ``passthrough`` as a function transformer without a function."""
    if transformer.func is not None:
        refuse("a FunctionTransformer is not converted", "make that column in the feature view")
    return symbols


def _standard_scaler(scaler: Any, symbols: list[Symbol]) -> list[Symbol]:
    count = len(symbols)
    centre = np.zeros(count) if scaler.mean_ is None or not scaler.with_mean else scaler.mean_
    scale = np.ones(count) if scaler.scale_ is None else scaler.scale_
    return [_affine(symbol, 1 / scale[j], centre[j], 0.0, partial(_standardised, centre[j], scale[j])) for j, symbol in enumerate(symbols)]


def _standardised(centre: float, scale: float, values: np.ndarray) -> np.ndarray:
    return (values - centre) / scale


def _min_max_scaler(scaler: Any, symbols: list[Symbol]) -> list[Symbol]:
    if scaler.clip:
        refuse("MinMaxScaler with clip=True is not converted", "leave clip out")
    scale, low = scaler.scale_, scaler.feature_range[0]
    return [
        _affine(symbol, scale[j], scaler.data_min_[j], low, partial(_stretched, scale[j], scaler.min_[j]))
        for j, symbol in enumerate(symbols)
    ]


def _stretched(scale: float, offset: float, values: np.ndarray) -> np.ndarray:
    return values * scale + offset


def _affine(symbol: Symbol, factor: float, centre: float, offset: float, own: Callable[[np.ndarray], np.ndarray]) -> Symbol:
    """``factor · (value − centre) + offset``; the first centre stays the centre, so that columns far from zero keep their digits.

    ``own`` is the transformer's way to say it: what trees compare must be its values to the last digit.
    """

    def of(value: float) -> float:
        return float(factor * (value - centre) + offset)

    if isinstance(symbol, Number):
        if symbol.plain:
            return Number(symbol.feature, float(factor), float(centre), float(offset), of(symbol.null))
        return replace(symbol, factor=float(factor * symbol.factor), offset=of(symbol.offset), null=of(symbol.null))
    if isinstance(symbol, Gap):
        return Gap(symbol.feature, of(symbol.off), of(symbol.on))
    if isinstance(symbol, Coded):
        return Coded(symbol.feature, own(symbol.table))
    refuse("a text is scaled", "encode it first")


def _simple_imputer(imputer: Any, symbols: list[Symbol]) -> list[Symbol]:
    if not _is_missing(imputer.missing_values):
        refuse(f"SimpleImputer(missing_values={imputer.missing_values!r}) is not converted", "NULL is what is missing: turn it into NaN")
    made = []
    for symbol, fill in zip(symbols, imputer.statistics_, strict=True):
        if not _is_missing(fill):
            made.append(_filled(symbol, fill))
        elif imputer.keep_empty_features or not isinstance(symbol, Number):
            refuse("SimpleImputer has nothing to fill a column with", "leave out columns that are all NULL")
    if imputer.add_indicator:
        made += [_gap(symbols[j]) for j in imputer.indicator_.features_.tolist()]
    return made


def _filled(symbol: Symbol, fill: Any) -> Symbol:
    if isinstance(symbol, Number):
        return replace(symbol, null=float(fill)) if np.isnan(symbol.null) else symbol
    if isinstance(symbol, Text):
        return Text(symbol.feature, tuple(fill if word is None else word for word in symbol.words))
    if isinstance(symbol, Coded):
        return Coded(symbol.feature, np.where(np.isnan(symbol.table), float(fill), symbol.table))
    return symbol


def _gap(symbol: Symbol) -> Symbol:
    if isinstance(symbol, Number):
        return Gap(symbol.feature, 0.0, float(np.isnan(symbol.null)))
    if isinstance(symbol, Text):
        return Coded(symbol.feature, np.array([float(word is None) for word in symbol.words]))
    if isinstance(symbol, Coded):
        return Coded(symbol.feature, np.isnan(symbol.table).astype(np.float64))
    return Gap(symbol.feature, 0.0, 0.0)


def _one_hot(encoder: Any, symbols: list[Symbol]) -> list[Symbol]:
    _plain(encoder, "ignore")
    made: list[Symbol] = []
    for j, text in enumerate(_texts(encoder, symbols)):
        dropped = None if encoder.drop_idx_ is None else encoder.drop_idx_[j]
        for position, category in enumerate(encoder.categories_[j]):
            if position != dropped:
                table = [float(_same(word, category)) for word in text.words]
                made.append(Coded(text.feature, np.array(table)))
    return made


def _ordinal(encoder: Any, symbols: list[Symbol]) -> list[Symbol]:
    _plain(encoder, "use_encoded_value")
    made: list[Symbol] = []
    for text, categories in zip(_texts(encoder, symbols), encoder.categories_, strict=True):
        codes = [encoder.encoded_missing_value if _is_missing(category) else position for position, category in enumerate(categories)]
        made.append(_looked_up(text, categories, codes, encoder.unknown_value))
    return made


def _target(encoder: Any, symbols: list[Symbol]) -> list[Symbol]:
    made: list[Symbol] = []
    several = encoder.target_type_ == "multiclass"
    outputs = len(encoder.classes_) if several else 1
    for j, text in enumerate(_texts(encoder, symbols)):
        for output in range(outputs):
            mean = encoder.target_mean_[output] if several else encoder.target_mean_
            made.append(_looked_up(text, encoder.categories_[j], encoder.encodings_[j * outputs + output], mean))
    return made


def _plain(encoder: Any, unknown: str) -> None:
    kind = type(encoder).__name__
    if encoder.handle_unknown != unknown:
        refuse(
            f"{kind}(handle_unknown={encoder.handle_unknown!r}) has no answer in SQL to an unseen category",
            f"take handle_unknown={unknown!r}",
        )
    if encoder.min_frequency is not None or encoder.max_categories is not None:
        refuse(f"{kind} that joins infrequent categories is not converted", "join rare categories in the feature view")


def _texts(encoder: Any, symbols: Iterable[Symbol]) -> list[Text]:
    """The texts that an encoder was fitted to: each category that it knows must be one that SQL can tell apart."""
    kind, texts = type(encoder).__name__, [symbol for symbol in symbols if isinstance(symbol, Text)]
    if len(texts) != encoder.n_features_in_:
        refuse(f"{kind} of a column that is no text is not converted", "cast such a column to VARCHAR")
    for text, categories in zip(texts, encoder.categories_, strict=True):
        for category in categories:
            if not _is_missing(category) and category not in text.words:
                refuse(f"{kind} knows the category {category!r}, which the vocabulary lacks", "give all categories of the fit, as texts")
    return texts


def _looked_up(text: Text, categories: Sequence[Any], values: Sequence[float], otherwise: float) -> Coded:
    def value(word: Any) -> float:
        return next((float(v) for category, v in zip(categories, values, strict=True) if _same(word, category)), float(otherwise))

    return Coded(text.feature, np.array([value(word) for word in text.words]))


def _same(word: Any, category: Any) -> bool:
    return word is None if _is_missing(category) else bool(word == category)


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float | np.floating) and bool(np.isnan(value))) or type(value).__name__ == "NAType"


_TRANSFORMERS: Mapping[str, Callable[[Any, list[Symbol]], list[Symbol]]] = {
    "Pipeline": _pipeline,
    "ColumnTransformer": _column_transformer,
    "FunctionTransformer": _function,
    "StandardScaler": _standard_scaler,
    "MinMaxScaler": _min_max_scaler,
    "SimpleImputer": _simple_imputer,
    "OneHotEncoder": _one_hot,
    "OrdinalEncoder": _ordinal,
    "TargetEncoder": _target,
}
