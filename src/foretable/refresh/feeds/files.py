"""Sources that stand in files: only files that are new or have changed are read.

A feed keeps the signature of every file and the sums of its rows by key. What changed is found between the sums of
the files that are new, changed or gone, before and after: files that are only rewritten, split or merged change nothing.
Where a query stands between the files and the source, any file may bear on any row: then the source is compared as a table is,
whenever :func:`files_mark` is another one.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
from sqlglot import exp

from foretable.compile.recorded import Columns
from foretable.declare.source import Source
from foretable.errors import ForetableError
from foretable.refresh.feeds.feed import Feed
from foretable.refresh.feeds.log import append, feed_table, fill, insert
from foretable.refresh.feeds.sums import SUMS, all_of, different, keys_of, places, sums_of_rows
from foretable.refresh.sync import READERS, files_as_table
from foretable.sql import column, render, statement, table
from foretable.warehouse import translate

_MOVED = "temp.foretable_moved_files"
_KEYS = "temp.foretable_found_keys"
_FILE = "foretable_file"
_SETTLED_NS = 2_000_000_000

_LIST = "SELECT file FROM glob(?) ORDER BY file"
_SNIFF = "SELECT * EXCLUDE (Columns, UserArguments, Prompt) FROM sniff_csv(?)"
_NAMED = "INSERT INTO $into SELECT unnest(CAST(? AS VARCHAR[]))"
_SIGNED = "INSERT INTO $into SELECT unnest(CAST(? AS VARCHAR[])), unnest(CAST(? AS VARCHAR[]))"


Signatures = Mapping[str, str | None]
"""What tells a file's content from another, by path; None where it cannot tell yet."""


@dataclass(frozen=True)
class Folder:
    """A source in files, and how DuckDB sees it: the glob as it stands in the view, and the view's columns."""

    source: Source
    glob: str
    columns: Columns


@contextmanager
def readable(source: Source) -> Iterator[None]:
    """Say of an error in the block that the source's files cannot be read."""
    try:
        yield
    except duckdb.Error as error:
        known = translate(error, where=source.name)
        if known is not None:
            raise known from error
        raise ForetableError(
            f"its files cannot be read: {str(error).splitlines()[0]}",
            where=source.name,
            hint="mend the file or take it away; a writer should move files into place when they are whole",
        ) from error


def reading(connection: duckdb.DuckDBPyConnection, folder: Folder) -> str | None:
    """How files are understood: by the source's query, and by how the first CSV file is read.

    With another query, delimiter or date format every file would read otherwise.
    """
    files = connection.execute(_LIST, [folder.glob]).fetchall()
    sniffed = None
    if files and folder.glob.lower().endswith(".csv"):
        with readable(folder.source):
            sniffed = connection.execute(_SNIFF, [files[0][0]]).fetchall()
    if sniffed is None and not folder.source.query:
        return None
    how = (sniffed, folder.source.query) if folder.source.query else sniffed
    return hashlib.sha256(repr(how).encode()).hexdigest()[:16]


def files_mark(connection: duckdb.DuckDBPyConnection, folder: Folder) -> str | None:
    """What tells the content of all files from another; None while one of them is so young that a write might go unseen."""
    at = time.time_ns()
    found = signatures(connection, folder.glob)
    if any(_settled(signature, at) is None for signature in found.values()):
        return None
    return hashlib.sha256(json.dumps(sorted(found.items())).encode()).hexdigest()[:32]


def store_files(connection: duckdb.DuckDBPyConnection, feed: Feed, folder: Folder) -> None:
    """Store what all files hold."""
    files, _ = _read_moved(connection, feed, folder, {})
    fill(connection, feed_table("keys", feed.name), _columns(feed), all_of(table(_KEYS)))
    fill(connection, feed_table("files", feed.name), {"file": "VARCHAR", "signature": "VARCHAR"})
    _sign(connection, feed, files)
    _clear(connection)


def compare_files(connection: duckdb.DuckDBPyConnection, feed: Feed, folder: Folder, epoch: int) -> None:
    """Log the keys that have other rows now, and store what new and changed files hold."""
    keys, signed = feed_table("keys", feed.name), feed_table("files", feed.name)
    known = dict(connection.execute(render(all_of(signed))).fetchall())
    files, moved = _read_moved(connection, feed, folder, known)
    gone = [file for file in known if file not in files]
    if not moved and not gone:
        return
    fill(connection, table(_MOVED), {"file": "VARCHAR"})
    connection.execute(statement(_NAMED, into=table(_MOVED)), [[*moved, *gone]])
    append(connection, feed, epoch, _changed(feed, _among_moved(all_of(keys))))
    for stale in (keys, signed):
        connection.execute(render(exp.Delete(this=stale.copy(), where=_among_moved(all_of(stale)).args["where"])))
    insert(connection, keys, all_of(table(_KEYS)))
    _sign(connection, feed, {file: files[file] for file in moved})
    _clear(connection)


def _clear(connection: duckdb.DuckDBPyConnection) -> None:
    for name in (_MOVED, _KEYS):
        connection.execute(statement("DROP TABLE IF EXISTS $name", name=table(name)))


def _changed(feed: Feed, stored: exp.Query) -> exp.Query:
    if feed.keys:
        return different(stored, all_of(table(_KEYS)), places(feed))
    old, new = (exp.select("1 AS k", "n", "total").from_(query.subquery("s")) for query in (stored, all_of(table(_KEYS))))
    return different(old, new, ["k"])


def _among_moved(query: exp.Select) -> exp.Select:
    return query.where(exp.In(this=column("file"), query=exp.Subquery(this=exp.select("file").from_(table(_MOVED)))))


def _columns(feed: Feed) -> dict[str, str]:
    return {"file": "VARCHAR", **dict(zip(places(feed), feed.types, strict=True)), **SUMS}


def _sign(connection: duckdb.DuckDBPyConnection, feed: Feed, files: Signatures) -> None:
    connection.execute(statement(_SIGNED, into=feed_table("files", feed.name)), [list(files), list(files.values())])


def signatures(connection: duckdb.DuckDBPyConnection, glob: str) -> dict[str, str]:
    """What tells the content of each file of a source from another, by path as DuckDB spells it."""
    files = {}
    for (path,) in connection.execute(_LIST, [glob]).fetchall():
        try:
            stat = Path(path).stat()
        except FileNotFoundError:
            continue  # gone since
        files[path] = json.dumps([stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns])
    return files


def _read_moved(connection: duckdb.DuckDBPyConnection, feed: Feed, folder: Folder, known: Signatures) -> tuple[Signatures, list[str]]:
    """The signatures of all files, and the files that moved, whose sums are in a temporary table."""
    for _ in range(2):
        at = time.time_ns()
        files = signatures(connection, folder.glob)
        moved = [file for file, signature in files.items() if known.get(file) != signature]
        if not moved and known.keys() == files.keys():
            return files, moved
        _read(connection, feed, folder, moved, all_of_them=len(moved) == len(files))
        if signatures(connection, folder.glob) == files:
            return {file: _settled(signature, at) for file, signature in files.items()}, moved
    raise ForetableError(
        "its files change while they are read",
        where=folder.source.name,
        hint="have the writer write each file under another name and move it into place when it is whole; then run it again",
    )


def _settled(signature: str, at: int) -> str | None:
    """None for a file so young that another write in the same tick of the clock would leave its signature as it is."""
    return signature if abs(at - json.loads(signature)[2]) > _SETTLED_NS else None


def _read(connection: duckdb.DuckDBPyConnection, feed: Feed, folder: Folder, moved: Sequence[str], *, all_of_them: bool) -> None:
    fill(connection, table(_KEYS), _columns(feed))
    if not moved:
        return
    with readable(folder.source):
        rows = _rows(connection, folder, moved, all_of_them=all_of_them)
        insert(connection, table(_KEYS), sums_of_rows(rows, feed.columns, {"file": column(_FILE), **keys_of(feed)}))


def _rows(connection: duckdb.DuckDBPyConnection, folder: Folder, moved: Sequence[str], *, all_of_them: bool) -> exp.Expr:
    """The rows of some files, each with its file, as the view gives them."""
    whole = files_as_table(folder.source, [folder.glob], beside=_FILE)
    if all_of_them:
        return whole
    some = files_as_table(folder.source, moved, beside=_FILE)
    described = connection.execute(render(exp.Describe(this=exp.select("*").from_(some.copy())))).fetchall()
    types = {row[0]: row[1] for row in described if row[0] != _FILE}
    missing = [name for name in folder.columns if name not in types]
    if types == {name: kind for name, kind in folder.columns.items() if name in types} and (not missing or _may_lack(folder)):
        nulls = [exp.alias_(exp.null(), name, quoted=True) for name in missing]
        return exp.select("*", *nulls).from_(some).subquery("moved") if missing else some
    # Alone they would be read with other types than among the others.
    listed = exp.In(this=column(_FILE), expressions=[exp.Literal.string(file) for file in moved])
    return exp.select("*").from_(whole).where(listed).subquery("moved")


def _may_lack(folder: Folder) -> bool:
    """Whether a file without a column reads as NULL among others that have it: JSON does."""
    return READERS[Path(folder.glob).suffix.lower()] == "read_json"
