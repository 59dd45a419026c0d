"""A wave's folder: Parquet files and a manifest, written beside and renamed into place."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from foretable.publish.content import Content, rows_in_order
from foretable.warehouse.disk import sync

_MANIFEST = "manifest.json"
_PART = ".tmp"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a wave's folder; empty where there is none."""
    try:
        manifest: dict[str, Any] = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return manifest


def write_folder(
    connection: duckdb.DuckDBPyConnection,
    waves: Path,
    wave: int,
    contents: Sequence[Content],
    before: Path | None,
    keys: Mapping[str, Sequence[str]],
) -> Path:
    """Write one wave under ``waves`` and return its folder.

    A file whose fingerprint stands in the manifest of ``before`` is linked, not written. Where that
    manifest says all the same, ``before`` is returned.
    """
    manifest = {"wave": wave, "tables": {content.name: _entry(content) for content in contents}}
    known = read_manifest(before) if before else {}
    if before and known and {key: known[key] for key in manifest} == manifest:
        return before
    part = waves / f"{wave}{_PART}"
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for content in contents:
        old = known.get("tables", {}).get(content.name, {})
        if before and old.get("fingerprint") == content.fingerprint and _linked(before / content.file, part / content.file):
            continue
        connection.sql(rows_in_order(content, keys.get(content.name, ()))).write_parquet(str(part / content.file), compression="zstd")
        sync(part / content.file)
    stamp = datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
    (part / _MANIFEST).write_text(json.dumps({**manifest, "published_at": stamp}, indent=2) + "\n", encoding="utf-8")
    sync(part / _MANIFEST)
    sync(part)
    folder = _free(waves, wave)
    part.rename(folder)
    sync(waves)
    return folder


def clean(published: Path, waves: Path) -> None:
    """Remove what a killed publisher left behind."""
    for part in (*published.glob(f"*{_PART}*"), *waves.glob(f"*{_PART}")):
        if part.is_dir() and not part.is_symlink():
            shutil.rmtree(part)
        else:
            part.unlink()


def prune(waves: Path, keep: Iterable[Path]) -> None:
    """Remove every wave that nothing points to."""
    kept = {folder.resolve() for folder in keep}
    for folder in waves.iterdir():
        if folder.resolve() not in kept:
            shutil.rmtree(folder)


def _entry(content: Content) -> dict[str, Any]:
    return {
        "file": content.file,
        "rows": content.row_count,
        "as_of": content.as_of.isoformat() if content.as_of else None,
        "stale": content.stale,
        "fingerprint": content.fingerprint,
    }


def _linked(old: Path, new: Path) -> bool:
    try:
        os.link(old, new)
    except OSError:  # pruned by hand, or a file system without links
        return False
    return True


def _free(waves: Path, wave: int) -> Path:
    """A folder for the wave; a restored warehouse may come past a number for the second time."""
    folder, again = waves / str(wave), 1
    while folder.exists():
        again += 1
        folder = waves / f"{wave}-{again}"
    return folder
