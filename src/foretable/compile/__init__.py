"""From declarations to SQL: one graph of compiled tables."""

from foretable.compile.compiler import compile_project
from foretable.compile.graph import Compiled, Graph

__all__ = ["Compiled", "Graph", "compile_project"]
