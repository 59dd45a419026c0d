"""Versions with figures and curves as training makes them, and pages read back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from foretable.declare.judge import Gate, Value
from foretable.registry import Version
from foretable.registry.intervals import Intervals
from foretable.registry.signature import SegmentThresholds
from foretable.train.judge.curves import curves
from foretable.train.judge.drift import drift
from foretable.train.judge.evaluate import evaluate
from foretable.train.judge.fairness import fairness
from foretable.train.judge.value import worth
from foretable.train.result import Beside, Curve, Evaluation, Finding, Trial

from ..registry.conftest import FEATURES, added, made

ROWS = 1200
VOID = {"meta", "br", "img", "link", "input", "hr"}
SPLIT = np.repeat([0, 1, 2], [600, 200, 400])


@dataclass
class Page(HTMLParser):
    """A page as read: text by element, ids, attributes; every element is closed."""

    text: str = ""
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if {"th", "td"} & set(self.open) and self.rows:
            self.rows[-1][-1] += data

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if attributes.get("id")]

    def figures(self) -> list[str]:
        return [attributes["id"] or "" for tag, attributes in self.tags if tag == "figure"]

    def row(self, name: str) -> list[str]:
        """The first row that starts so."""
        return next(row for row in self.rows if row and row[0].strip().startswith(name))


def read_page(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert not page.open
    return page


def answers(task: str, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and answers that are better than chance."""
    random = np.random.default_rng(seed)
    if task == "multiclass":
        codes = random.integers(0, 3, ROWS)
        logits = random.normal(size=(ROWS, 3)) + 2 * np.eye(3)[codes]
        return codes.astype(float), np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    score = random.normal(size=ROWS)
    if task == "regression":
        return np.exp(score + random.normal(size=ROWS) / 2) * 1000, np.exp(score) * 1000
    probability = 1 / (1 + np.exp(-(2 * score - 2)))
    return (random.random(ROWS) < probability).astype(float), probability


def judged(task: str = "classification", seed: int = 0) -> dict[str, Any]:
    """Evaluations, curves and findings of a version, by the functions of training."""
    outcome, answer = answers(task, seed)
    clusters, test = np.arange(ROWS) // 2, SPLIT == 2
    random = np.random.default_rng(1)
    region = np.array(["north", "south", "east"])[random.integers(0, 3, ROWS)]
    segments = {f"region={name}": region == name for name in ("north", "south", "east")}
    dates = np.array(["2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"], dtype="datetime64[D]")[np.arange(ROWS) % 4]
    classes = ("high", "low", "mid") if task == "multiclass" else ()
    value = Value(true_positive=30, false_positive=-10) if task == "classification" else None
    figures = evaluate(task, outcome, answer, SPLIT, clusters, threshold=0.3, seed=0, segments=segments, dates=dates)
    drawn: tuple[Curve, ...] = ()
    for part, name in ((1, "validation"), (2, "test")):
        rows = part == SPLIT
        drawn += curves(task, outcome[rows], answer[rows], name, clusters[rows], seed=0, classes=classes, value=value)
    matrix = np.column_stack([random.normal(size=ROWS) + SPLIT, random.random(ROWS) < 0.5, random.integers(0, 2, ROWS)])
    findings: tuple[Finding, ...] = (Finding("chance", "note", "better than chance: it is", "", {"p_value": 0.001, "rows": 400}),)
    if value is not None:
        cuts = np.full(int(test.sum()), 0.3)
        of_rows = (outcome[test], answer[test], clusters[test])
        figures += (worth(value, of_rows[0], of_rows[1], None, cuts, of_rows[2], 0),)
        groups = {f"gender={name}": np.arange(400) % 2 == code for code, name in enumerate("FM")}
        fair, found = fairness(Gate(fairness={"tpr": 0.3}), "gender", groups, *of_rows, threshold=0.3, seed=0)
        figures, findings = figures + fair, findings + found
    findings += (Finding("constant", "note", "nothing is constant"),)
    names = ("spend", "active", "plan")
    heights = {"importance": (0.2, 0.05, -0.001), "importance_low": (0.1, 0.04, -0.01), "importance_high": (0.3, 0.06, 0.01)}
    important = tuple(Curve(name, "test", (0.0, 1.0, 2.0), ys, names) for name, ys in heights.items())
    return {"evaluations": figures, "curves": (*drawn, *important, *drift(FEATURES, matrix, SPLIT)), "findings": findings}


COVERED = tuple(
    Evaluation(split, segment, *figures, 400)
    for split, segment in (
        ("test", "all"),
        ("validation", "all"),
        ("test", "as_of=2026-01-01"),
        *(("test", f"decile={n}") for n in range(1, 11)),
    )
    for figures in (("coverage", 0.85, 0.82, 0.875), ("interval_width", 2500.0, 2400.0, 2600.0))
)
"""What intervals hold: fewer than the nine tenths that they are declared to."""
BASELINES = (
    Beside("LastPeriod(spend_365d)", "test", "mae", 750.0, 700.0, 800.0, 12.5, -3.5, 29.0, 400),
    Beside("LastPeriod(spend_365d)", "test", "spearman", 0.7, 0.65, 0.75, 0.125, 0.0625, 0.1875, 400),
    Beside("CellMeans(plan)", "test", "mae", 900.0, 850.0, 950.0, 162.5, 120.0, 205.0, 400),
    Beside("<Oracle(x)>", "test", "mae", 1000.0, 950.0, 1050.0, 262.5, 220.0, 305.0, 400),
)

TRIALS = tuple(
    Trial("LogisticRegression", n, {"C": c}, v, state, 0.1)
    for n, (c, v, state) in enumerate([(0.1, 0.7, "COMPLETE"), (0.5, 0.8, "COMPLETE"), (9.0, 0.6, "PRUNED"), (5.0, float("nan"), "FAILED")])
)


@pytest.fixture(scope="session")
def measured() -> dict[tuple[str, int], dict[str, Any]]:
    """What is told of a version, by task and seed: measured once."""
    return {key: judged(*key) for key in (("classification", 0), ("classification", 3), ("regression", 0), ("multiclass", 0))}


@pytest.fixture(scope="session")
def catalog(
    tmp_path_factory: pytest.TempPathFactory, measured: dict[tuple[str, int], dict[str, Any]]
) -> Iterator[duckdb.DuckDBPyConnection]:
    """Versions of churn: 1 champion, 2 challenger, 3 of several classes, 4 and 6 a number, 5 of which nothing is known."""
    from foretable.registry import promote
    from foretable.udf import connect
    from foretable.warehouse import ensure_catalog

    path: Path = tmp_path_factory.mktemp("report") / "warehouse.duckdb"
    with connect(path) as connection:
        ensure_catalog(connection)
        signature = replace(made().signature, threshold=0.3, by_segment=SegmentThresholds("plan", (("gold", 0.25),)))
        first = replace(made(), signature=signature, trials=TRIALS, **measured["classification", 0])
        added(connection, **{name: getattr(first, name) for name in ("signature", "trials", "evaluations", "curves", "findings")})
        added(connection, weight=2.0, parameters={"C": 9.0}, trials=TRIALS[:3], **measured["classification", 3])
        added(connection, "multiclass", **measured["multiclass", 0])
        intervals = Intervals(0.9, 0.0, (500.0,), ((0.0, 0.0), (0.0, 0.25)), ((100.0, 1.5), (0.0, 2.0)))
        number = {
            **measured["regression", 0],
            "baselines": BASELINES,
            "signature": replace(made("regression").signature, intervals=intervals),
        }
        number["evaluations"] = (*number["evaluations"], *COVERED)
        added(connection, "regression", **number)
        added(connection, evaluations=(), curves=(), findings=(), trials=())
        added(connection, "regression", weight=2.0, **number)
        promote(connection, "churn", 1, reason="first version, better than chance: it is")
        why = "roc_auc better by 0.0100 [+0.0010, +0.0200] than version 1 on 400 held-out rows; at least 0.05 is asked for"
        promote(connection, "churn", 2, reason=why, alias="challenger")
        connection.execute(
            "INSERT INTO foretable.comparisons VALUES"
            " ('predictions.churn', 'churn', 'answer', 1, 'roc_auc', 0.81, 0.79, 0.83, 5000, 3, '2026-05-01', '2026-06-01')"
        )
        yield connection


@pytest.fixture(scope="session")
def page_of(catalog: duckdb.DuckDBPyConnection) -> Callable[..., str]:
    """The page of a version by number, or of two; each is written once."""
    from foretable.registry import version_of
    from foretable.report import report_page

    kept: dict[tuple[int, ...], str] = {}

    def page(*numbers: int) -> str:
        if numbers not in kept:
            kept[numbers] = report_page(catalog, *(version_of(catalog, "churn", number) for number in numbers))
        return kept[numbers]

    return page


@pytest.fixture
def add() -> Callable[..., Version]:
    """Adds a version of ``churn`` by hand."""
    return added


__all__ = ["Evaluation", "Page", "read_page"]
