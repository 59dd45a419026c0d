"""From columns of a training set to the features of a signature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from foretable import sql
from foretable.errors import TrainingError
from foretable.registry.signature import TYPES, Feature, Kind

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

ARROW: Mapping[Kind, pa.DataType] = {"number": pa.float64(), "boolean": pa.bool_(), "category": pa.string()}
"""What the parameters of the SQL function are in Arrow."""
MOST_CATEGORIES = 256
"""A text column with more values than this is taken for an identifier or free text, and refused."""


def kind_of(data_type: str, where: str) -> Kind:
    """How a column of a DuckDB type enters a model: numbers, booleans, and text or enums as categories.

    Raises
    ------
    TrainingError
        The type is none of these; the message names ``where`` (``table.column``).
    """
    for kind, names in TYPES.items():
        if re.fullmatch(names, data_type):
            return kind
    if data_type.startswith(("DATE", "TIME", "INTERVAL")):
        raise TrainingError(
            f"a {data_type} is no input for a model: a model that knows the date does not carry over to the next one",
            where=where,
            hint="turn it into a length of time, such as the days from it to as_of(), or list it in the model's exclude=",
        )
    raise TrainingError(
        f"a {data_type} is no input for a model",
        where=where,
        hint="give numbers, booleans or text, or list the column in the model's exclude=",
    )


def read_rows(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> pa.Table:
    """The training set as Arrow, ordered by key and date, features cast as the SQL function will cast them.

    DuckDB does the casts: a DECIMAL becomes the very DOUBLE that ``predict_<model>()`` is going to see.
    """
    query = ordered_rows(connection, training).select(*_plain(training), *typed_features(connection, training))
    return connection.execute(sql.render(query)).to_arrow_table()


def ordered_rows(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> exp.Select:
    """``SELECT … FROM training_set ORDER BY key, as_of``, still without columns."""
    order = [*training.keys, *([training.as_of] if training.as_of else [])]
    return exp.select().from_(sql.table(training.table)).order_by(*(sql.column(name) for name in order))


def typed_features(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> list[exp.Expr]:
    """The features of a training set, each cast to the type of its function parameter."""
    features = [Feature(name, kind) for name, kind in feature_kinds(connection, training).items()]
    return [exp.alias_(exp.cast(sql.column(f.name), f.sql_type, dialect=sql.DIALECT), f.name, quoted=True) for f in features]


def feature_kinds(connection: duckdb.DuckDBPyConnection, training: TrainingSet) -> dict[str, Kind]:
    """The kind of each feature, from the types of the table."""
    query = exp.select(*(sql.column(name) for name in training.features)).from_(sql.table(training.table))
    described = connection.execute(sql.statement("DESCRIBE $rows", rows=query)).fetchall()
    return {name: kind_of(data_type, f"{training.table}.{name}") for name, data_type, *_ in described}


def _plain(training: TrainingSet) -> list[exp.Expression]:
    names = [*training.keys, *([training.as_of] if training.as_of else []), training.label, *training.aside]
    return [sql.column(name) for name in dict.fromkeys(names) if name not in training.features]


def infer_features(rows: pa.Table, names: Sequence[str], table: str) -> tuple[Feature, ...]:
    """The features of a signature, with sorted vocabularies, from training rows only.

    Parameters
    ----------
    rows
        The training rows as :func:`read_rows` gives them: no validation or test rows, whose categories are not known yet.
    names
        The columns that are features.
    table
        Name of the training set, for messages.

    Raises
    ------
    TrainingError
        A text has too many values.
    """
    return tuple(_feature(rows[name], name, f"{table}.{name}") for name in names)


def _feature(column: pa.ChunkedArray, name: str, where: str) -> Feature:
    kind = next(kind for kind, data_type in ARROW.items() if column.type == data_type)
    if kind != "category":
        return Feature(name, kind)
    values = pc.unique(column).drop_null()
    if len(values) > MOST_CATEGORIES:
        raise TrainingError(
            f"{len(values):,} different texts: more than {MOST_CATEGORIES} are taken for an identifier or free text",
            where=where,
            hint="group the rare ones, or list the column in the model's exclude=",
        )
    return Feature(name, kind, tuple(sorted(values.to_pylist())))
