"""How a declared function reaches the tables it names while it is compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from foretable.errors import DeclarationError

if TYPE_CHECKING:
    import ibis.expr.types as ir


class Resolver(Protocol):
    """Gives the Ibis table of a name; the compiler is one."""

    @property
    def time_zone(self) -> str:
        """Where a day starts and ends: the project's."""

    @property
    def future_allowed(self) -> bool:
        """Whether the declaration at hand may look past ``as_of()``."""

    def table(self, name: str) -> ir.Table:
        """The unbound table of that name, with its recorded or compiled schema."""


_active: ContextVar[Resolver | None] = ContextVar("resolver", default=None)


def resolver() -> Resolver:
    """The compiler at work."""
    active = _active.get()
    if active is None:
        raise DeclarationError(
            "tables can be read only inside a declared function",
            hint="move .rows() into a function under @ft.feature_view, @ft.label or @ft.dynamic_table",
        )
    return active


@contextmanager
def resolving(active: Resolver) -> Iterator[None]:
    """Let declared functions in the block read tables from ``active``."""
    token = _active.set(active)
    try:
        yield
    finally:
        _active.reset(token)
