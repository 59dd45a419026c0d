"""What the documents say is so: every command of the README runs, every name in them is there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest

import foretable as ft
from foretable.cli import app

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
Ran = Callable[..., str]
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def fenced(document: str) -> list[tuple[str, str]]:
    """Language and text of every block, in order."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", document, re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [text for of, text in fenced(README) if of == language]


def commands(given: list[str] | None = None) -> list[list[str]]:
    """The lines of every sh block as words; a quoted query may span lines."""
    found: list[list[str]] = []
    for block in blocks("sh") if given is None else given:
        waiting = ""
        for line in block.splitlines():
            waiting = f"{waiting}\n{line}" if waiting else line
            try:
                words = shlex.split(waiting, comments=True)
            except ValueError:
                continue  # an open quote
            found.append(words)
            waiting = ""
    return [words for words in found if words]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Ran:
    """Run a command line in a folder, in this process: what it printed."""

    def run(folder: Path, *words: str, codes: tuple[int, ...] = (0,)) -> str:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        code = app.run(words)
        printed = capsys.readouterr()
        assert code in codes, f"{' '.join(words)}: {printed.err}"
        return printed.out

    return run


def test_the_readme_has_commands_to_run() -> None:
    assert len(commands()) >= 10
    assert {words[0] for words in commands()} == {"make", "foretable"}


def test_make_targets_are_there() -> None:
    for document in ("README.md", "CONTRIBUTING.md"):
        named = re.findall(r"^make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
        assert named
        assert set(named) <= TARGETS


def test_links_lead_somewhere() -> None:
    for document in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (document.parent / target).exists(), f"{document.name}: {target}"


def reference(root: Path, ran: Ran) -> list[list[str]]:
    """Write the reference project; gives the README's commands in it, without `foretable` and with few trials."""
    ran(root.parent, "init", str(root), "--full")
    given = [words[1:] for words in commands() if words[0] == "foretable"]
    return [[*words, "--trials", "1"] if words[0] == "run" else words for words in given]


def show(root: Path, given: list[list[str]], ran: Ran) -> None:
    """Run commands; a query that calls a model gives the columns that the README shows."""
    shown = iter(blocks(""))
    for words in given:
        done = ran(root, *words)
        if words[0] == "sql" and "predict_" in words[1]:
            assert next(shown).splitlines()[0].split() == done.splitlines()[0].split()


def test_every_command_of_the_readme_runs(tmp_path: Path, ran: Ran) -> None:
    """With one pipeline, built once, on the README's own customers: what builds comes first. With all of them: the slow test."""
    root = tmp_path / "reference"
    given = [words for words in reference(root, ran) if "clv" not in str(words)]
    for path in [*root.rglob("*clv*"), *root.glob("sql/sources/raw.co*")]:
        path.unlink()
    builds = [words for words in given if words[0] in ("simulate", "run")]
    assert any(words[0] == "run" for words in builds)
    show(root, builds, ran)
    show(root, [words for words in given if words not in builds], ran)


@pytest.mark.slow
def test_every_command_runs_when_the_whole_reference_project_was_built_from_its_sample(tmp_path: Path, ran: Ran) -> None:
    """`make run` is `foretable run` there."""
    root = tmp_path / "reference"
    given = reference(root, ran)
    done = json.loads(ran(root, "run", "--trials", "1", "--json"))
    assert done["tables"] and not done["failed"] and not done["blocked"]
    assert "nothing to do" in ran(root, "run", "--trials", "1")
    show(root, given, ran)


def test_the_pipeline_of_the_readme_runs(tmp_path: Path, ran: Ran) -> None:
    starter = ROOT / "src" / "foretable" / "scaffold" / "starter"
    for folder in ("data", "pipelines", "sql"):
        (tmp_path / folder).mkdir()
    shutil.copy(starter / "data" / "orders.csv", tmp_path / "data")
    (tmp_path / "pyproject.toml").write_text("[tool.foretable]\ntrials = 1\n")
    (tmp_path / "pipelines" / "churn.py").write_text(blocks("python")[0])
    (tmp_path / "sql" / "call_first.sql").write_text(blocks("sql")[0])
    ran(tmp_path, "run")
    assert int(ran(tmp_path, "sql", "SELECT count(*) AS n FROM decisions.call_first", "--csv").split()[1]) > 0


def test_the_page_about_models_does_what_it_says(tmp_path: Path, ran: Ran) -> None:
    """Files, commands and notebook in the order of the page; a first run months ago leaves answers whose outcomes have come."""
    root = tmp_path / "mine"
    ran(tmp_path, "init", str(root))
    opened = False
    for language, text in fenced((ROOT / "docs" / "models.md").read_text(encoding="utf-8")):
        if place := re.match(r'"""([\w/]+\.py)"""', text):
            (root / place[1]).write_text(text)
        elif language == "python":
            exec(compile(text, "models.md", "exec"), {})
        elif language == "sh":
            opened = opened or bool(ft.open(root).run(as_of=datetime(2025, 8, 1), trials=1))
            for words in commands([text]):
                ran(root, *words[1:], codes=(0, 3) if words[1] == "train" else (0,))


@pytest.mark.parametrize(
    "name", re.findall(r"`src/foretable/([\w/.]+)`|^  (\w+\.py|\w+/)  ", (ROOT / "docs" / "architecture.md").read_text(), re.MULTILINE)
)
def test_the_rooms_of_the_house_are_there(name: tuple[str, str]) -> None:
    assert (ROOT / "src" / "foretable" / (name[0] or name[1])).exists()
