"""What the values of a feature are: the same everywhere, hardly ever there, never seen before, of another size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from foretable.registry.signature import UNSEEN, Feature
from foretable.train.checks.examined import Examined
from foretable.train.result import Finding

MOSTLY_NULL = 0.95
UNSEEN_SHARE = 0.01
BEYOND = 0.5
"""Share of held-out rows outside of all that was learned from."""
SKEWED = 1_000.0
"""The largest number beside that which 99 of 100 rows do not reach."""
LEAST_KNOWN = 100


def values(examined: Examined) -> list[Finding]:
    """Look at the values of each feature, in the training rows and beside them."""
    return [found for position, feature in enumerate(examined.features) for found in _each(examined, position, feature)]


def _each(examined: Examined, position: int, feature: Feature) -> Iterator[Finding]:
    learned, held = examined.learned[:, position], examined.held[:, position]
    null = float(np.isnan(learned).mean())
    if null > MOSTLY_NULL:
        known = int((~np.isnan(learned)).sum())
        message = f"NULL in {null:.1%} of the training rows: {known:,} of {len(learned):,} rows have a value"
        yield Finding("constant", "warning", message, feature.name, {"null_share": null, "known": known, "rows": len(learned)})
    if feature.kind == "category":
        yield from _unknown_texts(feature, held)
    elif feature.kind == "number":
        yield from _beyond(feature, learned, held)
        yield from _skewed(feature, learned)


def _unknown_texts(feature: Feature, held: np.ndarray) -> Iterator[Finding]:
    count = int((held == UNSEEN).sum())
    if count:
        share = count / len(held)
        message = f"{count:,} of {len(held):,} held-out rows ({share:.1%}) have a text that no training row has"
        evidence = {"rows": count, "of": len(held), "share": share}
        yield Finding("drift", "warning" if share > UNSEEN_SHARE else "note", message, feature.name, evidence)


def _beyond(feature: Feature, learned: np.ndarray, held: np.ndarray) -> Iterator[Finding]:
    known, here = learned[~np.isnan(learned)], held[~np.isnan(held)]
    if len(known) < LEAST_KNOWN or len(here) < LEAST_KNOWN:
        return
    low, high = float(known.min()), float(known.max())
    share = float(((here < low) | (here > high)).mean())
    if share > BEYOND:
        message = f"{share:.1%} of the held-out rows lie outside of {low:.6g} to {high:.6g}, which is all that was learned from"
        yield Finding("drift", "warning", message, feature.name, {"share": share, "low": low, "high": high, "rows": len(here)})


def _skewed(feature: Feature, learned: np.ndarray) -> Iterator[Finding]:
    sizes = np.abs(learned[~np.isnan(learned)])
    if len(sizes) < LEAST_KNOWN:
        return
    most, usual = float(sizes.max()), float(np.quantile(sizes, 0.99))
    if usual > 0 and most > SKEWED * usual:
        message = (
            f"the largest number, {most:.3g}, is {most / usual:,.0f} times what 99 % of the rows stay below: an error, or a case to clip"
        )
        yield Finding("range", "warning", message, feature.name, {"largest": most, "quantile_99": usual})
