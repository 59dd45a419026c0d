"""Features that tell a label of 0 and 1 too well to be known before it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from foretable.registry.signature import Feature
from foretable.train.checks.examined import Examined, listed, shown
from foretable.train.checks.groups import Groups, Ordered, Part, coded, group, in_order, least_rate, outside, parts, phi, tails, within
from foretable.train.result import Finding

LEAK_AUC = 0.995
"""Far above what honest features reach together: 0.96 where behaviour tells most of what is going to happen."""
LEAK_PHI = 0.9
"""A cut that explains 81 % of the label's variance: nine in ten of those it flags are positive, and it flags nine in ten of them."""
SOME_PHI = 0.5
"""Below it a high ROC-AUC may be an alarm that goes off rightly but far too often, which a rare label allows."""
CLOSE_AUC = 0.97
REST_AUC = 0.75
"""A pure range is warned of where the feature tells little outside of it: a strong feature grows purer little by little."""
PURE = 0.98
"""Share of positives from which rows are taken for nothing but positive."""
DOUBT = 1e-3
SURE_RATE = 0.9
"""A value under which the label is 1 in more than nine of ten rows, at odds of 1,000 to 1 that it is no luck."""
SURE_ODDS = 100.0
"""And whose odds of the label are a hundred times those of all rows."""
LIKELY_RATE = 0.7
RARE = 0.2
"""A purer part than this many positives allow is a leak; where positives are common, honest features have pure parts as well."""
LEAST_ROWS = 10
SHARE_OF_POSITIVES = 0.05
EMPTY = 300.0
"""Positives that would be expected where there is none."""
HINT = "read only what is known before as_of(), or list the column in the model's exclude="


@dataclass(frozen=True, eq=False)
class Told:
    """What one feature alone tells."""

    feature: Feature
    position: int
    groups: Groups
    order: Ordered

    @property
    def base(self) -> float:
        """The share of positives among the training rows."""
        return self.groups.positives / self.groups.total


def leaks(examined: Examined) -> list[Finding]:
    """Look at each feature of a classification alone, then at the pure parts of all together."""
    told = [_told(examined, position) for position in range(len(examined.features))]
    pure = [_pure(each) for each in told]
    findings = [finding for each, found in zip(told, pure, strict=True) if (finding := _finding(examined, each, found)) is not None]
    return [*findings, *_together(examined, told, pure)]


def _told(examined: Examined, position: int) -> Told:
    """By training rows; a category's order is its rate of the label there, and is measured on the other rows."""
    feature, train = examined.features[position], examined.train
    different, codes = coded(examined.learned[:, position])
    groups = group(different, codes, examined.outcome[train])
    order = in_order(groups) if feature.kind != "category" else _category_order(examined, position, groups)
    return Told(feature, position, groups, order)


def _category_order(examined: Examined, position: int, groups: Groups) -> Ordered:
    values, outcome = examined.held[:, position], examined.outcome[examined.others]
    overall = groups.positives / groups.total
    rates = np.full(len(values), overall)
    for value, rows, hits in zip(groups.values, groups.rows, groups.hits, strict=True):
        rates[np.isnan(values) if np.isnan(value) else values == value] = hits / rows
    return in_order(group(*coded(rates), outcome))


def _pure(told: Told) -> list[Part]:
    """The parts of a feature under which the label is hardly anything but 1, by far more than luck, most rows first."""
    found = []
    for part in parts(told.groups, LEAST_ROWS):
        if part.hits >= PURE * part.rows and least_rate(part.hits, part.rows, DOUBT) >= max(SOME_PHI, min(5 * told.base, LIKELY_RATE)):
            found.append(part)
    return sorted(found, key=lambda part: (-part.hits, part.rows))


def _finding(examined: Examined, told: Told, pure: list[Part]) -> Finding | None:
    """The gravest that is to be said of one feature."""
    auc, best_phi = told.order.auc, told.order.phi
    evidence = {"roc_auc": auc, "phi": best_phi, "rows": told.groups.total, "positives": int(told.groups.positives)}
    if _certain(told.order) and _certain(_held_out_order(examined, told)):
        return _leak("refused", told, f"{_tells(told)}: the label leaks into it", evidence)
    for part in pure[:1]:
        found = evidence | _evidence(told.feature, part)
        if _sure(told, part):
            return _leak("refused", told, f"{_of_part(told, part)}: the label leaks into it", found)
        if _suspicious(told, part):
            return _leak("warning", told, f"{_of_part(told, part)}: does it hold something from after the label?", found)
    if auc > CLOSE_AUC or best_phi >= LEAK_PHI:
        return _leak("warning", told, f"{_tells(told)}: is it known before the label?", evidence)
    return _range(told, evidence) or _empty(told, evidence)


def _certain(order: Ordered) -> bool:
    return (order.auc > LEAK_AUC and order.phi >= SOME_PHI) or order.phi >= LEAK_PHI


def _held_out_order(examined: Examined, told: Told) -> Ordered:
    """The same on rows that were not looked at: of a few dozen positives an honest feature may tell all, but not twice."""
    if told.feature.kind == "category":
        return told.order
    return in_order(group(*coded(examined.held[:, told.position]), examined.outcome[examined.others]))


def _leak(severity: Literal["warning", "refused"], told: Told, message: str, evidence: dict[str, Any]) -> Finding:
    return Finding("leak", severity, message, told.feature.name, evidence)


def _tells(told: Told) -> str:
    auc, best = told.order.auc, told.order.phi
    return f"this feature alone tells {auc:.2%} of positives from negatives (ROC-AUC {auc:.4f}, phi of the best cut {best:.2f})"


def _sure(told: Told, part: Part) -> bool:
    rate = least_rate(part.hits, part.rows, DOUBT)
    odds = rate / max(1 - rate, 1e-12) * (1 - told.base) / told.base
    return told.base <= RARE and rate >= SURE_RATE and odds >= SURE_ODDS and part.hits >= SHARE_OF_POSITIVES * told.groups.positives


def _suspicious(told: Told, part: Part) -> bool:
    rate = least_rate(part.hits, part.rows, DOUBT)
    limit = LIKELY_RATE if told.base <= RARE else SURE_RATE
    return rate >= max(limit, (1 + told.base) / 2) and part.hits >= SHARE_OF_POSITIVES * told.groups.positives


def _range(told: Told, evidence: dict[str, Any]) -> Finding | None:
    """A range at one end; it may be honest where a limit decides, so it is only warned of."""
    if told.feature.kind != "number" or told.base > RARE:
        return None
    for part in sorted(tails(told.groups, PURE), key=lambda part: -part.hits):
        sure = least_rate(part.hits, part.rows, DOUBT) >= SURE_RATE and part.hits >= 2 * SHARE_OF_POSITIVES * told.groups.positives
        if sure and in_order(outside(told.groups, part)).auc < REST_AUC:
            message = f"{_of_part(told, part)}: does it hold something from after the label?"
            return _leak("warning", told, message, evidence | _evidence(told.feature, part))
    return None


def _empty(told: Told, evidence: dict[str, Any]) -> Finding | None:
    """No positive where hundreds would be expected: a value that is written when nothing happened."""
    for part in parts(told.groups, LEAST_ROWS):
        expected = part.rows * told.base
        if not part.hits and expected >= EMPTY:
            there = f"{part.rows:,} training rows where it {_where(told.feature, part)}"
            message = f"none of {there} is positive, while {expected:,.0f} would be expected: is it written later?"
            return _leak("warning", told, message, evidence | _evidence(told.feature, part))
    return None


def _of_part(told: Told, part: Part) -> str:
    share = "all" if part.hits == part.rows else f"{part.hits:,} of"
    of_all = f"{told.base:.1%} of all rows are (ROC-AUC {told.order.auc:.4f})"
    return f"{share} {part.rows:,} training rows where it {_where(told.feature, part)} are positive, while {of_all}"


def _where(feature: Feature, part: Part) -> str:
    value = shown(feature, part.value)
    return {"from": f"is {value} or more", "to": f"is {value} or less"}.get(part.kind, f"{part.kind} {value}")


def _evidence(feature: Feature, part: Part) -> dict[str, Any]:
    return {
        "where": _where(feature, part),
        "rows_there": part.rows,
        "positives_there": part.hits,
        "precision": part.hits / part.rows,
        "least_rate": least_rate(part.hits, part.rows, DOUBT),
    }


def _together(examined: Examined, told: list[Told], pure: list[list[Part]]) -> Iterator[Finding]:
    """Values of several columns, each of which is nothing but positive, that together are the label; so on the held-out rows, too."""
    outcome, held = examined.outcome[examined.train] == 1, examined.outcome[examined.others] == 1
    flagged, there = np.zeros(len(outcome), dtype=bool), np.zeros(len(held), dtype=bool)
    used: dict[str, str] = {}
    every = [(each, part) for each, found in zip(told, pure, strict=True) for part in found]
    for each, part in sorted(every, key=lambda pair: -pair[1].hits):
        inside = within(part, examined.learned[:, each.position])
        if (inside & outcome & ~flagged).sum() < LEAST_ROWS / 2:
            continue
        used.setdefault(each.feature.name, f"{each.feature.name} {_where(each.feature, part)}")
        flagged |= inside
        there |= within(part, examined.held[:, each.position])
    agreement = [_phi(flagged, outcome), _phi(there, held)]
    if len(used) > 1 and min(agreement) >= LEAK_PHI:
        caught, rows, positives = int((flagged & outcome).sum()), int(flagged.sum()), int(outcome.sum())
        message = (
            f"{caught:,} of {rows:,} training rows where {listed(used.values(), 'or')} are positive, of {positives:,} positives in all: "
            "together these columns are the label"
        )
        counts = {"rows_there": rows, "positives_there": caught, "positives": positives}
        yield Finding("leak", "refused", message, "", {"columns": list(used), **counts, "phi": agreement[0], "phi_held_out": agreement[1]})


def _phi(flagged: np.ndarray, outcome: np.ndarray) -> float:
    return float(phi(float((flagged & outcome).sum()), float(flagged.sum()), float(outcome.sum()), float(len(outcome))))
