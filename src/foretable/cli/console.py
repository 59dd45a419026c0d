"""The only place that prints: tables, JSON, CSV, progress and errors, each in one form.

Results go to standard output, progress and errors to standard error. Colour and progress appear on a
terminal only; what is piped is plain text without truncation.
"""

from __future__ import annotations

import csv
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any

from foretable.cli import layout
from foretable.cli.layout import cell as cell
from foretable.cli.layout import duration as duration
from foretable.errors import ForetableError
from foretable.progress import Listener, Progress, silent

if TYPE_CHECKING:
    from rich.console import Console

ROWS_SHOWN = 50
"""Rows that a table shows on a terminal or in a pipe; --json and --csv give all."""
ROWS_STACKED = 5
"""Rows that are shown one below the other where they are wider than the terminal."""


def terminal() -> bool:
    """Whether a person reads standard output."""
    return sys.stdout.isatty()


def say(text: str = "") -> None:
    """A line on standard output."""
    print(text)


def note(text: str) -> None:
    """A line on standard error: about the work, not its result."""
    print(text, file=sys.stderr)


def heading(text: str) -> None:
    """A line that starts a part of a report."""
    if terminal():
        _rich().print(f"\n[bold]{text}[/bold]", highlight=False)
    else:
        print(f"\n{text}")


def error(problem: ForetableError | str, hint: str = "") -> None:
    """``error: where: message``, then the hint."""
    if isinstance(problem, ForetableError):
        where, message, hint = problem.where, problem.message, hint or problem.hint
    else:
        where, message = "", problem
    note(f"error: {where}: {message}" if where else f"error: {message}")
    if hint:
        note(f"Hint: {hint}")


def document(value: Any) -> None:
    """A value as JSON."""
    print(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def log(line: str | Mapping[str, Any]) -> None:
    """A line of a log, which whoever follows it sees at once: text, or an object as JSON."""
    print(line if isinstance(line, str) else json.dumps(_plain(line), ensure_ascii=False), flush=True)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, limit: int | None = ROWS_SHOWN) -> None:
    """Rows under their names; numbers to the right. ``limit`` None shows all."""
    shown = rows if limit is None else rows[:limit]
    by_column = [layout.column([row[i] for row in shown]) for i in range(len(columns))]
    cells = [[texts[n] for texts, _ in by_column] for n in range(len(shown))]
    right = [to_right for _, to_right in by_column]
    if terminal():
        _on_screen(columns, cells, right)
    else:
        _aligned(columns, cells, right)
    if len(shown) < len(rows):
        say(f"… {len(rows) - len(shown):,} more rows")


def records(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Rows as a JSON list of objects."""
    document([dict(zip(columns, row, strict=True)) for row in rows])


def comma_separated(columns: Sequence[str], rows: Sequence[Sequence[Any]], to: IO[str] | None = None) -> None:
    """Rows as CSV, with a header, to a file or standard output."""
    writer = csv.writer(to or sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_field(value) for value in row])


def sql(text: str) -> None:
    """A statement, coloured on a terminal."""
    if terminal():
        from rich.syntax import Syntax

        _rich().print(Syntax(text, "sql", background_color="default", word_wrap=True))
    else:
        print(text)


@contextmanager
def progress() -> Iterator[Listener]:
    """Show what long work tells, on a terminal only; nothing stays behind."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.progress import BarColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    with Bars(
        SpinnerColumn(finished_text=" "),
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[detail]}"),
        TimeElapsedColumn(),
        console=_rich(stderr=True),
        transient=True,
    ) as bars:
        tasks: dict[str, Any] = {}

        def listen(event: Progress) -> None:
            if event.name not in tasks:
                tasks[event.name] = bars.add_task(event.name, total=None, detail="")
            over = event.state in ("done", "skipped", "failed")
            share = 1.0 if over else event.share
            bars.update(
                tasks[event.name], total=1.0 if share is not None else None, completed=share or 0.0, detail=event.detail or event.state
            )

        yield listen


def confirmed(question: str) -> bool:
    """Ask a person; without one, the answer is no."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def count(number: int | None, noun: str) -> str:
    """``1 row``, ``4,815 rows``."""
    return f"{number or 0:,} {noun}{'' if number == 1 else 's'}"


def _on_screen(columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    """Fit a table to the terminal: words wrap; what is wider still is shown row by row, or without its last columns."""
    width = _rich().width
    widths = layout.fitted(columns, cells, width)
    if widths is None and len(cells) <= ROWS_STACKED:
        _stacked(columns, cells)
        return
    kept = len(columns)
    while widths is None and kept > 1:
        kept -= 1
        widths = layout.fitted(columns[:kept], [row[:kept] for row in cells], width)
    _boxed(columns[:kept], cells, right, widths or [width])
    if kept < len(columns):
        _rich().print(f"no room for: {', '.join(columns[kept:])}", highlight=False, markup=False)


def _stacked(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """Every row as lines of name and value."""
    width = max(map(len, columns))
    for row in cells:
        say()
        for name, value in zip(columns, row, strict=True):
            say(f"{name:<{width}}  {value}".rstrip())


def _boxed(columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool], widths: Sequence[int]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, layout.GAP - 1, 0, 0))
    for name, to_right, width in zip(columns, right, widths, strict=False):
        shown.add_column(Text(name), justify="right" if to_right else "left", overflow="fold", width=width)
    for row in cells:
        shown.add_row(*(Text(value) for value in row[: len(columns)]))
    _rich().print(shown)


def _aligned(columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    widths = [max(len(name), *(len(row[i]) for row in cells)) if cells else len(name) for i, name in enumerate(columns)]
    for row in (columns, *cells):
        parts = (v.rjust(w) if r else v.ljust(w) for v, w, r in zip(row, widths, right, strict=True))
        print("  ".join(parts).rstrip())


def _field(value: Any) -> Any:
    """A value as a field of CSV: money keeps its cents, nested values are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple | Mapping):
        return json.dumps(_plain(value), ensure_ascii=False)
    return str(value) if isinstance(value, Decimal) else _plain(value)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _exact(value)
    return value if value is None or isinstance(value, str | int | bool) else str(value)


def _exact(value: Decimal) -> float | str | None:
    """Money as a number; as text where a number of JSON would lose its last digits."""
    if not value.is_finite():
        return None
    return float(value) if Decimal(repr(float(value))) == value else str(value)


def _rich(*, stderr: bool = False) -> Console:
    from rich.console import Console

    return Console(stderr=stderr)
