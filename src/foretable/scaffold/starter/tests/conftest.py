import shutil
from pathlib import Path

import pytest

import foretable as ft

HERE = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """The project, built from nothing in a folder of its own."""
    copy = tmp_path_factory.mktemp("project") / "copy"
    shutil.copytree(HERE, copy, ignore=shutil.ignore_patterns("warehouse.duckdb*", "published", "backups", ".venv", "__pycache__"))
    opened = ft.open(copy)
    opened.run()
    return opened
