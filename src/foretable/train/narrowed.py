"""The feature views of a training set for the entities that were drawn alone: what nobody learns from is not computed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

import duckdb
from sqlglot import exp

from foretable.compile.graph import Compiled, Graph
from foretable.compile.references import qualified
from foretable.compile.typed import places
from foretable.refresh.restrict import DIRTY, restricted, restricted_views
from foretable.sql import column, parse, render, statement, table

Places = Mapping[int, tuple[str, ...]]


@contextmanager
def narrowed(
    connection: duckdb.DuckDBPyConnection, graph: Graph, views: Collection[str], keys: Sequence[str], rows: str
) -> Iterator[Graph]:
    """The graph in which some views read the rows of some entities alone; their rows are the same bits as those of the whole.

    Parameters
    ----------
    connection
        Holds the temporary views that stand in for the sources until the block ends.
    graph
        The compiled project.
    views
        Tables whose rows are wanted for those entities.
    keys
        The entity's key.
    rows
        A table with the keys of the entities, in columns of those names.
    """
    values = [exp.alias_(column(key), f"k{number + 1}") for number, key in enumerate(keys)]
    chosen = parse("CREATE OR REPLACE TEMP TABLE t AS SELECT 1")
    chosen.set("this", table(DIRTY))
    chosen.set("expression", exp.select(*values).distinct().from_(table(rows)))
    connection.execute(render(chosen))
    tables, made = dict(graph.tables), []
    for number, (name, found) in enumerate(_alone(graph, views, keys).items()):
        compiled, of = graph.tables[name], f"{number}_"
        for view, query in restricted_views(compiled.query, replace(compiled.analysis, restricted=found), nulls=False, of=of).items():
            create = parse("CREATE OR REPLACE TEMP VIEW v AS SELECT 1")
            create.set("this", table(view))
            create.set("expression", query)
            connection.execute(render(create))
            made.append(view)
        tables[name] = replace(compiled, query=restricted(compiled.query, found, of=of))
    yield replace(graph, tables=tables)
    for view in made:
        connection.execute(statement("DROP VIEW $view", view=table(view)))
    connection.execute(statement("DROP TABLE $chosen", chosen=table(DIRTY)))


def _alone(graph: Graph, views: Collection[str], keys: Sequence[str]) -> dict[str, Places]:
    """The tables of which nothing but the rows of the entities is read, with the places of their sources to restrict."""
    wanted = {view.lower() for view in views}
    whole: set[str] = set()
    found: dict[str, Places] = {}
    for name in reversed(graph.order):
        if name not in wanted | whole:
            continue
        compiled = graph.tables[name]
        one = name not in whole and _by_key(compiled, keys)
        sources = {}
        for place, node in enumerate(places(compiled.query)):
            read, by = qualified(node), compiled.analysis.restricted.get(place)
            if read in graph.tables:
                (wanted if one and by is not None and _same(by, graph.tables[read].analysis.key) else whole).add(read)
            elif by is not None:
                sources[place] = by
        if one:
            found[name] = sources
    return found


def _by_key(compiled: Compiled, keys: Sequence[str]) -> bool:
    """Whether rows can be computed apart from others by the whole key; rules of layer ``clean`` may look at rows of others."""
    return not compiled.analysis.reason and _same(compiled.analysis.key, keys) and not compiled.name.startswith("clean.")


def _same(names: Sequence[str], others: Sequence[str]) -> bool:
    return [name.lower() for name in names] == [name.lower() for name in others]
