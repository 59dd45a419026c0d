"""How a change in what a query reads reaches its rows, or why that cannot be said."""

from foretable.compile.incremental.analyse import analyse
from foretable.compile.incremental.shape import Analysis, Boundary, Effect, Hop

__all__ = ["Analysis", "Boundary", "Effect", "Hop", "analyse"]
