"""Scoring tables: the predictions of a model, kept fresh."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Unpack

from foretable.declare.origin import caller
from foretable.declare.tables import DynamicTable, Options, Rows
from foretable.errors import DeclarationError

if TYPE_CHECKING:
    from foretable.declare.model import Model

_TAKEN = ("champion", "archived", "exact")


@dataclass(frozen=True, eq=False, kw_only=True)
class ScoringTable(DynamicTable):
    """Predictions of a model's champion, with the columns in ``keep``, the version and ``scored_at``.

    Parameters
    ----------
    model
        Whose champion scores.
    over
        The table whose rows are scored; by default the model's own feature views, joined on the entity's key.
    keep
        Columns of the scored rows that are carried along.
    output
        What the column of predictions is called; by default ``<model>_probability``, ``_label`` or ``_prediction``. With intervals,
        their ends are ``<output>_low`` and ``<output>_high``.
    shadow
        An alias whose version scores every row as well, in columns of its own; NULL while it names none.
    traffic
        Shares of the keys that other versions answer for instead of the champion, by alias: ``{"challenger": 0.1}``.
        A key stays with its version: its place is a hash of the model's name and the key.
    reasons
        How many reasons to give with every row, as JSON in ``<model>_factors``; 0 gives none.
    """

    model: Model
    over: Rows | None = None
    keep: Sequence[str] = ()
    output: str = ""
    shadow: str = ""
    traffic: Mapping[str, float] = field(default_factory=dict)
    reasons: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.output, str):
            raise DeclarationError(
                f"{self.name}: output={self.output!r} names no column", where=str(self.origin), hint='write: output="predicted_ltv"'
            )
        if not isinstance(self.reasons, int) or self.reasons < 0:
            raise DeclarationError(
                f"{self.name}: reasons={self.reasons!r} is no number of reasons", where=str(self.origin), hint="write: reasons=3"
            )
        shares = self.traffic.values()
        if not all(0 < share < 1 for share in shares) or sum(shares) > 1:
            raise DeclarationError(
                f"{self.name}: shares of the traffic lie between 0 and 1, all together at most 1", where=str(self.origin),
                hint='write: traffic={"challenger": 0.1}',
            )  # fmt: skip
        for alias in (*self.traffic, *([self.shadow] if self.shadow else [])):
            if not re.fullmatch(r"[a-z][a-z0-9_]*", alias) or "__" in alias or alias in _TAKEN or re.fullmatch(r"v\d+", alias):
                raise DeclarationError(
                    f"{self.name}: {alias!r} is no alias beside the champion", where=str(self.origin), hint="such as challenger"
                )

    @property
    def kind(self) -> str:
        """``scoring table``."""
        return "scoring table"


def scoring_table(
    name: str,
    *,
    model: Model,
    over: Rows | None = None,
    keep: Sequence[str] = (),
    output: str = "",
    shadow: str = "",
    traffic: Mapping[str, float] | None = None,
    reasons: int = 0,
    **options: Unpack[Options],
) -> ScoringTable:
    """Declare a table of predictions: ``ft.scoring_table("predictions.churn", model=churn, keep=["plan"])``.

    The options: :class:`ScoringTable` and :class:`~foretable.declare.tables.DynamicTable`; with ``history="90 days"`` the
    predictions of any moment since can be asked for.
    """
    return ScoringTable(
        name=name,
        model=model,
        over=over,
        keep=tuple(keep),
        output=output,
        shadow=shadow,
        traffic=traffic or {},
        reasons=reasons,
        entity=getattr(over, "entity", None) or model.label.entity,
        description=f"Predictions of model {model.name}.",
        origin=caller(),
        **options,
    )
