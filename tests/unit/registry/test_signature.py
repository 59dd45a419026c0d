"""From Arrow columns to the matrix that a model reads."""

from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foretable.registry.signature import UNSEEN, Feature, Signature, encode, encode_table

NUMBER, BOOLEAN, CATEGORY = Feature("n", "number"), Feature("b", "boolean"), Feature("c", "category", ("x", "y"))
NAN = float("nan")


@pytest.mark.parametrize(
    ("feature", "column", "expected"),
    [
        (NUMBER, pa.array([1.5, None, NAN]), [1.5, NAN, NAN]),
        (NUMBER, pa.array([1, None, 2**60 + 1]), [1, NAN, 2.0**60]),
        (NUMBER, pa.array([Decimal("1.10"), None]), [1.1, NAN]),
        (NUMBER, pa.nulls(2), [NAN, NAN]),
        (BOOLEAN, pa.array([True, None, False]), [1, NAN, 0]),
        (CATEGORY, pa.array(["y", "x", "z", None, ""]), [1, 0, UNSEEN, NAN, UNSEEN]),
        (CATEGORY, pa.array(["y", None, "q"]).dictionary_encode(), [1, NAN, UNSEEN]),
        (CATEGORY, pa.array(["y", None], pa.large_string()), [1, NAN]),
        (CATEGORY, pa.nulls(2), [NAN, NAN]),
        (Feature("c", "category"), pa.array(["y", None]), [UNSEEN, NAN]),
        (NUMBER, pa.array([], pa.float64()), []),
    ],
)
@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_one_column(feature, column, expected, chunks):
    given = {0: column, 1: pa.chunked_array([column]), 2: pa.chunked_array([column.slice(0, 1), column.slice(1)])}[chunks]
    assert encode([given], [feature]).ravel().tolist() == pytest.approx(expected, nan_ok=True)


@given(
    st.lists(
        st.tuples(st.none() | st.floats(allow_nan=False), st.none() | st.booleans(), st.none() | st.sampled_from(["x", "y", "z", "ä", ""])),
        min_size=1,
    ),
    st.data(),
)
def test_rows_are_encoded_one_by_one_whatever_the_chunks(rows, data):
    kinds = (pa.float64(), pa.bool_(), pa.string())
    columns = [pa.array(values, kind) for values, kind in zip(zip(*rows, strict=True), kinds, strict=True)]
    cut = data.draw(st.integers(0, len(rows)))
    chunked = [pa.chunked_array([column.slice(0, cut), column.slice(cut)]) for column in columns]
    code = {None: NAN, "x": 0.0, "y": 1.0}
    slow = [[NAN if n is None else n, NAN if b is None else float(b), code.get(c, UNSEEN)] for n, b, c in rows]
    np.testing.assert_array_equal(encode(chunked, [NUMBER, BOOLEAN, CATEGORY]), np.array(slow))


def test_the_matrix_is_row_major_and_of_the_asked_type():
    matrix = encode([pa.array([1.0, 2.0]), pa.array([True, None])], [NUMBER, BOOLEAN], np.float32)
    assert matrix.dtype == np.float32
    assert matrix.flags.c_contiguous


def test_a_table_gives_its_columns_by_name():
    table = pa.table({"b": [True], "other": [9], "n": [2.5]})
    assert encode_table(table, [NUMBER, BOOLEAN]).tolist() == [[2.5, 1.0]]


def test_a_signature_survives_json():
    signature = Signature("churn", "regression", (NUMBER, CATEGORY), "churned", threshold=0.25)
    assert Signature.from_json(signature.to_json()) == signature
    assert signature.output == "churn_prediction"
