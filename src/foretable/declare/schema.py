"""Rules that the rows of a table must keep: a pandera schema, bound to a table's name."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from types import CodeType
from typing import Any, Protocol

from foretable.declare.names import checked
from foretable.declare.origin import Origin, caller, collect
from foretable.errors import DeclarationError


class Named(Protocol):
    """A source or a table: anything declared under a name."""

    @property
    def name(self) -> str:
        """``layer.table``."""


@dataclass(frozen=True, eq=False)
class TableSchema:
    """The pandera schema of one table; ``name`` is ``layer.table``."""

    name: str
    schema: Any
    origin: Origin = field(default_factory=caller, repr=False)

    @property
    def fingerprint(self) -> str:
        """Changes whenever a rule does; the same in every process."""
        found = self.schema
        parts = [
            (key, str(c.dtype), c.nullable, c.unique, c.required, c.regex, [_check_text(check) for check in _listed(c.checks)])
            for key, c in found.columns.items()
        ]
        whole = (str(found.dtype), found.strict, found.ordered, found.unique, [_check_text(check) for check in _listed(found.checks)])
        return hashlib.sha256(repr((self.name, parts, whole)).encode()).hexdigest()


def schema(table: str | Named, rules: Any) -> TableSchema:
    """Declare what the rows of a table must look like.

    Parameters
    ----------
    table
        ``layer.table``, or the source or table itself.
    rules
        A ``pandera.ibis.DataFrameSchema``, or a ``pandera.ibis.DataFrameModel`` class.

    Returns
    -------
    TableSchema
        Checked at ingest, on layer ``clean`` (rows that fail go to quarantine) and on every later layer
        (rows that fail stop the refresh).

    Raises
    ------
    DeclarationError
        It is no schema of ``pandera.ibis``, or has a check that cannot run inside the warehouse.

    Examples
    --------
    >>> import pandera.ibis as pa
    >>> schema("raw.orders", pa.DataFrameSchema({"amount": pa.Column(float, pa.Check.ge(0))})).name
    'raw.orders'
    """
    origin = caller()
    name = checked(table if isinstance(table, str) else table.name, where=origin)
    found = rules.to_schema() if isinstance(rules, type) and hasattr(rules, "to_schema") else rules
    if not type(found).__module__.startswith("pandera.api.ibis"):
        raise DeclarationError(
            f"the schema of {name} is a {type(found).__module__}.{type(found).__name__}",
            where=str(origin),
            hint="import pandera.ibis as pa, and give a pa.DataFrameSchema",
        )
    _refuse_python_checks(name, found, origin)
    declared = TableSchema(name, found, origin)
    collect(declared)
    return declared


def _refuse_python_checks(name: str, found: Any, origin: Origin) -> None:
    for column, checks in [("", found.checks), *((key, column.checks) for key, column in found.columns.items())]:
        for check in _listed(checks):
            reason = _unfit(check)
            if reason:
                raise DeclarationError(
                    f"a check on {name}{'.' if column else ''}{column} {reason}",
                    where=str(origin),
                    hint="write it as an Ibis expression: pa.Check(lambda data: data.table[data.key] > 0)",
                )


def _listed(checks: Any) -> Iterable[Any]:
    return checks if isinstance(checks, list | tuple) else [checks] if checks else []


def _unfit(check: Any) -> str:
    if check.element_wise:
        return "is element_wise: it would call Python for every row"
    if check.groupby is not None:
        return "has a groupby, which pandera does not evaluate on Ibis"
    if check.raise_warning:
        return "has raise_warning: a rule that stops nothing is not kept"
    return ""


def _check_text(check: Any) -> str:
    written = getattr(check._check_fn, "__code__", None)  # a built-in check has none: its statistics say it all
    closed = [repr(cell.cell_contents) for cell in getattr(check._check_fn, "__closure__", None) or ()]
    return repr((check.name, check.error, check.statistics, check.ignore_na, _code_text(written) if written else "", closed))


def _code_text(code: CodeType) -> str:
    """What a function does, without the address and the line that its repr carries."""
    inner = [_code_text(const) if isinstance(const, CodeType) else repr(const) for const in code.co_consts]
    return repr((code.co_code, inner, code.co_names, code.co_varnames))
