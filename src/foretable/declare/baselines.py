"""What a practitioner would do without a model: measured beside it, on the same test rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from foretable.declare.origin import caller
from foretable.errors import DeclarationError


@dataclass(frozen=True)
class LastPeriod:
    """What a column says is taken for the prediction, such as what was spent in the last year; NULL counts as 0.

    Parameters
    ----------
    column
        A column of the feature views, in the unit of the label.
    """

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        return (self.column,)

    def __str__(self) -> str:
        return _named(self, self.columns)


@dataclass(frozen=True, init=False)
class CellMeans:
    """The mean outcome of the training rows in the same cell, such as of the same RFM scores; of a new cell the mean of all.

    Parameters
    ----------
    columns
        Columns of the feature views with few values each; together they are the cell.
    """

    columns: tuple[str, ...]

    def __init__(self, *columns: str) -> None:
        if not columns:
            raise DeclarationError("CellMeans() has no column", where=str(caller()), hint='name one or more: ft.CellMeans("rfm_score")')
        object.__setattr__(self, "columns", columns)

    def __str__(self) -> str:
        return _named(self, self.columns)


@dataclass(frozen=True)
class BuyTillYouDie:
    """BG/NBD for how often a customer comes back, gamma-gamma for what is spent then, fitted to the training rows of the last date.

    The label must have a horizon: it is what purchases are expected for. Who never bought gets the mean outcome of such training rows.

    Sources: Fader, Hardie and Lee 2005, "Counting your customers the easy way"; Fader and Hardie 2013, "The gamma-gamma
    model of monetary value".

    Parameters
    ----------
    frequency
        Column with the number of repeat purchases.
    recency
        Column with the days from the first purchase to the last; 0 with one purchase alone.
    age
        Column with the days from the first purchase to ``as_of``; NULL where nothing was ever bought.
    value
        Column with the mean value of a repeat purchase, NULL without one.
    """

    frequency: str
    recency: str
    age: str
    value: str

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads."""
        return (self.frequency, self.recency, self.age, self.value)

    def __str__(self) -> str:
        return _named(self, self.columns)


Baseline = LastPeriod | CellMeans | BuyTillYouDie


def _named(baseline: object, columns: Sequence[str]) -> str:
    """``LastPeriod(spend_365d)``: what a baseline is called wherever it is shown."""
    return f"{type(baseline).__name__}({', '.join(columns)})"
