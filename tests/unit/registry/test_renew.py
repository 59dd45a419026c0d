"""A warehouse that an earlier release wrote, in the hands of this one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from foretable.errors import WarehouseError
from foretable.registry import champion, rollback
from foretable.session import Session
from foretable.udf import connect
from foretable.warehouse.catalog import migrate, migrations

from .conftest import made

ROW = "FROM (SELECT 1.0 AS spend, true AS active, 'gold' AS plan) AS f"
CALLS = f"SELECT predict_churn(f), predict_churn_label(f), predict_churn__v1(f) {ROW}"


@pytest.fixture
def earlier(tmp_path: Path) -> Session:
    """A project whose warehouse has the catalog that knew champions, but no labels and no explanations."""
    (tmp_path / "pyproject.toml").write_text("[tool.foretable]\n")
    trained = made()
    content = trained.artifacts["onnx"]
    with connect(tmp_path / "warehouse.duckdb") as connection:
        migrate(connection, migrations()[:2])
        for version in (1, 2):
            connection.execute(
                "INSERT INTO foretable.model_versions (model, version, candidate, created_at, parameters, signature, metrics, parity,"
                " executor) VALUES ('churn', ?, 'LogisticRegression', now()::TIMESTAMP, '{}', ?, '{}', '{}', 'onnx')",
                [version, trained.signature.to_json()],
            )
            artifact = [version, content, hashlib.sha256(content).hexdigest()]
            connection.execute("INSERT INTO foretable.model_artifacts VALUES ('churn', ?, 'onnx', ?, ?)", artifact)
            past = [version, version - 1 or None]
            connection.execute("INSERT INTO foretable.alias_history VALUES ('churn', 'champion', ?, ?, now()::TIMESTAMP, 'better')", past)
        connection.execute("INSERT INTO foretable.model_aliases VALUES ('churn', 'champion', 2, now()::TIMESTAMP)")
    return Session(tmp_path)


def test_reading_says_what_brings_it_up_to_date(earlier):
    with pytest.raises(WarehouseError, match="its catalog has version 2, this foretable"):
        earlier.rows("SELECT 1")


def test_writing_migrates_it_and_gives_every_version_the_functions_that_came_later(earlier):
    with earlier.connect(write=True) as connection:
        assert champion(connection, "churn").version == 2
    score, label, same = earlier.rows(CALLS)[1][0]
    assert 0 < score < 1 and label in (0, 1) and score == same
    assert [path.suffix for path in (earlier.root / "backups").iterdir()] == [".duckdb"]
    with earlier.connect(write=True) as connection:
        assert rollback(connection, "churn").version == 1
    assert earlier.rows(CALLS)[1][0] == (score, label, same)


def test_an_earlier_version_says_that_it_explains_nothing(earlier):
    with earlier.connect(write=True):
        pass
    with pytest.raises(Exception, match="explain_churn: the version has no explanations"):
        earlier.rows(CALLS.replace("predict_churn_label(f)", "explain_churn(f, top := 2)"))
