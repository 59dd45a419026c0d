"""How a reader finds the newest wave, and every view of one query the same wave.

A query opens its files one after the other; were they reached through one link, a publisher could move
it in between. So there are three slots, links to the three newest waves, and a clock that says from
when each slot is in force. A view takes the slot in force at ``now()``, the start of the reader's
transaction, which is one for all views of a query. A new wave goes to the oldest slot, and comes into
force a moment after the clock has been renamed into place: whoever starts later sees it, whoever
started earlier does not, whenever the files are opened. docs/decisions/0006 has the measurements.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from foretable.publish.content import Content, shown
from foretable.sql import parse, statement
from foretable.warehouse.disk import sync

SLOTS = ("0", "1", "2")
# From the clock's rename until the wave is in force; a rename takes about a millisecond.
_LEAD_SECONDS = 0.1
# For queries that started just before a wave came into force and are still opening files.
_GRACE_SECONDS = 0.5


def in_force(live: Path) -> Path | None:
    """Folder of the newest wave, or None before the first."""
    times = _times(live)
    slot = max(times, key=lambda slot: times[slot]) if times else ""
    folder = (live / slot).resolve()
    return folder if slot and folder.is_dir() else None


def referenced(live: Path) -> list[Path]:
    """Folders of the waves that readers may open."""
    return [(live / slot).resolve() for slot in SLOTS if (live / slot).is_symlink()]


def begin(live: Path, folder: Path) -> None:
    """Point every slot to the first wave; nobody reads yet."""
    live.mkdir(parents=True, exist_ok=True)
    for slot in SLOTS:
        point(live / slot, folder)
    # Different times, so that the slot in force is never the one that the next wave takes.
    _write(live, {slot: number for number, slot in enumerate(SLOTS)})


def advance(live: Path, folder: Path) -> int:
    """Bring a wave into force, a moment from now; the time is for :func:`wait_until`."""
    times = _times(live)
    # A machine clock that was set back must not make everybody wait for the old time.
    ahead = max(0, max(times.values()) - _now())
    times = {slot: at - ahead for slot, at in times.items()}
    slot = min(SLOTS, key=lambda slot: times[slot])
    point(live / slot, folder)
    times[slot] = _now() + int(_LEAD_SECONDS * 1e6)
    _write(live, times)
    return times[slot]


def wait_until(in_force_from: int) -> None:
    """Return when every query that starts now sees the wave."""
    time.sleep(max(0.0, (in_force_from - _now()) / 1e6))


def align(live: Path, folder: Path) -> None:
    """Point the other slots to the wave in force as well, as views on other columns or tables need."""
    time.sleep(_GRACE_SECONDS)
    for slot in SLOTS:
        if (live / slot).resolve() != folder.resolve():
            point(live / slot, folder)


def query(live: Path, content: Content) -> exp.Query:
    """The rows of one published table, in the wave in force when the reader's transaction began."""
    folders = {f"slot{slot}": exp.Literal.string(str(live / slot / content.file)) for slot in SLOTS}
    chosen = statement(
        """
        SELECT $live || coalesce(
            arg_max(slot, in_force_from) FILTER (WHERE in_force_from <= epoch_us(now())), arg_min(slot, in_force_from)
        ) || $file FROM read_parquet($clock)
        """,
        live=exp.Literal.string(f"{live}/"),
        file=exp.Literal.string(f"/{content.file}"),
        clock=exp.Literal.string(str(_clock(live))),
    )
    rows = parse("SELECT * FROM read_parquet([$slot0, $slot1, $slot2], filename = 'published_file') WHERE published_file = ($chosen)")
    parts = {**folders, "chosen": parse(chosen)}
    filled = rows.transform(lambda node: parts[node.name].copy() if isinstance(node, exp.Placeholder) else node)
    return filled.select(*(shown(name, kind) for name, kind in content.columns), append=False)  # type: ignore[no-any-return]


def point(link: Path, folder: Path) -> None:
    """Point a link to a folder, by one rename."""
    part = link.with_name(f"{link.name}.tmp")
    part.unlink(missing_ok=True)
    part.symlink_to(os.path.relpath(folder, link.parent))
    part.rename(link)
    sync(link.parent)


def _times(live: Path) -> dict[str, int]:
    """Slot and time in force, in microseconds since 1970 UTC; empty where the clock cannot be read."""
    try:
        rows = pq.read_table(_clock(live)).to_pylist()
    except (OSError, pa.ArrowException):
        return {}
    times = {row["slot"]: row["in_force_from"] for row in rows}
    return times if set(times) == set(SLOTS) else {}


def _write(live: Path, times: dict[str, int]) -> None:
    part = live / "clock.tmp"
    pq.write_table(pa.table({"slot": list(times), "in_force_from": pa.array(times.values(), pa.int64())}), part)
    sync(part)
    part.rename(_clock(live))
    sync(live)


def _clock(live: Path) -> Path:
    return live / "clock.parquet"


def _now() -> int:
    return time.time_ns() // 1000
