"""The SQL face of dynamic tables and models: statements that DuckDB does not know, recognised before they reach it.

They change the project's files, which stay the only source of truth, and the warehouse follows. ``read`` is light and
tells whose a statement is; ``carry`` loads the engine.
"""
