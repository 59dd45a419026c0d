"""A version in one file: the same elsewhere, or not taken in at all."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from typing import Any

import duckdb
import numpy as np
import pytest

from foretable.errors import ForetableError, ParityFailure, UsageError, WarehouseError
from foretable.registry import baselines, bundle, findings, note, promote, tag
from foretable.registry.artifacts import read_artifacts
from foretable.registry.golden import farthest
from foretable.registry.signature import Feature
from foretable.registry.transfer import export_version, import_version
from foretable.train.result import Finding
from foretable.udf import connect
from foretable.warehouse import ensure_catalog

from .conftest import BESIDE, FEATURES, added, made

TASKS = ["classification", "regression", "multiclass"]
INTERVALS = {"level": 0.9, "least": 0.0, "borders": [], "low": [[0.0, 0.0]], "high": [[1.0, 1.0]]}
REFUSED = Finding("chance", "refused", "no better than chance")


@pytest.fixture
def elsewhere(tmp_path):
    with connect(tmp_path / "elsewhere.duckdb") as connection:
        ensure_catalog(connection)
        yield connection


@pytest.fixture(scope="module")
def untouched(tmp_path_factory):
    """A warehouse that refuses whatever it is given, test after test."""
    with connect(tmp_path_factory.mktemp("untouched") / "w.duckdb") as connection:
        ensure_catalog(connection)
        yield connection
        assert nothing_is_written(connection)


@pytest.fixture(scope="module")
def exported(tmp_path_factory) -> bytes:
    """What export writes of a version that a check refused."""
    folder = tmp_path_factory.mktemp("exported")
    with connect(folder / "w.duckdb") as connection:
        ensure_catalog(connection)
        added(connection, weight=1.5, findings=(REFUSED,), baselines=BESIDE)
        return export_version(connection, "churn@1", folder).read_bytes()


@pytest.fixture
def file(exported, tmp_path):
    path = tmp_path / "churn.foretable"
    path.write_bytes(exported)
    return path


def members(path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path, contents: dict[str, bytes], *, honest: bool = True) -> Any:
    """Write the members again; with hashes to fit, as somebody would who wants to be believed."""
    if honest:
        document = json.loads(contents["model.json"])
        document["hashes"] = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items() if name != "model.json"}
        contents = contents | {"model.json": json.dumps(document).encode()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)
    return path


def nothing_is_written(connection: duckdb.DuckDBPyConnection) -> bool:
    tables = ("model_versions", "model_artifacts", "evaluations", "findings", "curves", "baselines", "model_aliases")
    counts = [connection.execute(f"SELECT count(*) FROM foretable.{name}").fetchall()[0][0] for name in tables]
    macros = connection.execute("SELECT count(*) FROM duckdb_functions() WHERE function_name LIKE 'predict%'").fetchall()[0][0]
    return not any((*counts, macros))


@pytest.mark.parametrize("task", TASKS)
def test_a_version_is_the_same_elsewhere(warehouse, elsewhere, add, tmp_path, task):
    first = add(warehouse, task)
    note(warehouse, "churn@1", "ours")
    done = import_version(elsewhere, export_version(warehouse, "churn@1", tmp_path / "v.foretable"))
    second = done.version
    assert (second.model, second.version, second.origin, second.signature) == ("churn", 1, "imported", first.signature)
    assert done.max_difference == 0
    assert done.rows > 60
    for name in (
        "candidate",
        "declaration",
        "training_hash",
        "row_count",
        "parameters",
        "metrics",
        "executor",
        "code",
        "test_rows",
        "seed",
    ):
        assert getattr(second, name) == getattr(first, name), name
    assert second.lineage["sources"] == first.lineage["sources"]
    assert second.lineage["imported"]["version"] == 1
    assert (second.notes, second.parent) == ("", None)
    assert read_artifacts(elsewhere, "churn", 1) == read_artifacts(warehouse, "churn", 1)
    query = "SELECT * FROM predict_churn__v1(rows)"
    rows = (
        "CREATE TABLE rows AS SELECT i / 10.0 AS spend, i % 2 = 0 AS active, ['basic', 'gold', NULL][i % 3 + 1] AS plan"
        " FROM range(200) AS t(i)"
    )
    answers = []
    for connection in (warehouse, elsewhere):
        connection.execute(rows)
        answers.append(connection.execute(query).fetchall())
    assert answers[0] == answers[1]
    assert len({str(row) for row in answers[0]}) > 50


def test_equal_versions_give_equal_bytes(warehouse, add, file, tmp_path):
    add(warehouse)
    first, again = (export_version(warehouse, "churn@v1", tmp_path / name) for name in ("a", "b"))
    assert again.read_bytes() == first.read_bytes()
    assert set(members(file)) == {"model.json", "golden.json", "model.onnx", "form.bin", "explain.onnx"}


def test_a_folder_gets_a_name(warehouse, add, tmp_path):
    add(warehouse)
    assert export_version(warehouse, "churn@1", tmp_path) == tmp_path / "churn-1.foretable"


def test_no_row_of_anybody_is_in_the_file(warehouse, file):
    """The rows are made up from the signature; the warehouse's table has other values."""
    golden = json.loads(members(file)["golden.json"])
    spend = {value for value in golden["rows"]["spend"] if value is not None}
    known = {float(value) for (value,) in warehouse.execute("SELECT spend FROM features.usage").fetchall()}
    assert len(spend) > 50
    assert not spend & known


def test_baselines_go_with_it_and_an_older_file_has_none(elsewhere, file):
    import_version(elsewhere, file)
    assert baselines(elsewhere, "churn", 1) == list(BESIDE)
    contents = members(file)
    document = json.loads(contents["model.json"])
    del document["baselines"]
    import_version(elsewhere, packed(file, contents | {"model.json": json.dumps(document).encode()}))
    assert baselines(elsewhere, "churn", 2) == []


def test_another_name_and_the_next_number(elsewhere, file):
    assert str(import_version(elsewhere, file, "churn_north").version) == "churn_north@1"
    assert str(import_version(elsewhere, file, "churn_north").version) == "churn_north@2"
    assert elsewhere.execute("SELECT predict_churn_north__v2({'spend': 1, 'active': true, 'plan': 'gold'}) > 0").fetchall() == [(True,)]
    with pytest.raises(UsageError, match="cannot name a model"):
        import_version(elsewhere, file, "no; name")


def test_what_was_refused_there_is_refused_here(elsewhere, file):
    import_version(elsewhere, file)
    assert findings(elsewhere, "churn", 1) == [REFUSED]
    with pytest.raises(ForetableError, match="no better than chance"):
        promote(elsewhere, "churn", 1, reason="x")
    tag(elsewhere, "churn@1", ["imported"])


def edited(change):
    def edit(contents: dict[str, bytes]) -> dict[str, bytes]:
        document = json.loads(contents["model.json"])
        change(document)
        return contents | {"model.json": json.dumps(document).encode()}

    return edit


def without(name):
    return lambda contents: {member: content for member, content in contents.items() if member != name}


def golden(change):
    def edit(contents: dict[str, bytes]) -> dict[str, bytes]:
        rows = json.loads(contents["golden.json"])
        change(rows)
        return contents | {"golden.json": json.dumps(rows).encode()}

    return edit


def wide_graph() -> bytes:
    from foretable.forms.form import Linear
    from foretable.forms.graph import onnx_of

    zeros = np.zeros(5)
    return onnx_of(Linear(zeros, zeros, np.ones((1, 5)), np.zeros((1, 5)), {}, np.zeros(1)), 5)


def hostile_graph() -> bytes:
    from onnx import helper

    graph = helper.make_graph(
        [helper.make_node("Shell", ["x"], ["y"], domain="com.evil")],
        "g",
        [helper.make_tensor_value_info("x", 11, ["N", 3])],
        [helper.make_tensor_value_info("y", 11, ["N", 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("com.evil", 1)], ir_version=8).SerializeToString()


def across_rows() -> bytes:
    """A graph that centres every column over the batch: what a row gets depends on its neighbours."""
    from onnx import helper, numpy_helper

    graph = helper.make_graph(
        [
            helper.make_node("ReduceMax", ["x"], ["top"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["x", "top"], ["centred"]),
            helper.make_node("MatMul", ["centred", "w"], ["raw"]),
            helper.make_node("Sigmoid", ["raw"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", 11, ["N", 3])],
        [helper.make_tensor_value_info("y", 11, ["N", 1])],
        [numpy_helper.from_array(np.full((3, 1), 0.01), "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def with_member(name, content):
    return lambda contents: contents | {name: content}


def other_model(contents: dict[str, bytes]) -> dict[str, bytes]:
    return contents | {"model.onnx": made(weight=9.0).artifacts["onnx"]}


def other_form(contents: dict[str, bytes]) -> dict[str, bytes]:
    return contents | {"form.bin": made(weight=9.0).artifacts["form"]}


BELIEVABLE = {
    "another model's graph": (edited(lambda d: d.update(executor="onnx")), other_model, ParityFailure, "answers otherwise"),
    "another model's numbers": (other_form, None, ParityFailure, "answers otherwise"),
    "hostile graph": (with_member("model.onnx", hostile_graph()), None, WarehouseError, "com.evil"),
    "graph of another width": (with_member("model.onnx", wide_graph()), None, WarehouseError, "reads 5 columns"),
    "graph across rows": (with_member("model.onnx", across_rows()), None, WarehouseError, "beside other rows"),
    "graph cut off": (lambda c: c | {"model.onnx": c["model.onnx"][:-40]}, None, WarehouseError, "refused"),
    "form of nothing": (with_member("form.bin", b"not a form"), None, WarehouseError, "form"),
    "no graph": (without("model.onnx"), None, WarehouseError, r"no model\.onnx"),
    "no golden rows": (without("golden.json"), None, WarehouseError, r"no golden\.json"),
    "golden rows without answers": (
        golden(lambda g: g.update(answers=[None] * len(g["answers"]))),
        None,
        WarehouseError,
        "no row has an answer",
    ),
    "golden rows cut": (golden(lambda g: g.update(answers=g["answers"][:3])), None, WarehouseError, "model.json is not as"),
    "golden rows of other columns": (golden(lambda g: g["rows"].pop("spend")), None, WarehouseError, "other columns"),
    "other answers": (golden(lambda g: g.update(answers=[0.5] * len(g["answers"]))), None, ParityFailure, "answers otherwise"),
    "no signature": (edited(lambda d: d.pop("signature")), None, WarehouseError, "KeyError"),
    "signature of another kind": (edited(lambda d: d["signature"]["features"][0].update(kind="number; DROP")), None, UsageError, "no kind"),
    "signature without a feature": (edited(lambda d: d["signature"]["features"].pop()), None, ForetableError, "columns"),
    "feature twice": (edited(lambda d: d["signature"]["features"][0].update(name="PLAN")), None, UsageError, "'plan' comes twice"),
    "intervals of classes": (edited(lambda d: d["signature"].update(intervals=INTERVALS)), None, UsageError, "of a regression"),
    "intervals without ends": (edited(lambda d: d["signature"].update(intervals={"level": 0.9})), None, UsageError, "intervals have"),
    "model that is none": (edited(lambda d: d["signature"].update(model="x(); --")), None, UsageError, "cannot name a model"),
    "severity that is none": (edited(lambda d: d["findings"][0].update(severity="fine")), None, WarehouseError, "severity"),
    "figures of another shape": (edited(lambda d: d.update(evaluations=[{"a": 1}])), None, WarehouseError, "model.json is not as"),
    "figures that are none": (edited(lambda d: d["evaluations"][0].update(value="much")), None, WarehouseError, "model.json is not as"),
    "baselines that are none": (edited(lambda d: d["baselines"][0].update(low="much")), None, WarehouseError, "model.json is not as"),
    "baselines of another shape": (edited(lambda d: d["baselines"][0].pop("split")), None, WarehouseError, "model.json is not as"),
    "curves that are none": (edited(lambda d: d["curves"][0].update(x=["a", "b"])), None, WarehouseError, "model.json is not as"),
    "seed that is none": (edited(lambda d: d.update(seed="x")), None, WarehouseError, "model.json is not as"),
    "row count that is none": (edited(lambda d: d.update(row_count=[1])), None, WarehouseError, "model.json is not as"),
    "lineage that is none": (edited(lambda d: d.update(lineage=7)), None, WarehouseError, "model.json is not as"),
    "no declaration": (edited(lambda d: d.pop("declaration")), None, WarehouseError, "model.json is not as"),
    "numbers beyond all bounds": (edited(lambda d: d.update(row_count=10**30, seed=10**30)), None, WarehouseError, "model.json is not as"),
    "a later format": (edited(lambda d: d.update(format="foretable model 9")), None, WarehouseError, "foretable model 9"),
}


@pytest.mark.parametrize("name", BELIEVABLE)
def test_a_file_with_fitting_hashes_is_still_looked_through(untouched, file, name):
    first, then, error, message = BELIEVABLE[name]
    contents = first(members(file))
    packed(file, then(contents) if then else contents)
    with pytest.raises(error, match=message) as caught:
        import_version(untouched, file)
    assert caught.value.hint
    assert nothing_is_written(untouched)


def test_a_changed_byte_has_another_hash(untouched, file):
    contents = members(file)
    for name in set(contents) - {"model.json"}:
        packed(file, contents | {name: contents[name] + b" "}, honest=False)
        with pytest.raises(WarehouseError, match="does not have the hash"):
            import_version(untouched, file)
    assert nothing_is_written(untouched)


def test_every_cut_is_refused(untouched, file):
    whole = file.read_bytes()
    for end in (0, 1, 30, len(whole) // 2, len(whole) - 30, len(whole) - 1):
        file.write_bytes(whole[:end])
        with pytest.raises(WarehouseError, match="refused"):
            import_version(untouched, file)
    assert nothing_is_written(untouched)


def test_damage_is_refused_or_changes_nothing(elsewhere, file):
    """Some bytes of an archive mean nothing, such as a time: what is read then is what was written."""
    whole, expected = file.read_bytes(), {name: content for name, content in members(file).items() if name.endswith(".onnx")}
    generator, refused = np.random.default_rng(0), 0
    for _ in range(40):
        content = bytearray(whole)
        content[generator.integers(len(content))] ^= 0xFF
        file.write_bytes(content)
        try:
            done = import_version(elsewhere, file)
        except ForetableError:
            refused += 1
            continue
        found = read_artifacts(elsewhere, "churn", done.version.version)
        assert {"model.onnx": found["onnx"], "explain.onnx": found["explain"]} == expected
    assert refused > 30


@pytest.mark.parametrize("name", ["../../etc/cron.d/x", "/etc/passwd", "sub/model.onnx", "model.pkl", "C:\\x", ""])
def test_other_members_are_refused_and_nothing_is_unpacked(untouched, file, tmp_path, name):
    before = sorted(tmp_path.rglob("*"))
    packed(file, members(file) | {name or "x/": b"evil"})
    with pytest.raises(WarehouseError, match="no part of a version"):
        import_version(untouched, file)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bomb_does_not_unfold(untouched, file, monkeypatch):
    packed(file, members(file) | {"booster.ubj": bytes(50_000_000)})
    assert file.stat().st_size < 1_000_000
    monkeypatch.setattr(bundle, "MOST_BYTES", 10_000_000)
    with pytest.raises(WarehouseError, match="unfolds to more than"):
        import_version(untouched, file)


def test_a_bomb_that_lies_about_its_size_does_not_unfold(untouched, file, monkeypatch):
    packed(file, members(file) | {"booster.ubj": bytes(50_000_000)})
    content = file.read_bytes().replace((50_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    file.write_bytes(content)
    monkeypatch.setattr(bundle, "MOST_BYTES", 10_000_000)
    with pytest.raises(WarehouseError, match="refused"):
        import_version(untouched, file)


def test_two_members_of_one_name_are_refused(untouched, file):
    archive = io.BytesIO(file.read_bytes())
    with zipfile.ZipFile(archive, "a") as opened, pytest.warns(UserWarning, match="Duplicate"):
        opened.writestr("model.onnx", b"other")
    file.write_bytes(archive.getvalue())
    with pytest.raises(WarehouseError, match="twice"):
        import_version(untouched, file)


@pytest.mark.parametrize("name", ["nowhere.foretable", "."])
def test_a_file_that_is_not_there(untouched, tmp_path, name):
    with pytest.raises(UsageError, match="cannot be read"):
        import_version(untouched, tmp_path / name)


def test_the_format_of_xgboost_is_left_out(elsewhere, file):
    packed(file, members(file) | {"booster.ubj": b"{anything"})
    done = import_version(elsewhere, file)
    assert done.notes == ("XGBoost's own format is not taken from a file: ONNX answers",)
    assert "booster" not in read_artifacts(elsewhere, "churn", 1)


def test_differences_are_measured_with_their_scale():
    nan = float("nan")
    assert farthest(np.array([1.0, nan]), np.array([1.0, nan])) == 0
    assert farthest(np.array([1000.1]), np.array([1000.0])) == pytest.approx(1e-4)
    assert farthest(np.array([0.1]), np.array([0.0])) == pytest.approx(0.1)
    assert farthest(np.array([nan]), np.array([1.0])) == float("inf")
    assert farthest(np.array([1.0, 2.0]), np.array([1.0])) == float("inf")


def test_a_vocabulary_with_odd_words_survives(warehouse, elsewhere, add, tmp_path):
    from dataclasses import replace

    words = ("o'clock", 'say "so"', "Größe\nXL")
    from foretable.forms.contributions import contribution_graph
    from foretable.forms.graph import onnx_of
    from foretable.forms.store import from_bytes, to_bytes

    trained = made()
    form = from_bytes(trained.artifacts["form"])
    form = replace(form, per_level={2: np.array([[0.1, -0.2, 0.3, 0.5, 0.7]])})
    artifacts = {"onnx": onnx_of(form, 3), "form": to_bytes(form), "explain": contribution_graph(form, 3)}
    signature = replace(trained.signature, features=(*FEATURES[:2], Feature("plan", "category", words)))
    add(warehouse, signature=signature, artifacts=artifacts)
    done = import_version(elsewhere, export_version(warehouse, "churn@1", tmp_path / "odd"))
    assert done.version.signature.features[2].vocabulary == words
