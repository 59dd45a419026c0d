"""The rules of a pandera schema as Ibis expressions: about one row, or about the table as a whole.

NULL follows pandera: a check passes where it is NULL (unless ``ignore_na=False``), and only
``nullable=False`` refuses NULL and NaN. ``Column(unique=True)``, which pandera ignores on Ibis, is a
unique key here like the schema's ``unique=[...]``; in keys NULL equals NULL, as pandera counts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir

_NAME_LENGTH = 100


@dataclass(frozen=True)
class Rule:
    """One thing that must hold.

    ``column`` is empty for a rule about the whole row. ``predicate`` is never NULL: true where the rule
    holds; one boolean per row of the table it was made for, or a single one where ``per_row`` is false
    and it aggregates.
    """

    name: str
    column: str
    predicate: ir.BooleanValue
    per_row: bool = True

    @property
    def is_settled(self) -> bool:
        """Whether it looks at its table alone: at no clock, no chance, no other table."""
        import ibis.expr.operations as ops

        return not self.predicate.op().find((ops.Impure, ops.Subquery))


def row_rules(schema: Any, rows: ir.Table) -> list[Rule]:
    """The rules that a row keeps or breaks by itself, so that a table can be split in one statement.

    Parameters
    ----------
    schema
        A ``pandera.ibis.DataFrameSchema``.
    rows
        The table. Columns that the schema names and the table lacks are passed over: that is a matter
        of the table's structure.
    """
    return [rule for rule in all_rules(schema, rows) if rule.per_row]


def table_rules(schema: Any, rows: ir.Table) -> list[Rule]:
    """The rules that need the whole table: aggregates and windows."""
    return [rule for rule in all_rules(schema, rows) if not rule.per_row]


def all_rules(schema: Any, rows: ir.Table, *, skip: Iterable[str] = ()) -> list[Rule]:
    """Every rule but uniqueness; columns in ``skip`` are passed over, and row-wide rules with them."""
    import ibis

    type(schema).register_default_backends(ibis.Table)  # else pandera's built-in checks do not know Ibis
    left_out = set(skip)
    rules: list[Rule] = []
    for name, column in columns(schema, rows.columns):
        if name in left_out:
            continue
        if not column.nullable:
            rules.append(Rule("not_null", name, _filled(rows[name])))
        rules += [_rule(check, rows, name) for check in column.checks]
    return rules if left_out else rules + [_rule(check, rows, None) for check in schema.checks]


def columns(schema: Any, present: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """(name, pandera column) of every column of a table that the schema speaks of; patterns are expanded."""
    names = list(present)
    for key, column in schema.columns.items():
        if column.regex:
            yield from ((name, column) for name in names if re.search(column.selector, name))
        elif key in names:
            yield key, column


def unique_keys(schema: Any, present: Iterable[str]) -> list[tuple[str, ...]]:
    """The sets of columns in which no two rows may agree."""
    names = list(present)
    declared = schema.unique or []
    groups = [declared] if all(isinstance(part, str) for part in declared) else declared
    keys = [tuple(part for part in group if part in names) for group in groups]
    keys += [(name,) for name, column in columns(schema, names) if column.unique]
    return [key for key in dict.fromkeys(keys) if key]


def key_rule(key: tuple[str, ...]) -> str:
    """The name of the rule that ``key`` is unique."""
    return f"unique({', '.join(key)})"


def _filled(column: ir.Value) -> ir.BooleanValue:
    present = column.notnull()
    return present & ~column.isnan().fill_null(False) if column.type().is_floating() else present


def _rule(check: Any, rows: ir.Table, column: str | None) -> Rule:
    name = _name(check)
    try:
        predicate = _predicate(check, rows, column)
    except DeclarationError:
        raise
    except Exception as error:  # a user's check may raise anything
        raise DeclarationError(
            f"the check cannot be evaluated: {type(error).__name__}: {error}",
            where=f"{column or 'schema'}: {name}",
            hint="a check gets (table, key) and gives an Ibis boolean, such as lambda data: data.table[data.key] > 0",
        ) from error
    if check.ignore_na and column is not None:
        predicate = predicate | rows[column].isnull() if _per_row(predicate) else predicate
    return Rule(name, column or "", predicate.fill_null(check.ignore_na), _per_row(predicate))


def _predicate(check: Any, rows: ir.Table, column: str | None) -> ir.BooleanValue:
    import ibis
    from pandera.api.ibis.types import IbisData

    if check.name == "unique_values_eq" and column is not None:  # pandera's own would run a query at once
        values = list(check.statistics["values"])
        return (rows[column].nunique() == len(set(values))) & rows[column].isin(values).all().fill_null(True)
    test = check._check_fn
    if hasattr(test, "_function_registry"):  # a built-in; a schema made before the backend was registered holds a stale copy
        test = type(check).get_builtin_check_fn(check.name)
    # pandera keeps allowed values as a set, whose order is another one in every process: the text of the query would be, too.
    options = {
        name: sorted(value, key=repr) if isinstance(value, set | frozenset) else value for name, value in check._check_kwargs.items()
    }
    given = test(IbisData(rows, column), **options)
    parts = _parts(given, rows)
    for part in parts:
        if not part.type().is_boolean():
            raise TypeError(f"the check gives {part.type()}, not boolean")
    return ibis.and_(*parts)


def _parts(given: Any, rows: ir.Table) -> list[ir.Value]:
    """The booleans that a check gave, whichever of pandera's forms it gave them in."""
    import ibis
    import ibis.expr.operations as ops

    if isinstance(given, bool):
        return [ibis.literal(given)]
    if isinstance(given, dict):
        return list(given.values())
    if not isinstance(given, ibis.Table):
        return [given]
    project = given.op()
    if not isinstance(project, ops.Project) or project.parent != rows.op():
        raise TypeError("the check gives a table that is no selection from its input")
    return [value.to_expr() for value in project.values.values()]


def _per_row(predicate: ir.Value) -> bool:
    import ibis.expr.operations as ops

    node = predicate.op()
    return node.shape.is_columnar() and not node.find((ops.Reduction, ops.Analytic, ops.WindowFunction))


def _name(check: Any) -> str:
    given = check.error or check.title or check.name or "check"
    text = "check" if given == "<lambda>" else str(given)
    return text if len(text) <= _NAME_LENGTH else f"{text[: _NAME_LENGTH - 1]}…"
