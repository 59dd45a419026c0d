"""Statements and their results: one after another, or typed at a prompt."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from foretable.cli import console
from foretable.errors import ForetableError, UsageError

if TYPE_CHECKING:
    import duckdb

    from foretable.session import Session

HISTORY = Path("~/.foretable_history")
HISTORY_LINES = 1_000
HELP = """  A statement ends with ; and may span lines.
  predict_<model>(t) scores the rows of t; FROM predict_<model>(table) scores a whole table.
  \\d        tables of this project, with their row counts
  \\d NAME   columns of a table
  \\q        leave (or Ctrl-D)"""
TABLES = """
SELECT schema_name || '.' || table_name AS "table", estimated_size AS "rows" FROM duckdb_tables()
WHERE NOT internal AND database_name = current_database() AND schema_name <> 'main' ORDER BY 1
"""

PLAN = ["explain_key", "explain_value"]
"""What EXPLAIN gives: a drawing of several lines."""


@dataclass(frozen=True)
class Form:
    """How rows are printed: as JSON, CSV, or a table for people."""

    json: bool = False
    csv: bool = False


def show(connection: duckdb.DuckDBPyConnection, text: str, form: Form) -> None:
    """Run the statements of ``text`` and print what each gives."""
    statements = connection.extract_statements(text)
    if not statements:
        raise UsageError("there is no statement", hint='for example: foretable sql "SELECT 1"')
    if (form.json or form.csv) and len(statements) > 1:
        raise UsageError("--json and --csv take one statement", hint="run them one by one")
    for statement in statements:
        _result(connection.execute(statement), form, silent="NOTHING" in [kind.name for kind in statement.expected_result_type])


def _result(cursor: duckdb.DuckDBPyConnection, form: Form, *, silent: bool) -> None:
    columns = [part[0] for part in cursor.description or ()]
    rows = cursor.fetchall() if columns else []
    if silent and not rows:  # DuckDB calls it a table without rows, "Success"
        columns = []
    if form.json:
        console.records(columns, rows)
    elif form.csv and columns:
        console.comma_separated(columns, rows)
    elif columns == PLAN:
        for _, drawing in rows:
            console.say(drawing.rstrip())
    elif columns:
        console.table(columns, rows)


def loop(connection: duckdb.DuckDBPyConnection, session: Session, form: Form, *, write: bool) -> None:
    """Read statements from a person until they leave."""
    _remember()
    console.say(
        f"{session.config.name}: {session.warehouse.name}{'' if write else ', read-only'}. \\d lists tables, \\? helps, \\q leaves."
    )
    waiting = ""
    while True:
        try:
            line = input("      … " if waiting else f"{session.config.name}> ")
        except EOFError:
            console.say()
            return
        except KeyboardInterrupt:
            console.say()
            waiting = ""
            continue
        if (not waiting and line.strip().startswith(("\\", "?"))) or line.strip().lower() in ("help", "exit", "quit"):
            if not _command(connection, line.strip().lower()):
                return
            continue
        waiting = f"{waiting}\n{line}".strip()
        if waiting.endswith(";"):
            _answer(connection, waiting, form)
            waiting = ""


def _command(connection: duckdb.DuckDBPyConnection, line: str) -> bool:
    """Carry out a backslash command; False leaves the prompt."""
    word, _, rest = line.partition(" ")
    if word in ("\\q", "exit", "quit"):
        return False
    if word == "\\d" and rest:
        from foretable.sql import statement, table

        _answer(connection, statement("DESCRIBE SELECT * FROM $source", source=table(rest.strip())), Form())
    elif word == "\\d":
        _answer(connection, TABLES, Form())
    else:
        console.say(HELP)
    return True


def _answer(connection: duckdb.DuckDBPyConnection, text: str, form: Form) -> None:
    import duckdb

    from foretable.udf import explain
    from foretable.warehouse import is_interrupt

    start = time.perf_counter()
    try:
        show(connection, text, form)
    except ForetableError as problem:
        console.error(problem)
    except (KeyboardInterrupt, RuntimeError, duckdb.Error) as problem:
        if is_interrupt(problem) or isinstance(problem, KeyboardInterrupt | duckdb.InterruptException):
            console.error("stopped")
        elif isinstance(problem, duckdb.Error):
            console.error(explain(problem) or str(problem).rstrip())
        else:
            raise
    else:
        console.note(f"{time.perf_counter() - start:.2f} s")


def _remember() -> None:
    """Keep what is typed across sessions, where the system has readline."""
    try:
        import atexit
        import readline
    except ImportError:
        return
    path = HISTORY.expanduser()
    try:
        path.touch(mode=0o600)
        readline.read_history_file(path)
    except OSError:  # no home, or one that may not be written: the prompt works without a memory
        return
    readline.set_history_length(HISTORY_LINES)
    atexit.register(readline.write_history_file, path)
