"""What a row is about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from foretable.declare.origin import Origin, caller, collect
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir


@dataclass(frozen=True)
class Entity:
    """What a row is about: a name and its key column or columns.

    Parameters
    ----------
    name
        In the singular: ``"customer"``.
    key
        The key column, or several.

    Examples
    --------
    >>> Entity("customer", key="customer_id").keys
    ('customer_id',)
    """

    name: str
    key: str | tuple[str, ...]
    origin: Origin = field(default_factory=caller, compare=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.key, str):
            object.__setattr__(self, "key", tuple(self.key))
        if not self.keys:
            raise DeclarationError(
                f"entity {self.name!r} has no key", where=str(self.origin), hint='name its key column: key="customer_id"'
            )
        collect(self)

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns."""
        return (self.key,) if isinstance(self.key, str) else self.key

    def join(self, base: ir.Table, *others: ir.Table) -> ir.Table:
        """Left-join tables of this entity on its key, keeping one copy of the key.

        Parameters
        ----------
        base
            The table whose keys the result has.
        others
            Tables with at most one row per key.

        Returns
        -------
        ibis.Table
            One row per row of ``base``, every column once.

        Raises
        ------
        DeclarationError
            A table lacks the key, or two of them have a column of the same name.
        """
        joined = base
        for table in (base, *others):
            missing = [key for key in self.keys if key not in table.columns]
            if missing:
                raise DeclarationError(
                    f"a table joined for entity {self.name!r} lacks its key {', '.join(missing)}",
                    where=str(caller()),
                    hint=f"its columns: {', '.join(table.columns)}",
                )
        for table in others:
            twice = [c for c in table.columns if c in joined.columns and c not in self.keys]
            if twice:
                raise DeclarationError(
                    f"column {twice[0]!r} comes from two of the joined tables",
                    where=str(caller()),
                    hint="rename it in one of them, or select fewer columns",
                )
            joined = joined.left_join(table, list(self.keys)).drop(*(f"{key}_right" for key in self.keys))
        return joined
