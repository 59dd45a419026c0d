"""The project as one graph of compiled tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from sqlglot import exp

from foretable.compile.incremental.shape import Analysis
from foretable.compile.recorded import Columns
from foretable.compile.unhindered import uncollected
from foretable.declare.entity import Entity
from foretable.declare.project import Project
from foretable.declare.tables import DynamicTable, Label
from foretable.errors import UnknownName, UsageError, nearest


@dataclass(frozen=True, eq=False)
class Compiled:
    """One table: its query with ``as_of()`` still open, and what it stands on.

    ``upstream`` are the tables and sources it reads, ``models`` those that it calls, ``aliases`` the names of versions
    that its answers change with (``churn`` for the champion, ``churn@challenger``); ``fingerprint``
    changes exactly when the query, the macros in it, the types or the key change; ``analysed`` finds
    out whether changed keys alone can be recomputed.
    """

    name: str
    declared: DynamicTable
    query: exp.Query
    upstream: tuple[str, ...]
    models: tuple[str, ...]
    aliases: tuple[str, ...]
    columns: Columns
    fingerprint: str
    analysed: Callable[[], Analysis]

    @property
    def kind(self) -> str:
        """``feature view``, ``label``, ``scoring table``, ``decision`` or ``table``."""
        return self.declared.kind

    @cached_property
    def analysis(self) -> Analysis:
        """Whether changed keys alone can be recomputed, found out when first asked: many commands never do."""
        with uncollected():
            return self.analysed()

    @property
    def entity(self) -> Entity | None:
        """Whom a row is about."""
        return self.declared.entity


@dataclass(frozen=True, eq=False)
class Graph:
    """All compiled tables of a project, in an order in which they can be built."""

    project: Project
    tables: Mapping[str, Compiled]
    schemas: Mapping[str, Columns]

    @cached_property
    def order(self) -> list[str]:
        """Names of the tables, upstream first."""
        return list(self.tables)

    @cached_property
    def refreshed(self) -> list[str]:
        """The tables that a wave builds: all but the labels, which live in training sets."""
        return [name for name in self.order if not isinstance(self.tables[name].declared, Label)]

    def parents(self, name: str) -> tuple[str, ...]:
        """Tables and sources that a table reads, those that its models learned from left out."""
        return self.tables[name].upstream if name in self.tables else ()

    def upstream(self, name: str) -> set[str]:
        """Every table and source that a table is made from."""
        found: set[str] = set()
        waiting = list(self.parents(name))
        while waiting:
            parent = waiting.pop()
            if parent not in found:
                found.add(parent)
                waiting.extend(self.parents(parent))
        return found

    def downstream(self, name: str) -> set[str]:
        """Every table that is made from a table or source."""
        return {other for other in self.tables if name in self.upstream(other)}

    def training_tables(self, model: str) -> list[str]:
        """The label and the feature views of a model."""
        declared = self.project.model(model)
        return [declared.label.name, *(view.name for view in declared.features)]

    def select(self, include: Iterable[str], exclude: Iterable[str] = ()) -> set[str]:
        """The tables that ``--select`` and ``--exclude`` name.

        A selector is a table, a layer (``features``) or a pipeline; ``+x`` adds what x is made from,
        ``x+`` what is made from x. Nothing included means everything.

        Raises
        ------
        UnknownName
            A selector names nothing.
        """
        chosen = {name for word in include for name in self._selected(word)} if include else set(self.refreshed)
        return (chosen - {name for word in exclude for name in self._selected(word)}) & set(self.refreshed)

    def _selected(self, word: str) -> set[str]:
        core = word.strip("+").lower()
        if not core:
            raise UsageError(f"{word!r} selects nothing", hint="write a table, layer or pipeline, such as +predictions.churn")
        if core in self.tables:
            chosen = {core}
        elif core in self.project.pipelines:
            chosen = {name for name in self.project.pipelines[core] if name in self.tables}
        elif core in self.project.sources:
            chosen = set()
        else:
            chosen = {name for name in self.tables if name.split(".")[0] == core}
            if not chosen:
                known = [*self.tables, *self.project.pipelines, *(name.split(".")[0] for name in self.tables)]
                raise UnknownName(f"{core!r} selects nothing", hint=nearest(core, known))
        found = set(chosen)
        if word.startswith("+"):
            found |= {up for name in chosen for up in self.upstream(name)}
        if word.endswith("+"):
            found |= {down for name in chosen or {core} for down in self.downstream(name)}
        return found
