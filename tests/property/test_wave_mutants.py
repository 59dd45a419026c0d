"""Engines with one thing wrong, each of which the test over random waves must catch: else that test proves nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from foretable.compile import compile_project
from foretable.compile.graph import Graph
from foretable.declare.load import load_project
from foretable.refresh import diff, dirty, step, wave, write
from foretable.refresh.feeds.log import log_table
from foretable.refresh.wanted import effects_of, wanted_feeds
from foretable.sql import statement

from .test_waves import live
from .waves.world import TABLES, declare

KEPT = (
    "features.windows", "features.brands", "features.latest", "features.visits", "features.recency", "clean.orders", "features.clean",
    "features.plan", "features.all", "predictions.score",
)  # fmt: skip
SEEDS = 8

Patch = Callable[..., None]
Mutant = Callable[[Patch], None]


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    root = tmp_path_factory.mktemp("mutants")
    declare(root, {name: TABLES[name] for name in KEPT})
    return compile_project(load_project(root))


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """Statements are kept per table: those of a mutant must not reach the next test."""
    write._compare.cache_clear()
    yield
    write._compare.cache_clear()


def one_edge_of_windows(patch: Patch) -> None:
    real = dirty.crossing
    patch("foretable.refresh.dirty.crossing", lambda boundary, ticks: real(boundary, (max(ticks), max(ticks))))


def windows_only_move_forward(patch: Patch) -> None:
    real = dirty.crossing
    patch(
        "foretable.refresh.dirty.crossing",
        lambda boundary, ticks: real(boundary, (max(ticks[1], ticks[0]),) * 2 if ticks[1] < ticks[0] else ticks),
    )


def foreign_keys_forgotten(patch: Patch) -> None:
    patch("foretable.refresh.step.effects_of", lambda graph, name: tuple(e for e in effects_of(graph, name) if not e.path))


def the_clock_forgotten(patch: Patch) -> None:
    patch(sys.modules["foretable.refresh.plan"], "_clock", lambda *_: "")  # the package gives its name to the function


def rows_stay_that_are_gone(patch: Patch) -> None:
    real = step.write_changed
    patch(
        "foretable.refresh.step.write_changed",
        lambda connection, compiled, written: real(connection, compiled, replace(written, deleted=0)),
    )


def one_column_compared(patch: Patch) -> None:
    patch("foretable.refresh.write.differs", lambda columns, left, right: diff.differs(dict(list(columns.items())[:1]), left, right))


def changes_not_logged(patch: Patch) -> None:
    patch("foretable.refresh.step.log_changed", lambda *_: None)


def contents_not_logged(patch: Patch) -> None:
    patch("foretable.refresh.step.log_contents", lambda *_: None)


def epochs_run_ahead(patch: Patch) -> None:
    _after_record(patch, "UPDATE foretable.tables SET epoch = epoch + 1")


def epochs_stand_still(patch: Patch) -> None:
    _after_record(patch, "UPDATE foretable.tables SET epoch = epoch - 1")


def logs_cut_too_soon(patch: Patch) -> None:
    def cut(work: Any, *_: Any) -> None:
        for feed in wanted_feeds(work.graph):
            work.connection.execute(statement("DELETE FROM $log", log=log_table(feed)))

    patch("foretable.refresh.wave._prune_logs", cut)


def _after_record(patch: Patch, query: str) -> None:
    real = wave.history.record

    def record(connection: Any, *rest: Any) -> None:
        real(connection, *rest)
        connection.execute(query)

    patch("foretable.refresh.history.record", record)


QUICK = [one_edge_of_windows, foreign_keys_forgotten, rows_stay_that_are_gone, changes_not_logged]
REST = [
    windows_only_move_forward, the_clock_forgotten, one_column_compared, contents_not_logged, epochs_run_ahead,
    epochs_stand_still, logs_cut_too_soon,
]  # fmt: skip


@pytest.mark.parametrize("mutant", [*QUICK, *(pytest.param(one, marks=pytest.mark.slow) for one in REST)], ids=lambda one: one.__name__)
def test_a_wrong_engine_is_caught(mutant: Mutant, graph: Graph, monkeypatch: pytest.MonkeyPatch) -> None:
    mutant(monkeypatch.setattr)
    for seed in range(SEEDS):
        try:
            live(graph, seed, 8)
        except AssertionError:
            return
    pytest.fail(f"{mutant.__name__} lived through {SEEDS} seeds")
