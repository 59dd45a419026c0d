"""From columns of a training set to the features of a signature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from foretable import sql
from foretable.errors import TrainingError
from foretable.registry.signature import Feature, Kind

if TYPE_CHECKING:
    from foretable.train.training_set import TrainingSet

MOST_CATEGORIES = 256
"""A text column with more values than this is taken for an identifier or free text, and refused."""


def kind_of(data_type: pa.DataType, where: str) -> Kind:
    """How a column of an Arrow type enters a model.

    Integers, floats and decimals are numbers, text and enums are categories.

    Raises
    ------
    TrainingError
        The type is none of these; the message names ``where`` (``table.column``).
    """
    if pa.types.is_boolean(data_type):
        return "boolean"
    if pa.types.is_integer(data_type) or pa.types.is_floating(data_type) or pa.types.is_decimal(data_type):
        return "number"
    if pa.types.is_dictionary(data_type):
        return kind_of(data_type.value_type, where)
    if pa.types.is_string(data_type) or pa.types.is_large_string(data_type) or pa.types.is_string_view(data_type):
        return "category"
    if pa.types.is_temporal(data_type):
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
    query = exp.select(*(sql.column(name) for name in training.features)).from_(sql.table(training.table)).limit(0)
    schema = connection.execute(sql.render(query)).to_arrow_table().schema
    return {field.name: kind_of(field.type, f"{training.table}.{field.name}") for field in schema}


def _plain(training: TrainingSet) -> list[exp.Expression]:
    names = [*training.keys, *([training.as_of] if training.as_of else []), training.label]
    return [sql.column(name) for name in names if name not in training.features]


def infer_features(rows: pa.Table, names: Sequence[str], table: str) -> tuple[Feature, ...]:
    """The features of a signature, with sorted vocabularies, from training rows only.

    Parameters
    ----------
    rows
        The training rows: no validation or test rows, whose categories are not known yet.
    names
        The columns that are features.
    table
        Name of the training set, for messages.

    Raises
    ------
    TrainingError
        A column's type is no input, or a text has too many values.
    """
    return tuple(_feature(rows[name], name, f"{table}.{name}") for name in names)


def _feature(column: pa.ChunkedArray, name: str, where: str) -> Feature:
    kind = kind_of(column.type, where)
    if kind != "category":
        return Feature(name, kind)
    values = pc.unique(pc.cast(column, pa.string())).drop_null()
    if len(values) > MOST_CATEGORIES:
        raise TrainingError(
            f"{len(values):,} different texts: more than {MOST_CATEGORIES} are taken for an identifier or free text",
            where=where,
            hint="group the rare ones, or list the column in the model's exclude=",
        )
    return Feature(name, kind, tuple(sorted(values.to_pylist())))
