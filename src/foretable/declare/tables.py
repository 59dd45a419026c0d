"""Tables that foretable keeps: feature views, labels, scoring tables, decisions and plain ones."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from foretable.declare.clock import interval
from foretable.declare.entity import Entity
from foretable.declare.freshness import GRAINS, INITIALIZE, REFRESH_MODES, Grain, Initialize, RefreshMode, check_history, one_of
from foretable.declare.lag import parse_lag
from foretable.declare.names import LAYERS, SYSTEM, checked, split, versioned
from foretable.declare.origin import Origin, caller, collect
from foretable.declare.resolve import resolver
from foretable.errors import DeclarationError, UsageError

if TYPE_CHECKING:
    import ibis.expr.types as ir


Define = Callable[[], "ir.Table"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Rows:
    """Anything with rows that a declared function may read: a table of ours, or a reference to one.

    ``name`` is ``layer.table``.
    """

    name: str
    origin: Origin = field(default_factory=caller, repr=False)

    def rows(self) -> ir.Table:
        """The table as an Ibis expression."""
        return resolver().table(self.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class DynamicTable(Rows):
    """A declared query that is kept fresh.

    Parameters
    ----------
    name
        ``layer.table``.
    entity
        Whom a row is about; with an entity, the key must be unique.
    define
        The function that gives its Ibis expression, or
    sql
        its text in DuckDB's dialect.
    target_lag
        How stale it may get: ``"5 minutes"``, ``"DOWNSTREAM"`` (as its readers need) or cron, ``"0 6 * * *"``.
    grain
        What ``as_of()`` is cut to.
    refresh_mode
        ``AUTO`` recomputes what changed where the query allows it, else everything; ``INCREMENTAL`` refuses a
        query that does not allow it; ``FULL`` always recomputes everything.
    initialize
        ``ON_CREATE``: the next run or refresh builds it. ``ON_SCHEDULE``: the scheduler does, ``refresh --due`` or
        ``up``; a run or refresh builds it only when it is selected by name.
    history
        How long the former versions of its rows are kept, in ``<name>_history``: ``"90 days"``; None keeps none.
    own_pace
        A reference table, such as cut-points: the schedule refreshes it when its own target lag has run out, and not
        because a table that reads it is due; the reader takes what is there.
    online
        Whether every wave copies its rows to the online store, for look-ups by key; needs an entity.
    owner
        Who answers for it: a person or a team.
    tags
        Words to find it by.
    """

    entity: Entity | None = None
    define: Define | None = None
    sql: str = ""
    target_lag: str = "1 day"
    grain: Grain = "day"
    refresh_mode: RefreshMode = "AUTO"
    initialize: Initialize = "ON_CREATE"
    history: str | None = None
    own_pace: bool = False
    online: bool = False
    owner: str = ""
    tags: Sequence[str] = ()
    description: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", checked(self.name, where=self.origin))
        catalog, layer, _ = split(self.name)
        if catalog or layer in (SYSTEM, "quarantine"):
            whose = "other files are only read" if catalog else f"layer {layer} is foretable's own"
            raise DeclarationError(f"{self.name} cannot be made: {whose}", where=str(self.origin), hint=f"one of {', '.join(LAYERS[1:-1])}")
        self._check_words()
        if self.online and self.entity is None:
            raise DeclarationError(
                f"{self.name}: online needs an entity", where=str(self.origin), hint="add entity=: rows are looked up by its key"
            )
        try:
            if parse_lag(self.target_lag).downstream and self.own_pace:
                raise UsageError("own_pace needs a pace", hint="give target_lag= a length of time or cron, or leave own_pace out")
            object.__setattr__(self, "grain", one_of(self.grain, "grain", GRAINS))
            object.__setattr__(self, "refresh_mode", one_of(self.refresh_mode, "refresh_mode", REFRESH_MODES))
            object.__setattr__(self, "initialize", one_of(self.initialize, "initialize", INITIALIZE))
            check_history(self.history, self.entity)
        except UsageError as error:
            raise DeclarationError(f"{self.name}: {error.message}", where=str(self.origin), hint=error.hint) from None
        if self.define is not None and inspect.signature(self.define).parameters:
            raise DeclarationError(
                f"{self.name}: a declared function takes no parameters",
                where=str(self.origin),
                hint="read other tables through their .rows()",
            )
        collect(self)

    def _check_words(self) -> None:
        """``online="no"`` would be true, and ``tags="clv"`` three tags of one letter."""
        wrong = [name for name in ("own_pace", "online") if not isinstance(getattr(self, name), bool)]
        if wrong:
            self._refuse(f"{wrong[0]}={getattr(self, wrong[0])!r} is neither True nor False", f"write: {wrong[0]}=True")
        if type(self.owner) is not str:
            self._refuse(f"owner={self.owner!r} is no text", 'write: owner="growth"; without an owner, leave it out')
        if isinstance(self.tags, str) or not isinstance(self.tags, Sequence) or not all(isinstance(tag, str) for tag in self.tags):
            self._refuse(f"tags={self.tags!r} is no list of words", 'write: tags=["clv"]')
        object.__setattr__(self, "tags", tuple(self.tags))

    def _refuse(self, message: str, hint: str) -> None:
        raise DeclarationError(f"{self.name}: {message}", where=str(self.origin), hint=hint)

    @property
    def kind(self) -> str:
        """What sort of table it is, in words: ``feature view``."""
        return "table"


@dataclass(frozen=True, eq=False, kw_only=True)
class FeatureView(DynamicTable):
    """A query with exactly one row per entity key.

    Versions of a view stand side by side: the first is the table ``features.usage``, ``version=2`` is ``features.usage__v2``.
    """

    version: int = 1

    def __post_init__(self) -> None:
        if type(self.version) is not int or self.version < 1:
            raise DeclarationError(f"{self.name}: version={self.version!r} is no version", where=str(self.origin), hint="write: version=2")
        object.__setattr__(self, "name", versioned(self.name, self.version))
        super().__post_init__()

    @property
    def view(self) -> str:
        """The name that its versions share."""
        return self.name.removesuffix(f"__v{self.version}")

    @property
    def kind(self) -> str:
        """``feature view``."""
        return "feature view"


@dataclass(frozen=True, eq=False, kw_only=True)
class Label(DynamicTable):
    """The outcome that a model learns.

    With a ``horizon`` the query is run at every spine date: ``start``, then ``every`` so often, up to
    the watermark less the horizon. Without one, the table is its own spine: one row per key, no clock.
    """

    horizon: str | None = None
    every: str | None = None
    start: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [part is not None for part in (self.horizon, self.every, self.start)]
        if any(given) and not all(given):
            raise DeclarationError(
                f"label {self.name}: horizon, every and start go together", where=str(self.origin), hint="give all three, or none"
            )
        if self.entity is None:
            raise DeclarationError(f"label {self.name} has no entity", where=str(self.origin), hint="add entity=")
        try:
            for part in (self.horizon, self.every):
                if part is not None:
                    interval(part)
        except UsageError as error:
            raise DeclarationError(error.message, where=str(self.origin), hint=error.hint) from None

    @property
    def kind(self) -> str:
        """``label``."""
        return "label"


class DecisionTable(DynamicTable):
    """What to do about whom: a table in layer ``decisions``."""

    @property
    def kind(self) -> str:
        """``decision``."""
        return "decision"


def ref(name: str) -> Rows:
    """A table that another file or a SQL file declares: ``ft.ref("features.x").rows()``."""
    return Rows(name=checked(name, where=caller()))


def _decorator(build: type[DynamicTable], name: str, **options: Any) -> Callable[[Define], Any]:
    def declare(define: Define) -> DynamicTable:
        code = define.__code__
        return build(
            name=name,
            define=define,
            description=inspect.cleandoc(define.__doc__ or ""),
            origin=Origin(code.co_filename, code.co_firstlineno),
            **options,
        )

    return declare


class Options(TypedDict, total=False):
    """What any table may say of itself; the words: :class:`DynamicTable`."""

    target_lag: str
    grain: Grain
    refresh_mode: RefreshMode
    initialize: Initialize
    history: str | None
    own_pace: bool
    online: bool
    owner: str
    tags: Sequence[str]


def feature_view(name: str, *, entity: Entity, version: int = 1, **options: Unpack[Options]) -> Callable[[Define], FeatureView]:
    """Declare a query with exactly one row per key of ``entity``. The options: :class:`DynamicTable`.

    Examples
    --------
    >>> @feature_view("features.usage", entity=Entity("customer", key="customer_id"))
    ... def usage():
    ...     "One row per customer."
    ...     return orders.rows().group_by("customer_id").agg(n=_.count())
    >>> usage.kind, usage.description
    ('feature view', 'One row per customer.')
    """
    return _decorator(FeatureView, name, entity=entity, version=version, **options)


def label(
    name: str, *, entity: Entity, horizon: str | None = None, every: str | None = None, start: str | None = None
) -> Callable[[Define], Label]:
    """Declare the outcome that a model learns, within ``horizon`` after each spine date.

    The function gives the entity's key and one more column, the label; ``source.future()`` looks ahead.
    """
    return _decorator(Label, name, entity=entity, horizon=horizon, every=every, start=start)


def dynamic_table(name: str, *, entity: Entity | None = None, **options: Unpack[Options]) -> Callable[[Define], DynamicTable]:
    """Declare any query that is to be kept fresh, such as a clean layer or a roll-up. The options: :class:`DynamicTable`."""
    return _decorator(DynamicTable, name, entity=entity, **options)
