"""The command line: one application, and how every ending becomes an exit code."""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.exceptions import TyperException

from foretable import __version__
from foretable.cli import console, files, workspace
from foretable.errors import ForetableError, UsageError

STOPPED = 130
GROUPS = (
    *("start", "read", "refresh", "schedule", "query", "models", "models_list", "models_show", "models_transfer", "compare"),
    *("features", "features_rows", "features_stats", "report_model", "report_moved", "data", "worlds", "storage"),
)

app = typer.Typer(
    name="foretable",
    epilog="Start with:  foretable init mine && cd mine && foretable run",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


def _version(asked: bool) -> None:
    if asked:
        console.say(f"foretable {__version__}")
        raise typer.Exit


@app.callback()
def options(
    project: Annotated[Path, typer.Option("--project", "-C", metavar="FOLDER", help="Where the project is.", show_default=False)] = Path(),
    wait: Annotated[float, typer.Option(metavar="SECONDS", help="How long to wait for a warehouse that another process writes to.")] = 10.0,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
    _: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)] = False,
) -> None:
    """Tables that foretell: machine learning in SQL, inside the warehouse."""
    workspace.configure(workspace.Workspace(project, wait, debug))


@functools.cache
def commands() -> Any:
    """Every command, with its options read from the signatures: once, as that is a good part of starting."""
    for group in GROUPS:
        importlib.import_module(f"foretable.cli.{group}")
    return typer.main.get_command(app)


def run(arguments: Sequence[str]) -> int:
    """Run one command line and say how it ended: 0 done, 1 failed, 2 usage, 3 a gate refused."""
    try:
        _require_words(arguments)
        code = commands()(list(arguments), prog_name="foretable", standalone_mode=False)
        if code == STOPPED:
            raise KeyboardInterrupt
        sys.stdout.flush()
    except KeyboardInterrupt:
        return _stopped()
    except BrokenPipeError:
        # Who read us has left (`| head`): give the interpreter nothing to flush into.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except TyperException as problem:
        return _usage(problem)
    except ForetableError as problem:
        _trace()
        console.error(problem)
        return problem.exit_code
    except Exception as problem:
        # DuckDB tells Ctrl-C as a RuntimeError.
        return _stopped() if isinstance(problem.__cause__, KeyboardInterrupt) else _unexpected(problem)
    return code if isinstance(code, int) else 0


def _require_words(arguments: Sequence[str]) -> None:
    """Refuse an empty word: mostly a variable of the shell that is not set, and "everything" is not what was meant."""
    for number, word in enumerate(arguments):
        if not word or (word.startswith("--") and word.endswith("=")):
            after = f" after {arguments[number - 1]!r}" if number and not word else ""
            raise UsageError(f"an empty argument{after}{f': {word}' if word else ''}", hint="give it a value, or leave it out")


def _stopped() -> int:
    console.error("stopped", hint="the warehouse stands as the last finished wave left it; the same command goes on from there")
    return STOPPED


def _usage(problem: Any) -> int:
    context = getattr(problem, "ctx", None)
    command = context.command_path if context is not None else "foretable"
    message = problem.format_message()
    if type(problem).__name__ == "NoArgsIsHelpError":
        console.note(message)
    else:
        console.error(message[:1].lower() + message[1:].rstrip("."), hint=f"see: {command} --help")
    return int(problem.exit_code)


def _unexpected(problem: Exception) -> int:
    if "duckdb" in sys.modules and isinstance(problem, sys.modules["duckdb"].Error):
        from foretable.udf import explain
        from foretable.warehouse import translate

        _trace()
        known = translate(problem) or explain(problem) or ForetableError(str(problem).rstrip(), hint=_query_hint(str(problem)))
        console.error(known)
        return known.exit_code
    _trace()
    if isinstance(problem, OSError):
        console.error(files.failure(problem))
        return 1
    hint = "this is a fault of foretable, not yours; see where it comes from with: foretable --debug …"
    console.error(f"{type(problem).__name__}: {problem}", hint="" if workspace.debugging() else hint)
    return 1


def _query_hint(message: str) -> str:
    if "read-only mode" in message:
        return "foretable sql reads; to change the warehouse: foretable sql --write"
    return "tables and models: foretable ls" if message.startswith("Catalog Error") else ""


def _trace() -> None:
    if workspace.debugging():
        import traceback

        console.note(traceback.format_exc().rstrip())
