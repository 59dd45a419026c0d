"""Vectorised Python functions that a query can call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from foretable.declare.origin import Origin, caller, collect


@dataclass(frozen=True, eq=False)
class Function:
    """A function over Arrow arrays, called in SQL by its name.

    ``parameters`` and ``returns`` are DuckDB types; NULLs reach the function.
    """

    name: str
    call: Callable[..., Any]
    parameters: Sequence[str]
    returns: str
    origin: Origin = field(default_factory=caller, repr=False)

    def __post_init__(self) -> None:
        collect(self)

    def __call__(self, *arrays: Any) -> Any:
        """Call it as any Python function."""
        return self.call(*arrays)


def function(*, parameters: Sequence[str], returns: str) -> Callable[[Callable[..., Any]], Function]:
    """Declare a vectorised function under ``udfs/``: Arrow arrays in, an Arrow array out.

    Examples
    --------
    >>> @function(parameters=["DOUBLE"], returns="DOUBLE")
    ... def doubled(x):
    ...     return x
    >>> doubled.name
    'doubled'
    """

    def declare(call: Callable[..., Any]) -> Function:
        code = call.__code__
        return Function(call.__name__.lower(), call, tuple(parameters), returns, Origin(code.co_filename, code.co_firstlineno))

    return declare
