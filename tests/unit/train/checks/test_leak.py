"""A label of 0 and 1 in another column: found where it is rare, sparse or spread over several; honest columns pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import matthews_corrcoef, roc_auc_score

from foretable.errors import LabelLeak
from foretable.train.checks import Examined, examine
from foretable.train.checks.groups import Part, coded, group, in_order, least_rate, outside, parts, tails, within
from foretable.train.checks.leak import leaks
from foretable.train.result import Finding

Sheet = Callable[..., Examined]
ROWS = 6_000


def world(base: float, seed: int = 1) -> tuple[np.random.Generator, np.ndarray]:
    random = np.random.default_rng(seed)
    return random, random.random(ROWS) < base


def only(found: list[Finding]) -> Finding:
    (finding,) = found
    return finding


def severities(examined: Examined) -> list[str]:
    return [finding.severity for finding in leaks(examined)]


LEAKS = {
    "a flag of a third of them": lambda r, y: y & (r.random(ROWS) < 0.5),
    "an amount only where they left": lambda r, y: np.where(y & (r.random(ROWS) < 0.5), r.gamma(2, 20, ROWS), 0.0),
    "NULL only where they left": lambda r, y: np.where(y & (r.random(ROWS) < 0.5), np.nan, r.normal(size=ROWS)),
    "known only where they left": lambda r, y: np.where(y & (r.random(ROWS) < 0.5), r.normal(size=ROWS), np.nan),
    "a copy with noise": lambda r, y: y ^ (r.random(ROWS) < 0.003),
    "beside the label": lambda r, y: y * 3 + r.random(ROWS),
    "against the label": lambda r, y: -3.0 * y + r.random(ROWS),
}


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("base", [0.04, 0.15])
def test_a_rare_label_in_one_column_is_refused(sheet: Sheet, name: str, base: float) -> None:
    random, left = world(base)
    examined = sheet({"honest": random.normal(size=ROWS) + left, "leak": LEAKS[name](random, left)}, left)
    finding = only(leaks(examined))
    assert (finding.check, finding.severity, finding.column) == ("leak", "refused", "leak")
    with pytest.raises(LabelLeak, match="ROC-AUC") as caught:
        examine(examined)
    assert caught.value.where == "training.t.leak"


def test_a_text_that_is_written_only_when_they_left(sheet: Sheet) -> None:
    random, left = world(0.05)
    codes = np.where(left & (random.random(ROWS) < 0.5), 2, random.integers(0, 2, ROWS))
    finding = only(leaks(sheet({"status": codes}, left, vocabularies={"status": ("active", "idle", "refunded")})))
    assert finding.severity == "refused"
    assert "where it is 'refunded' are positive" in finding.message
    assert finding.evidence["rows_there"] == finding.evidence["positives_there"]


@pytest.mark.parametrize("shares", [[0.4, 0.3, 0.28], [0.14] * 7])
def test_columns_that_are_the_label_together(sheet: Sheet, shares: list[float]) -> None:
    """None of them alone tells much; each row that one flags is positive."""
    random, left = world(0.03)
    why = random.choice(len(shares) + 1, ROWS, p=[*shares, 1 - sum(shares)])
    columns = {f"mode_{at}": left & (why == at) for at in range(len(shares))} | {"random": random.random(ROWS) < 0.01}
    together = [finding for finding in leaks(sheet(columns, left)) if not finding.column]
    assert [finding.severity for finding in together] == ["refused"]
    assert set(together[0].evidence["columns"]) == columns.keys() - {"random"}
    assert together[0].evidence["positives_there"] == sum((left & (why < len(shares)))[sheet(columns, left).train])


def test_columns_that_are_half_of_the_label_together_are_not(sheet: Sheet) -> None:
    random, left = world(0.03)
    why = random.choice(4, ROWS)
    found = leaks(sheet({f"mode_{at}": left & (why == at) for at in range(2)}, left))
    assert [finding.column for finding in found if finding.severity == "refused"] == []
    assert {finding.severity for finding in found} == {"warning"}


def test_columns_that_are_the_label_in_the_training_rows_alone_are_not(sheet: Sheet) -> None:
    random, left = world(0.03)
    why = random.choice(7, ROWS)
    held = sheet({"x": np.zeros(ROWS)}, left).split != 0
    columns = {f"mode_{at}": np.where(held, random.random(ROWS) < 0.005, left & (why == at)) for at in range(7)}
    assert [finding for finding in leaks(sheet(columns, left)) if not finding.column] == []


def test_a_pure_part_is_only_warned_of_where_positives_are_common(sheet: Sheet) -> None:
    """One smell alone makes a mushroom poisonous, honestly."""
    random, bad = world(0.5)
    finding = only(leaks(sheet({"smell": bad & (random.random(ROWS) < 0.6)}, bad)))
    assert (finding.severity, finding.column) == ("warning", "smell")


@pytest.mark.parametrize(("rows", "expected"), [(8, []), (60, ["warning"]), (300, ["refused"])])
def test_the_number_of_rows_decides(sheet: Sheet, rows: int, expected: list[str]) -> None:
    random, left = world(0.1)
    flagged = np.zeros(ROWS, dtype=bool)
    flagged[np.flatnonzero(left)[:rows]] = True
    assert severities(sheet({"flag": flagged, "noise": random.normal(size=ROWS)}, left)) == expected


def test_an_alarm_that_goes_off_too_often_is_only_warned_of(sheet: Sheet) -> None:
    """It is always on before a failure, and in 0.4 % of all other rows: a ROC-AUC above 0.995 at a precision of 0.2."""
    random = np.random.default_rng(3)
    failed = np.arange(40_000) % 1_000 == 0
    alarm = failed | (random.random(40_000) < 0.004)
    finding = only(leaks(sheet({"alarm": alarm * random.uniform(1, 2, 40_000)}, failed)))
    assert finding.severity == "warning"
    assert finding.evidence["roc_auc"] > 0.995


def test_a_range_beyond_which_everybody_left(sheet: Sheet) -> None:
    """Days since the last order that are counted to after as_of."""
    random, left = world(0.1)
    days = np.where(left & (random.random(ROWS) < 0.4), -random.uniform(1, 30, ROWS), random.uniform(0, 90, ROWS))
    finding = only(leaks(sheet({"days": days}, left)))
    assert (finding.severity, finding.column) == ("warning", "days")
    assert "or less are positive" in finding.message and finding.evidence["precision"] > 0.98


def test_a_value_under_which_nobody_ever_left(sheet: Sheet) -> None:
    random, left = world(0.15)
    examined = sheet({"closed": ~left & (random.random(ROWS) < 0.6)}, left)
    finding = only(leaks(examined))
    assert finding.severity == "warning" and "where it is true is positive, while" in finding.message


HONEST = {
    "a strong number": lambda r, y: r.normal(size=ROWS) + 2.476 * y,
    "a strong number, with NULLs": lambda r, y: np.where(r.random(ROWS) < 0.3, np.nan, r.normal(size=ROWS) + 2.4 * y),
    "counts": lambda r, y: r.poisson(0.2 + 1.5 * y),
    "a flag that doubles the chance": lambda r, y: r.random(ROWS) < 0.1 + 0.1 * y,
    "sparse amounts": lambda r, y: np.where(r.random(ROWS) < 0.02 + 0.2 * y, r.gamma(2, 20, ROWS), 0.0),
    "noise": lambda r, y: r.normal(size=ROWS),
}


@pytest.mark.parametrize("name", HONEST)
@pytest.mark.parametrize("base", [0.01, 0.15, 0.5])
def test_honest_columns_stop_no_training(sheet: Sheet, name: str, base: float) -> None:
    """Five worlds each; the strong number reaches a ROC-AUC of 0.96 alone."""
    for seed in range(5):
        random, left = world(base, seed)
        assert "refused" not in severities(sheet({"honest": HONEST[name](random, left)}, left))


def test_a_small_training_set_with_a_strong_column_is_learned_from(sheet: Sheet) -> None:
    """Of 21 positives, a feature with a ROC-AUC of 0.97 may tell all, but hardly those that are held out as well."""
    refused = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        left = np.arange(300) % 10 == 0
        refused += "refused" in severities(sheet({"strong": random.normal(size=300) + 2.66 * left}, left))
    assert refused <= 1


def test_what_was_learned_from_is_not_enough_to_refuse(sheet: Sheet) -> None:
    """A column that is the label in the training rows and noise in all others was joined wrongly, but tells nothing."""
    random, left = world(0.2)
    plain = sheet({"x": np.zeros(ROWS)}, left)
    mixed = np.where(plain.split == 0, left, random.random(ROWS) < 0.2)
    assert severities(sheet({"mixed": mixed.astype(float) + random.random(ROWS) / 2}, left)) != ["refused"]


counted = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=60).filter(lambda rows: len({y for _, y in rows}) == 2)


@settings(max_examples=40, deadline=None)
@given(counted, st.booleans())
def test_order_and_cut_are_those_of_scikit_learn(rows: list[tuple[int, bool]], descending: bool) -> None:
    values, outcome = np.array([value for value, _ in rows], dtype=float), np.array([y for _, y in rows])
    values = -values if descending else values
    found = in_order(group(*coded(values), outcome))
    auc = roc_auc_score(outcome, values)
    assert found.auc == pytest.approx(max(auc, 1 - auc))
    cuts = [abs(matthews_corrcoef(outcome, values > cut)) for cut in np.unique(values)]
    assert found.phi == pytest.approx(max(cuts), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(counted, st.lists(st.booleans(), min_size=60, max_size=60))
def test_null_may_be_lowest_or_highest(rows: list[tuple[int, bool]], missing: list[bool]) -> None:
    values, outcome = np.array([value for value, _ in rows], dtype=float), np.array([y for _, y in rows])
    values[np.array(missing[: len(values)])] = np.nan
    found = in_order(group(*coded(values), outcome)).auc
    filled = [roc_auc_score(outcome, np.where(np.isnan(values), side, values)) for side in (-9.0, 9.0)]
    assert found == pytest.approx(max(max(auc, 1 - auc) for auc in filled))


@given(st.integers(1, 500).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_the_least_rate_is_the_exact_bound(pair: tuple[int, int]) -> None:
    hits, rows = pair
    exact = binomtest(hits, rows, alternative="greater").proportion_ci(0.999, "exact").low
    assert least_rate(hits, rows, 1e-3) == pytest.approx(exact, abs=1e-9)


@settings(max_examples=60)
@given(counted, st.lists(st.booleans(), min_size=60, max_size=60))
def test_parts_count_the_rows_that_they_single_out(rows: list[tuple[int, bool]], missing: list[bool]) -> None:
    values, outcome = np.array([value for value, _ in rows], dtype=float), np.array([y for _, y in rows])
    values[np.array(missing[: len(values)])] = np.nan
    groups = group(*coded(values), outcome)
    for part in [*parts(groups, 1), *tails(groups, 0.5)]:
        inside = within(part, values)
        assert (part.rows, part.hits) == (inside.sum(), outcome[inside].sum())
        rest = outside(groups, part)
        assert (rest.total, rest.positives) == (len(values) - part.rows, outcome.sum() - part.hits)


def test_tails_are_the_longest_pure_ranges() -> None:
    values, outcome = np.array([0, 1, 2, 3, 4, 5, np.nan]), np.array([1, 1, 0, 0, 0, 1, 1])
    assert tails(group(*coded(values), outcome), 1.0) == [Part("to", 1.0, 2, 2), Part("from", 5.0, 1, 1)]
