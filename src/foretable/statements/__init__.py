"""The SQL face of dynamic tables: statements that DuckDB does not know, recognised before they reach it.

They change the project's files, which stay the only source of truth, and the warehouse follows.
"""

from foretable.statements.carry import carry_out as carry_out
from foretable.statements.outcome import Outcome as Outcome
from foretable.statements.read import Plain as Plain
from foretable.statements.read import read as read

__all__ = ["Outcome", "Plain", "carry_out", "read"]
