"""Numbers, dates and metrics as people read them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from foretable.train.result import Evaluation

NONE = "–"
MOST_DECIMALS = 6
LABEL = 44
"""Characters of a name beside a bar."""

METRICS: Mapping[str, tuple[str, str]] = {
    "rmse": ("RMSE", "root of the mean squared error, in the unit of the label"),
    "mae": ("MAE", "mean absolute error, in the unit of the label"),
    "mape": ("MAPE", "mean absolute error as a share of the outcome, where that is not 0"),
    "r2": ("R²", "share of the variance that is explained; 0 is what the mean gives"),
    "spearman": ("Spearman", "correlation of the ranks; 0 is chance"),
    "roc_auc": ("ROC-AUC", "share of pairs of a positive and a negative row that are ranked right; 0.5 is chance"),
    "pr_auc": ("PR-AUC", "precision averaged over recall; chance gives the rate of positives"),
    "log_loss": ("Log loss", "error of the probabilities; less is better"),
    "brier": ("Brier score", "mean squared error of the probabilities; less is better"),
    "precision": ("Precision", "share of positives among the rows that are flagged"),
    "recall": ("Recall", "share of the positives that are flagged"),
    "f1": ("F1", "harmonic mean of precision and recall"),
    "accuracy": ("Accuracy", "share of rows whose most probable class is right"),
    "lift_at_10pct": ("Lift at 10 %", "positives in the tenth with the highest probabilities, as a multiple of the rate of all"),
    "precision_at_10pct": ("Precision at 10 %", "share of positives in the tenth with the highest probabilities"),
    "precision_at_capacity": ("Precision at capacity", "share of positives among the rows that the capacity has room for"),
    "lift_at_capacity": ("Lift at capacity", "the same, as a multiple of the rate of all"),
    "calibration_slope": ("Calibration slope", "1 is right; below 1 the probabilities are too extreme"),
    "calibration_ratio": ("Calibration ratio", "sum of the predictions by the sum of the outcomes; 1 is right"),
    "calibration_error": ("Calibration error", "mean gap between prediction and outcome over tenths of the rows"),
    "mean_probability": ("Mean probability", ""),
    "positive_rate": ("Rate of positives", ""),
    "mean_prediction": ("Mean prediction", ""),
    "mean_outcome": ("Mean outcome", ""),
    "coverage": ("Coverage of the intervals", "share of the outcomes that lie inside"),
    "interval_width": ("Mean width of the intervals", "in the unit of the label"),
    "value_share": ("Share of the total", "of the sum of all outcomes"),
    "value_captured": ("Share from here up", "of the sum of all outcomes, with all tenths above"),
    "worth": ("Worth", "total of the cost matrix at the threshold"),
    "selection_rate": ("Selection rate", "share of the rows that are flagged"),
    "tpr": ("True positive rate", "share of the positives that are flagged"),
    "fpr": ("False positive rate", "share of the negatives that are flagged"),
}
"""The name of each metric, and what it says; in the order that tables have."""


def name_of(metric: str) -> str:
    """``ROC-AUC`` for ``roc_auc``."""
    return METRICS[metric][0] if metric in METRICS else metric


def place(metric: str) -> tuple[int, str]:
    """Where a metric stands in a table."""
    known = list(METRICS)
    return (known.index(metric) if metric in METRICS else len(known), metric)


def decimals(*values: float | None) -> int:
    """How many decimals numbers of one interval need: two digits of its half width, three digits of small values."""
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    least = 3 if largest < 10 else 2 if largest < 100 else 1 if largest < 1000 else 0
    spread = (largest - min(known, default=0.0)) / 2
    told = spread if spread > 1e-9 * largest else largest  # less is what rounding left
    return min(max(least, 1 - math.floor(math.log10(told))), MOST_DECIMALS) if told > 0 else least


def number(value: float | None, places: int | None = None) -> str:
    """``1,234``, ``0.864``, ``−0.012``; a dash for what is no number."""
    if value is None or not math.isfinite(value):
        return NONE
    if places is None:
        places = 0 if value == int(value) else decimals(value)
    return f"{value:,.{places}f}".replace("-", "−")


def interval(value: float | None, low: float | None, high: float | None) -> str:
    """``0.864 [0.852, 0.876]``."""
    if value is None or not math.isfinite(value):
        return NONE
    if low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return number(value, decimals(value))
    places = decimals(value, low, high)
    return f"{number(value, places)} [{number(low, places)}, {number(high, places)}]"


def measured(evaluation: Evaluation | None) -> str:
    """A metric with its interval."""
    return interval(evaluation.value, evaluation.low, evaluation.high) if evaluation is not None else NONE


def percent(share: float) -> str:
    """``12.3 %``."""
    return f"{share * 100:.{1 if share < 0.995 else 2}f} %" if math.isfinite(share) else NONE


def count(rows: int, noun: str = "row") -> str:
    """``1 row``, ``4,815 rows``."""
    return f"{rows:,} {noun}{'' if rows == 1 else 's'}"


def moment(when: Any) -> str:
    """``2026-01-31``, or ``2026-01-31 14:05`` where there is a time of day."""
    if when is None:
        return NONE
    if not isinstance(when, datetime):
        return str(when)
    return f"{when:%Y-%m-%d}" if (when.hour, when.minute, when.second) == (0, 0, 0) else f"{when:%Y-%m-%d %H:%M}"


def value(given: Any) -> str:
    """A parameter, or a piece of evidence."""
    if given is None:
        return NONE
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, int):
        return f"{given:,}".replace("-", "−")
    if isinstance(given, float):
        return number(given, 0) if 1e4 <= abs(given) < 1e15 or given.is_integer() else f"{given:.4g}".replace("-", "−")
    if isinstance(given, Mapping):
        return "; ".join(f"{key}: {value(part)}" for key, part in given.items())
    if isinstance(given, list | tuple):
        return ", ".join(value(part) for part in given)
    return moment(given)


def short(name: str, length: int = LABEL) -> str:
    """A name that fits beside a bar, on one line."""
    plain = "".join(letter if letter.isprintable() else " " for letter in name)
    if len(plain) <= length:
        return plain
    end = length // 3
    return f"{plain[: length - end - 1]}…{plain[-end:]}"  # names of a family differ at their ends
