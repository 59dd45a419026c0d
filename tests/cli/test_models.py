"""Versions on the command line: list, show, compare, note, promote, roll back, import."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from foretable.udf import connect
from foretable.warehouse import ensure_catalog


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, made: Any) -> Path:
    """A warehouse with three versions of churn: 1 is champion, 3 was refused by a check."""
    from foretable.registry import promote
    from foretable.train.result import Finding

    path = tmp_path_factory.mktemp("stocked") / "warehouse.duckdb"
    with connect(path) as connection:
        ensure_catalog(connection)
        made.added(connection)
        made.added(connection, weight=2.0, parameters={"C": 9.0})
        made.added(connection, weight=3.0, findings=(Finding("chance", "refused", "no better than chance"),))
        promote(connection, "churn", 1, reason="first")
        promote(connection, "churn", 2, reason="to watch", alias="challenger")
    return path


@pytest.fixture
def root(starter: Path, stocked: Path) -> Path:
    """A project that is not built, with those versions."""
    (starter / "warehouse.duckdb").write_bytes(stocked.read_bytes())
    return starter


def is_told(done: Any, code: int, *words: str) -> None:
    assert done.code == code, done.err
    assert done.err.count("error: ") == 1, done.err
    assert "Hint: " in done.err, done.err
    assert "Traceback" not in done.err + done.out
    for word in words:
        assert word in done.err, done.err


@pytest.mark.parametrize("arguments", [[], ["churn"], ["list"], ["list", "CHURN"], ["--all"], ["churn", "--all"]])
def test_the_list_with_and_without_its_name(call, root, arguments):
    done = call(root, "models", *arguments)
    assert done.code == 0, done.err
    assert "champion" in done.out
    assert "refused" in done.out
    found = call(root, "models", *arguments, "--json").json()
    assert [(v["version"], v["alias"], v["refusals"]) for v in found] == [(3, None, 1), (2, "challenger", 0), (1, "champion", 0)]
    assert found[0]["metrics"]["roc_auc"] == {"value": 0.8, "low": 0.7, "high": 0.85, "rows": 100}


def test_what_stands_before_the_model_may_be_an_option(call, root):
    assert len(call(root, "models", "--json", "churn").json()) == 3
    assert "show" in call(root, "models", "--help").out


def test_archived_versions_are_hidden(call, root):
    assert call(root, "promote", "churn@3", "--alias", "archived").code == 0
    done = call(root, "models")
    assert len(call(root, "models", "--json").json()) == 2
    assert "1 archived version not shown" in done.err
    assert len(call(root, "models", "--all", "--json").json()) == 3
    is_told(call(root, "promote", "churn@1", "--alias", "archived"), 2, "churn@1 is champion and cannot be archived")


def test_show_tells_everything(call, root):
    done = call(root, "models", "show", "churn@challenger")
    assert done.code == 0, done.err
    for words in ("churn@2", "challenger", "C=9.0", "training.churn", "500 rows", "f00d", "plan", "'basic', 'gold'", "0.800 [0.700, 0.850]",
                  "100 rows only", "raw.orders", "churn_probability, by sql", "parent"):  # fmt: skip
        assert words in done.out or words == "parent", words
    found = call(root, "models", "show", "churn@2", "--json").json()
    assert (found["version"], found["aliases"], found["executor"], found["origin"]) == (2, ["challenger"], "sql", "trained")
    assert [feature["name"] for feature in found["signature"]["features"]] == ["spend", "active", "plan"]
    assert set(found["artifacts"]) == {"onnx", "form", "explain"}
    assert {(e["split"], e["metric"]) for e in found["evaluations"]} == {("test", "roc_auc"), ("train", "roc_auc")}
    assert found["findings"][0]["message"] == "100 rows only"
    assert call(root, "models", "show", "churn", "--json").json()["version"] == 1


def test_baselines_stand_beside_the_version(call, root, made):
    from foretable.train.result import Evaluation

    with connect(root / "warehouse.duckdb") as connection:
        made.added(connection, evaluations=(Evaluation("test", "all", "mae", 70.5, 64.0, 75.0, 100),), baselines=made.BESIDE)
    out = call(root, "models", "show", "churn@4").out
    lines = [line.split() for line in out.splitlines()]
    assert "beside LastPeriod(spend) on the test rows" in out and ["metric", "version", "baseline", "better", "by"] in lines
    assert ["mae", "70.500", "[64.000,", "75.000]", "70.900", "[65.000,", "75.500]", "0.400", "[-1.500,", "2.250]"] in lines, out
    found = call(root, "models", "show", "churn@4", "--json").json()["baselines"]
    assert [each["baseline"] for each in found] == ["LastPeriod(spend)", "CellMeans(plan)"]
    assert found[1]["parameters"] == {"cells": 3} and found[1]["difference_high"] == 13.75
    assert call(root, "models", "show", "churn@1", "--json").json()["baselines"] == []
    assert "beside" not in call(root, "models", "show", "churn@1").out


def test_segments_stand_below_each_other(call, root, made):
    """Ten columns beside each other read as nothing: one table by split, one by segment, one of groups, one of their gaps."""
    from foretable.train.result import Evaluation

    parts = [("all", 300), ("latest", 90), *((f"region={number}", 50 + number) for number in range(11)), ("gender=F", 140)]
    found = [
        Evaluation("test", part, metric, 0.8, 0.7, 0.9, rows)
        for part, rows in parts
        for metric in ("brier", "log_loss", "pr_auc", "roc_auc")
    ]
    found += [Evaluation(split, "all", "roc_auc", 0.85, 0.8, 0.9, 300) for split in ("validation", "train")]
    found += [
        Evaluation("test", "gender=F", "selection_rate", 0.3, 0.2, 0.4, 140),
        Evaluation("test", "gender", "selection_rate_gap", 0.1, 0.0, 0.2, 300),
    ]
    with connect(root / "warehouse.duckdb") as connection:
        made.added(connection, evaluations=tuple(found))
    out = call(root, "models", "show", "churn@4").out
    heads = [line.split() for line in out.splitlines()]
    for head in (
        "metric test validation train",
        "segment rows roc_auc pr_auc log_loss",
        "group rows selection_rate tpr fpr calibration_error",
    ):
        assert head.split() in heads, out
    assert ["region=10", "60", *["0.800", "[0.700,", "0.900]"] * 3] in heads
    assert "region=2" not in out, "the smallest of a column are left to --json"
    assert "3 more segments with: foretable models show churn@4 --json" in out
    assert ["gender", "0.100", "[0.000,", "0.200]"] in heads
    assert max(map(len, out.splitlines())) < 140


def test_a_model_that_is_not_declared_is_listed_by_the_metric_of_its_gate(call, root, made):
    """Alphabetically, brier would come first."""
    from foretable.train.result import Evaluation

    found = tuple(Evaluation("test", "all", metric, 0.8, 0.7, 0.9, 300) for metric in ("brier", "log_loss", "roc_auc"))
    with connect(root / "warehouse.duckdb") as connection:
        version = made.added(connection, evaluations=found)
        connection.execute("UPDATE foretable.model_versions SET model = 'elsewhere' WHERE version = ?", [version.version])
        connection.execute("UPDATE foretable.evaluations SET model = 'elsewhere' WHERE version = ?", [version.version])
    assert "roc_auc 0.800" in call(root, "models", "elsewhere").out
    with connect(root / "warehouse.duckdb") as connection:
        connection.execute("""UPDATE foretable.model_versions SET lineage = '{"gate": {"metric": "log_loss"}}' WHERE model = 'elsewhere'""")
    assert "log_loss 0.800" in call(root, "models", "elsewhere").out


def test_diff_tells_what_is_otherwise(call, root):
    done = call(root, "models", "diff", "churn@champion", "churn@2")
    assert done.code == 0, done.err
    assert "parameter C" in done.out
    found = call(root, "models", "diff", "churn@1", "churn@2", "--json").json()
    assert found["parameters"] == {"C": {"first": 0.5, "second": 9.0}}
    assert found["metrics"][0]["first"] == {"value": 0.8, "low": 0.7, "high": 0.85, "rows": 100}
    assert "declared and trained alike" in call(root, "models", "diff", "churn@1", "churn@v1").out


def test_notes_and_tags(call, root):
    assert call(root, "models", "note", "churn@1", "before the price change").code == 0
    assert call(root, "models", "tag", "churn@1", "audited", "q3", "--json").json()["tags"] == ["audited", "q3"]
    assert "#audited" in call(root, "models").out
    assert call(root, "models", "tag", "churn@1", "q3", "--remove", "--json").json()["tags"] == ["audited"]
    assert "before the price change" in call(root, "models", "show", "churn@1").out
    assert call(root, "models", "note", "churn@1", "--remove", "--json").json()["note"] is None


def test_a_refused_version_is_promoted_by_force_and_a_reason(call, root):
    is_told(call(root, "promote", "churn@3"), 3, "churn@3: chance: no better than chance", "--force --reason")
    is_told(call(root, "promote", "churn@3", "--force"), 2, "--force needs a reason")
    assert [v["alias"] for v in call(root, "models", "--json").json()] == [None, "challenger", "champion"]
    done = call(root, "promote", "churn@3", "--force", "--reason", "the label was fixed", "--json")
    assert done.json() == {"model": "churn", "version": 3, "alias": "champion"}
    told = call(root, "sql", "SELECT reason FROM foretable.alias_history WHERE version = 3", "--json").json()
    assert told == [{"reason": "the label was fixed (forced; refused for chance)"}]
    back = call(root, "rollback", "churn", "--no-refresh")
    assert (back.code, back.out) == (0, "churn@1 is champion again\n")


WRONG = [
    (["models", "show", "churn@9"], 1, "no version 9"),
    (["models", "show", "chrun@1"], 1, "'churn'"),
    (["models", "show", "churn@"], 2, "model@version"),
    (["models", "show"], 2, "missing argument"),
    (["models", "diff", "churn@1"], 2, "missing argument"),
    (["models", "diff", "churn@1", "churn@7"], 1, "no version 7"),
    (["models", "chrun"], 1, "no model is called 'chrun'"),
    (["models", "note", "churn@1"], 2, "a note needs a text"),
    (["models", "note", "churn@1", "x", "--remove"], 2, "a note needs a text"),
    (["models", "tag", "churn@1"], 2, "missing argument"),
    (["models", "tag", "churn@1", "two words"], 2, "cannot be a tag"),
    (["models", "tag", "churn@8", "x"], 1, "no version 8"),
    (["promote", "churn"], 2, "names no version"),
    (["promote", "churn@1", "--alias", "v3"], 2, "cannot be an alias"),
    (["rollback", "churn", "--no-refresh"], 2, "is the first champion"),
    (["rollback", "nobody", "--no-refresh"], 1, "'nobody'"),
    (["import", "model", "nowhere.foretable"], 2, "cannot be read"),
    (["import", "model", "pyproject.toml"], 1, "is refused"),
    (["import", "models", "x"], 2, "models"),
    (["register", "churn", "nowhere.onnx"], 2, "cannot be read"),
    (["register", "churn", "pyproject.toml"], 2, "does not say what its columns are"),
]


@pytest.mark.parametrize(("arguments", "code", "words"), WRONG, ids=[" ".join(given) for given, *_ in WRONG])
def test_wrong_input_is_told_with_a_hint(call, root, monkeypatch, arguments, code, words):
    monkeypatch.chdir(root)
    before = call(root, "models", "--all", "--json").out
    is_told(call(root, *arguments), code, words)
    assert call(root, "models", "--all", "--json").out == before


def test_a_version_is_imported_under_a_name(call, root, tmp_path):
    from foretable.registry.transfer import export_version

    with connect(root / "warehouse.duckdb") as connection:
        file = export_version(connection, "churn@2", tmp_path)
    done = call(root, "import", "model", str(file))
    assert done.code == 0, done.err
    assert "churn@4 is registered" in done.out
    assert "foretable promote churn@4" in done.err
    found = call(root, "import", "model", str(file), "--name", "north", "--json").json()
    assert (found["model"], found["version"], found["max_difference"]) == ("north", 1, 0)
    assert call(root, "models", "show", "north@1", "--json").json()["origin"] == "imported"


def test_names_of_versions_are_completed(root, monkeypatch):
    from foretable.cli import workspace
    from foretable.cli.models_names import references

    monkeypatch.setattr(workspace, "_current", workspace._current)
    workspace.configure(workspace.Workspace(root))
    assert references("churn@c") == ["churn@challenger", "churn@champion"]
    assert references("churn@") == ["churn@1", "churn@2", "churn@3", "churn@challenger", "churn@champion"]
    (root / "warehouse.duckdb").unlink()
    assert references("") == []


Scores = Callable[[Path], list[Any]]


def scores(root: Path) -> list[Any]:
    with connect(root / "warehouse.duckdb", read_only=True) as connection:
        return sorted(connection.execute("SELECT customer_id, churn_probability FROM predictions.churn").fetchall())


def test_a_rollback_rescores_in_one_wave(call, built):
    first = scores(built)
    listed = call(built, "models", "churn", "--json").json()
    before, other = (next(v["version"] for v in listed if name in (v["alias"] or "")) for name in ("champion", "challenger"))
    assert call(built, "promote", f"churn@{other}", "--force", "--reason", "to see").code == 0
    assert call(built, "run").code == 0
    assert scores(built) != first
    waves = "SELECT count(*) AS n FROM foretable.waves"
    count = call(built, "sql", waves, "--json").json()[0]["n"]
    done = call(built, "rollback", "churn", "--json")
    assert done.code == 0, done.err
    told = done.json()
    assert (told["version"], told["alias"]) == (before, "champion")
    assert {t["table"] for t in told["refresh"]["tables"] if t["action"] != "NO_DATA"} >= {"predictions.churn"}
    assert scores(built) == first
    assert call(built, "sql", waves, "--json").json()[0]["n"] == count + 1
    again = call(built, "run", "--json").json()
    assert all(table["action"] == "NO_DATA" for table in again["tables"])


def test_a_rollback_that_is_stopped_leaves_the_champion(call, built, monkeypatch):
    """The move of the name and the rescoring are one transaction."""
    from foretable.refresh import history

    listed = call(built, "models", "churn", "--json").json()
    other = next(v["version"] for v in listed if "challenger" in (v["alias"] or ""))
    call(built, "promote", f"churn@{other}", "--force", "--reason", "to see")
    call(built, "run")
    before = scores(built)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(history, "record_wave", stop)
        assert call(built, "rollback", "churn").code == 130
    assert scores(built) == before
    listed = call(built, "models", "churn", "--json").json()
    assert next(v["version"] for v in listed if "champion" in (v["alias"] or "")) == other


PICKY = """
CREATE DYNAMIC TABLE decisions.picky TARGET_LAG = '1 day' AS
SELECT customer_id, CASE WHEN model_version = {version} THEN error('not with this version') ELSE customer_id END AS checked
FROM predictions.churn
"""


@pytest.mark.slow
def test_a_rollback_goes_on_without_a_table_that_cannot_be_rescored(call, built):
    listed = call(built, "models", "churn", "--json").json()
    before, other = (next(v["version"] for v in listed if name in (v["alias"] or "")) for name in ("champion", "challenger"))
    first = scores(built)
    (built / "sql" / "decisions" / "picky.sql").write_text(PICKY.format(version=before))
    call(built, "promote", f"churn@{other}", "--force", "--reason", "to see")
    assert call(built, "run").code == 0
    done = call(built, "rollback", "churn")
    is_told(done, 1, f"churn@{before}", "decisions.picky could not be rescored", "foretable history")
    assert "not rescored decisions.picky: " in done.out
    assert scores(built) == first
    listed = call(built, "models", "churn", "--json").json()
    assert next(v["version"] for v in listed if "champion" in (v["alias"] or "")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["models"],
        ["promote", "churn@1"],
        ["rollback", "churn", "--no-refresh"],
        ["rollback", "churn"],
        ["models", "note", "churn@1", "words"],
        ["models", "tag", "churn@1", "words"],
        ["export", "model", "churn", "--install"],
    ],
)
def test_nothing_is_done_to_versions_where_there_is_no_warehouse(call, starter, arguments):
    is_told(call(starter, *arguments), 1, "there is no warehouse yet", "foretable run")
    assert not (starter / "warehouse.duckdb").exists()
