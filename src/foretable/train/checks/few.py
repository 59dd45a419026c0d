"""Whether there is enough to learn from."""

from __future__ import annotations

import numpy as np

from foretable.train.checks.examined import Examined
from foretable.train.result import Finding

LEAST_EVENTS = 100
"""Examples of the rarest class below which a model cannot be judged: an interval of a recall is 0.2 wide."""
PER_FEATURE = 10
"""Source: Peduzzi et al. 1996, "A simulation study of the number of events per variable in logistic regression analysis"."""


def few(examined: Examined) -> list[Finding]:
    """Warn of few examples of the rarest class (for a number: rows), alone and by feature."""
    outcome = examined.outcome[examined.train]
    if examined.task == "regression":
        events, what = len(outcome), "training rows"
    else:
        counts = np.bincount(outcome.astype(int), minlength=max(len(examined.classes), 2))
        rarest = int(counts.argmin())
        events = int(counts[rarest])
        what = f"training rows of class {examined.classes[rarest] if examined.classes else rarest}"
    inputs = sum(max(len(feature.vocabulary) - 1, 1) for feature in examined.features)
    evidence = {"events": events, "inputs": inputs, "per_input": events / inputs}
    if events < LEAST_EVENTS:
        message = f"{events:,} {what}: fewer than {LEAST_EVENTS} tell little; take a longer history or a longer horizon"
    elif events < PER_FEATURE * inputs:
        message = (
            f"{events:,} {what} for {inputs:,} inputs ({events / inputs:.1f} each, categories counted one by one): below {PER_FEATURE} "
            "a model follows chance; exclude features, or group categories"
        )
    else:
        return []
    return [Finding("few", "warning", message, "", evidence)]
