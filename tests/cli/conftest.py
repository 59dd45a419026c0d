"""Commands called as a shell would call them, and one starter project that has been run."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from foretable.cli.app import run
from foretable.scaffold import starter_project


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        import json

        return json.loads(self.out)


Call = Callable[..., Ended]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command line in this process: ``call(project, "ls", "--json")``."""

    def called(root: Path, *arguments: str) -> Ended:
        capsys.readouterr()
        code = run(["-C", str(root), "--wait", "0", *arguments])
        captured = capsys.readouterr()
        return Ended(code, captured.out, captured.err)

    return called


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    """A starter project, not yet run."""
    root = tmp_path / "mine"
    starter_project(root)
    return root


@pytest.fixture(scope="session")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Ended]:
    """A starter project after its first run, and what that run told."""
    import contextlib
    import io

    root = tmp_path_factory.mktemp("built") / "mine"
    starter_project(root)
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(["-C", str(root), "run", "--trials", "2"])
    return root, Ended(code, out.getvalue(), err.getvalue())


@pytest.fixture
def built(first_run: tuple[Path, Ended], tmp_path: Path) -> Path:
    """A copy of the project after its first run, to do anything to."""
    root = tmp_path / "mine"
    shutil.copytree(first_run[0], root, symlinks=True)
    return root


@pytest.fixture(scope="session")
def made() -> Any:
    """The versions that the unit tests of the registry make: their ``conftest``, as a module."""
    path = Path(__file__).parents[1] / "unit" / "registry" / "conftest.py"
    spec = importlib.util.spec_from_file_location("registry_versions", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("registry_versions", module)
    spec.loader.exec_module(module)
    return module
