"""The page: everything in its order, written by a template."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from foretable.errors import ForetableError, UsageError
from foretable.monitor import Moved
from foretable.registry.difference import Difference, compare
from foretable.registry.versions import Version
from foretable.report import origin, tables, value
from foretable.report.bars import feature_plots, time_plot, trials_plot
from foretable.report.beside import baseline_plots, baseline_tables
from foretable.report.curves import curve_plots
from foretable.report.moved import moved_said, moved_tables
from foretable.report.reading import Known, read
from foretable.report.summary import summary
from foretable.report.svg import COLOURS
from foretable.report.value_plots import interval_plots, value_plots

LIBRARIES = ("jinja2", "matplotlib")
_HERE = Path(__file__).parent


def require_libraries() -> None:
    """Refuse where the libraries of reports are not installed.

    Raises
    ------
    ForetableError
        With what to install.
    """
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError as problem:
            raise ForetableError(f"a report needs {name}: {problem}", hint='install it: pip install "foretable[report]"') from problem


def report_page(connection: duckdb.DuckDBPyConnection, version: Version, other: Version | None = None, moved: Sequence[Moved] = ()) -> str:
    """The report of a version as HTML; the same for the same content of the catalog.

    Parameters
    ----------
    connection
        A warehouse; nothing of it but the catalog is read.
    version
        What to report on.
    other
        A version of the same task to put beside it.
    moved
        Whose predictions moved most, by scoring table: the only rows of the project in a report.

    Raises
    ------
    UsageError
        The two are the same, or of different tasks.
    ForetableError
        A library of reports is not installed.
    """
    require_libraries()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    if other is not None:
        _comparable(version, other)
    shown = [read(connection, each) for each in (version, other) if each is not None]
    difference = compare(connection, version, other) if other is not None else None
    loader = FileSystemLoader(_HERE)
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text: str = environment.get_template("page.html").render(content(shown, difference), moved=_moved(moved), colours=COLOURS)
    return text


def _comparable(version: Version, other: Version) -> None:
    if (version.model, version.version) == (other.model, other.version):
        raise UsageError(f"{version} compared with itself", hint="name another version; there are: foretable models " + version.model)
    ours, theirs = version.signature.task, other.signature.task
    if ours != theirs:
        raise UsageError(
            f"{version} is a {ours} model and {other} a {theirs} model: their figures say different things",
            hint=f"write a report of each: foretable report {version}",
        )


def content(shown: Sequence[Known], difference: Difference | None) -> dict[str, Any]:
    """What the template is given: words, tables and plots; a part without any is left out by it."""
    first, several = shown[0], len(shown) > 1
    version = first.version
    return {
        "title": f"{version} beside {shown[1].version}" if several else str(version),
        "versions": [str(known.version) for known in shown],
        "made": version.created_at,
        "summaries": _summaries(shown),
        "gate_between": origin.gate_between(shown) if several else [],
        "same_rows": _same_rows(shown),
        "differences": list(origin.difference_tables(difference)) if difference is not None else [],
        "metrics": tables.compared_metrics(first, shown[1]) if several else tables.metrics_table(first),
        "curves": list(curve_plots(shown)),
        "beside": {"plots": list(baseline_plots(shown)), "tables": list(baseline_tables(shown))},
        "value": {"plots": list(value_plots(shown)), "tables": _value_tables(shown)},
        "intervals": {"plots": list(interval_plots(shown)), "tables": list(value.interval_tables(shown))},
        "time": time_plot(shown),
        "segments": list(tables.segment_tables(shown)),
        "features": list(feature_plots(shown)),
        "fairness": list(tables.fairness_tables(shown)),
        "production": tables.production_table(shown),
        "search": trials_plot(shown),
        "each": [_about(known) for known in shown],
    }


def _moved(found: Sequence[Moved]) -> list[dict[str, Any]]:
    return [{"said": list(moved_said(each)), "tables": list(moved_tables(each))} for each in found]


def _value_tables(shown: Sequence[Known]) -> list[tables.Table]:
    totals = [(known, value.total_table(known)) for known in shown]
    of = "" if len(shown) == 1 else ", {}"
    found = [replace(each, title=each.title + of.format(known.version)) for known, each in totals if each is not None]
    tenths = value.tenths_table(shown)
    return found if tenths is None else [*found, tenths]


def _summaries(shown: Sequence[Known]) -> list[tuple[str, list[tuple[str, str]]]]:
    """By matter, what is said of each version, with its tone."""
    said = [{each.matter: (each.text, each.tone) for each in summary(known)} for known in shown]
    matters = dict.fromkeys(matter for each in said for matter in each)
    return [(matter, [each.get(matter, ("", "")) for each in said]) for matter in matters]


def _same_rows(shown: Sequence[Known]) -> bool:
    """Whether the versions were judged on the same rows, as far as the catalog tells."""
    kinds = {(known.version.training_set, known.version.training_hash, known.version.test_rows) for known in shown}
    return len(kinds) == 1


def _about(known: Known) -> dict[str, Any]:
    """What is told of each version apart."""
    optional = (origin.lineage_table(known), origin.history_table(known), origin.parameters_table(known), origin.thresholds_table(known))
    return {
        "name": str(known.version),
        "findings": origin.findings_rows(known),
        "trials": origin.trials_table(known),
        "facts": origin.facts_table(known),
        "tables": [table for table in (*optional, origin.signature_table(known)) if table is not None],
    }
