"""The page of a version: what it tells, that it needs nothing else, and that names cannot break it."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

import pytest

from foretable.errors import UsageError
from foretable.registry import note, promote, tag, version_of
from foretable.registry.signature import Feature
from foretable.report import report_page
from foretable.report.words import interval
from foretable.train.result import Curve, Evaluation, Finding, Trial

from .conftest import made, read_page

EVERY = [(1,), (2, 1), (3,), (4,), (5,)]
HOSTILE = '<script>alert("x")</script>\'&$\\alpha$ --> ]]> \u202e{{ 7*7 }}'


@pytest.mark.parametrize("numbers", EVERY, ids=str)
def test_a_page_is_whole_and_asks_nobody(page_of, numbers):
    text = page_of(*numbers)
    page = read_page(text)
    assert "://" not in text and "//" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)
    assert "url(" not in text.replace("url(#", "")
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or name == "src" for name in attributes)
        assert attributes.get("href", "#").startswith("#")
    assert "default-src 'none'" in text
    ids = page.ids()
    assert len(ids) == len(set(ids))
    used = {
        name for _, attributes in page.tags for value in attributes.values() for name in re.findall(r"(?:^|url\()#([\w-]+)", value or "")
    }
    assert used <= set(ids)


@pytest.mark.parametrize("numbers", EVERY, ids=str)
def test_every_plot_has_words_for_who_cannot_see_it(page_of, numbers):
    page = read_page(page_of(*numbers))
    drawn = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert len(drawn) == len(page.figures()) == [tag for tag, _ in page.tags].count("figcaption")
    for attributes in drawn:
        assert attributes["role"] == "img" and len(attributes["aria-label"] or "") > 20
        assert "None" not in (attributes["aria-label"] or "")
    headings = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1 and headings.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(headings))


@pytest.mark.parametrize("numbers", EVERY, ids=str)
def test_colours_are_the_pages(page_of, numbers):
    """On dark ground a fixed colour could not be seen."""
    drawn = re.findall(r"<svg.*?</svg>", page_of(*numbers), flags=re.DOTALL)
    assert not [found for each in drawn for found in re.findall(r"#[0-9a-f]{6}\b(?!\))", re.sub(r'(href="|url\()#[^")]+', "", each))]
    assert all("fill: var(--" in tag for each in drawn for tag in re.findall(r"<text[^>]*>", each))


def test_the_summary_tells_what_matters(page_of):
    page = read_page(page_of(1))
    for words in (
        "the probability (0 to 1) that churned is 1; in SQL the answer is churn_probability",
        "churn@1 is the champion: predict_churn() calls it",
        "500 rows",
        "Better than chance: it is.",
        "first version, better than chance: it is",
        "A row is flagged from a probability of 0.3 on, with thresholds of their own for 1 values of plan",
        "acting on these is worth",
        "Fairness (gender): tpr differs by up to",
    ):
        assert words in page.text, words
    assert page.figures() == ["roc", "pr", "calibration", "gain", "profit", "time", "importance", "drift", "trials"]


def test_figures_stand_with_their_intervals(page_of, measured):
    page = read_page(page_of(1))
    for split, column in (("train", 1), ("validation", 2), ("test", 3)):
        found = next(e for e in measured["classification", 0]["evaluations"] if (e.metric, e.split, e.segment) == ("roc_auc", split, "all"))
        assert page.row("ROC-AUC")[column] == f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
    assert page.row("rows") == ["rows", "600", "200", "400"]
    assert page.row("Worth")[1:3] == ["–", "–"] and "[" in page.row("Worth")[3]
    assert {"north", "south", "east"} < {row[0] for row in page.rows} and page.row("2026-01-01")[1] == "100"
    assert [row[0] for row in page.rows if row[0] in ("F", "M")] == ["F", "M"]
    assert "[" in page.row("greatest gap")[3]
    assert ["gold", "0.2500"] in page.rows and ["other", "0.3000"] in page.rows
    assert page.row("churn@1")[1:5] == ["predictions.churn", "answer", "ROC-AUC", "0.810 [0.790, 0.830]"]


def test_lineage_parameters_signature_and_trials_are_there(page_of):
    page = read_page(page_of(1))
    assert page.row("raw.orders")[:2] == ["raw.orders", "source"] and page.row("raw.orders")[-1] == "7"
    assert page.row("training.churned")[1:3] == ["label", "a1"]
    assert page.row("hash of the rows")[1] == "f00d" and page.row("declaration")[1] == "d1"
    assert page.row("plan")[1] and ["plan", "category", "VARCHAR", "basic, gold", ""] in page.rows
    assert ["spend", "number", "DOUBLE", "", "{value} euros spent"] in page.rows
    trials = [row for row in page.rows if len(row) == 5 and row[2].startswith("C ")]
    assert [row[0] for row in trials] == ["1 (chosen)", "0", "2", "3"]
    assert [row[1] for row in trials] == ["finished", "finished", "stopped early", "failed"]
    assert "1 failed and is not drawn" in page.text
    assert len(page.row("onnx, SHA-256")[1]) == 64


def test_findings_come_with_their_evidence_the_worst_first(page_of):
    page = read_page(page_of(1))
    kinds = [attributes["class"] for tag, attributes in page.tags if tag == "li" and "class" in attributes]
    assert kinds == ["warning", "note", "note"]
    assert "measure: tpr" in page.text and "limit: 0.3" in page.text and "p_value: 0.001; rows: 400" in page.text


def test_two_versions_stand_side_by_side(page_of, measured):
    page = read_page(page_of(2, 1))
    ours, theirs = (
        next(e for e in measured["classification", seed]["evaluations"] if (e.metric, e.split, e.segment) == ("roc_auc", "test", "all"))
        for seed in (3, 0)
    )
    row = page.row("ROC-AUC")
    assert row[1].startswith(f"{ours.value:.3f}") and row[2].startswith(f"{theirs.value:.3f}")
    difference = ours.value - theirs.value
    assert row[3] == f"{difference:+.3f}".replace("-", "−")
    assert ["parameter C", "9", "0.5"] in page.rows and ["threshold", "0.6", "0.3"] in page.rows
    assert "churn@2: roc_auc better by 0.0100 [+0.0010, +0.0200] than version 1" in page.text
    assert "Both were judged on the same rows" in page.text
    roc = re.search(r'<figure id="roc".*?</figure>', page_of(2, 1), flags=re.DOTALL)
    assert roc and roc[0].count("at its threshold") == 2 and "churn@1" in roc[0]
    assert page.figures() == ["roc", "pr", "calibration", "gain", "profit", "time", "importance", "drift", "trials"]


def test_versions_judged_on_other_rows_are_told_apart(warehouse, add):
    first = add(warehouse)
    warehouse.execute("UPDATE foretable.model_versions SET training_hash = 'other' WHERE version = 1")
    text = report_page(warehouse, add(warehouse), version_of(warehouse, "churn", first.version))
    assert "not judged on the same rows" in text and "Both were judged" not in text


def test_several_classes(page_of):
    page = read_page(page_of(3))
    assert page.figures()[:3] == ["roc", "pr", "calibration"] and "profit" not in page.figures() and "gain" not in page.figures()
    assert "which of 3 values churned has (high, low, mid)" in page.text and "A row is flagged" not in page.text
    roc = re.search(r'<figure id="roc".*?</figure>', page_of(3), flags=re.DOTALL)
    assert roc and all(f">{name}<" in roc[0] for name in ("high", "low", "mid"))


def test_numbers(page_of):
    page = read_page(page_of(4))
    drawn = ["calibration", "gain", "beside", "ahead", "tenths", "shares", "ends", "coverage", "time"]
    assert page.figures()[:9] == drawn and "roc" not in page.figures()
    assert "the number churned" in page.text and "off by" in page.text and "A row is flagged" not in page.text
    assert re.match(r"[\d,]+ \[[\d,]+, [\d,]+\]$", page.row("RMSE")[1]), "thousands, without digits that say nothing"


def test_numbers_stand_beside_baselines(page_of):
    page = read_page(page_of(4))
    assert page.row("last period")[1:] == ["750.0 [700.0, 800.0]", "0.700 [0.650, 0.750]"]
    assert page.row("than last period")[1:] == ["12.50 [−3.50, 29.00]", "0.125 [0.062, 0.188]"]
    assert page.row("than <Oracle(x)>")[1:] == ["262.5 [220.0, 305.0]", "–"]


def test_value_is_told_by_tenth_and_in_all(page_of, measured):
    page = read_page(page_of(4))
    found = {(e.metric, e.segment): e for e in measured["regression", 0]["evaluations"] if e.split == "test"}
    tenths = [row for row in page.rows if row[0].isdigit() and int(row[0]) <= 10 and len(row) == 7]
    assert [row[0] for row in tenths] == [str(n) for n in range(10, 0, -1)]
    assert tenths[0][5] == tenths[0][6] == interval_of(found["value_share", "decile=10"])
    assert tenths[-1][6] == "1.000 [1.000, 1.000]"
    dates = [row for row in page.rows if re.match(r"all|2026-", row[0]) and len(row) == 6 and "sid" in row[5]]
    assert [row[0] for row in dates] == ["all", "2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]
    assert dates[0][1] == "400" and dates[0][4] == interval_of(found["calibration_ratio", "all"])
    covered = [row for row in page.rows if len(row) == 4 and row[1:3] == ["400", "0.850 [0.820, 0.875]"]]
    assert [row[0] for row in covered] == ["2026-01-01", *(str(n) for n in range(10, 0, -1))]


def interval_of(found: Evaluation) -> str:
    return interval(found.value, found.low, found.high)


def test_two_numbers_stand_side_by_side(catalog):
    both = report_page(catalog, version_of(catalog, "churn", 6), version_of(catalog, "churn", 4))
    page = read_page(both)
    assert page.figures()[:7] == ["calibration", "gain", "beside", "ahead", "shares", "ends", "coverage"]
    assert page.text.count("What each reaches, churn@") == 2 and page.text.count("The total, churn@") == 2


def test_a_version_of_which_little_is_known(page_of):
    page = read_page(page_of(5))
    assert page.figures() == [] and "churn@1" in page.text and "No name points to churn@5" in page.text
    assert "judged on no rows" in page.text and "The checks found nothing." in page.text
    assert not {"#quality", "#segments", "#features", "#fairness", "#search"} & {a.get("href") for _, a in page.tags}


def test_equal_content_gives_equal_bytes(catalog, page_of):
    assert report_page(catalog, version_of(catalog, "churn", 4)) == page_of(4)


def test_names_are_text_wherever_they_stand(warehouse, add):
    """Names come from files that others wrote: features, classes, segments, findings, sources, notes."""
    name = HOSTILE
    signature = replace(
        made().signature, features=(Feature("spend", "number"), Feature("active", "boolean"), Feature(name, "category", (name, "gold")))
    )
    test = ("test", f"{name}={name}")
    version = add(
        warehouse,
        signature=replace(signature, reasons=((name, name),)),
        parameters={name: name, "nested": {name: [name]}},
        curves=(
            Curve("importance", "test", (0.0,), (0.3,), (name,)),
            Curve("drift", "test", (0.0,), (0.3,), (name,)),
            Curve("roc class=" + name, "test", (0.0, 1.0), (0.0, 1.0)),
            Curve("pr class=" + name, "test", (0.0, 1.0), (0.5, 1.0)),
        ),
        evaluations=(
            Evaluation(*test, "roc_auc", 0.7, 0.6, 0.8, 10),
            Evaluation("test", "all", name, 0.7, 0.6, 0.8, 10),
            Evaluation(*test, "selection_rate", 0.7, 0.6, 0.8, 10),
            Evaluation("test", f"as_of={name}", "roc_auc", 0.7, 0.6, 0.8, 10),
            Evaluation("test", "as_of=2026-01-01", "roc_auc", 0.7, 0.6, 0.8, 10),
        ),
        findings=(Finding("leak", "warning", name, name, {name: {name: name}}),),
        trials=tuple(Trial(name, n, {name: name}, 0.5, "COMPLETE", 0.1) for n in range(2)),
    )
    note(warehouse, "churn@1", name)
    tag(warehouse, "churn@1", ["audited"])
    promote(warehouse, "churn", 1, reason=name)
    text = report_page(warehouse, version)
    page = read_page(text)
    assert "<script" not in text.lower() and "{{" in page.text
    assert page.text.count('<script>alert("x")</script>') > 10
    assert page.figures() == ["roc", "pr", "time", "importance", "drift", "trials"]


def test_gaps_in_figures_are_left_out(warehouse, add):
    """What is no number is NULL in a version that was imported."""
    nan = float("nan")
    version = add(
        warehouse,
        evaluations=(
            *(Evaluation("test", "all", metric, 0.5, 0.4, 0.6, 10) for metric in ("recall", "positive_rate")),
            Evaluation("test", "all", "precision", nan, None, None, 10),
            Evaluation("test", "all", "roc_auc", 0.5, nan, 0.6, 10),
        ),
        curves=(
            Curve("roc", "test", (nan,), (nan,)),
            Curve("pr", "test", (0.0, nan, 1.0), (1.0, 0.5, float("inf"))),
            Curve("calibration", "test", (0.1, 0.2), (0.1, nan)),
            Curve("calibration_low", "test", (0.1, 0.2), (nan, 0.1)),
            Curve("calibration_high", "test", (0.1, 0.2), (0.2, nan)),
            Curve("importance", "test", (0.0, 1.0), (nan, 0.1), ("spend", "plan")),
        ),
    )
    warehouse.execute("UPDATE foretable.curves SET y = NULL WHERE isnan(y)")
    page = read_page(report_page(warehouse, version))
    assert page.figures() == ["pr", "calibration", "importance"]
    assert page.row("ROC-AUC")[1] == "0.500" and "nan" not in page.text.lower().replace("finance", "")


def test_what_cannot_be_compared_is_refused(catalog):
    with pytest.raises(UsageError, match="churn@1 compared with itself\nHint: name another version"):
        report_page(catalog, version_of(catalog, "churn", 1), version_of(catalog, "churn", 1))
    with pytest.raises(UsageError, match="churn@1 is a classification model and churn@4 a regression model"):
        report_page(catalog, version_of(catalog, "churn", 1), version_of(catalog, "churn", 4))
