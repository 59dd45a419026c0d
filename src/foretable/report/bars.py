"""Plots of features, dates and trials: importance, drift between splits, the metric over time, the search."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from foretable.report.drawing import BESIDES, HEIGHT, Plot, Words, legend, plot, thousands, who
from foretable.report.reading import Known
from foretable.report.svg import light
from foretable.report.words import interval, measured, name_of, number, short
from foretable.train.result import Evaluation, Trial

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TOP = 20
NARROW = 22
LITTLE, MUCH = 0.1, 0.25
TIME = "as_of="
HEADLINE = {"classification": "roc_auc", "multiclass": "roc_auc", "regression": "mae"}
MOST_TICKS = 12
Heights = Mapping[str, float]


def feature_plots(shown: Sequence[Known]) -> Iterator[Plot]:
    """Importance and drift, where they were measured."""
    for make in (_importance, _drift):
        found = make(shown)
        if found is not None:
            yield found


def _heights(known: Known, name: str, split: str = "test") -> dict[str, float]:
    curve = known.curve(name, split)
    return {} if curve is None else {label: y for label, y in zip(curve.labels, curve.y, strict=False) if math.isfinite(y)}


def _top(series: Sequence[Heights]) -> list[str]:
    """The labels with the greatest bar in any series, the greatest first; all of the first series before others that tie."""
    labels = dict.fromkeys(label for heights in series for label in heights)
    return sorted(labels, key=lambda label: -max(heights.get(label, -math.inf) for heights in series))[:TOP]


def _bars(axes: Axes, labels: Sequence[str], series: Sequence[tuple[str, str, Heights]]) -> list[list[float]]:
    """Level bars, a group per label from the top down; gives where those of each series are."""
    thickness = 0.76 / len(series)
    places = []
    for number_, (label, colour, heights) in enumerate(series):
        at = [position + (number_ - (len(series) - 1) / 2) * thickness for position in range(len(labels))]
        axes.barh(at, [heights.get(each, 0.0) for each in labels], height=thickness * 0.92, color=light(colour), label=label, alpha=0.85)
        places.append(at)
    axes.set_yticks(range(len(labels)), [short(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    return places


def _tall(bars: int, series: int) -> float:
    return max(1.9, 1.1 + bars * (0.22 + 0.1 * series))


def _long(labels: Sequence[str]) -> bool:
    """Whether names would leave the bars of a narrow plot no room."""
    return max(map(len, labels)) > NARROW


def _left_out(shown: int, all_: int, what: str) -> str:
    return f" The {shown} {what} of {all_} features are drawn." if all_ > shown else ""


def _importance(shown: Sequence[Known]) -> Plot | None:
    series = [(label, colour, _heights(k, "importance")) for label, colour, k in zip(who(shown), BESIDES, shown, strict=False)]
    labels = _top([heights for *_, heights in series])
    if not labels:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        for known, (_, _, heights), places in zip(shown, series, _bars(axes, labels, series), strict=True):
            low, high = _heights(known, "importance_low"), _heights(known, "importance_high")
            for place, label in zip(places, labels, strict=True):
                if label in heights and label in low and label in high:
                    axes.plot([low[label], high[label]], [place, place], color=light("ink"), linewidth=1.1, solid_capstyle="butt")
        axes.axvline(0, color=light("muted"), linewidth=0.8)
        axes.set(xlabel=f"what {_gated(shown)} loses")
        axes.locator_params(axis="x", nbins=6)
        legend(figure, axes)

    every = len({label for *_, heights in series for label in heights})
    caption = f"How much worse {_gated(shown)} is when a feature is shuffled among the test rows; "
    caption += "the line spans the least and the greatest of the shufflings. "
    caption += f"Features that say the same stand in for each other.{_left_out(len(labels), every, 'most important')}"
    alt = f"Importance by feature. Greatest first: {', '.join(short(label) for label in labels[:5])}."
    columns, rows = ("feature", *who(shown)), [(label, *(_spread(known, label) for known in shown)) for label in labels]
    words = Words("importance", "Importance", caption, alt)
    return plot(words, draw, height=_tall(len(labels), len(series)), wide=_long(labels), columns=columns, rows=rows)


def _spread(known: Known, label: str) -> str:
    ends = [_heights(known, name).get(label) for name in ("importance", "importance_low", "importance_high")]
    return interval(*ends)


def _drift(shown: Sequence[Known]) -> Plot | None:
    if len(shown) == 1:
        kinds = (("validation", "muted"), ("test", "one"))
        series = [(f"{split} rows", colour, _heights(shown[0], "drift", split)) for split, colour in kinds]
        series = [each for each in series if each[2]]
    else:
        series = [(label, colour, _heights(k, "drift")) for label, colour, k in zip(who(shown), BESIDES, shown, strict=True)]
    labels = _top([heights for *_, heights in series])
    if not labels:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        _bars(axes, labels, series)
        for limit, side in ((LITTLE, "right"), (MUCH, "left")):
            axes.axvline(limit, color=light("bad"), linewidth=1.0, linestyle=(0, (4, 2)))
            at, way = (limit, 1.01), ("data", "axes fraction")
            axes.annotate(f" {limit:g} ", at, xycoords=way, ha=side, va="bottom", color=light("bad"), fontsize=8)
        axes.set(xlabel="population stability index")
        axes.set_xlim(0, max(0.3, 1.05 * max(max(heights.values(), default=0.0) for *_, heights in series)))
        axes.locator_params(axis="x", nbins=6)
        legend(figure, axes)

    every = len({label for *_, heights in series for label in heights})
    moved = [label for label in labels if max(heights.get(label, 0.0) for *_, heights in series) > MUCH]
    caption = f"Against the training rows: below 0.1 little has moved, above 0.25 much has.{_left_out(len(labels), every, 'most moved')}"
    told = f"Above 0.25: {', '.join(short(label) for label in moved)}." if moved else "No feature is above 0.25."
    rows = [(label, *(number(heights.get(label), 3) for *_, heights in series)) for label in labels]
    words = Words("drift", "Drift between splits", caption, f"Drift of features from the training rows. {told}")
    columns = ("feature", *(label for label, *_ in series))
    return plot(words, draw, height=_tall(len(labels), len(series)), wide=_long(labels), columns=columns, rows=rows)


def time_plot(shown: Sequence[Known]) -> Plot | None:
    """The metric of the task by date of the test rows, where they have several."""
    metric = HEADLINE[shown[0].version.signature.task]
    by_version = [{e.segment.removeprefix(TIME): e for e in known.evaluations if _dated(e, metric)} for known in shown]
    times = sorted({time for each in by_version for time in each})
    if len(times) < 2:
        return None

    def draw(figure: Figure, axes: Axes) -> None:
        for label, colour, found, shift in zip(who(shown), BESIDES, by_version, (0.0, 0.01 * len(times)), strict=False):
            at = [position + shift for position, time in enumerate(times) if time in found]
            each = [found[time] for time in times if time in found]
            axes.plot(at, [e.value for e in each], "o-", color=light(colour), markersize=4, linewidth=1.4, label=label)
            for place, e in zip(at, each, strict=True):
                if e.low is not None and e.high is not None:
                    axes.plot([place, place], [e.low, e.high], color=light(colour), linewidth=1.0, alpha=0.7)
        every = math.ceil(len(times) / MOST_TICKS)
        axes.set_xticks(range(0, len(times), every), times[::every])
        axes.set(ylabel=name_of(metric), xlabel="as of", xlim=(-0.5, len(times) - 0.5))
        legend(figure, axes)

    figures = "; ".join(f"{time}: {measured(by_version[0].get(time))}" for time in times)
    alt = f"{name_of(metric)} by date of the test rows. {figures}."
    caption = "With 95 % intervals. One date has few rows: look for a direction, not at single points."
    return plot(Words("time", f"{name_of(metric)} over time", caption, alt), draw, height=3.2, wide=True)


def _dated(evaluation: Evaluation, metric: str) -> bool:
    return evaluation.split == "test" and evaluation.metric == metric and evaluation.segment.startswith(TIME)


def trials_plot(shown: Sequence[Known]) -> Plot | None:
    """What each trial of the search reached."""
    if max(len(known.trials) for known in shown) < 2:
        return None
    failed = sum(trial.state == "FAILED" or not math.isfinite(trial.value) for known in shown for trial in known.trials)

    def draw(figure: Figure, axes: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        for label, colour, known in zip(who(shown), BESIDES, shown, strict=False):
            of = "" if len(shown) == 1 else f"{label}: "
            for state, mark, shade in (("COMPLETE", "o", colour), ("PRUNED", "x", "muted")):
                found = [t for t in known.trials if t.state == state and math.isfinite(t.value)]
                said = of + ("finished" if state == "COMPLETE" else "stopped early")
                if found:
                    axes.plot([t.trial for t in found], [t.value for t in found], mark, color=light(shade), markersize=5, label=said)
            chosen = [t for t in known.trials if is_chosen(known, t)]
            axes.plot(
                [t.trial for t in chosen], [t.value for t in chosen], "o", color=light(colour), markersize=10, markerfacecolor="none",
                label=f"{of}chosen",
            )  # fmt: skip
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=10))
        thousands(axes.yaxis)
        axes.set(xlabel="trial", ylabel=f"{_gated(shown)} over the folds")
        legend(figure, axes)

    caption = (
        f"{_gated(shown)[:1].upper()}{_gated(shown)[1:]} on the folds of the training rows; trials that were behind were stopped early."
    )
    caption += f" {failed} failed and {'is' if failed == 1 else 'are'} not drawn." if failed else ""
    counts = "; ".join(f"{known.version}: {len(known.trials)} trials" for known in shown)
    return plot(Words("trials", "Trials of the search", caption, f"Value of each trial. {counts}."), draw, height=HEIGHT - 0.5, wide=True)


def is_chosen(known: Known, trial: Trial) -> bool:
    """Whether a trial tried the parameters that the version has."""
    given, tried = known.version.parameters, trial.parameters
    return trial.state == "COMPLETE" and bool(tried) and all(given.get(name) == value for name, value in tried.items())


def _gated(shown: Sequence[Known]) -> str:
    """The metric that the gates of the versions ask for, where they say the same."""
    found = {known.gated_by for known in shown}
    return name_of(found.pop()) if len(found) == 1 and found != {""} else "the gate's metric"
