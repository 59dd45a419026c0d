"""The vectorised host of an ONNX graph."""

import inspect
import threading
from dataclasses import replace

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from foretable.errors import WarehouseError
from foretable.registry.signature import Feature, Signature
from foretable.udf import make_scorer, register_version

ROWS, WIDTH = 5000, 7


def signature(width: int = WIDTH) -> Signature:
    return Signature("m", "classification", tuple(Feature(f"f{i}", "number") for i in range(width)), "label")


@pytest.fixture
def columns() -> list[pa.Array]:
    random = np.random.default_rng(1)
    return [pa.array(random.normal(size=ROWS) * 10**i, mask=random.random(ROWS) < 0.1) for i in np.linspace(-2, 1, WIDTH)]


def bits(scores: pa.Array | pa.ChunkedArray) -> list[int]:
    return scores.to_numpy(zero_copy_only=False).view(np.int64).tolist()


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_scores_are_bit_identical_for_any_batch_split(graphs, columns, kind):
    score = make_scorer(signature(), graphs[kind])
    whole = bits(score(*columns))
    assert len(set(whole)) > 100
    for size in (1, 2, 3, 5, 15, 16, 17, 100, 2047, 2048):
        parts = [score(*(column.slice(start, size) for column in columns)) for start in range(0, min(ROWS, 200 * size), size)]
        split = bits(pa.chunked_array(parts))
        assert split == whole[: len(split)], size


@pytest.mark.parametrize("kind", ["linear", "trees"])
def test_scores_in_sql_are_bit_identical_for_any_number_of_threads(graphs, columns, kind):
    expected = bits(make_scorer(signature(), graphs[kind])(*columns))
    names = [f"f{i}" for i in range(WIDTH)]
    with duckdb.connect() as connection:
        connection.register("given", pa.table({"row": range(ROWS), **dict(zip(names, columns, strict=True))}))
        connection.execute("CREATE TABLE rows AS SELECT given.* FROM given, range(50) ORDER BY hash(row, range)")
        register_version(connection, "score", signature(), {"onnx": graphs[kind]})
        for threads in (1, 2):
            connection.execute(f"SET threads = {threads}")
            for where in ("true", "hash(row) % 3 = 0"):
                query = f"SELECT row, score({', '.join(names)}) AS s FROM rows WHERE {where} GROUP BY ALL ORDER BY row"
                found = connection.execute(query).to_arrow_table()
                # One score per row although each was scored fifty times, in different batches.
                assert len(found) == len(set(found["row"].to_pylist()))
                assert bits(found["s"]) == [expected[row] for row in found["row"].to_pylist()]


def test_a_row_whose_features_are_all_null_scores_null(graphs):
    score = make_scorer(signature(), graphs["linear"])
    columns = [pa.array([1.0, None, None, float("nan")])] + [pa.array([None, None, 2.0, float("nan")])] * (WIDTH - 1)
    assert [value is None for value in score(*columns).to_pylist()] == [False, True, False, False]


def test_chunked_arrays_and_arrays_score_alike(graphs, columns):
    score = make_scorer(signature(), graphs["linear"])
    chunked = [pa.chunked_array([column.slice(0, 10), column.slice(10)]) for column in columns]
    assert bits(score(*chunked)) == bits(score(*columns))


def test_no_rows_score_no_rows_and_load_nothing():
    def fail() -> bytes:
        raise AssertionError("loaded")

    assert make_scorer(signature(1), fail)(pa.array([], pa.float64())).to_pylist() == []


def test_the_graph_is_read_at_the_first_row_and_once(graphs, columns):
    read, together = [], threading.Barrier(8)

    def load() -> bytes:
        read.append(1)
        return graphs["linear"]

    score = make_scorer(signature(), load)
    assert read == []

    def run() -> None:
        together.wait()
        score(*columns)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read == [1]


def test_a_failed_read_is_tried_again(graphs, columns):
    answers = [OSError("not now"), graphs["linear"]]

    def load() -> bytes:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    score = make_scorer(signature(), load)
    with pytest.raises(OSError, match="not now"):
        score(*columns)
    assert len(score(*columns)) == ROWS


def test_duckdb_is_told_the_number_of_parameters():
    assert len(inspect.signature(make_scorer(signature(3), b"")).parameters) == 3


def test_infinities_that_cancel_score_null_and_others_score(graphs):
    """NaN would stand above every score in ORDER BY, and above every threshold."""
    infinite = float("inf")
    plain = [pa.array([0.0] * 4) for _ in range(WIDTH - 2)]  # the weights of the first two are 0.3 and -1.7
    first, second = pa.array([infinite, infinite, 0.0, 0.0]), pa.array([infinite, 0.0, infinite, 0.0])
    scores = make_scorer(signature(), graphs["linear"])(first, second, *plain)
    assert scores.to_pylist() == [None, 1.0, 0.0, pytest.approx(1 / (1 + np.exp(-0.1)))]


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_compare_as_infinite(graphs):
    columns = [pa.array([1e300, infinite, -1e300, -infinite]) for infinite in [float("inf")] * WIDTH]
    high, highest, low, lowest = make_scorer(signature(), graphs["trees"])(*columns).to_pylist()
    assert high == highest != low == lowest


def test_bytes_that_are_no_plain_graph_of_as_many_features_are_never_run(graphs, columns):
    for content in (b"no graph", graphs["linear"][:-20], graphs["linear"].replace(b"MatMul", b"Loop__")):
        with pytest.raises(WarehouseError, match="refused"):
            make_scorer(signature(), content)(*columns)
    with pytest.raises(WarehouseError, match="refused"):
        make_scorer(signature(WIDTH - 1), graphs["linear"])(*columns[1:])


def test_a_graph_with_the_outputs_of_another_task_is_refused(graphs, columns):
    several = replace(signature(), task="multiclass", classes=("a", "b"))
    with pytest.raises(WarehouseError, match="gives 1 numbers per row, not 2"):
        make_scorer(several, graphs["linear"])(*columns)
