"""Plots of predicted value: by tenth of the prediction, the intervals around it, and what these hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from foretable.report.drawing import BESIDES, Plot, Words, guide, legend, plot, thousands, who
from foretable.report.reading import Known
from foretable.report.svg import light
from foretable.report.tables import segments_of
from foretable.report.value import COVERAGE, SHARE, tenth
from foretable.report.words import decimals, measured, number, percent
from foretable.train.result import Evaluation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

POINTS = 200
BEYOND = 1.15
"""How far beyond the last tenth's mean prediction the intervals are drawn."""


def value_plots(shown: Sequence[Known]) -> Iterator[Plot]:
    """Predicted and observed by tenth of the prediction, and what each tenth holds of the total."""
    for make in (_means, _shares) if len(shown) == 1 else (_shares,):
        found = make(shown)
        if found is not None:
            yield found


def interval_plots(shown: Sequence[Known]) -> Iterator[Plot]:
    """The ends of the intervals by prediction, and how many outcomes they hold in each tenth of it."""
    for make in (_ends, _coverage):
        found = make(shown)
        if found is not None:
            yield found


def _by_tenth(known: Known, metric: str) -> dict[int, Evaluation]:
    found = {tenth(segment): known.evaluation(metric, "test", segment) for segment in segments_of([known], "decile")}
    return {place: each for place, each in sorted(found.items()) if each is not None}


def _bars(axes: Axes, series: Sequence[tuple[str, str, dict[int, Evaluation]]]) -> None:
    """Upright bars with their intervals, one beside the other for each tenth."""
    width = 0.78 / len(series)
    for turn, (label, colour, found) in enumerate(series):
        shift = (turn - (len(series) - 1) / 2) * width
        at = [place + shift for place in found]
        axes.bar(at, [e.value for e in found.values()], width=width * 0.92, color=light(colour), alpha=0.8, label=label)
        for x, e in zip(at, found.values(), strict=True):
            if e.low is not None and e.high is not None:
                axes.plot([x, x], [e.low, e.high], color=light("ink"), linewidth=1.1, solid_capstyle="butt")
    axes.set_xticks(range(1, 11))
    axes.set(xlabel="tenth of the prediction, 10 has the highest")
    axes.grid(visible=False, axis="x")


def _means(shown: Sequence[Known]) -> Plot | None:
    predicted, observed = (_by_tenth(shown[0], metric) for metric in ("mean_prediction", "mean_outcome"))
    if not predicted or not observed:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        _bars(axes, [("predicted", "muted", predicted), ("observed", "one", observed)])
        axes.set(ylabel="mean of a row")
        thousands(axes.yaxis)
        legend(figure, axes)

    top = max(predicted)
    alt = f"Mean prediction and mean outcome by tenth. In the highest, predicted {measured(predicted[top])}"
    alt += f", observed {measured(observed.get(top))}."
    caption = "Predicted and observed mean on the test rows, with 95 % intervals."
    return plot(Words("tenths", "Value by tenth of the prediction", caption, alt), draw)


def _shares(shown: Sequence[Known]) -> Plot | None:
    series = [(label, colour, _by_tenth(known, SHARE)) for label, colour, known in zip(who(shown), BESIDES, shown, strict=False)]
    if not series[0][2]:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        from matplotlib.ticker import PercentFormatter

        axes.axhline(0.1, color=light("muted"), linewidth=1.0, linestyle=(0, (2, 2)), label="at random")
        _bars(axes, series)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
        axes.set(ylabel="share of the observed total")
        legend(figure, axes)

    told = "; ".join(f"{label}: {percent(found[max(found)].value)}" for label, _, found in series if found)
    caption = "How much of all that was observed each tenth holds, with 95 % intervals."
    return plot(Words("shares", "Where the value is", caption, f"Share of the total by tenth. The highest holds, {told}."), draw)


def _ends(shown: Sequence[Known]) -> Plot | None:
    import numpy as np

    drawn = [known for known in shown if known.version.signature.intervals and known.version.signature.intervals.low]
    means = _by_tenth(shown[0], "mean_prediction")
    if not drawn or not means:
        return None
    first, last = min(0.0, min(e.value for e in means.values())), BEYOND * max(e.value for e in means.values())

    def draw(figure: Figure, axes: Axes) -> None:
        for label, colour, known in zip(who(shown), BESIDES, shown, strict=False):
            intervals = known.version.signature.intervals
            if intervals is None or not intervals.low:
                continue
            borders = np.array([border for border in intervals.borders if first < border < last])
            x = np.sort(np.concatenate([np.linspace(first, last, POINTS), borders, np.nextafter(borders, np.inf)]))
            low, high = intervals.of(x)
            name = f"{intervals.level * 100:g} % of the outcomes" + ("" if len(shown) == 1 else f", {label}")
            axes.fill_between(x, low, high, color=light(colour), alpha=0.18, linewidth=0, label=name)
            axes.plot(x, low, color=light(colour), linewidth=1.0)
            axes.plot(x, high, color=light(colour), linewidth=1.0)
        guide(axes, (first, last), (first, last), "the prediction")
        _outcomes(axes, shown[0])
        axes.set(xlabel="prediction", ylabel="interval around it", xlim=(first, last))
        for axis in (axes.xaxis, axes.yaxis):
            thousands(axis)
        legend(figure, axes)

    rows = [_line(known, place, mean) for known in drawn for place, mean in reversed(means.items())]
    caption = "The interval of each single prediction. It is set tenth by tenth, so it steps."
    words = Words("ends", "Intervals by prediction", caption, f"Intervals by prediction. At the highest tenth's mean: {rows[0][2]}.")
    return plot(words, draw, columns=("version and tenth", "mean prediction", "its interval"), rows=rows)


def _outcomes(axes: Axes, known: Known) -> None:
    """The mean outcome of each tenth: an interval is around single outcomes, and far wider than that of their mean."""
    predicted, observed = _by_tenth(known, "mean_prediction"), _by_tenth(known, "mean_outcome")
    places = [place for place in predicted if place in observed]
    at = [predicted[place].value for place in places]
    axes.plot(at, [observed[place].value for place in places], "o", color=light("ink"), markersize=4, label="mean outcome of a tenth")


def _line(known: Known, place: int, mean: Evaluation) -> tuple[str, str, str]:
    import numpy as np

    assert known.version.signature.intervals is not None
    low, high = (float(end[0]) for end in known.version.signature.intervals.of(np.array([mean.value])))
    places = decimals(mean.value, low, high)
    return f"{known.version}, {place}", number(mean.value, places), f"{number(low, places)} to {number(high, places)}"


def _coverage(shown: Sequence[Known]) -> Plot | None:
    found = [(label, colour, _by_tenth(k, COVERAGE), k) for label, colour, k in zip(who(shown), BESIDES, shown, strict=False)]
    found = [each for each in found if each[2]]
    if not found:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        from matplotlib.ticker import PercentFormatter

        levels = {known.version.signature.intervals.level for *_, known in found if known.version.signature.intervals}
        for level in sorted(levels):
            axes.axhline(level, color=light("bad"), linewidth=1.0, linestyle=(0, (4, 2)), label=f"declared: {level * 100:g} %")
        for turn, (label, colour, by_tenth, _) in enumerate(found):
            at = [place + 0.2 * (turn - (len(found) - 1) / 2) for place in by_tenth]
            axes.plot(at, [e.value for e in by_tenth.values()], "o", color=light(colour), markersize=5, label=label)
            for x, e in zip(at, by_tenth.values(), strict=True):
                if e.low is not None and e.high is not None:
                    axes.plot([x, x], [e.low, e.high], color=light(colour), linewidth=1.4)
        axes.set_xticks(range(1, 11))
        axes.set(xlabel="tenth of the prediction, 10 has the highest", ylabel="outcomes inside")
        axes.set_ylim(top=1.01)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, symbol=" %", decimals=0))
        legend(figure, axes)

    told = "; ".join(f"{place}: {measured(e)}" for place, e in found[0][2].items())
    caption = "Share of the outcomes of the test rows that lie inside, with its 95 % interval."
    return plot(Words("coverage", "What the intervals hold", caption, f"Coverage by tenth of the prediction. {told}."), draw)
