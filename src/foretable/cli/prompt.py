"""Statements and their results: one after another, or typed at a prompt."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foretable.cli import console
from foretable.errors import ForetableError, UsageError

if TYPE_CHECKING:
    import duckdb

    from foretable.session import Session
    from foretable.statements.outcome import Outcome

HISTORY = Path("~/.foretable_history")
HISTORY_LINES = 1_000
HELP = """  A statement ends with ; and may span lines.
  SHOW DYNAMIC TABLES, SHOW MODELS; CREATE, ALTER and DROP DYNAMIC TABLE, CREATE and DROP MODEL need --write.
  predict_<model>(t) scores the rows of t; FROM predict_<model>(table) scores a whole table.
  ML.PREDICT(MODEL m, TABLE t) and m!PREDICT(*) mean the same.
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


@dataclass(frozen=True)
class Desk:
    """Where statements are carried out: the warehouse, its project, whether they may write, the form of rows."""

    connection: duckdb.DuckDBPyConnection
    session: Session
    write: bool
    form: Form


def show(desk: Desk, text: str) -> None:
    """Run the statements of ``text`` and print what each gives."""
    from foretable.faces import in_catalog, rewritten
    from foretable.statements.read import Plain, read

    units: list[Any] = []
    models = in_catalog(desk.connection)
    for part in read(text):  # all of it is read before anything is done
        units += desk.connection.extract_statements(rewritten(part.text, models)) if isinstance(part, Plain) else [part]
    if not units:
        raise UsageError("there is no statement", hint='for example: foretable sql "SELECT 1"')
    if (desk.form.json or desk.form.csv) and len(units) > 1:
        raise UsageError("--json and --csv take one statement", hint="run them one by one")
    for unit in units:
        if hasattr(unit, "expected_result_type"):
            silent = "NOTHING" in [kind.name for kind in unit.expected_result_type]
            _result(desk.connection.execute(unit), desk.form, silent=silent)
        else:
            from foretable.statements.carry import carry_out  # not for plain SQL: it loads the whole engine

            with console.progress() as listen:
                done = carry_out(unit, desk.connection, desk.session.root, write=desk.write, listen=listen)
            _outcome(done, desk.form)


def _outcome(done: Outcome, form: Form) -> None:
    if form.json:
        console.records(done.columns, done.rows)
    elif form.csv:
        console.comma_separated(done.columns, done.rows)
    elif done.message:
        console.say(done.message)
    else:
        console.table(done.columns, done.rows, limit=None)


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


def loop(desk: Desk) -> None:
    """Read statements from a person until they leave."""
    _remember()
    session = desk.session
    console.say(
        f"{session.config.name}: {session.warehouse.name}{'' if desk.write else ', read-only'}. \\d lists tables, \\? helps, \\q leaves."
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
            if not _command(desk, line.strip().lower()):
                return
            continue
        waiting = f"{waiting}\n{line}".strip()
        if waiting.endswith(";"):
            _answer(desk, waiting)
            waiting = ""


def _command(desk: Desk, line: str) -> bool:
    """Carry out a backslash command; False leaves the prompt."""
    word, _, rest = line.partition(" ")
    plain = replace(desk, form=Form())
    if word in ("\\q", "exit", "quit"):
        return False
    if word == "\\d" and rest:
        from foretable.sql import statement, table

        _answer(plain, statement("DESCRIBE SELECT * FROM $source", source=table(rest.strip())))
    elif word == "\\d":
        _answer(plain, TABLES)
    else:
        console.say(HELP)
    return True


def _answer(desk: Desk, text: str) -> None:
    import duckdb

    from foretable.udf import explain
    from foretable.warehouse import is_interrupt

    start = time.perf_counter()
    try:
        show(desk, text)
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
