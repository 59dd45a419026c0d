"""Predicted value against observed value: in all, by date, by tenth of the prediction; and what its intervals hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from foretable.report.reading import Known
from foretable.report.tables import TIME, Table, by_segment, segments_of
from foretable.report.words import count, decimals, interval, measured, number, percent

RATIO, COVERAGE, WIDTH, SHARE = "calibration_ratio", "coverage", "interval_width", "value_share"
OF_A_DECILE = ("mean_prediction", "mean_outcome", RATIO, SHARE, "value_captured")
TENTHS = 10


def total(known: Known, segment: str = "all") -> tuple[str, ...] | None:
    """Rows, predicted and observed sum, their ratio, and where the observed sum lies; None where it was not measured.

    The interval of the predicted sum is that of the ratio, times the observed sum: the observed sum lies inside where the ratio's
    interval holds 1.
    """
    ratio, predicted, observed = (known.evaluation(metric, "test", segment) for metric in (RATIO, "mean_prediction", "mean_outcome"))
    if ratio is None or predicted is None or observed is None or ratio.low is None or ratio.high is None:
        return None
    rows = predicted.row_count
    came = observed.value * rows
    ends = [value * came for value in (predicted.value / observed.value, ratio.low, ratio.high)]
    lies = "inside" if ratio.low <= 1 <= ratio.high else f"outside: {'less' if ratio.value > 1 else 'more'} came"
    return f"{rows:,}", interval(*ends), number(came, decimals(*ends)), measured(ratio), lies


def total_said(known: Known) -> tuple[str, str] | None:
    """The totals in a sentence, and its tone."""
    found = total(known)
    if found is None:
        return None
    rows, predicted, observed, ratio, lies = found
    inside = lies == "inside"
    where = "inside the interval" if inside else f"outside of the interval: {lies.partition(': ')[2]} than predicted"
    said = f"The {rows} held-out rows were predicted {predicted} in all, and {observed} was observed: the observed total lies {where}."
    return f"{said} Ratio {ratio}.", "good" if inside else "bad"


def total_table(known: Known) -> Table | None:
    """The totals of all test rows, and by date."""
    segments = ["all", *segments_of([known], TIME)]
    found = [("all" if segment == "all" else segment.partition("=")[2], total(known, segment)) for segment in segments]
    rows = [(name, *each[:4], each[4]) for name, each in found if each is not None]
    columns = ("date", "rows", "predicted sum", "observed sum", "ratio", "the observed sum lies")
    caption = "The interval of the predicted sum is that of the ratio, times the observed sum."
    return Table("The total", columns, tuple(rows), caption=caption) if rows else None


def tops_said(known: Known) -> str | None:
    """What the highest tenth of the predictions holds of the total."""
    top = known.evaluation(SHARE, "test", f"decile={TENTHS}")
    half = known.evaluation("value_captured", "test", f"decile={TENTHS // 2 + 1}")
    if top is None:
        return None
    also = f"; the upper half holds {_percents(half.value, half.low, half.high)}" if half is not None else ""
    held = _percents(top.value, top.low, top.high)
    return f"The tenth of the held-out rows with the highest predictions ({count(top.row_count)}) holds {held} of the observed total{also}."


def tenths_table(shown: Sequence[Known]) -> Table | None:
    """Predicted and observed by tenth of the prediction, and what each holds of the total."""
    segments = sorted(segments_of(shown, "decile"), key=tenth, reverse=True)
    return by_segment(shown, "By tenth of the prediction, highest first", segments, OF_A_DECILE) if segments else None


def tenth(segment: str) -> int:
    """The number of ``decile=7``."""
    number_ = segment.partition("=")[2]
    return int(number_) if number_.isdigit() else 0


def intervals_said(known: Known) -> tuple[str, str] | None:
    """What the intervals are to hold, what they hold, and how wide they are; None for a version without."""
    declared, tested = known.version.signature.intervals, known.evaluation(COVERAGE)
    if declared is None or tested is None:
        return None
    fitted, width, mean = known.evaluation(COVERAGE, "validation"), known.evaluation(WIDTH), known.evaluation("mean_prediction")
    off = any(finding.check == "intervals" and finding.severity != "note" for finding in known.findings)
    too = f", {'fewer' if tested.value < declared.level else 'more'} than declared" if off else ""
    parts = [f"on {count(tested.row_count, 'held-out row')} they hold {_percents(tested.value, tested.low, tested.high)}{too}"]
    if fitted is not None:
        parts.append(f"on the rows that they were calibrated on {percent(fitted.value)}")
    if width is not None:
        times = f", {number(width.value / mean.value, 1)} times the mean prediction" if mean is not None and mean.value > 0 else ""
        parts.append(f"they are {measured(width)} wide on average{times}")
    return f"Declared to hold {declared.level * 100:g} % of the outcomes; {'; '.join(parts)}.", "bad" if off else "good"


def interval_tables(shown: Sequence[Known]) -> Iterator[Table]:
    """Coverage and width by date and by tenth of the prediction."""
    if not any(known.evaluation(COVERAGE) for known in shown):
        return
    tenths = sorted(segments_of(shown, "decile"), key=tenth, reverse=True)
    for title, segments in (("By date", sorted(segments_of(shown, TIME))), ("By tenth of the prediction, highest first", tenths)):
        if any(known.evaluation(COVERAGE, "test", segment) for known in shown for segment in segments):
            yield by_segment(shown, title, segments, (COVERAGE, WIDTH))


def _percents(value: float, low: float | None, high: float | None) -> str:
    """``45.3 % [40.1 %, 50.2 %]``."""
    return percent(value) if low is None or high is None else f"{percent(value)} [{percent(low)}, {percent(high)}]"
