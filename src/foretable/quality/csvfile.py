"""CSV as people write it: its dialect, its header, and the line where it goes wrong.

DuckDB reads the file; its own sniffer does not choose how, because it bends a ragged file until it
fits. Its error messages count records, not lines, so the line is looked up in the file once there is
an error to tell.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from foretable.errors import IngestError

_SAMPLE = 1 << 20
_DELIMITERS = (",", ";", "\t", "|")
_FOREIGN = (
    (b"PAR1", "it is a Parquet file", "--format parquet"),
    (b"PK\x03\x04", "it is a ZIP archive or a spreadsheet", "save the sheet as CSV"),
    (b"\x1f\x8b", "it is compressed", "name it .csv.gz"),
    (b"\xff\xfe", "it is UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "it is UTF-16", "iconv -f UTF-16 -t UTF-8"),
    (b"%PDF", "it is a PDF", "export the table as CSV"),
)

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


@dataclass(frozen=True)
class Dialect:
    """How a CSV file is written, and the names in its header."""

    delimiter: str
    quote: str
    header: tuple[str, ...]


def sniff(path: Path, shown: str, expected: Collection[str] = ()) -> Dialect:
    """Find the delimiter, the quote and the header.

    Parameters
    ----------
    shown
        What to call the file in messages.
    expected
        Names that the header should have; they settle which delimiter it is.

    Raises
    ------
    IngestError
        The file is empty, or is not text in UTF-8, or its header is broken.
    """
    with opened(path) as file:
        sample = file.read(_SAMPLE)
    text = _text(sample, shown)
    quote = "'" if text.lstrip().startswith("'") and '"' not in text.split("\n", 1)[0] else '"'
    known = {name.casefold() for name in expected}
    rated = [(_rating(text, delimiter, quote, known), delimiter) for delimiter in _DELIMITERS]
    delimiter = max(rated, key=lambda one: one[0])[1]
    header = tuple(name.strip() for name in next(_records(text, delimiter, quote), []))
    _check_header(header, shown)
    return Dialect(delimiter, quote, header)


def opened(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked where its name ends in .gz."""
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def line_of(path: Path, dialect: Dialect, row: int, cell: int, value: str | None) -> int | None:
    """The line on which a row starts, both counted from 1; None where the file does not bear it out."""
    alone = len(dialect.header) == 1
    for number, (line, record) in enumerate(_numbered(path, dialect, blank=alone)):
        if number == row:
            found = record[cell] if cell < len(record) else ""
            return line if found == (value or "") else None
    return None


def ragged_line(path: Path, dialect: Dialect) -> tuple[int, int] | None:
    """(line, number of fields) of the first record that is not as wide as the header."""
    for line, record in _numbered(path, dialect, blank=len(dialect.header) == 1):
        if len(record) != len(dialect.header) and not (len(record) == len(dialect.header) + 1 and not record[-1]):
            return line, len(record)
    return None


def undecodable_line(path: Path) -> tuple[int, str] | None:
    """(line, text) of the first line that is not UTF-8."""
    with opened(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return number, line.decode("latin-1").strip()
    return None


def _numbered(path: Path, dialect: Dialect, *, blank: bool) -> Iterator[tuple[int, list[str]]]:
    """(line on which it starts, fields) of every record; the header is record 0."""
    with opened(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8-sig", errors="replace", newline="")
        reader = csv.reader(text, delimiter=dialect.delimiter, quotechar=dialect.quote)
        before = 0
        for record in reader:
            if record or blank:
                yield before + 1, record or [""]
            before = reader.line_num


def _text(sample: bytes, shown: str) -> str:
    if not sample.strip():
        raise IngestError("the file is empty", where=shown, hint="leave it out, or look at how it was written")
    for magic, what, hint in _FOREIGN:
        if sample.startswith(magic):
            raise IngestError(f"this is not a CSV file: {what}", where=shown, hint=hint)
    if b"\x00" in sample:
        raise IngestError("this is not a CSV file: it holds binary data", where=shown, hint="export it as CSV in UTF-8")
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(sample, final=len(sample) < _SAMPLE)
    except UnicodeDecodeError as error:
        line = sample.count(b"\n", 0, error.start) + 1
        shown_text = sample.split(b"\n")[line - 1].decode("latin-1").strip()
        raise not_utf8(shown, line, shown_text) from None
    start = text.lstrip()[:200].lower()
    if start.startswith(("<!doctype", "<html", "<?xml")):
        message = "this is not a CSV file: it is a web page"
        raise IngestError(message, where=shown, hint="open it and see: the download may have asked to log in")
    if start.startswith(("{", "[{")):
        raise IngestError("this is not a CSV file: it looks like JSON", where=shown, hint="--format json")
    return text


def not_utf8(shown: str, line: int, text: str) -> IngestError:
    """What to say of a line in another encoding."""
    return IngestError(
        f"the line is not UTF-8: {text[:80]!r}", where=f"{shown}:{line}", hint="convert the file: iconv -f WINDOWS-1252 -t UTF-8"
    )


def _records(text: str, delimiter: str, quote: str) -> Iterator[list[str]]:
    return (record for record in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quotechar=quote) if record)


def _rating(text: str, delimiter: str, quote: str, known: set[str]) -> tuple[int, float, int]:
    """Names recognised, then how even the records are, then how wide."""
    widths: list[int] = []
    header: list[str] = []
    for number, record in enumerate(_records(text, delimiter, quote)):
        if number == 0:
            header = record
        elif number > 100:
            break
        else:
            widths.append(len(record))
    if len(header) < 2:
        return sum(name.strip().casefold() in known for name in header), 0.0, 1
    even = sum(width == len(header) for width in widths) / len(widths) if widths else 1.0
    return sum(name.strip().casefold() in known for name in header), even, len(header)


def _check_header(header: tuple[str, ...], shown: str) -> None:
    seen: set[str] = set()
    for number, name in enumerate(header, start=1):
        if not name:
            message = f"column {number} of the header has no name"
            raise IngestError(message, where=f"{shown}:1", hint="the first line must name the columns; a row index must go")
        if name.casefold() in seen:
            message = f"the header has column {name!r} twice"
            raise IngestError(message, where=f"{shown}:1", hint="names must differ by more than upper and lower case")
        seen.add(name.casefold())
