"""Vectorised Python functions that a query can call."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
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

    @property
    def fingerprint(self) -> str:
        """Changes with the types and the code: that of its file and of the project's files that this one imports."""
        written = _written(Path(self.origin.file), {})
        return hashlib.sha256(repr((self.name, tuple(self.parameters), self.returns, written)).encode()).hexdigest()[:16]

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


def _written(path: Path, found: dict[str, str]) -> list[str]:
    """What a file and those it imports relatively say, comments and blank lines left out."""
    if path.is_file() and str(path) not in found:
        tree = ast.parse(path.read_text())
        found[str(path)] = ast.dump(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.level:
                base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
                for imported in (base.with_suffix(".py"), *(base / f"{alias.name}.py" for alias in node.names)):
                    _written(imported, found)
    return [found[name] for name in sorted(found)]
