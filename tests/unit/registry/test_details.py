"""All that is known of a version is stored and read back; only notes and tags change."""

from __future__ import annotations

from dataclasses import replace

import pytest

from foretable.errors import UnknownName, UsageError, WarehouseError
from foretable.registry import baselines, curves, evaluations, findings, note, promote, tag, version_of
from foretable.registry.artifacts import KINDS, artifact_hashes, read_artifact, read_artifacts
from foretable.registry.difference import compare
from foretable.registry.signature import Feature
from foretable.train.result import Finding, Trial

from .conftest import BESIDE, FEATURES, made


def test_every_artefact_reads_back(warehouse, add):
    add(warehouse)
    assert read_artifacts(warehouse, "churn", 1) == dict(made().artifacts)
    assert set(artifact_hashes(warehouse, "churn", 1)) == {"onnx", "form", "explain"} < set(KINDS)
    with pytest.raises(UnknownName, match="no artefact 'booster'\nHint: it has explain, form, onnx"):
        read_artifact(warehouse, "churn", 1, "booster")


@pytest.mark.parametrize("kind", ["onnx", "form", "explain"])
def test_damage_of_any_artefact_is_told(warehouse, add, kind):
    add(warehouse)
    warehouse.execute("UPDATE foretable.model_artifacts SET content = content || 'x'::BLOB WHERE kind = ?", [kind])
    with pytest.raises(WarehouseError, match=f"'{kind}' of churn@1 is damaged"):
        read_artifact(warehouse, "churn", 1, kind)
    for other in {"onnx", "form", "explain"} - {kind}:
        assert read_artifact(warehouse, "churn", 1, other)


def test_figures_curves_findings_and_lineage_read_back(warehouse, add):
    added, trained = add(warehouse, baselines=BESIDE), made()
    assert baselines(warehouse, "churn", 1) == list(BESIDE)
    assert set(evaluations(warehouse, "churn", 1)) == set(trained.evaluations)
    assert sorted(curves(warehouse, "churn", 1), key=str) == sorted(trained.curves, key=str)
    assert findings(warehouse, "churn", 1) == list(trained.findings)
    assert (added.test_rows, added.origin, added.executor) == (100, "trained", "sql")
    assert added.lineage["sources"][0]["name"] == "raw.orders"


def test_evidence_of_any_kind_becomes_json(warehouse, add):
    import numpy as np

    evidence = {"p": np.float64(0.5), "nan": float("nan"), "groups": {"a": np.array([1, 2])}, "when": np.datetime64("2026-01-01")}
    add(warehouse, findings=(Finding("chance", "note", "x", "spend", evidence),))
    found = findings(warehouse, "churn", 1)[0]
    assert dict(found.evidence) == {"p": 0.5, "nan": None, "groups": {"a": [1, 2]}, "when": "2026-01-01"}
    assert found.column == "spend"


def trials(connection):
    return connection.execute("SELECT version, study, trial, value, folds FROM foretable.trials ORDER BY version, trial").fetchall()


def test_trials_of_the_study_become_the_versions(warehouse, add):
    """The search wrote them while it ran; those of other studies stay without a version."""
    for study, trial in (("s1", 0), ("s1", 1), ("s2", 0)):
        warehouse.execute(
            "INSERT INTO foretable.trials (model, candidate, trial, value, study, folds)"
            " VALUES ('churn', 'LogisticRegression', ?, 0.5, ?, [0.4])",
            [trial, study],
        )
    tried = tuple(Trial("LogisticRegression", number, {"C": 1.0}, 0.5, "COMPLETE", 0.1, (0.4,)) for number in range(2))
    add(warehouse, study="s1", trials=tried)
    assert trials(warehouse) == [(1, "s1", 0, 0.5, [0.4]), (1, "s1", 1, 0.5, [0.4]), (None, "s2", 0, 0.5, [0.4])]
    add(warehouse, study="s1", trials=tried)
    assert [row[:3] for row in trials(warehouse)] == [(1, "s1", 0), (1, "s1", 1), (2, "s1", 0), (2, "s1", 1), (None, "s2", 0)]


def everything(connection):
    """All about versions but notes and tags."""
    tables = ("model_artifacts", "evaluations", "trials", "curves", "findings", "model_aliases")
    rows = {name: connection.execute(f"FROM foretable.{name}").fetchall() for name in tables}
    return rows | {"versions": connection.execute("SELECT * EXCLUDE (notes, tags) FROM foretable.model_versions").fetchall()}


def test_notes_and_tags_change_nothing_else(warehouse, add):
    add(warehouse)
    add(warehouse)
    before = everything(warehouse)
    assert note(warehouse, "churn@2", " before the price change ").notes == "before the price change"
    assert note(warehouse, "churn@2", "after it").notes == "after it"
    assert tag(warehouse, "churn@2", ["q3", "audited", "q3"]).tags == ("audited", "q3")
    assert tag(warehouse, "churn@2", ["q3", "never"], remove=True).tags == ("audited",)
    assert everything(warehouse) == before
    assert (version_of(warehouse, "churn", 1).notes, version_of(warehouse, "churn", 1).tags) == ("", ())
    assert note(warehouse, "churn@2", "").notes == ""


@pytest.mark.parametrize("word", ["", " ", "a b", "-x", "x" * 200, "ü'; DROP"])
def test_a_tag_is_a_word(warehouse, add, word):
    add(warehouse)
    with pytest.raises(UsageError, match="cannot be a tag"):
        tag(warehouse, "churn@1", ["fine", word])
    assert version_of(warehouse, "churn", 1).tags == ()


def test_a_note_has_an_end(warehouse, add):
    add(warehouse)
    with pytest.raises(UsageError, match="10,001 characters"):
        note(warehouse, "churn@1", "x" * 10_001)
    with pytest.raises(UnknownName, match="no version 9"):
        note(warehouse, "churn@9", "x")


def test_where_two_versions_differ(warehouse, add):
    first = add(warehouse)
    other = (
        Feature("spend", "number"),
        Feature("plan", "category", ("gold", "silver")),
        Feature("active", "number"),
        Feature("age", "number"),
    )
    second = replace(
        add(warehouse, parameters={"C": 2.0, "l1_ratio": 0.1}),
        signature=replace(first.signature, features=other),
        training_hash="beef",
        row_count=600,
        lineage={"sources": [{"name": "raw.orders", "rows": 9, "watermark": "2026-01-01"}]},
    )
    found = compare(warehouse, first, second)
    assert found.parameters == {"C": (0.5, 2.0), "l1_ratio": (None, 0.1)}
    assert (found.features_added, found.features_removed) == (("age",), ())
    assert found.features_retyped == {"active": ("boolean", "number")}
    assert (found.vocabularies["plan"].added, found.vocabularies["plan"].removed) == (("silver",), ("basic",))
    assert found.rows == {"hash": ("f00d", "beef"), "rows": (500, 600)}
    assert found.lineage["raw.orders"] == ("source, 7 rows", "source, 9 rows to 2026-01-01")
    assert found.lineage["training.churned"] == ("label a1", None)
    assert [e.value for e in found.metrics["test", "all", "roc_auc"]] == [0.8, 0.8]


def test_a_version_does_not_differ_from_itself(warehouse, add):
    first = add(warehouse)
    found = compare(warehouse, first, first)
    assert not (found.settings or found.parameters or found.features_added or found.vocabularies or found.rows or found.lineage)
    assert first.signature.features == FEATURES
    promote(warehouse, "churn", 1, reason="x")
    assert compare(warehouse, first, first).metrics.keys() == {("test", "all", "roc_auc"), ("train", "all", "roc_auc")}


@pytest.mark.parametrize(("first", "second"), [("churn", "churn_label"), ("churn_probabilities", "churn")])
def test_two_models_never_answer_by_one_name(warehouse, add, first, second):
    def named(model):
        return replace(made().signature, model=model)

    add(warehouse, signature=named(first))
    add(warehouse, signature=named("churn_labelled"))
    longer = max(first, second, key=len)
    with pytest.raises(UsageError, match=f"models {second} and {first} would both answer as predict_{longer}"):
        add(warehouse, signature=named(second))
