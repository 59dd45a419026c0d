"""The house rules: what may import what, how large things grow, where SQL and printing happen."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import foretable
from foretable import errors

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "src" / "foretable"
STARTER = ENGINE / "scaffold" / "starter"
CONTENT = [ROOT / "pipelines", ROOT / "models", ROOT / "udfs", STARTER / "pipelines", STARTER / "models"]
SOURCES = sorted(path for path in ENGINE.rglob("*.py") if STARTER not in path.parents)
CONTENT_FILES = sorted(path for folder in CONTENT for path in folder.glob("*.py"))
HEAVY = ("ibis", "duckdb", "sklearn", "xgboost", "pandas", "numpy", "pyarrow", "sqlglot", "onnx", "onnxruntime", "pandera", "optuna")
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
STATEMENT = re.compile(
    r"\s*(SELECT\s|INSERT INTO\s|UPDATE\s|DELETE FROM\s|CREATE (OR REPLACE\s)?\S|DROP (TABLE|VIEW|MACRO|SCHEMA)\s"
    r"|ALTER\s|WITH\s+\w+\s+AS|ATTACH\s|COPY\s|DESCRIBE\s|FROM\s+\w+\.)"
)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """(module, name) of every absolute import; the name is empty for ``import module``."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.module or "", alias.name) for alias in node.names)


def near(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_is_something_to_look_at() -> None:
    assert len(SOURCES) > 40
    assert CONTENT_FILES


@pytest.mark.parametrize("path", CONTENT_FILES, ids=near)
def test_content_uses_only_public_names(path: Path) -> None:
    for module, name in imported(path):
        if module.split(".")[0] == "foretable":
            assert module == "foretable", f"{module} is not public"
            assert not name or name in foretable.__all__, f"{name} is not public"
    aliases = {
        alias.asname or alias.name
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "foretable"
    }
    used = {
        node.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases
    }
    assert used <= set(foretable.__all__)


def test_public_names_are_there() -> None:
    for name in foretable.__all__:
        assert getattr(foretable, name) is not None


def test_the_engine_never_imports_content() -> None:
    content = {"pipelines", "models", "udfs"}
    found = [f"{near(path)}: {module}" for path in SOURCES for module, _ in imported(path) if module.split(".")[0] in content]
    assert not found


def test_nothing_imports_the_roof() -> None:
    allowed = {"foretable.cli": {ENGINE / "__main__.py"}, "foretable.session": {ENGINE / "__init__.py"}}
    found = []
    for path in SOURCES:
        if (ENGINE / "cli") in path.parents:
            continue
        for module, name in imported(path):
            for roof, doors in allowed.items():
                if (module == roof or module.startswith(f"{roof}.") or f"{module}.{name}" == roof) and path not in doors:
                    found.append(f"{near(path)}: {module}")
    assert not found


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"]], ids=" ".join)
def test_the_command_line_starts_light(arguments: list[str]) -> None:
    code = (
        "import sys, foretable\n"
        "from foretable.cli.app import run\n"
        f"run({arguments!r})\n"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("path", [*SOURCES, *CONTENT_FILES], ids=near)
def test_sizes_and_names(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300
    assert not VAGUE & set(re.split(r"[_.]", path.stem)), "say what is in it"
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert body_lines(node) <= 40, f"{node.name} has {body_lines(node)} lines"


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines of a function without its signature and docstring."""
    first = node.body[1] if ast.get_docstring(node) is not None and len(node.body) > 1 else node.body[0]
    return (node.end_lineno or 0) - first.lineno + 1


@pytest.mark.parametrize("path", SOURCES, ids=near)
def test_no_text_assembles_sql(path: Path) -> None:
    found = [f"line {node.lineno}: {text}" for node, text in assembled(tree(path)) if STATEMENT.match(text)]
    assert not found, "use foretable.sql.statement, or bind the value"


def assembled(module: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Strings put together from parts, with the text they start with."""
    for node in ast.walk(module):
        if isinstance(node, ast.JoinedStr) and any(isinstance(part, ast.FormattedValue) for part in node.values):
            yield node, "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Mod) and isinstance(node.left, ast.Constant):
            if isinstance(node.left.value, str) and not isinstance(node.right, ast.Constant):
                yield node, node.left.value
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "format"
            and isinstance(node.func.value, ast.Constant)
        ):
            yield node, str(node.func.value.value)


@pytest.mark.parametrize(
    ("code", "caught"),
    [
        ('f"SELECT * FROM {name}"', True),
        ('"SELECT * FROM " + name', True),
        ('"DROP TABLE %s" % name', True),
        ('"INSERT INTO {} VALUES (1)".format(name)', True),
        ('"SELECT 1"', False),
        ('f"select a table: {name}"', False),
    ],
)
def test_the_rule_on_sql_bites(code: str, caught: bool) -> None:
    assert any(STATEMENT.match(text) for _, text in assembled(ast.parse(code))) is caught


@pytest.mark.parametrize("path", SOURCES, ids=near)
def test_only_the_console_prints(path: Path) -> None:
    if path == ENGINE / "cli" / "console.py":
        return
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            assert called not in ("print", "sys.stdout.write", "sys.stderr.write", "pprint"), f"line {node.lineno}"


OUR_ERRORS = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, errors.ForetableError)}


@pytest.mark.parametrize("path", SOURCES, ids=near)
def test_every_error_carries_its_cure(path: Path) -> None:
    raised = [node.exc for node in ast.walk(tree(path)) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    ours = [call for call in raised if isinstance(call.func, ast.Name) and call.func.id in OUR_ERRORS]
    bare = [f"line {call.lineno}: {ast.unparse(call)[:80]}" for call in ours if not {"hint", None} & {word.arg for word in call.keywords}]
    assert not bare, "say how to mend it: hint="
