"""The wheel, installed into an environment of its own, far from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``foretable`` of an environment that has the wheel, and our libraries without our checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)], check=True)
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / "bin" / "python"
    (wheel,) = folder.glob("*.whl")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", str(wheel)], check=True)
    # A path in a .pth file adds the libraries; the .pth files beside them, such as our editable one, are not read.
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], capture_output=True, text=True, check=True
    )
    (Path(site.stdout.strip()) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin" / "foretable"


def ran(command: Path, folder: Path, *words: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([command, *words], cwd=folder, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_it_is_the_wheel_that_runs(installed: Path, tmp_path: Path) -> None:
    python = installed.with_name("python")
    where = subprocess.run(
        [python, "-c", "import foretable; print(foretable.__file__)"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert Path(where.stdout.strip()).is_relative_to(installed.parents[1])


def test_the_starter_runs_and_passes_its_own_tests(installed: Path, tmp_path: Path) -> None:
    ran(installed, tmp_path, "init", "mine")
    assert "3 tables built" in ran(installed, tmp_path / "mine", "run", "--trials", "1")
    assert "nothing to do" in ran(installed, tmp_path / "mine", "run")
    tests = subprocess.run(
        [installed.with_name("python"), "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "mine",
        capture_output=True,
        text=True,
    )
    assert tests.returncode == 0, tests.stdout
    assert "3 passed" in tests.stdout


def test_the_wheel_carries_the_reference_project(installed: Path, tmp_path: Path) -> None:
    ran(installed, tmp_path, "init", "reference", "--full")
    root = tmp_path / "reference"
    for folder in ("pipelines", "models", "udfs", "sql"):
        files = [path.relative_to(ROOT) for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        assert files
        for file in files:
            assert (root / file).read_bytes() == (ROOT / file).read_bytes()
    assert (root / "warehouse.duckdb.sample").read_bytes() == (ROOT / "warehouse.duckdb.sample").read_bytes()
    ran(installed, root, "compile", "--check")
