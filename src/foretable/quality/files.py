"""The files that a load names: paths, globs and standard input."""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from foretable.errors import IngestError, UsageError
from foretable.quality.readers import format_of


@dataclass(frozen=True)
class File:
    """A file to load: ``shown`` is its name as the user wrote it, ``kind`` its format."""

    path: Path
    shown: str
    sha256: str
    kind: str


@contextmanager
def resolved(files: Sequence[str | Path], given: str | None) -> Iterator[list[File]]:
    """Every file once, in the order given; standard input is kept in a temporary file meanwhile."""
    with tempfile.TemporaryDirectory(prefix="foretable-") as folder:
        found: dict[Path, File] = {}
        for each in files:
            for path, shown in _expanded(str(each), Path(folder)):
                kind = format_of(shown, given)
                with path.open("rb") as content:
                    found.setdefault(path.resolve(), File(path, shown, hashlib.file_digest(content, "sha256").hexdigest(), kind))
        if not found:
            raise UsageError("no file was given", hint="for example: foretable ingest raw.orders orders.csv")
        yield list(found.values())


def _expanded(given: str, folder: Path) -> list[tuple[Path, str]]:
    if given == "-":
        spooled = folder / "stdin"
        with spooled.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        return [(spooled, "stdin")]
    path = Path(given).expanduser()
    if path.is_file():
        return [(path, given)]
    if path.is_dir():
        raise IngestError("this is a folder", where=given, hint=f"name its files: '{given.rstrip('/')}/*.csv'")
    matches = sorted(each for each in Path(path.anchor or ".").glob(str(path.relative_to(path.anchor))) if each.is_file())
    if not matches:
        message = "no file matches" if any(sign in given for sign in "*?[") else "there is no such file"
        raise IngestError(message, where=given, hint="a path is relative to the folder you are in")
    return [(each, str(each)) for each in matches]
