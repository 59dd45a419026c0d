"""What is said of a predicted number: beside baselines, in all, inside its intervals, and of whom it moved."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from foretable.monitor import Change, Moved
from foretable.registry import version_of
from foretable.report.beside import short_names, verdict
from foretable.report.moved import moved_said, moved_tables
from foretable.report.reading import Known, read
from foretable.report.summary import of_value, summary
from foretable.report.value import intervals_said, total, total_said, total_table
from foretable.train.result import Beside, Evaluation, Finding


@pytest.fixture(scope="module")
def known(catalog) -> Known:
    return read(catalog, version_of(catalog, "churn", 4))


def beside(baseline: str, difference: float, low: float, high: float, metric: str = "mae", value: float = 80.0) -> Beside:
    return Beside(baseline, "test", metric, value, 70.0, 90.0, difference, low, high, 400)


def measured(**figures: tuple[float, float, float]) -> tuple[Evaluation, ...]:
    return tuple(Evaluation("test", "all", metric, *ends, 400) for metric, ends in figures.items())


@pytest.mark.parametrize(
    ("ends", "words", "tone"),
    [
        (
            (5.0, 1.0, 9.0),
            "Better than what the last period brought (spend): MAE 75.00 against 80.00, better by 5.000 [1.000, 9.000]",
            "good",
        ),
        ((5.0, -1.0, 11.0), "No better than what the last period brought (spend): MAE", "bad"),
        (
            (-5.0, -9.0, -1.0),
            "Worse than what the last period brought (spend): MAE 75.00 against 80.00, worse by 5.000 [1.000, 9.000]",
            "bad",
        ),
    ],
)
def test_better_is_what_lies_beyond_the_interval(known, ends, words, tone):
    of = replace(known, baselines=(beside("LastPeriod(spend)", *ends),), evaluations=measured(mae=(75.0, 70.0, 80.0)))
    said, how = verdict(of) or ("", "")
    assert said.startswith(words) and how == tone and "baselines" not in said


def test_the_best_baseline_is_the_one_that_counts(known):
    lineage = {"gate": {"metric": "spearman"}}
    several = (
        beside("LastPeriod(a)", 0.1, 0.05, 0.2, "spearman", 0.5),
        beside("CellMeans(b)", -0.1, -0.2, -0.05, "spearman", 0.7),
        beside("CellMeans(b)", 9.0, 8.0, 10.0),
    )
    gated = replace(known, baselines=several, version=replace(known.version, lineage=lineage))
    said, tone = verdict(gated) or ("", "")
    assert said.startswith("Worse than the means by cell: Spearman") and tone == "bad", "the higher, the better"
    assert "MAE" in said and "Of 2 baselines this is the best." in said
    lower = (beside("CellMeans(b)", 25.0, 20.0, 30.0, value=99.0), beside("LastPeriod(a)", 5.0, 1.0, 9.0))
    assert "the last period brought" in (verdict(replace(known, baselines=lower)) or ("", ""))[0], "the lower, the better"
    assert verdict(replace(known, baselines=())) is None


def test_two_baselines_of_a_kind_keep_their_columns():
    names = short_names([beside(each, 1, 1, 1) for each in ("LastPeriod(a)", "LastPeriod(b)", "BuyTillYouDie(x)", "New(y)")])
    assert list(names.values()) == ["LastPeriod(a)", "LastPeriod(b)", "BG/NBD, gamma-gamma", "New(y)"]


@pytest.mark.parametrize(
    ("ratio", "lies", "words"),
    [
        ((1.1, 0.9, 1.3), "inside", "the observed total lies inside the interval. Ratio 1.100 [0.900, 1.300]."),
        ((1.1, 1.05, 1.2), "outside: less came", "outside of the interval: less came than predicted."),
        ((0.8, 0.7, 0.9), "outside: more came", "outside of the interval: more came than predicted."),
    ],
)
def test_the_observed_total_lies_inside_or_outside(known, ratio, lies, words):
    mean = 50.0 * ratio[0]
    figures = {"calibration_ratio": ratio, "mean_prediction": (mean, 1.0, 99.0), "mean_outcome": (50.0, 1.0, 99.0)}
    of = replace(known, evaluations=measured(**figures))
    assert (total(of) or ())[2:] == ("20,000", f"{ratio[0]:.3f} [{ratio[1]:.3f}, {ratio[2]:.3f}]", lies)
    said, tone = total_said(of) or ("", "")
    assert words in said and tone == ("good" if lies == "inside" else "bad")
    assert f"predicted {20_000 * ratio[0]:,.0f} [{20_000 * ratio[1]:,.0f}, {20_000 * ratio[2]:,.0f}] in all" in said
    assert [row[0] for row in (total_table(of) or pytest.fail()).rows] == ["all"]


def test_intervals_say_what_they_hold(known):
    said, tone = intervals_said(known) or ("", "")
    assert said.startswith("Declared to hold 90 % of the outcomes; on 400 held-out rows they hold 85.0 % [82.0 %, 87.5 %]; ")
    assert tone == "good", "nothing was found by the checks"
    warned = replace(known, findings=(*known.findings, Finding("intervals", "warning", "too few", evidence={"value": 0.85})))
    said, tone = intervals_said(warned) or ("", "")
    assert "[82.0 %, 87.5 %], fewer than declared; " in said and tone == "bad"
    against = next(each for each in summary(warned) if each.matter == "What speaks against it")
    assert against.text.startswith("The checks found nothing else") and against.tone == "", "told above, but not forgotten"


def test_what_is_not_known_is_not_said(catalog):
    nothing = read(catalog, version_of(catalog, "churn", 5))
    assert of_value(nothing) == [] == of_value(read(catalog, version_of(catalog, "churn", 1)))
    assert total_table(nothing) is None


def made(*changes: Change, **others: object) -> Moved:
    day = datetime(2026, 2, 1)
    counts = dict.fromkeys(("both", "risen", "fallen", "new", "gone", "other_version"), 0) | {"both": 3, "risen": len(changes)}
    plain = {"asked": day, "since": day, "now": datetime(2026, 3, 1), "sum_before": 10.0, "sum_now": 12.0, **counts, **others}
    return Moved("predictions.clv", "value", ("customer_id",), rose=changes, **plain)


def test_who_moved_is_told_with_no_more_columns_than_there_is_to_tell():
    plain = Change((7,), 100.0, 150.0, None, None, 2, 2, 50.0, 0.0, ("silent", "new"))
    (table,) = moved_tables(made(plain))
    assert table.columns == ("customer_id", "speaks for it now", "then", "now", "change")
    assert table.rows == (("7", "silent; new", "100.0", "150.0", "+50.0"),)
    parted = replace(plain, version_before=1, by_features=-20.0, by_model=70.0, low=10.0, high=400.0)
    (table,) = moved_tables(made(plain, parted, replace(parted, by_features=None, by_model=None)))
    assert [row[5:] for row in table.rows] == [
        ("+50.0", "0.0", "2", "–"),
        ("−20.0", "+70.0", "1 → 2", "10.0 to 400.0"),
        ("–", "–", "1 → 2", "10.0 to 400.0"),
    ]


def test_since_when_is_said():
    assert next(moved_said(made())) == "value of predictions.clv on 2026-03-01, beside that of 2026-02-01."
    late = next(moved_said(made(asked=datetime(2025, 12, 1))))
    assert late.endswith("of 2026-02-01, the first that is kept (asked for: 2025-12-01).")
    assert list(moved_said(made()))[1:] == ["Nothing has moved since."]
