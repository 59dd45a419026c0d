"""The command that writes a model version as one HTML file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from foretable.udf import connect
from foretable.warehouse import ensure_catalog

WRITTEN = "published/reports/churn_v1.html"


@pytest.fixture(scope="module")
def stocked(tmp_path_factory: pytest.TempPathFactory, made: Any) -> Path:
    """A warehouse with four versions of churn, the first of them champion, the last one a regression."""
    from foretable.registry import promote

    path = tmp_path_factory.mktemp("stocked") / "warehouse.duckdb"
    with connect(path) as connection:
        ensure_catalog(connection)
        made.added(connection)
        made.added(connection, weight=2.0, parameters={"C": 9.0})
        made.added(connection, weight=3.0)
        made.added(connection, "regression")
        promote(connection, "churn", 1, reason="first")
        promote(connection, "churn", 3, reason="to watch", alias="challenger")
    return path


@pytest.fixture
def root(starter: Path, stocked: Path) -> Path:
    """A project that is not built, with those versions."""
    (starter / "warehouse.duckdb").write_bytes(stocked.read_bytes())
    return starter


def is_told(done: Any, code: int, *words: str) -> None:
    assert done.code == code, done.err
    assert done.err.count("error: ") == 1 and "Hint: " in done.err, done.err
    assert "Traceback" not in done.err + done.out and "fault of foretable" not in done.err
    for word in words:
        assert word in done.err, done.err


def test_the_champion_goes_to_a_file_that_git_ignores(call, root):
    done = call(root, "report", "churn")
    assert (done.code, done.out) == (0, f"{WRITTEN}: churn@1\n"), done.err
    text = (root / WRITTEN).read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>") and "<h1>churn@1</h1>" in text and text.count("<svg") == 2
    assert "/published/" in (root / ".gitignore").read_text()
    assert not list((root / "published").rglob("*.tmp"))


@pytest.mark.parametrize(
    ("arguments", "file", "title"),
    [
        (["churn@2"], "published/reports/churn_v2.html", "churn@2"),
        (["CHURN", "--version", "challenger"], "published/reports/churn_v3.html", "churn@3"),
        (["churn", "--version", "2", "--compare", "champion"], "published/reports/churn_v2_beside_v1.html", "churn@2 beside churn@1"),
        (["churn@1", "--compare", "3", "-o", "mine.html"], "mine.html", "churn@1 beside churn@3"),
    ],
)
def test_versions_are_named_by_number_or_alias(call, root, monkeypatch, arguments, file, title):
    monkeypatch.chdir(root)
    done = call(root, "report", *arguments)
    assert done.code == 0, done.err
    assert f"<h1>{title}</h1>" in (root / file).read_text(encoding="utf-8")


def test_json_says_where_it_is_and_what_it_says(call, root):
    told = call(root, "report", "churn", "--compare", "2", "--json").json()
    assert (told["model"], told["version"], told["compared_with"]) == ("churn", 1, 2)
    assert Path(told["file"]).is_file()
    assert told["summary"]["Who answers"] == "churn@1 is the champion: predict_churn() calls it."


def test_without_a_champion_the_newest_is_told(call, root):
    with connect(root / "warehouse.duckdb") as connection:
        connection.execute("DELETE FROM foretable.model_aliases")
    assert call(root, "report", "churn").out.endswith("churn@4\n")
    assert "The model has no champion yet." in (root / "published/reports/churn_v4.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["chrun"], 1, ["no model is called 'chrun'", "did you mean 'churn'?"]),
        (["churn", "--version", "9"], 1, ["no version 9", "it has 1, 2, 3, 4"]),
        (["churn", "--version", "chalenger"], 1, ["no chalenger", "did you mean 'challenger'?"]),
        (["churn", "--version", "-1"], 2, ["names no model version"]),
        (["churn@1", "--version", "2"], 2, ["at once"]),
        (["churn", "--compare", "1"], 2, ["compared with itself"]),
        (["churn", "--compare", "4"], 2, ["a classification model and churn@4 a regression model"]),
        (["churn", "--compare", "nobody@1"], 1, ["no model is called 'nobody'"]),
        (["churn", "-o", "."], 2, ["is a folder"]),
        (["churn", "-o", "nowhere/x.html"], 1, ["no such file or directory"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_is_off_is_told(call, root, monkeypatch, arguments, code, words):
    monkeypatch.chdir(root)
    is_told(call(root, "report", *arguments), code, *words)
    assert not list(root.rglob("*.html*"))


def test_a_model_that_is_not_trained_is_not_an_unknown_one(call, root):
    with connect(root / "warehouse.duckdb") as connection:
        connection.execute("UPDATE foretable.model_versions SET model = 'other'")
    is_told(call(root, "report", "churn"), 1, "model churn is not trained yet", "foretable train churn")


def test_there_may_be_no_warehouse(call, starter):
    is_told(call(starter, "report", "churn"), 1, "there is no warehouse yet", "foretable run")


def test_a_folder_that_cannot_be_made_is_told(call, root):
    (root / "published").write_text("a file")
    is_told(call(root, "report", "churn"), 1, "published/reports")


def elsewhere(root: Path, before: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    code = f"import sys\n{before}\nfrom foretable.cli.app import run\nsys.exit(run({['-C', str(root), 'report', *arguments]!r}))"
    environment = {**os.environ, "PYTHONHASHSEED": "7", "LC_ALL": "C", "COLUMNS": "80"}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=root)


def test_missing_libraries_are_named_with_the_cure(call, root, monkeypatch):
    done = elsewhere(root, "sys.modules['matplotlib'] = None", "churn")
    assert done.returncode == 1
    assert "a report needs matplotlib" in done.stderr and 'pip install "foretable[report]"' in done.stderr
    monkeypatch.setitem(sys.modules, "jinja2", None)
    is_told(call(root, "report", "churn"), 1, "a report needs jinja2", 'pip install "foretable[report]"')
    assert not (root / "published").exists()


def test_a_model_that_was_trained_is_told_in_full(call, first_run, tmp_path):
    """What training writes is what a report reads."""
    root, _ = first_run
    done = call(root, "report", "churn", "--compare", "challenger", "-o", str(tmp_path / "churn.html"))
    assert done.code == 0, done.err
    text = (tmp_path / "churn.html").read_text(encoding="utf-8")
    figures = re.findall(r'<figure id="(\w+)"', text)
    assert {"roc", "pr", "calibration", "gain", "importance", "drift"} <= set(figures)
    assert "is the champion" in text and "etter than chance" in text and "second of its training" in text


def test_bytes_are_the_same_in_another_process_and_locale(call, root):
    """Whatever its hash seed, locale and plotting settings are."""
    assert call(root, "report", "churn", "--compare", "2").code == 0
    here = (root / "published/reports/churn_v1_beside_v2.html").read_bytes()
    (root / "matplotlibrc").write_text("font.size: 30\nsvg.fonttype: path\naxes.facecolor: red\n")
    done = elsewhere(root, "", "churn", "--compare", "2", "-o", "other.html")
    assert done.returncode == 0, done.stderr
    assert (root / "other.html").read_bytes() == here
