"""All checks of a training set, and what they stop."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from foretable.errors import LabelLeak
from foretable.train.checks.duplicates import crossing, duplicates
from foretable.train.checks.examined import Examined, listed, ordered
from foretable.train.checks.few import few
from foretable.train.checks.identifiers import identifiers
from foretable.train.checks.leak import HINT, leaks
from foretable.train.checks.leak_by_task import class_leaks, number_leaks
from foretable.train.checks.values import values
from foretable.train.result import Finding

LEAKS: Mapping[str, Callable[[Examined], list[Finding]]] = {
    "classification": leaks,
    "multiclass": class_leaks,
    "regression": number_leaks,
}


def examine(examined: Examined) -> tuple[Finding, ...]:
    """Look at a training set before anything is fitted to it.

    Returns
    -------
    tuple
        Warnings, then notes.

    Raises
    ------
    LabelLeak
        A feature, or several together, tell the label as only the label does; with the evidence.
    """
    found = LEAKS[examined.task](examined)
    _refuse(examined, found)
    identifying = identifiers(examined)
    found += duplicates(examined, {finding.column for finding in identifying})
    found += [*crossing(examined), *identifying, *values(examined), *few(examined)]
    return ordered(found)


def _refuse(examined: Examined, found: Sequence[Finding]) -> None:
    refused = [finding for finding in found if finding.severity == "refused"]
    if not refused:
        return
    worst, others = refused[0], [finding.column for finding in refused[1:] if finding.column]
    suspected = [finding.column for finding in found if finding.severity == "warning"]
    more = f"; it also leaks into {listed(others)}" if others else ""
    more += "".join(f"; {finding.message}" for finding in refused[1:] if not finding.column)
    more += f"; suspected as well: {listed(suspected)}" if suspected else ""
    raise LabelLeak(f"{worst.message}{more}", where=f"{examined.table}.{worst.column}" if worst.column else examined.table, hint=HINT)
