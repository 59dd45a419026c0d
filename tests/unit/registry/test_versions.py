"""Versions: numbered, immutable, complete."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from foretable.errors import UnknownName, WarehouseError
from foretable.registry import find_version, promote, version_of, versions
from foretable.registry.artifacts import read_artifact
from foretable.udf import connect


def test_a_version_reads_back_as_it_was_added(warehouse, register):
    before = datetime.now(UTC).replace(tzinfo=None)
    added = register(warehouse)
    assert version_of(warehouse, "churn", 1) == added
    assert (added.model, added.version, added.candidate, added.executor) == ("churn", 1, "LogisticRegression", "onnx")
    assert before <= added.created_at <= datetime.now(UTC).replace(tzinfo=None)
    assert (added.training_set, added.training_hash, added.row_count, added.seed) == ("training.churn", "f00d", 500, 7)
    assert added.parameters == {"C": 0.5}
    assert added.parity["max_difference"] == 1e-9
    assert [feature.name for feature in added.signature.features] == ["spend", "active", "plan"]
    assert str(added) == "churn@1"


def test_metrics_are_those_of_all_test_rows(warehouse, register):
    assert register(warehouse).metrics == {"roc_auc": 0.8}
    assert json.loads(warehouse.execute("SELECT metrics FROM foretable.model_versions").fetchall()[0][0]) == {"roc_auc": 0.8}


def test_evaluations_and_trials_are_stored(warehouse, register):
    register(warehouse)
    found = warehouse.execute("SELECT split, segment, value, low, high, row_count FROM foretable.evaluations ORDER BY ALL").fetchall()
    on_test = [("test", "all", 0.8, 0.7, 0.85, 100), ("test", "live", 0.75, 0.6, 0.8, 40)]
    assert found == [*on_test, ("validation", "all", 0.9, None, None, 100)]
    assert warehouse.execute("SELECT trial, parameters, value FROM foretable.trials").fetchall() == [(0, '{"C": 0.5}', 0.9)]


def test_numbers_go_up_and_a_version_knows_its_parent(warehouse, register):
    assert [register(warehouse).version, register(warehouse).version] == [1, 2]
    promote(warehouse, "churn", 2, reason="better")
    assert (register(warehouse).parent, version_of(warehouse, "churn", 1).parent) == (2, None)


def test_a_failed_transaction_leaves_nothing_and_the_next_one_registers(warehouse, register):
    row = "{'spend': 1, 'active': false, 'plan': 'basic'}"
    warehouse.execute("BEGIN")
    register(warehouse, [5.0, 0.0, 0.0])
    assert warehouse.execute(f"SELECT predict_churn__v1({row}) > 0.9").fetchall() == [(True,)]
    warehouse.execute("ROLLBACK")
    assert versions(warehouse) == []
    assert warehouse.execute("SELECT count(*) FROM duckdb_functions() WHERE function_name LIKE 'predict%'").fetchall() == [(0,)]
    # The number was never committed, so it is free; the graph behind it must be the new one.
    register(warehouse, [0.0, 0.0, 0.0])
    assert warehouse.execute(f"SELECT predict_churn__v1({row})").fetchall() == [(0.5,)]


def test_an_error_in_the_middle_leaves_nothing(warehouse, register):
    warehouse.execute("DROP TABLE foretable.trials")
    with pytest.raises(Exception, match="trials"):
        register(warehouse)
    assert versions(warehouse) == []


def test_a_version_is_found_by_its_declaration(warehouse, register):
    for declaration in ("d1", "d1", "d2"):
        register(warehouse, declaration=declaration)
    assert find_version(warehouse, "churn", "d1").version == 2
    assert find_version(warehouse, "churn", "d3") is None
    assert find_version(warehouse, "other", "d1") is None


def test_unknown_models_and_versions_are_named(warehouse, register):
    assert versions(warehouse, "churn") == []
    with pytest.raises(UnknownName, match="no version of a model 'churn' is registered\nHint: train it first: foretable train churn"):
        version_of(warehouse, "churn", 1)
    register(warehouse)
    with pytest.raises(UnknownName, match=re.escape("did you mean 'churn'?")):
        version_of(warehouse, "chrun", 1)
    with pytest.raises(UnknownName, match="model churn has no version 4\nHint: it has 1"):
        version_of(warehouse, "churn", 4)


def test_damaged_bytes_are_refused(warehouse, register):
    register(warehouse)
    assert read_artifact(warehouse, "churn", 1)[:1] == b"\x08"
    warehouse.execute("UPDATE foretable.model_artifacts SET content = content || 'x'::BLOB")
    with pytest.raises(WarehouseError, match="churn@1 is damaged"):
        read_artifact(warehouse, "churn", 1)


def test_versions_added_by_several_threads_have_numbers_of_their_own(warehouse, register, tmp_path):
    def add() -> None:
        with connect(tmp_path / "w.duckdb") as connection:
            register(connection)

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(add) for _ in range(8)]:
            done.result()
    assert [version.version for version in versions(warehouse)] == list(range(1, 9))
    assert warehouse.execute("SELECT count(*) FROM foretable.model_artifacts").fetchall() == [(8,)]
