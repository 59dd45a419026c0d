"""Models as queries: executed in DuckDB, written for other databases and read back."""

from __future__ import annotations

import os
from itertools import product
from pathlib import Path

import duckdb
import numpy as np
import pytest
import sqlglot

from foretable import sql
from foretable.errors import UsageError
from foretable.forms.dialect import DIALECTS, written
from foretable.forms.evaluate import answer
from foretable.forms.expression_query import MOST_BRANCHES, check_size, model_query
from foretable.forms.form import Column, Finish, Form, Linear, Tree, Trees
from foretable.registry.signature import Feature, SegmentThresholds, Signature

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "models"
FEATURES = (Feature("spend", "number"), Feature("active", "boolean"), Feature("Plan", "category", ("it's", "b\\s\n", "größe")))
NAMES = ["id", "spend", "active", "Plan", "sc0"]
"""One column has a name that the query would take for itself."""


def linear(outputs: int = 1, finish: Finish = Finish("sigmoid", 0.5, -0.25)) -> Linear:  # noqa: B008
    weights = np.array([[0.25, -2.0, 0.0], [1.0, 0.5, 0.0], [-1.0, 0.0, 0.0]])[:outputs]
    gaps = np.array([[0.125, 0.5, 0.0]] * outputs)
    levels = {2: np.arange(5.0 * outputs).reshape(outputs, 5) / 8}
    return Linear(np.array([1000.0, 0.5, 0.0]), np.array([2.0, 0.0, 0.0]), weights, gaps, levels, np.arange(1.0, outputs + 1), finish)


def trees() -> Trees:
    tree = Tree(
        column=np.array([0, -1, 1, 2, -1, -1, -1]),
        threshold=np.array([0.3, 0, 0.5, 0.5, 0, 0, 0], np.float32),
        left=np.array([1, 0, 3, 5, 0, 0, 0]),
        right=np.array([2, 0, 4, 6, 0, 0, 0]),
        missing_left=np.array([1, 0, 1, 0, 0, 0, 0], bool),
        value=np.arange(-3, 4, dtype=np.float32)[:, None] / 4,
        cover=np.ones(7),
    )
    columns = (Column(0), Column(1), Column(2, np.array([np.nan, 0, 0, 1, 0], np.float32)))
    return Trees(columns, (tree, tree), np.array([0.125]), finish=Finish(knots=((-1.0, 0.1), (0.5, 0.2), (1.0, 0.9))))


def signature(task: str = "classification") -> Signature:
    classes = ("low", "mid", "it's") if task == "multiclass" else ()
    by = SegmentThresholds("Plan", (("it's", 0.1),)) if task == "classification" else None
    return Signature("churn", task, FEATURES, "churned", 0.3, classes, by)  # type: ignore[arg-type]


CASES: dict[str, tuple[Form, Signature]] = {
    "linear": (linear(), signature()),
    "trees": (trees(), signature()),
    "multiclass": (linear(3, Finish("softmax")), signature("multiclass")),
    "regression": (linear(1, Finish("exp")), signature("regression")),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_text_is_the_recorded_one_and_is_read_back(name: str, dialect: str) -> None:
    form, of = CASES[name]
    text = written(model_query(form, of, 4, sql.table("features.customers"), NAMES), dialect)
    file = GOLDEN / f"{name}.{dialect}.sql"
    if os.environ.get("FORETABLE_UPDATE_GOLDEN"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text + "\n", encoding="utf-8")
    assert text + "\n" == file.read_text(encoding="utf-8")
    read = sqlglot.parse_one(text, dialect=dialect)
    assert read.sql(dialect=dialect).lower() == text.lower()
    words = {literal.this for literal in read.find_all(sqlglot.exp.Literal) if literal.is_string}
    assert {"it's", "b\\s\n"} <= words
    assert not list(read.find_all(sqlglot.exp.Anonymous)), "a function that some database may not have"


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("names", [NAMES, []], ids=["listed", "all"])
def test_the_query_answers_as_the_reference(name: str, names: list[str]) -> None:
    form, of = CASES[name]
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA features")
    connection.execute("CREATE TABLE features.customers (id INTEGER, spend DECIMAL(9, 2), active BOOLEAN, Plan VARCHAR, sc0 VARCHAR)")
    plans = ["it's", "b\\s\n", "größe", "unheard of", None]
    spends, answers = [0.3, 0.29, 1000, None], [True, False, None]
    rows = [[number, *row, "kept"] for number, row in enumerate(product(spends, answers, plans))]
    connection.executemany("INSERT INTO features.customers VALUES (?, ?, ?, ?, ?)", rows)
    text = sql.render(model_query(form, of, 4, sql.table("features.customers"), names))
    cursor = connection.execute(text)
    columns = [part[0] for part in cursor.description or ()]
    found = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    assert columns[:5] == NAMES
    assert len(found) == len(rows)
    codes = {plan: float(code) for code, plan in enumerate(FEATURES[2].vocabulary)} | {"unheard of": -1.0, None: np.nan}
    for row in found:
        spend = np.nan if row["spend"] is None else float(row["spend"])
        active = np.nan if row["active"] is None else float(row["active"])
        expected = answer(form, np.array([[spend, active, codes[row["Plan"]]]])).ravel()
        empty = row["spend"] is None and row["active"] is None and row["Plan"] is None
        assert row["sc0"] == "kept"
        assert row["model_version"] == 4
        if of.task == "multiclass":
            shares = [row[f"churn_probability_{label}"] for label in of.classes]
            assert row["churn_label"] == (None if empty else of.classes[int(expected.argmax())])
            assert shares == [None] * 3 if empty else np.allclose(shares, expected, rtol=1e-12)
            continue
        assert row[of.output] is None if empty else row[of.output] == pytest.approx(expected[0], rel=1e-12)
        if of.task == "classification":
            limit = 0.1 if row["Plan"] == "it's" else 0.3
            assert row["churn_label"] == (None if empty else int(expected[0] >= limit))


def test_a_forest_that_no_database_would_read_is_refused() -> None:
    tree = trees().trees[0]
    many = Trees(trees().columns, (tree,) * (MOST_BRANCHES // 3 + 1), np.zeros(1))
    with pytest.raises(UsageError, match="branches"):
        check_size(many, "churn@4")
    check_size(trees(), "churn@4")
