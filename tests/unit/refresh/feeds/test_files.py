"""Sources in files: what is new or changed is read, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from foretable.declare.project import Config, Project
from foretable.errors import ForetableError
from foretable.refresh.feeds.log import read_states
from foretable.refresh.sync import mount_files


@pytest.fixture(params=["parquet", "csv", "json"])
def events(request, watched):
    """A source raw.events in a folder of files, and a way to write one."""
    return Events(watched, request.param)


class Events:
    def __init__(self, watched, kind):
        self.watched, self.kind = watched, kind
        self.folder = watched.root / "events"
        self.folder.mkdir()

    def path(self, name) -> Path:
        return self.folder / f"{name}.{self.kind}"

    def write(self, name, rows, *, settled=True) -> Path:
        """A file of (k, v); unless it is ``settled`` it is so young that another write might go unseen."""
        path = self.path(name)
        new = path.with_name(f".{path.name}.new")
        options = ", HEADER" if self.kind == "csv" else ""
        self.watched.connection.execute(f"COPY (SELECT * FROM (VALUES {rows}) AS t(k, v)) TO '{new}' (FORMAT {self.kind}{options})")
        new.rename(path)
        if settled:
            self.settle(path)
        return path

    def settle(self, path, seconds=100):
        then = path.stat().st_mtime_ns - seconds * 10**9
        os.utime(path, ns=(then, then))

    def mount(self, *keys, file=None):
        self.watched.source("raw.events", file=file or f"events/*.{self.kind}")
        mount_files(self.watched.connection, Project(self.watched.root, Config(), sources=self.watched.sources))
        return [self.watched.feed("raw.events", key) for key in keys]


def test_new_changed_and_vanished_files_log_their_keys(watched, events):
    events.write("one", "('a', 1), ('b', 2)")
    events.write("two", "('b', 3), ('c', 4)")
    feed, whole = events.mount(("k",), ())
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    events.write("three", "('d', 5), ('d', 6)")
    assert watched.detect() == {feed.name: {("d",)}, whole.name: {()}}
    events.write("two", "('b', 3), ('c', 5), ('e', 5)")
    assert watched.detect() == {feed.name: {("c",), ("e",)}, whole.name: {()}}
    events.path("one").unlink()
    assert watched.detect() == {feed.name: {("a",), ("b",)}, whole.name: {()}}
    assert watched.detect() == {feed.name: set(), whole.name: set()}
    assert not watched.restarted(feed)


def test_files_that_are_rewritten_split_or_merged_change_nothing(watched, events):
    events.write("one", "('a', 1), ('b', 2)")
    events.write("two", "('b', 3), ('c', 4)")
    (feed,) = events.mount(("k",))
    watched.detect()
    events.write("one", "('b', 2), ('a', 1)")
    assert watched.detect() == {feed.name: set()}
    events.write("all", "('a', 1), ('b', 2), ('b', 3), ('c', 4)")
    events.path("one").unlink()
    events.path("two").unlink()
    assert watched.detect() == {feed.name: set()}
    events.write("all", "('a', 1), ('b', 2), ('b', 3), ('c', 5)")
    assert watched.detect() == {feed.name: {("c",)}}


def test_files_that_look_the_same_are_not_read(watched, events):
    """Proven by a change that leaves size, times and inode as they were: it goes unseen."""
    path = events.write("one", "('a', 1), ('b', 2)")
    other = events.write("other", "('a', 1), ('b', 7)").read_bytes()
    events.path("other").unlink()
    (feed,) = events.mount(("k",))
    watched.detect()
    stored = f"foretable_feeds.files_{feed.name}"
    assert len(other) == path.stat().st_size
    path.write_bytes(other)
    watched.connection.execute(f"UPDATE {stored} SET signature = ?", [signature(path)])
    assert watched.detect() == {feed.name: set()}
    watched.connection.execute(f"UPDATE {stored} SET signature = NULL")
    assert watched.detect() == {feed.name: {("b",)}}


def signature(path):
    stat = path.stat()
    return f"[{stat.st_ino}, {stat.st_size}, {stat.st_mtime_ns}, {stat.st_ctime_ns}]"


def test_a_file_that_is_very_young_is_read_again(watched, events):
    path = events.write("one", "('a', 1)", settled=False)
    (feed,) = events.mount(("k",))
    watched.detect()
    stored = f"SELECT signature FROM foretable_feeds.files_{feed.name}"
    assert watched.connection.execute(stored).fetchall() == [(None,)]
    events.settle(path)
    assert watched.detect() == {feed.name: set()}
    assert watched.connection.execute(stored).fetchall() == [(signature(path),)]


def test_names_of_files_may_hold_anything(watched, events):
    events.write("plain", "('a', 1)")
    (feed,) = events.mount(("k",))
    watched.detect()
    events.write("it''s [100%] ä ?".replace("''", "’"), "('b', 1)")
    events.write("x=1, y", "('c', 1)")
    assert watched.detect() == {feed.name: {("b",), ("c",)}}


def test_a_type_that_changes_across_files_starts_the_log_anew(watched, events):
    events.write("one", "('a', 1), ('b', 2)")
    events.mount(("k",))
    watched.detect()
    for name in ("one", "two"):
        events.write(name, "('a', 1.5), ('b', 2.5)")
    watched.feeds.clear()
    (feed,) = events.mount(("k",))
    watched.detect()
    assert watched.restarted(feed)
    events.write("two", "('a', 1.5), ('b', 3.5)")
    assert watched.detect() == {feed.name: {("b",)}}


def test_other_columns_may_be_wanted_later(watched, events):
    events.write("one", "('a', 1), ('b', 2)")
    events.mount(("k",))
    watched.feeds[0] = type(watched.feeds[0])("raw.events", ("k",), {"k": "VARCHAR"})
    watched.detect()
    events.write("two", "('c', 3)")
    watched.feeds.clear()
    (feed,) = events.mount(("k",))
    assert watched.detect() == {feed.name: {("c",)}}
    assert not watched.restarted(feed)
    events.write("two", "('c', 4)")
    assert watched.detect() == {feed.name: {("c",)}}


def test_json_without_a_field_and_with_another_type_reads_as_among_the_others(watched, tmp_path):
    folder = tmp_path / "events"
    folder.mkdir()
    (folder / "1.json").write_text('{"k": "a", "v": 1, "w": "x"}\n{"k": "b", "v": 1.5}\n')
    watched.source("raw.events", file="events/*.json")
    mount_files(watched.connection, Project(tmp_path, Config(), sources=watched.sources))
    feed = watched.feed("raw.events", ("k", "w"))
    watched.detect()
    (folder / "2.json").write_text('{"k": "c", "v": 2.5}\n')
    assert watched.detect() == {feed.name: {("c", None)}}
    (folder / "3.json").write_text('{"k": "d", "v": 2}\n')
    assert watched.detect() == {feed.name: {("d", None)}}
    (folder / "2.json").unlink()
    (folder / "3.json").write_text('{"k": "c", "v": 2.5, "w": null}\n{"k": "d", "v": 2.0}\n')
    assert watched.detect() == {feed.name: set()}, "2 among numbers with a point is 2.0"
    assert not watched.restarted(feed)


def test_a_source_that_moves_into_files_starts_the_log_anew(watched, events):
    watched.connection.execute("CREATE TABLE raw.events AS SELECT 'a' AS k, 1::BIGINT AS v")
    watched.feed("raw.events", ("k",))
    watched.detect()
    watched.connection.execute("DROP TABLE raw.events")
    watched.feeds.clear()
    events.write("one", "('a', 1::BIGINT)")
    (feed,) = events.mount(("k",))
    watched.detect()
    assert watched.restarted(feed)
    events.write("one", "('a', 2::BIGINT)")
    assert watched.detect() == {feed.name: {("a",)}}


def test_a_broken_file_is_told(watched, events):
    events.write("one", "('a', 1)")
    events.mount(("k",))
    watched.detect()
    before = read_states(watched.connection)
    events.path("two").write_bytes(b'"\x00{"k": "oops\xff\xfe')
    events.settle(events.path("two"))
    with pytest.raises(ForetableError) as caught:
        watched.detect()
    assert "raw.events" in str(caught.value)
    assert caught.value.hint
    assert read_states(watched.connection) == before


def test_a_folder_by_day_is_told_apart_by_its_paths(watched, tmp_path):
    for day in (1, 2):
        folder = tmp_path / "events" / f"day={day}"
        folder.mkdir(parents=True)
        watched.connection.execute(f"COPY (SELECT 'a{day}' AS k) TO '{folder}/f.parquet' (FORMAT parquet)")
    watched.source("raw.events", file="events/*/*.parquet")
    mount_files(watched.connection, Project(tmp_path, Config(), sources=watched.sources))
    feed = watched.feed("raw.events", ("day", "k"))
    watched.detect()
    (tmp_path / "events" / "day=1").rename(tmp_path / "events" / "day=7")
    assert watched.detect() == {feed.name: {(1, "a1"), (7, "a1")}}


def test_files_that_change_while_they_are_read_are_told(watched, tmp_path, monkeypatch):
    """A writer that appends whenever the file is looked at."""
    path = tmp_path / "events.csv"
    path.write_text("k,v\na,1\n")
    watched.source("raw.events", file="events.csv")
    mount_files(watched.connection, Project(tmp_path, Config(), sources=watched.sources))
    feed = watched.feed("raw.events", ("k",))
    watched.detect()
    writes = []
    stat = Path.stat

    def restless(self, **options):
        if self.name == "events.csv" and len(writes) < limit:
            writes.append(1)
            with path.open("a") as file:
                file.write(f"{len(writes)},1\n")
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", restless)
    limit = 100
    with pytest.raises(ForetableError, match="change while they are read") as caught:
        watched.detect()
    assert "move it into place" in caught.value.hint
    limit = len(writes) + 2
    assert len(watched.detect()[feed.name]) == len(writes), "the second attempt sees it whole"
