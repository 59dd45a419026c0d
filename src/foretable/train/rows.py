"""The rows of a training set as people get them, whole or one part of the model's split."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
from sqlglot import exp

from foretable.declare.model import Model
from foretable.errors import UsageError, nearest
from foretable.sql import render
from foretable.train.features import ordered_rows, read_rows
from foretable.train.prepare import parts
from foretable.train.split import NAMES
from foretable.train.training_set import TrainingSet


def rows_of(connection: duckdb.DuckDBPyConnection, model: Model, training: TrainingSet, part: str | None) -> pa.Table:
    """The rows, ordered by key and date.

    Parameters
    ----------
    connection
        The warehouse that holds the training set.
    model
        Whose split parts the rows.
    training
        The training set.
    part
        ``train``, ``validation`` or ``test``; None gives all rows, those in the gaps between the parts too.

    Raises
    ------
    UsageError
        There is no such part.
    """
    rows = connection.execute(render(ordered_rows(connection, training).select(exp.Star()))).to_arrow_table()
    if part is None:
        return rows
    known = {name: code for code, name in NAMES.items()}
    if part not in known:
        raise UsageError(f"{part!r} is no part of a training set", hint=nearest(part, known))
    return rows.take(pa.array(np.flatnonzero(parts(model, read_rows(connection, training), training) == known[part])))
