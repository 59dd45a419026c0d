"""Plots of how a model tells rows apart: ROC, precision by recall, gain, profit, calibration."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from foretable.report.drawing import BESIDES, Plot, Words, guide, legend, plot, shares, thousands, who
from foretable.report.reading import Known
from foretable.report.svg import SERIES, light
from foretable.report.words import decimals, interval, measured, number, percent, short
from foretable.train.result import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SOLID: Any = "-"
DASHED: Any = (0, (4, 2))
MOST_CLASSES = len(SERIES)
RARE = 0.6
"""A precision that is nowhere higher is drawn on a scale of its own."""


@dataclass(frozen=True)
class Line:
    """A curve and how it is drawn."""

    curve: Curve
    colour: str
    dashes: Any
    label: str


def curve_plots(shown: Sequence[Known]) -> Iterator[Plot]:
    """The curves that the versions have, in the order of a report."""
    for make in (_roc, _precision, _calibration, _gain, _profit):
        found = make(shown)
        if found is not None:
            yield found


def _lines(shown: Sequence[Known], name: str) -> list[Line]:
    """One version on its test and validation rows, or two on their test rows; of several classes, each on the test rows."""
    if len(shown) == 1:
        test, validation = (shown[0].curve(name, split) for split in ("test", "validation"))
        found = [(test, "one", SOLID, "test rows"), (validation, "muted", DASHED, "validation rows")]
    else:
        found = [(k.curve(name), c, d, label) for k, c, d, label in zip(shown, BESIDES, (SOLID, DASHED), who(shown), strict=True)]
    lines = [Line(curve, colour, dashes, label) for curve, colour, dashes, label in found if curve is not None]
    return lines or list(_by_class(shown, f"{name} class="))


def _by_class(shown: Sequence[Known], prefix: str) -> Iterator[Line]:
    names = dict.fromkeys(c.name.removeprefix(prefix) for k in shown for c in k.curves if c.name.startswith(prefix) and c.split == "test")
    for colour, each in zip(SERIES, names, strict=False):
        for known, dashes in zip(shown, (SOLID, DASHED), strict=False):
            curve = known.curve(prefix + each)
            if curve is not None:
                yield Line(curve, colour, dashes, _legible(each) if dashes == SOLID else "")


def _legible(name: str) -> str:
    """A name in a legend, which leaves out what starts with an underscore."""
    said = short(name, 24)
    return f"\u200b{said}" if said.startswith("_") else said


def _draw(axes: Axes, lines: Sequence[Line], shown: Sequence[Known]) -> None:
    for line in lines:
        axes.plot(line.curve.x, line.curve.y, color=light(line.colour), linestyle=line.dashes, label=line.label or None)
    if _several(lines) and len(shown) > 1:
        for label, dashes in zip(who(shown), (SOLID, DASHED), strict=True):
            axes.plot([], [], color=light("muted"), linestyle=dashes, label=label)


def _several(lines: Sequence[Line]) -> bool:
    """Whether the curves are those of several classes."""
    return " class=" in lines[0].curve.name


def _mark(axes: Axes, shown: Sequence[Known], points: Sequence[tuple[float, float] | None]) -> None:
    """A dot where a version stands at its threshold."""
    label = "at the threshold"
    for known, colour, point in zip(shown, BESIDES, points, strict=False):
        if point is not None:
            said = label if len(shown) == 1 else f"{known.version} at its threshold"
            axes.plot(*point, "o", color=light(colour), markersize=7, markeredgecolor=light("ink"), zorder=4, label=said)


def at_threshold(known: Known) -> dict[str, float] | None:
    """Recall, precision, and the shares of all and of the negatives that are flagged, on the test rows."""
    found = [known.evaluation(metric) for metric in ("recall", "precision", "positive_rate")]
    if any(each is None for each in found):
        return None
    recall, precision, rate = (each.value for each in found if each is not None)
    if not (precision > 0 and recall > 0 and 0 < rate < 1):
        return None
    flagged = recall * rate / precision
    return {"recall": recall, "precision": precision, "flagged": flagged, "fpr": (flagged - recall * rate) / (1 - rate)}


def _points(shown: Sequence[Known], x: str, y: str) -> list[tuple[float, float] | None]:
    found = [at_threshold(known) for known in shown]
    return [(each[x], each[y]) if each else None for each in found]


def _figures(shown: Sequence[Known], metric: str, what: str) -> str:
    """``ROC-AUC 0.86 [0.85, 0.87]``, by version."""
    parts = [f"{'' if len(shown) == 1 else f'{known.version}: '}{measured(known.evaluation(metric))}" for known in shown]
    return f"{what} {'; '.join(parts)}"


def _classes_left_out(lines: Sequence[Line], shown: Sequence[Known]) -> str:
    classes = max(len(known.version.signature.classes) for known in shown)
    return f" The first {MOST_CLASSES} of {classes} classes are drawn." if _several(lines) and classes > MOST_CLASSES else ""


def _roc(shown: Sequence[Known]) -> Plot | None:
    lines = _lines(shown, "roc")
    if not lines:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        guide(axes, (0, 1), (0, 1), "chance")
        _draw(axes, lines, shown)
        if not _several(lines):
            _mark(axes, shown, _points(shown, "fpr", "recall"))
        axes.set(xlabel="false positive rate: negatives that are flagged", ylabel="true positive rate: positives found")
        shares(axes)
        legend(figure, axes)

    each = "Each class against the rest. " if _several(lines) else ""
    caption = f"{each}The further up and left, the better positives are told from negatives.{_classes_left_out(lines, shown)}"
    alt = f"ROC curve. {_figures(shown, 'roc_auc', 'Area under the curve on the test rows')}, where chance gives 0.5."
    return plot(Words("roc", "ROC", caption, alt), draw)


def _precision(shown: Sequence[Known]) -> Plot | None:
    lines = _lines(shown, "pr")
    if not lines:
        return None
    rate = shown[0].evaluation("positive_rate")

    def draw(figure: Figure, axes: Axes) -> None:
        if rate is not None:
            guide(axes, (0, 1), (rate.value, rate.value), f"chance ({percent(rate.value)})")
        _draw(axes, lines, shown)
        if not _several(lines):
            _mark(axes, shown, _points(shown, "recall", "precision"))
        axes.set(xlabel="recall: positives found", ylabel="precision: positives among the flagged")
        shares(axes)
        highest = max(max(line.curve.y) for line in lines)
        if highest < RARE:
            axes.set_ylim(-0.02 * highest, 1.1 * highest)
        legend(figure, axes)

    caption = f"What finding more of the positives costs in precision.{_classes_left_out(lines, shown)}"
    alt = f"Precision by recall. {_figures(shown, 'pr_auc', 'Mean precision on the test rows')}."
    return plot(Words("pr", "Precision and recall", caption, alt), draw)


def _calibration(shown: Sequence[Known]) -> Plot | None:
    lines = _lines(shown, "calibration")
    if not lines:
        return None
    task = shown[0].version.signature.task
    ends = [value for line in lines for value in (*line.curve.x, *line.curve.y)]

    def draw(figure: Figure, axes: Axes) -> None:
        guide(axes, (min(ends), max(ends)), (min(ends), max(ends)), "as predicted")
        for known, colour in zip(shown, BESIDES, strict=False):
            band = _band(known)
            if band:
                low, high = zip(*band.values(), strict=True)
                axes.fill_between([*band], low, high, color=light(colour), alpha=0.18, linewidth=0)
        for line in lines:
            axes.plot(
                line.curve.x, line.curve.y, "o", linestyle=line.dashes, color=light(line.colour), markersize=4, linewidth=1.4,
                label=line.label,
            )  # fmt: skip
        names = {"classification": ("predicted probability", "share of positives"), "regression": ("mean prediction", "mean outcome")}
        x, y = names.get(task, ("highest probability", "share that is right"))
        axes.set(xlabel=f"{x}, by tenths of the rows", ylabel=y)
        for axis in (axes.xaxis, axes.yaxis):
            thousands(axis)
        legend(figure, axes)

    caption = "On the dotted line a prediction means what it says. The band is the 95 % interval on the test rows."
    alt = f"Calibration. {_figures(shown, 'calibration_error', 'Mean gap between prediction and outcome on the test rows')}."
    rows = _calibration_rows(shown[0]) if len(shown) == 1 else ()
    return plot(Words("calibration", "Calibration", caption, alt), draw, columns=("predicted", "observed, with its interval"), rows=rows)


def _calibration_rows(known: Known) -> tuple[tuple[str, ...], ...]:
    middle, band = known.curve("calibration"), _band(known)
    if middle is None:
        return ()
    return tuple((number(x, decimals(x)), interval(y, *band.get(x, (None, None)))) for x, y in zip(middle.x, middle.y, strict=True))


def _band(known: Known) -> dict[float, tuple[float, float]]:
    """The interval of the mean outcome on the test rows, by mean prediction."""
    low, high = known.curve("calibration_low"), known.curve("calibration_high")
    if low is None or high is None:
        return {}
    upper = dict(zip(high.x, high.y, strict=True))
    return {x: (y, upper[x]) for x, y in zip(low.x, low.y, strict=True) if x in upper}


def _gain(shown: Sequence[Known]) -> Plot | None:
    lines = _lines(shown, "gain")
    if not lines:
        return None
    regression = shown[0].version.signature.task == "regression"

    def draw(figure: Figure, axes: Axes) -> None:
        guide(axes, (0, 1), (0, 1), "chance")
        _draw(axes, lines, shown)
        if not regression:
            _mark(axes, shown, _points(shown, "flagged", "recall"))
        what = "share of the sum of all outcomes" if regression else "share of the positives found"
        axes.set(xlabel="share of the rows, the highest predictions first", ylabel=what)
        shares(axes)
        legend(figure, axes)

    caption = f"How much of {'the total' if regression else 'the positives'} the rows with the highest predictions hold."
    tenth = [f"{known.version}: {percent(found)}" for known in shown if (found := _at(known.curve("gain"), 0.1)) is not None]
    alt = f"Gain. In the tenth of the test rows with the highest predictions, {'; '.join(tenth)}."
    return plot(Words("gain", "Gain", caption, alt), draw)


def _at(curve: Curve | None, x: float) -> float | None:
    """The height of a curve at a place, between its points along a straight line."""
    if curve is None:
        return None
    for (x0, y0), (x1, y1) in zip(zip(curve.x, curve.y, strict=True), zip(curve.x[1:], curve.y[1:], strict=True), strict=False):
        if x0 <= x <= x1 and x1 > x0:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return None


def _profit(shown: Sequence[Known]) -> Plot | None:
    lines = _lines(shown, "profit")
    if not lines:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        _draw(axes, lines, shown)
        for known, colour in zip(shown, BESIDES, strict=False):
            _worth(axes, known, colour, "" if len(shown) == 1 else f"{known.version} ")
        axes.set(xlabel="share of the rows that are acted on", ylabel="total worth")
        shares(axes, y=False)
        axes.set_xlim(left=-0.02, right=1.02 * max(max(line.curve.x) for line in lines) + 0.01)
        thousands(axes.yaxis)
        legend(figure, axes)

    worth = [f"{known.version}: {measured(known.evaluation('worth'))}" for known in shown]
    caption = "What acting on the rows with the highest probabilities is worth in all. The threshold was chosen on the validation rows; "
    caption += "what it is worth on the test rows is marked, with its 95 % interval."
    alt = f"Profit by share of rows acted on. Worth on the test rows at the threshold: {'; '.join(worth)}."
    return plot(Words("profit", "Profit", caption, alt), draw)


def _worth(axes: Axes, known: Known, colour: str, of: str) -> None:
    """The worth at the threshold: a point where the share acted on is known, else (a capacity cuts it short) a level line."""
    worth, point = known.evaluation("worth"), at_threshold(known)
    if worth is None:
        return
    label = f"{of}at the threshold: {measured(worth)}"
    if point is None or known.evaluation("precision_at_capacity") is not None:
        axes.axhline(worth.value, color=light(colour), linewidth=1.2, linestyle=(0, (6, 2)), label=label)
        if worth.low is not None and worth.high is not None:
            axes.axhspan(worth.low, worth.high, color=light(colour), alpha=0.12, linewidth=0)
        return
    ends = None if worth.low is None or worth.high is None else [[max(worth.value - worth.low, 0)], [max(worth.high - worth.value, 0)]]
    axes.axvline(point["flagged"], color=light(colour), linewidth=0.8, linestyle=(0, (1, 2)))
    axes.errorbar(
        [point["flagged"]], [worth.value], yerr=ends, fmt="o", color=light(colour), markeredgecolor=light("ink"), capsize=3, label=label,
    )  # fmt: skip
