"""Tables that the outside world writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

from foretable.declare.clock import interval, last, moment
from foretable.declare.entity import Entity
from foretable.declare.names import checked
from foretable.declare.origin import Origin, caller, collect
from foretable.declare.resolve import resolver
from foretable.errors import DeclarationError, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir

SourceKind = Literal["event", "scd2", "static"]
FeedKind = Literal["fingerprint", "ingest"]


@dataclass(frozen=True, eq=False)
class Source:
    """A table that the outside world writes.

    What may be known when follows from its kind: an *event* has a ``time``; *scd2* history has a
    ``valid`` pair of columns; *static* columns (``fixed``, no time) never change. A source that is
    none of these may feed plain tables but is refused in a training set.

    Parameters
    ----------
    name
        ``layer.table`` in the warehouse, or ``file.layer.table`` in an attached DuckDB file.
    entity
        Whom its rows are about.
    time
        Column with the moment at which a row becomes known (event).
    valid
        Columns (from, to) between which a version of a row holds (scd2); NULL in ``to`` is open.
    fixed
        Columns that never change once written. With ``time``, only these and the key are visible.
    file
        Parquet, CSV or JSON files (a path or a glob, relative to the project) that the table is read from.
    query
        With ``file``: a SELECT in DuckDB's SQL over a table ``file`` that gives the source's rows, such as
        ``SELECT CustomerID AS customer_id, InvoiceDate AS ordered_at FROM file``. So a file in another shape becomes the source.
    sparse
        An event source in which no news is no outage (tickets, sign-ups): it does not hold back the clock.
    max_staleness
        How old the last event of an event source may be, such as ``"2 hours"``; when it is older, the source is late.
    feed
        How it is learned what changed. ``fingerprint`` compares the table with what the last wave saw, whoever
        wrote to it. ``ingest`` trusts that only ``foretable ingest`` and ``quarantine redrive`` write to the table:
        they log the keys of what they load, and the table is not read to find them.
    audit
        How often an ``ingest`` feed is compared after all, ``"1 day"`` unless given: what others wrote is found then.

    Examples
    --------
    >>> customer = Entity("customer", key="customer_id")
    >>> Source("raw.orders", entity=customer, time="ordered_at").kind
    'event'
    """

    name: str
    entity: Entity | None = None
    time: str | None = None
    valid: tuple[str, str] | None = None
    fixed: Sequence[str] | None = None
    file: str | None = None
    query: str = ""
    sparse: bool = False
    max_staleness: str | None = None
    feed: FeedKind = "fingerprint"
    audit: str | None = None
    description: str = ""
    origin: Origin = field(default_factory=caller, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked(self.name, where=self.origin))
        if self.time and self.valid:
            raise DeclarationError(
                f"source {self.name} has both time and valid", where=str(self.origin), hint="an event has a time, scd2 history a valid pair"
            )
        if self.valid and len(self.valid) != 2:
            raise DeclarationError(
                f"source {self.name}: valid takes two columns", where=str(self.origin), hint='write valid=("valid_from", "valid_to")'
            )
        if not isinstance(self.query, str):
            raise DeclarationError(
                f"source {self.name}: query={self.query!r} is no SQL", where=str(self.origin), hint='write: query="SELECT … FROM file"'
            )
        if self.query and self.file is None:
            raise DeclarationError(
                f"source {self.name}: query= needs file=",
                where=str(self.origin),
                hint="of a table in the warehouse, declare a dynamic table",
            )
        self._check_staleness()
        self._check_feed()
        collect(self)

    def _check_staleness(self) -> None:
        if self.max_staleness is None:
            return
        self._require_length("max_staleness", self.max_staleness)
        if self.kind != "event":
            raise DeclarationError(
                f"source {self.name}: max_staleness needs events",
                where=str(self.origin),
                hint="declare time=, or take max_staleness= out: of other sources nobody knows when they were last written",
            )

    def _check_feed(self) -> None:
        if self.feed not in get_args(FeedKind):
            raise DeclarationError(
                f"source {self.name}: there is no feed {self.feed!r}", where=str(self.origin), hint="write 'fingerprint' or 'ingest'"
            )
        if self.feed == "fingerprint":
            if self.audit is not None:
                raise DeclarationError(
                    f"source {self.name}: audit is for feed='ingest'; fingerprints are compared in every wave",
                    where=str(self.origin),
                    hint="take audit= out, or add feed='ingest'",
                )
            return
        if self.file is not None or self.name.count(".") == 2:
            raise DeclarationError(
                f"source {self.name}: feed='ingest' needs a table that foretable loads",
                where=str(self.origin),
                hint="take feed= out: files and attached tables are compared without it",
            )
        object.__setattr__(self, "audit", self.audit if self.audit is not None else "1 day")
        self._require_length("audit", self.audit)

    def _require_length(self, option: str, text: str | None) -> None:
        try:
            number, _ = interval(str(text))
        except UsageError as error:
            raise DeclarationError(f"source {self.name}: {option}: {error.message}", where=str(self.origin), hint=error.hint) from None
        if number == 0:
            raise DeclarationError(
                f"source {self.name}: {option}: {text!r} is no time at all", where=str(self.origin), hint="write at least '1 minute'"
            )

    @property
    def kind(self) -> SourceKind | None:
        """``event``, ``scd2``, ``static``, or None when nothing says what is known when."""
        if self.time:
            return "event"
        if self.valid:
            return "scd2"
        return "static" if self.fixed is not None else None

    @property
    def holds_clock(self) -> bool:
        """Whether silence of this source means that it is late: events, unless sparse or a register."""
        return self.kind == "event" and self.fixed is None and not self.sparse

    def rows(self) -> ir.Table:
        """What is known at ``as_of()``: events before it, the version valid then, the fixed columns."""
        table = resolver().table(self.name)
        if self.time:
            time = self._column(table, self.time)
            table = table.filter(time < moment(time))
        if self.valid:
            start, end = (self._column(table, name) for name in self.valid)
            table = table.filter((start <= moment(start)) & (end.isnull() | (end > moment(end))))
            return table.drop(self.valid[1])  # when it ends is the future
        if self.fixed is None:
            return table
        keys = self.entity.keys if self.entity else ()
        kept = (*keys, *([self.time] if self.time else []), *self.fixed)
        for name in kept:
            self._column(table, name)
        return table.select(*dict.fromkeys(kept))

    def last(self, **length: int) -> ir.Table:
        """The events of the window that ends at ``as_of()``: ``orders.last(days=90)``."""
        rows = self._events("last").rows()
        return rows.filter(last(rows[self.time], **length))

    def future(self, **length: int) -> ir.Table:
        """The events from ``as_of()`` on, within a horizon; exists only in a label."""
        if not resolver().future_allowed:
            raise DeclarationError(
                f"{self.name}.future() looks past as_of()", where=str(caller()), hint="only a function under @ft.label may look ahead"
            )
        import ibis

        table = resolver().table(self._events("future").name)
        time = self._column(table, str(self.time))
        start = moment(time)
        return table.filter((time >= start) & (time < start + ibis.interval(**length)))

    def _events(self, method: str) -> Source:
        if self.kind != "event":
            raise DeclarationError(
                f"{self.name}.{method}() needs an event source", where=str(caller()), hint="declare the source with time="
            )
        return self

    def _column(self, table: ir.Table, name: str) -> ir.Column:
        if name not in table.columns:
            from foretable.errors import UnknownName, nearest

            raise UnknownName(f"source {self.name} has no column {name!r}", where=str(self.origin), hint=nearest(name, table.columns))
        return table[name]
