"""A signature that somebody wrote or sent, read with every part of it checked."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast, get_args

from foretable.errors import UsageError
from foretable.registry.intervals import Intervals
from foretable.registry.signature import Feature, Kind, SegmentThresholds, Signature, Task

MOST_FEATURES = 10_000
MOST_WORDS = 100_000
MOST_PIECES = 1_000
_NAME = re.compile(r"[a-z]([a-z0-9_]*[a-z0-9])?\Z")
_KNOWN = {"model", "task", "features", "label", "threshold", "classes", "by_segment", "reasons", "output", "intervals"}
_EXAMPLE = '{"features": [{"name": "spend", "kind": "number"}, {"name": "plan", "kind": "category", "vocabulary": ["basic", "gold"]}]}'


def model_name(name: object, where: str) -> str:
    """A name that a model may have.

    Raises
    ------
    UsageError
        It is none.
    """
    if not isinstance(name, str) or not _NAME.match(name) or "__" in name or len(name) > 100:
        raise UsageError(f"{name!r} cannot name a model", where=where, hint="use letters, digits and single underscores, such as churn_30d")
    return name


def read_document(path: Path) -> Mapping[str, Any]:
    """The mapping of a JSON file.

    Raises
    ------
    UsageError
        There is no such file, or it holds something else.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"it cannot be read: {error.strerror}", where=str(path), hint="name a JSON file") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"it is no JSON: {error}", where=str(path), hint=f"a signature is {_EXAMPLE}") from None
    if not isinstance(found, dict):
        raise UsageError("it holds no object", where=str(path), hint=f"a signature is {_EXAMPLE}")
    return found


def signature_of(
    document: Mapping[str, Any], model: str, *, where: str = "signature", task: Task = "classification", label: str = "label"
) -> Signature:
    """The signature that a mapping declares.

    Parameters
    ----------
    document
        ``features`` (name, kind, and of a category its vocabulary, in the order of the columns), and where they differ from
        the defaults ``task``, ``label``, ``threshold``, ``classes``, ``by_segment``, ``reasons``, ``intervals``.
    model
        Whose it is.
    where
        For messages.
    task, label
        What they are where the document does not say.

    Raises
    ------
    UsageError
        A part is missing, unknown, or not of its type.
    """

    def refuse(what: str) -> UsageError:
        return UsageError(what, where=where, hint=f"a signature is {_EXAMPLE}")

    unknown = sorted(set(document) - _KNOWN)
    if unknown:
        raise refuse(f"{unknown[0]!r} is no part of a signature")
    said = document.get("task", task)
    if said not in get_args(Task):
        raise refuse(f"{said!r} is no task; known are {', '.join(get_args(Task))}")
    features = _features(document.get("features"), refuse)
    classes = _words(document.get("classes") or [], "classes", refuse)
    if (said == "multiclass") != (len(classes) > 2) and (said == "multiclass" or classes):
        raise refuse(f"a {said} model has {len(classes)} classes")
    threshold = document.get("threshold", 0.5)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise refuse(f"threshold {threshold!r} is no number")
    said_label = document.get("label", label)
    if not isinstance(said_label, str) or not said_label:
        raise refuse(f"label {said_label!r} is no name")
    return Signature(
        model, said, features, said_label, float(threshold), classes, _segments(document, refuse), _reasons(document, features, refuse),
        _intervals(document, said, refuse),
    )  # fmt: skip


def _features(given: object, refuse: Any) -> tuple[Feature, ...]:
    if not isinstance(given, list | tuple) or not 0 < len(given) <= MOST_FEATURES:
        raise refuse("features is no list of features")
    found = tuple(_feature(each, refuse) for each in given)
    names = [feature.name.lower() for feature in found]
    if len(set(names)) != len(names):
        raise refuse(f"feature {next(name for name in names if names.count(name) > 1)!r} comes twice")
    return found


def _feature(given: object, refuse: Any) -> Feature:
    if not isinstance(given, Mapping) or set(given) - {"name", "kind", "vocabulary"}:
        raise refuse(f"{given!r} is no feature")
    name, kind = given.get("name"), given.get("kind")
    if not isinstance(name, str) or not name or "\x00" in name or len(name) > 1_000:
        raise refuse(f"{name!r} cannot name a feature")
    if kind not in get_args(Kind):
        raise refuse(f"feature {name!r}: {kind!r} is no kind; known are {', '.join(get_args(Kind))}")
    words = _words(given.get("vocabulary") or [], f"vocabulary of {name!r}", refuse)
    if (kind == "category") != bool(words):
        raise refuse(f"feature {name!r}: a category has a vocabulary, other kinds have none")
    return Feature(name, cast(Kind, kind), words)


def _words(given: object, what: str, refuse: Any) -> tuple[str, ...]:
    if not isinstance(given, list | tuple) or len(given) > MOST_WORDS or not all(isinstance(word, str) for word in given):
        raise refuse(f"{what}: a list of texts is expected")
    if len(set(given)) != len(given):
        raise refuse(f"{what}: a text comes twice")
    return tuple(given)


def _segments(document: Mapping[str, Any], refuse: Any) -> SegmentThresholds | None:
    given = document.get("by_segment")
    if given is None:
        return None
    if not isinstance(given, Mapping) or set(given) != {"column", "thresholds"} or not isinstance(given["column"], str):
        raise refuse("by_segment has a column and its thresholds")
    pairs = _pairs(given["thresholds"], "by_segment", refuse)
    if not all(isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) for _, value in pairs):
        raise refuse("by_segment: a threshold is a number")
    return SegmentThresholds(given["column"], tuple((name, float(value)) for name, value in pairs))


def _intervals(document: Mapping[str, Any], task: Task, refuse: Any) -> Intervals | None:
    given = document.get("intervals")
    if given is None:
        return None
    try:
        found = Intervals.read(given)
    except (KeyError, TypeError, ValueError, OverflowError):
        raise refuse("intervals have a level, the least outcome, borders, and lines of low and high ends") from None
    if task != "regression" or len(found.low) > MOST_PIECES or not found.sound():
        raise refuse("intervals: of a regression, ascending borders and a line of finite numbers per piece are expected")
    return found


def _reasons(document: Mapping[str, Any], features: Sequence[Feature], refuse: Any) -> tuple[tuple[str, str], ...]:
    pairs = _pairs(document.get("reasons") or [], "reasons", refuse)
    names = {feature.name for feature in features}
    if not all(isinstance(words, str) for _, words in pairs) or {name for name, _ in pairs} - names:
        raise refuse("reasons: words by feature are expected")
    return pairs


def _pairs(given: object, what: str, refuse: Any) -> tuple[tuple[str, Any], ...]:
    pairs = list(given.items()) if isinstance(given, Mapping) else given
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 and isinstance(pair[0], str) for pair in pairs
    ):
        raise refuse(f"{what}: pairs are expected")
    return tuple((name, value) for name, value in pairs)
