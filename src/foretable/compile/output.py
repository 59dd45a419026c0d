"""The compiled SQL as files under ``sql/compiled``, for people to read and for a test to compare."""

from __future__ import annotations

from pathlib import Path

from foretable.compile.graph import Compiled, Graph
from foretable.sql import render


def compiled_text(compiled: Compiled) -> str:
    """The file of one table: a header with kind, grain and schema, then its query."""
    grain = f"one row per {', '.join(compiled.entity.keys)}" if compiled.entity else "no key declared"
    lines = [f"{compiled.name}: {compiled.kind}, {grain}", *compiled.declared.description.splitlines(), "", "Columns"]
    width = max(len(name) for name in compiled.columns)
    lines += [f"  {name:<{width}}  {kind}" for name, kind in compiled.columns.items()]
    lines += ["", f"Reads    {', '.join(compiled.upstream) or 'nothing'}"]
    lines += [f"Models   {', '.join(compiled.models)}"] if compiled.models else []
    header = "\n".join(f"-- {line}".rstrip() for line in lines)
    return f"{header}\n{render(compiled.query, pretty=True)};\n"


def compiled_files(graph: Graph) -> dict[Path, str]:
    """Path and text of every compiled table, the paths below ``sql/compiled``."""
    root = graph.project.root / "sql" / "compiled"
    return {root.joinpath(*name.split(".")).with_suffix(".sql"): compiled_text(graph.tables[name]) for name in graph.order}


def stale(graph: Graph) -> list[Path]:
    """Compiled files that are missing, outdated or left over."""
    files = compiled_files(graph)
    root = graph.project.root / "sql" / "compiled"
    outdated = [path for path, text in files.items() if not path.is_file() or path.read_bytes() != text.encode()]
    return outdated + [path for path in sorted(root.rglob("*.sql")) if path not in files]


def write_compiled(graph: Graph) -> list[Path]:
    """Bring ``sql/compiled`` up to date; gives the files that changed."""
    files = compiled_files(graph)
    changed = stale(graph)
    for path in changed:
        if path in files:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(files[path].encode())
        else:
            path.unlink()
    return changed
