"""Tables of figures: by split, segment and date, between groups, in production."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from foretable.declare.judge import FAIRNESS
from foretable.report.reading import Known
from foretable.report.words import METRICS, NONE, decimals, measured, moment, name_of, number, place
from foretable.train.result import Evaluation

SPLITS = ("train", "validation", "test")
LATEST, TIME, DECILE, GAP = "latest", "as_of", "decile", "_gap"
BY_SEGMENT = {
    "classification": ("roc_auc", "pr_auc", "positive_rate", "precision", "recall", "calibration_error"),
    "multiclass": ("roc_auc", "accuracy", "f1", "log_loss"),
    "regression": ("mae", "rmse", "mean_outcome", "spearman", "calibration_ratio"),
}
BESIDES = {"classification": ("roc_auc", "pr_auc"), "multiclass": ("roc_auc", "accuracy"), "regression": ("mae", "rmse")}
Chooser = Callable[[Evaluation], bool]


@dataclass(frozen=True)
class Table:
    """Rows under their names; the first ``words`` columns are text, the others numbers. ``notes`` stand below the first cells."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: int = 1
    notes: tuple[str, ...] = ()
    caption: str = ""


def metrics_table(known: Known) -> Table | None:
    """Every metric on every split, and on the rows that stand for today."""
    parts = [(split, "all", f"{split} rows") for split in SPLITS] + [("test", LATEST, "test rows that stand for today")]
    parts = [part for part in parts if any((e.split, e.segment) == part[:2] for e in known.evaluations)]
    metrics = _metrics(known, lambda e: any((e.split, e.segment) == part[:2] for part in parts))
    if not metrics:
        return None
    rows = [(name_of(metric), *(measured(known.evaluation(metric, *part[:2])) for part in parts)) for metric in metrics]
    counts = ("rows", *(_rows(known, *part[:2]) for part in parts))
    return Table("", ("metric", *(label for *_, label in parts)), (counts, *rows), notes=("", *(_says(metric) for metric in metrics)))


def compared_metrics(known: Known, other: Known) -> Table | None:
    """The metrics of two versions on the test rows, and the first less the second."""
    metrics = sorted({*_metrics(known, _overall), *_metrics(other, _overall)}, key=place)
    if not metrics:
        return None
    pairs = [(metric, known.evaluation(metric), other.evaluation(metric)) for metric in metrics]
    rows = [(name_of(metric), measured(ours), measured(theirs), _difference(ours, theirs)) for metric, ours, theirs in pairs]
    counts = ("rows", _rows(known, "test", "all"), _rows(other, "test", "all"), "")
    columns = ("metric, on the test rows", str(known.version), str(other.version), "difference")
    return Table("", columns, (counts, *rows), notes=("", *(_says(metric) for metric in metrics)))


def segment_tables(shown: Sequence[Known]) -> Iterator[Table]:
    """The test rows by the values of each column, and by date."""
    task = shown[0].version.signature.task
    judged = set(_sensitive(shown))
    columns = {segment.partition("=")[0] for segment in _segments(shown)} - {DECILE}
    metrics = BY_SEGMENT[task] if len(shown) == 1 else BESIDES[task]
    for column in sorted(columns, key=lambda name: (name == TIME, name)):
        own = segments_of(shown, column)
        if column == TIME:
            yield by_segment(shown, "By date", sorted(own), metrics)
        elif column not in judged or any(_measures(shown, own, metric) for metric in BESIDES[task]):
            by_size = sorted(own, key=lambda segment: (-max(_size(known, segment) for known in shown), segment))
            yield by_segment(shown, f"By {column}", by_size, metrics)


def segments_of(shown: Sequence[Known], column: str) -> list[str]:
    """The segments of the test rows by the values of a column: ``region=north``."""
    return [segment for segment in _segments(shown) if segment.partition("=")[0] == column]


def _segments(shown: Sequence[Known]) -> dict[str, None]:
    return dict.fromkeys(e.segment for known in shown for e in known.evaluations if e.split == "test" and "=" in e.segment)


def by_segment(shown: Sequence[Known], title: str, segments: Sequence[str], metrics: Sequence[str]) -> Table:
    """A row per segment of the test rows; metrics that none of them has are left out."""
    metrics = [metric for metric in metrics if _measures(shown, segments, metric)]
    columns = [(metric, known) for metric in metrics for known in shown]
    heads = [name_of(metric) if len(shown) == 1 else f"{name_of(metric)}, {known.version}" for metric, known in columns]
    rows = [
        (
            _value(segment),
            f"{max(_size(known, segment) for known in shown):,}",
            *(measured(known.evaluation(metric, "test", segment)) for metric, known in columns),
        )
        for segment in segments
    ]
    return Table(title, (title.removeprefix("By ").partition(",")[0], "rows", *heads), tuple(rows))


def fairness_tables(shown: Sequence[Known]) -> Iterator[Table]:
    """Groups of people side by side, and the greatest gap between those that are large enough to be judged."""
    for column in _sensitive(shown):
        for known in shown:
            small = {name for f in known.findings if (f.check, f.column) == ("fairness", column) for name in f.evidence.get("groups", ())}
            groups = dict.fromkeys(
                e.segment for e in known.evaluations if e.metric == FAIRNESS[0] and e.segment.startswith(f"{column}=") and e.split == "test"
            )
            rows = [_group(known, group, group in small) for group in sorted(groups, key=lambda name: (-_size(known, name), name))]
            gaps = tuple(measured(known.evaluation(f"{measure}{GAP}", "test", column)) for measure in FAIRNESS)
            if set(gaps) != {NONE}:
                rows.append(("greatest gap", "", *gaps))
            if rows:
                of = "" if len(shown) == 1 else f", {known.version}"
                yield Table(f"By {column}{of}", (column, "rows", *(name_of(measure) for measure in FAIRNESS)), tuple(rows))


def _group(known: Known, group: str, small: bool) -> tuple[str, ...]:
    name = _value(group) + (" (too few rows to be judged)" if small else "")
    return (name, f"{_size(known, group):,}", *(measured(known.evaluation(measure, "test", group)) for measure in FAIRNESS))


def production_table(shown: Sequence[Known]) -> Table | None:
    """What the versions answered in production, by the outcomes that have matured since."""
    columns = ("version", "table", "role", "metric", "value", "rows", "dates", "up to")
    rows = [
        (
            *(str(known.version), each.table, each.role, name_of(each.metric)),
            measured(Evaluation("", "", each.metric, each.value, each.low, each.high, each.row_count)),
            *(f"{each.row_count:,}", f"{each.dates or 0:,}", moment(each.as_of)),
        )
        for known in shown
        for each in known.production
    ]
    return Table("", columns, tuple(rows), words=4) if rows else None


def _value(segment: str) -> str:
    return segment.partition("=")[2] or "(empty)"


def _metrics(known: Known, chosen: Chooser) -> list[str]:
    return sorted({e.metric for e in known.evaluations if chosen(e)}, key=place)


def _overall(evaluation: Evaluation) -> bool:
    return (evaluation.split, evaluation.segment) == ("test", "all")


def _sensitive(shown: Sequence[Known]) -> list[str]:
    """Columns whose groups are judged for fairness."""
    groups = {e.segment.partition("=")[0] for known in shown for e in known.evaluations if e.metric == FAIRNESS[0] and "=" in e.segment}
    return sorted(groups)


def _measures(shown: Sequence[Known], segments: Sequence[str], metric: str) -> bool:
    return any(known.evaluation(metric, "test", segment) is not None for known in shown for segment in segments)


def _size(known: Known, segment: str) -> int:
    """Rows of a segment; a metric may leave some of them out."""
    return max((e.row_count for e in known.evaluations if (e.split, e.segment) == ("test", segment)), default=0)


def _rows(known: Known, split: str, segment: str) -> str:
    return f"{max((e.row_count for e in known.evaluations if (e.split, e.segment) == (split, segment)), default=0):,}"


def _says(metric: str) -> str:
    return METRICS[metric][1] if metric in METRICS else ""


def _difference(ours: Evaluation | None, theirs: Evaluation | None) -> str:
    if ours is None or theirs is None:
        return NONE
    places = max(decimals(each.value, each.low, each.high) for each in (ours, theirs))
    said = number(ours.value - theirs.value, places)
    return said if said.startswith("−") or ours.value == theirs.value else f"+{said}"
