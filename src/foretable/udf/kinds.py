"""What answers a call, by kind: each made from artefacts of a version."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from foretable.registry.signature import Signature, encode
from foretable.udf.explained import explaining
from foretable.udf.host import Answer, Columns, Score, make_scorer, matrix_answer, scoring

Artifacts = Mapping[str, bytes]


class Kind(NamedTuple):
    """The artefacts that a kind of answer is made from, the first of which names it by content; and its maker."""

    needs: tuple[str, ...]
    make: Callable[[Signature, Artifacts], Score]


def _onnx(signature: Signature, artifacts: Artifacts) -> Score:
    return make_scorer(signature, artifacts["onnx"])


def _booster(signature: Signature, artifacts: Artifacts) -> Score:
    # Here, because it imports XGBoost's neighbours only where a model uses them.
    from foretable.udf.booster import booster_answer

    return scoring(signature, lambda: booster_answer(signature, artifacts["form"], artifacts["booster"]))


def _explain(signature: Signature, artifacts: Artifacts) -> Score:
    return explaining(signature, lambda: matrix_answer(signature, artifacts["explain"], len(signature.features) + 1))


def _exact(signature: Signature, artifacts: Artifacts) -> Score:
    return explaining(signature, lambda: _shapley(signature, artifacts["form"]))


def _shapley(signature: Signature, content: bytes) -> Answer:
    from foretable.forms.shapley import exact
    from foretable.forms.store import from_bytes

    form = from_bytes(content, signature.features)

    def answer(columns: Columns) -> np.ndarray:
        found: np.ndarray = exact(form, encode(columns, signature.features))
        return found

    return answer


KINDS: Mapping[str, Kind] = {
    "onnx": Kind(("onnx",), _onnx),
    "booster": Kind(("booster", "form"), _booster),
    "explain": Kind(("explain",), _explain),
    "exact": Kind(("form",), _exact),
}
