"""Parts of the rows that a model is evaluated on apart."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa

from foretable.warehouse.open import NO_PROGRESS

MOST_VALUES = 20
MOST_TIMES = 36
OTHER = "(other)"


def by_value(name: str, column: pa.Array | pa.ChunkedArray) -> dict[str, np.ndarray]:
    """Rows by the value of a column.

    Parameters
    ----------
    name
        Of the column.
    column
        Its values per row.

    Returns
    -------
    dict
        ``name=value`` to a mask over the rows, the most frequent first; NULL is ``name=NULL``, and what comes after
        ``MOST_VALUES`` values is ``name=(other)`` together.
    """
    texts = np.array(["NULL" if value is None else value for value in text(column)])
    values, codes, counts = np.unique(texts, return_inverse=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    found = {f"{name}={values[position]}": codes == position for position in order[:MOST_VALUES]}
    if len(order) > MOST_VALUES:
        found[f"{name}={OTHER}"] = np.isin(codes, order[MOST_VALUES:])
    return found


def text(column: pa.Array | pa.ChunkedArray) -> np.ndarray:
    """Values of a column as the VARCHAR that SQL makes of them, as it compares them with the segments of a threshold; NULL as None."""
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    encoded = whole.dictionary_encode(null_encoding="encode")
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(NO_PROGRESS)
        connection.register("given", pa.table({"value": encoded.dictionary}))
        names = connection.execute("SELECT value::VARCHAR FROM given").fetchall()
    found: np.ndarray = np.array([*(name for (name,) in names), None], dtype=object)[encoded.indices.to_numpy(zero_copy_only=False)]
    return found


def by_time(dates: np.ndarray) -> dict[str, np.ndarray]:
    """Rows by date: ``as_of=2024-01-01`` to a mask; by month or year where there are more than ``MOST_TIMES`` dates."""
    for unit in ("D", "M", "Y"):
        moments = dates.astype(f"datetime64[{unit}]")
        times = np.unique(moments)
        if len(times) <= MOST_TIMES:
            break
    return {f"as_of={time}": moments == time for time in times}
