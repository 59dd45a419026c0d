"""Every error that foretable raises on purpose.

::

    ForetableError                    exit 1
    ├── UsageError                    exit 2   the call's words are off
    ├── DeclarationError              a file of the project is wrong (file:line)
    │   ├── UnknownName               a table, column or model that nobody declares
    │   └── CycleError                tables that are made from each other
    ├── WarehouseError                the file cannot be used
    │   ├── WarehouseLocked           another process writes to it
    │   └── CatalogTooNew             a later foretable wrote it
    ├── IngestError                   a batch is refused whole; nothing was written
    ├── TrainingError                 a model cannot be trained from what there is
    │   └── LabelLeak                 exit 3   a feature alone tells the label
    ├── RefreshFailed                 a wave left tables behind
    └── GateRefused                   exit 3   a check said no; nothing changed
        ├── QualityViolation          rows break a table's schema
        ├── ParityFailure             SQL and the native estimator disagree
        └── PromotionRefused          the challenger is not better

A message says what happened and where (``file:line`` or ``table.column``); ``hint`` says how to cure it.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ForetableError(Exception):
    """The root of the tree.

    Parameters
    ----------
    message
        What happened, in one sentence.
    where
        ``file:line`` or ``table.column``; printed in front of the message.
    hint
        What the reader can do about it.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\nHint: {self.hint}" if self.hint else text


class UsageError(ForetableError):
    """The call's words are off."""

    exit_code = 2


class DeclarationError(ForetableError):
    """A file of the project is wrong."""


class UnknownName(DeclarationError):
    """A table, column or model that nobody declares."""


class CycleError(DeclarationError):
    """Tables that are made from each other."""


class WarehouseError(ForetableError):
    """The warehouse file cannot be used."""


class WarehouseLocked(WarehouseError):
    """Another process writes to the warehouse file."""


class CatalogTooNew(WarehouseError):
    """A later foretable wrote the system catalog."""


class IngestError(ForetableError):
    """A batch is refused whole; nothing was written."""


class TrainingError(ForetableError):
    """A model cannot be trained from what there is."""


class RefreshFailed(ForetableError):
    """A wave ended with tables left behind."""


class GateRefused(ForetableError):
    """A check said no; nothing changed."""

    exit_code = 3


class LabelLeak(TrainingError, GateRefused):
    """A feature alone tells the label; exit code 3, as for every refusal."""


class QualityViolation(GateRefused):
    """Rows break the schema of a table."""


class ParityFailure(GateRefused):
    """The SQL function and the native estimator disagree."""


class PromotionRefused(GateRefused):
    """The challenger is not better than the champion."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that names the closest known name, or lists what there is."""
    names = sorted(set(known))
    close = get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names[:12])}{', …' if len(names) > 12 else ''}" if names else "none is declared yet"
