"""From declarations to a graph: Ibis expressions and SQL files become trees, bound in an empty warehouse."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import duckdb
from sqlglot import exp

from foretable.compile.asof import AS_OF, MODEL_VERSION
from foretable.compile.deterministic import deterministic
from foretable.compile.faced import in_our_words
from foretable.compile.graph import Compiled, Graph
from foretable.compile.history import check_histories
from foretable.compile.mode import table_mode
from foretable.compile.named import check_names
from foretable.compile.point_in_time import check_training
from foretable.compile.recorded import Columns, read_recorded
from foretable.compile.references import aliases_of, calls, macros_of, models_of, reached, tables_of
from foretable.compile.scoring import SCORED_AT, scoring_query
from foretable.compile.scratch import Scratch
from foretable.compile.spliced import spliced
from foretable.compile.unhindered import uncollected
from foretable.compile.unseen import require_seen
from foretable.declare.load import place
from foretable.declare.names import checked, split
from foretable.declare.project import Project
from foretable.declare.resolve import resolving
from foretable.declare.scoring import ScoringTable
from foretable.declare.tables import DynamicTable, Label
from foretable.errors import CycleError, DeclarationError, ForetableError, UnknownName, nearest
from foretable.sql import as_it_is, render, table

if TYPE_CHECKING:
    import ibis.expr.types as ir


def compile_project(project: Project) -> Graph:
    """Compile every declared table.

    Parameters
    ----------
    project
        A loaded project whose sources have recorded schemas.

    Returns
    -------
    Graph
        Tables in an order in which they can be built.

    Raises
    ------
    DeclarationError
        A query does not bind (with file, line and the near name), a key is missing, tables form a
        cycle, two functions share a name, or a source has no recorded schema.
    """
    check_names(project)
    with uncollected():
        compiler = _Compiler(project)
        try:
            for name in sorted(project.tables):
                compiler.compiled(name)
        finally:
            compiler.close()
        graph = Graph(project, compiler.done, compiler.schemas)
        check_histories(graph)
        for model in project.models:
            check_training(graph, model)
    return graph


class _Compiler:
    """Compiles depth-first; it is the resolver of the declared functions that it calls."""

    def __init__(self, project: Project) -> None:
        self.project = project
        self.done: dict[str, Compiled] = {}
        self.schemas: dict[str, Columns] = {}
        self._stack: list[str] = []
        self._scratch = Scratch()
        called = {name for macro in project.macros.values() for name in calls(macro.sql)}
        self._scratch.add_calls(called, project.models)
        self._scratch.add_functions(project.functions.values(), project.macros.values())

    def close(self) -> None:
        self._scratch.close()

    @property
    def time_zone(self) -> str:
        """Where a day starts and ends."""
        return self.project.config.time_zone

    @property
    def future_allowed(self) -> bool:
        """Only a label may look ahead."""
        return bool(self._stack) and isinstance(self.project.tables[self._stack[-1]], Label)

    def table(self, name: str) -> ir.Table:
        """The unbound Ibis table of a source or of one of ours."""
        import ibis
        from ibis.backends.sql.datatypes import DuckDBType

        columns = self._columns(name.lower())
        catalog, database, short = split(name.lower())
        schema = {column: DuckDBType.from_string(kind) for column, kind in columns.items()}
        return ibis.table(schema, name=short, database=database, catalog=catalog or None)

    def _columns(self, name: str) -> Columns:
        if name in self.project.tables:
            return self.compiled(name).columns
        if name not in self.schemas:
            if name not in self.project.sources:
                known = [*self.project.tables, *self.project.sources]
                raise UnknownName(f"no table or source is called {name}", where=self._place(), hint=nearest(name, known))
            columns = read_recorded(self.project.root, name)
            if columns is None:
                origin = str(self.project.sources[name].origin)
                raise DeclarationError(f"the schema of source {name} is not recorded", where=origin, hint="record it: foretable sync")
            self._scratch.add_table(name, columns)
            self.schemas[name] = self._scratch.describe(exp.select("*").from_(table(name)))
        return self.schemas[name]

    def _place(self) -> str:
        return str(self.project.tables[self._stack[-1]].origin) if self._stack else ""

    def compiled(self, name: str) -> Compiled:
        """The table of that name, compiling it and what it stands on first."""
        if name in self.done:
            return self.done[name]
        if name in self._stack:
            path = " → ".join([*self._stack[self._stack.index(name) :], name])
            where = str(self.project.tables[name].origin)
            raise CycleError(f"tables are made from each other: {path}", where=where, hint="let one of them read something else")
        self._stack.append(name)
        try:
            self.done[name] = self._compile(self.project.tables[name])
        finally:
            self._stack.pop()
        return self.done[name]

    def _compile(self, declared: DynamicTable) -> Compiled:
        tree = self._tree(declared)
        upstream = tuple(tables_of(tree))
        schemas = {name: self._columns(checked(name, where=declared.origin)) for name in upstream}
        tree = deterministic(tree, schemas, self.project.macros)
        text = render(tree)
        columns = self._bound(declared, text)
        names = reached(text, self.project.macros)
        macros = macros_of(names, self.project.macros)
        own = self.project.macros.keys() | self.project.functions.keys()
        require_seen(text, own, where=str(declared.origin))
        for macro in macros:
            require_seen(macro.sql, {*own, "query_table"}, where=macro.origin)
        code = [*(macro.sql for macro in macros), *(f.fingerprint for name, f in sorted(self.project.functions.items()) if name in names)]
        parts = [text, columns, declared.entity.keys if declared.entity else (), declared.kind, code]
        shapes = {name: source.query for name in upstream if (source := self.project.sources.get(name)) is not None and source.query}
        parts += [shapes] if shapes else []
        compiled = Compiled(
            name=declared.name,
            declared=declared,
            query=tree,
            upstream=upstream,
            models=models_of(names, self.project.models),
            aliases=aliases_of(names, self.project.models),
            columns=columns,
            fingerprint=hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16],
            analysed=lambda: table_mode(declared, tree, columns, schemas, self.project),
        )
        if declared.refresh_mode == "INCREMENTAL":
            _ = compiled.analysis  # what cannot be kept is refused now
        return compiled

    def _bound(self, declared: DynamicTable, text: str) -> Columns:
        """The columns of a table, which others may read from now on."""
        self._scratch.add_calls(calls(text), self.project.models)
        try:
            columns = dict(self._scratch.describe(as_it_is(text)))
        except duckdb.Error as error:
            message = str(error).split("\n\nLINE")[0].replace("\n", " ")
            hint = "mend the declaration; the columns of a table: foretable show TABLE"
            raise DeclarationError(f"{declared.name}: {message}", where=str(declared.origin), hint=hint) from None
        _check_key(declared, columns)
        _check_names(declared, columns)
        if isinstance(declared, ScoringTable):
            columns[SCORED_AT] = "TIMESTAMP"  # kept by the engine, not by the query
        self._scratch.add_table(declared.name, columns)
        return columns

    def _tree(self, declared: DynamicTable) -> Any:
        if isinstance(declared, ScoringTable):
            return scoring_query(declared, self._columns)
        if declared.define is None:
            return spliced(in_our_words(declared, self.project, self._columns))
        from ibis.backends.sql.compilers.duckdb import compiler

        try:
            with resolving(self):
                expression = _table(declared, declared.define())
            return _stable(compiler.to_sqlglot(expression))
        except ForetableError as error:
            error.where = error.where or str(declared.origin)
            raise
        except Exception as error:
            where = place(error, self.project.root) or str(declared.origin)
            raise DeclarationError(f"{declared.name}: {_message(error)}", where=where, hint=_near_column(error, self)) from error


def _stable(tree: Any) -> Any:
    """The tree with the columns of every EXCLUDE sorted: Ibis keeps them in a set, whose order differs by process."""
    for star in tree.find_all(exp.Star):
        if star.args.get("except_"):
            star.set("except_", sorted(star.args["except_"], key=lambda excluded: str(excluded.name)))
    return tree


def _table(declared: DynamicTable, given: Any) -> Any:
    if hasattr(given, "as_table"):
        return given
    what, hint = f"a {type(given).__name__}", "return a table expression"
    if given is None:
        what, hint = "nothing", "end it with: return …"
    elif hasattr(given, "rows"):
        what, hint = "a declaration", "return its rows: … .rows()"
    raise DeclarationError(f"{declared.name}: the function gives {what}, not a table", where=str(declared.origin), hint=hint)


def _check_key(declared: DynamicTable, columns: Columns) -> None:
    known = {column.lower() for column in columns}
    missing = [key for key in (declared.entity.keys if declared.entity else ()) if key.lower() not in known]
    if missing:
        raise DeclarationError(
            f"{declared.name} lacks the key {', '.join(missing)} of entity {declared.entity.name if declared.entity else ''}",
            where=str(declared.origin),
            hint=f"its columns: {', '.join(columns)}",
        )
    if type(declared) is Label and declared.entity and len(columns) != len(declared.entity.keys) + 1:
        raise DeclarationError(
            f"label {declared.name} has the columns {', '.join(columns)}",
            where=str(declared.origin),
            hint="a label gives the entity's key and one more column",
        )


def _check_names(declared: DynamicTable, columns: Columns) -> None:
    """Without a name of its own, a column is called after its expression, in which a date is filled in later."""
    for name in columns:
        if f"{AS_OF}()" in name.lower() or f"{MODEL_VERSION}(" in name.lower():
            raise DeclarationError(f"{declared.name}: {name} needs a name", where=str(declared.origin), hint="write: … AS name")


def _message(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text if isinstance(error, AttributeError) or " " in text else f"{type(error).__name__}: {text}"


def _near_column(error: Exception, compiler: _Compiler) -> str:
    """The nearest column name, when a column is misspelt."""
    columns = [column for table in (*compiler.schemas.values(), *(c.columns for c in compiler.done.values())) for column in table]
    name = getattr(error, "name", None) if isinstance(error, AttributeError) else None
    if name is None and "is not found in table" in str(error):
        name = str(error).split("'")[1]
    if name in columns:
        return f"another table has {name!r}; rows() of a source with fixed= gives its key, its time and the fixed columns, no others"
    return nearest(name, columns) if name else ""
