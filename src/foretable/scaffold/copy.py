"""Projects copied from a template, which is a folder of real files."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from pathlib import Path

from foretable.errors import UsageError

HERE = Path(__file__).resolve().parent
STARTER = HERE / "starter"
TEMPLATE_NAME = "starter"
NAMED = ("pyproject.toml", "README.md")
PARTS = ("pipelines", "models", "udfs", "sql", "tests", "warehouse.duckdb.sample")
IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.tmp")


def starter_project(target: Path) -> list[Path]:
    """Write the small starter into an empty or new folder; gives the files written.

    Raises
    ------
    UsageError
        The folder holds something already.
    """
    require_empty(target)
    shutil.copytree(STARTER, target, ignore=IGNORED, dirs_exist_ok=True)
    _finish(target)
    return written(target)


def full_project(target: Path) -> list[Path]:
    """Write the whole reference project, its sample warehouse and tests; gives the files written.

    Raises
    ------
    UsageError
        The folder holds something already, or this installation carries no reference project.
    """
    require_empty(target)
    parts = dict(_reference())
    if "pipelines" not in parts:
        raise UsageError("this installation carries no reference project", hint="install the wheel, or work in a checkout")
    target.mkdir(parents=True, exist_ok=True)
    for name, source in parts.items():
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=IGNORED)
        else:
            shutil.copyfile(source, target / name)
    shutil.copytree(HERE / "reference", target, ignore=IGNORED, dirs_exist_ok=True)
    _finish(target)
    return written(target)


def require_empty(target: Path) -> None:
    """Refuse a folder that holds something.

    Raises
    ------
    UsageError
        It does, or the path is a file.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target} is not empty" if target.is_dir() else f"{target} is a file", hint="choose a new folder; nothing was written"
        )


def written(target: Path) -> list[Path]:
    """The files of a new project, relative to it."""
    return sorted(path.relative_to(target) for path in target.rglob("*") if path.is_file())


def named(text: str, name: str) -> str:
    """A template's text with the project's own name in it."""
    return text.replace(TEMPLATE_NAME, name)


def project_name(target: Path) -> str:
    """A name for the project, from its folder: lower case letters, digits and _."""
    return re.sub(r"\W+", "_", target.resolve().name).strip("_").lower() or "project"


def _finish(target: Path) -> None:
    """Give the dot file its name, and the project its own."""
    hidden = target / "gitignore"
    if hidden.exists():
        hidden.rename(target / ".gitignore")
    for file in NAMED:
        path = target / file
        path.write_text(named(path.read_text(encoding="utf-8"), project_name(target)), encoding="utf-8")


def _reference() -> Iterable[tuple[str, Path]]:
    """The parts of the reference project: from the checkout, else from the wheel."""
    checkout = HERE.parent.parent.parent
    inside_checkout = (checkout / "src" / "foretable").is_dir() and (checkout / "pipelines").is_dir()
    root = checkout if inside_checkout else HERE / "full"
    for part in PARTS:
        source = root / "tests" / "project" if part == "tests" and inside_checkout else root / part
        if source.exists():
            yield part, source
