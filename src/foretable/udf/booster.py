"""XGBoost's own evaluator as a host: its trees from its own format, one thread per call."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from foretable.errors import WarehouseError
from foretable.forms.evaluate import apply_finish, columns_of
from foretable.forms.form import Trees
from foretable.forms.store import from_bytes
from foretable.registry.signature import Signature, encode
from foretable.udf.host import Answer, Columns


def booster_answer(signature: Signature, form: bytes, booster: bytes) -> Answer:
    """A booster with the columns and the finish of the version's form.

    Parameters
    ----------
    signature
        What the matrix is filled from.
    form
        The stored form: how encoded rows become the booster's columns, and its margins the answer.
    booster
        XGBoost's bytes, UBJSON or JSON.

    Raises
    ------
    WarehouseError
        It is no booster of trees, or not the one of this form.
    """
    plain = from_bytes(form, signature.features)
    if not isinstance(plain, Trees):
        raise _refused("the version is a linear model")
    model = open_booster(booster, plain)
    as_it_is = all(column.table is None and column.feature == at for at, column in enumerate(plain.columns))
    direct = as_it_is and len(plain.columns) == len(signature.features)

    def answer(columns: Columns) -> np.ndarray:
        matrix = encode(columns, signature.features, np.float32)
        if not direct:
            matrix = columns_of(plain, matrix)
        margins = model.inplace_predict(matrix, predict_type="margin", validate_features=False)
        return apply_finish(plain.finish, margins.astype(np.float64))

    return answer


def open_booster(content: bytes, form: Trees) -> Any:
    """XGBoost with one thread.

    Raises
    ------
    WarehouseError
        The bytes are no booster of trees, or its columns, trees or outputs are not those of the form.
    """
    import xgboost

    model = xgboost.Booster()
    try:
        model.load_model(bytearray(content))
        model.set_param({"nthread": 1})
        learner = json.loads(model.save_config())["learner"]
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _refused("its bytes are none that XGBoost can read") from error
    if learner["gradient_booster"]["name"] != "gbtree":
        raise _refused(f"it is {learner['gradient_booster']['name']}, not plain trees")
    outputs = max(1, int(learner["learner_model_param"]["num_class"])) * max(1, int(learner["learner_model_param"]["num_target"]))
    trees = len(model.get_dump())
    found, expected = (model.num_features(), trees, outputs), (len(form.columns), len(form.trees), form.outputs)
    if found != expected:
        words = "{} columns, {} trees and {} outputs"
        raise _refused(f"it has {words.format(*found)}, the version {words.format(*expected)}")
    return model


def _refused(what: str) -> WarehouseError:
    return WarehouseError(
        f"the booster is refused: {what}",
        where="foretable.model_artifacts",
        hint="bring back a copy with: foretable restore BACKUP, or train again",
    )
