"""Whoever reads while waves go on sees one wave: in the process that writes, and in the published file."""

from __future__ import annotations

import shutil
from contextlib import nullcontext
from pathlib import Path

import pytest

import foretable as ft
from foretable.publish import live
from foretable.refresh import wave
from foretable.run import prepare, run

from .crashes.reading import Processes, Seen, Threads, change, declare


def refresh_while_others_read(root: Path, last: int, on_cursors: int = 2, of_the_file: int = 2) -> tuple[Seen, Seen]:
    """Waves up to a version, or until a reader notices something; what readers on cursors and of the published file saw."""
    declare(root)
    graph = ft.open(root).graph
    with ft.connect(root / "warehouse.duckdb") as connection:
        prepare(connection, graph)
        run(connection, graph, train=False)
        threads, processes = Threads(connection, on_cursors), Processes(root / "published" / "foretable.duckdb", of_the_file)
        try:
            for version in range(2, last + 1):
                change(connection, version)
                done = run(connection, graph, train=False)
                assert not done.wave.failed, done.wave.failed
                if threads.noticed or processes.noticed:
                    break
        finally:
            cursors = threads.end()
            files = processes.end()
    return cursors, files


def test_no_reader_sees_two_waves(tmp_path: Path) -> None:
    cursors, files = refresh_while_others_read(tmp_path / "p", 7)
    assert (cursors.mixed, cursors.errors, files.mixed, files.errors) == ([], [], [], [])
    assert cursors.reads > 100 and files.reads > 30, (cursors.reads, files.reads)
    assert len(cursors.versions) > 3 and len(files.versions) > 3, (cursors.versions, files.versions)


@pytest.mark.slow
def test_no_reader_sees_two_waves_for_long(tmp_path: Path) -> None:
    cursors, files = refresh_while_others_read(tmp_path / "p", 80, on_cursors=4)
    print(f"{cursors.reads} reads on cursors, {files.reads} of the published file, {len(files.versions)} waves seen")
    assert (cursors.mixed, cursors.errors, files.mixed, files.errors) == ([], [], [], [])
    assert cursors.reads > 3000 and files.reads > 1000, (cursors.reads, files.reads)
    assert len(cursors.versions) > 60 and len(files.versions) > 40


def test_readers_notice_waves_that_are_committed_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wave, "wave", nullcontext)
    cursors, _ = refresh_while_others_read(tmp_path / "p", 20, of_the_file=0)
    assert cursors.mixed


def test_readers_notice_files_that_are_published_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_into_place(slots: Path, folder: Path) -> int:
        held = live.in_force(slots)
        assert held is not None
        for file in sorted(folder.iterdir()):
            shutil.copy(file, slots / "part")
            (slots / "part").rename(held / file.name)
        return 0

    monkeypatch.setattr(live, "advance", copy_into_place)
    _, files = refresh_while_others_read(tmp_path / "p", 40, on_cursors=0)
    assert files.mixed
