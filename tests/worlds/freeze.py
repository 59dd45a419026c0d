"""What the Bayes scores of each world reach, out of time: run once per world, before any model is tried on it.

``python -m tests.worlds.freeze`` writes the figures of worlds in ``frozen.json`` that have none; those that are there stay.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from .membership import Simulated, World, simulate

FROZEN = Path(__file__).with_name("frozen.json")
RECALL, PRECISION = 0.75, 0.60


def worlds() -> dict[str, tuple[World, dict[str, Any]]]:
    """Every world by name, and what was frozen of it."""
    return {name: (World(**entry["world"]), entry.get("bayes", {})) for name, entry in json.loads(FROZEN.read_text()).items()}


def figures(simulated: Simulated) -> dict[str, Any]:
    """What the Bayes scores reach on the last two dates that anybody is scored at."""
    p, gone, dates = (simulated.truth[name].to_numpy(zero_copy_only=False) for name in ("p", "gone", "as_of"))
    late = dates >= np.unique(dates)[-2]
    order = np.argsort(-p[late], kind="stable")
    caught = np.cumsum(gone[late][order])
    precision, recall = caught / np.arange(1, len(caught) + 1), caught / caught[-1]
    return {
        "scores": hashlib.sha256(np.round(p, 9).tobytes()).hexdigest()[:16],
        "rows": len(p),
        "rate": round(float(gone.mean()), 6),
        "roc_auc": round(float(roc_auc_score(gone[late], p[late])), 6) if np.ptp(p) else 0.5,
        "pr_auc": round(float(average_precision_score(gone[late], p[late])), 6),
        "recall_and_precision": bool(((recall > RECALL) & (precision > PRECISION)).any()),
    }


if __name__ == "__main__":
    kept = json.loads(FROZEN.read_text())
    for _name, entry in kept.items():
        if "bayes" not in entry:
            entry["bayes"] = figures(simulate(World(**entry["world"])))
    FROZEN.write_text(json.dumps(kept, indent=2) + "\n")
