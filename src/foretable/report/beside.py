"""A predicted number beside what anybody can do without a model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from foretable.declare.judge import LOWER_IS_BETTER
from foretable.report.drawing import BESIDES, Plot, Words, legend, plot, who
from foretable.report.reading import Known
from foretable.report.svg import light
from foretable.report.tables import Table
from foretable.report.words import count, decimals, interval, measured, name_of, number, place
from foretable.train.result import Beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

KINDS = {
    "LastPeriod": ("last period", "what the last period brought"),
    "CellMeans": ("cell means", "the means by cell"),
    "BuyTillYouDie": ("BG/NBD, gamma-gamma", "BG/NBD with gamma-gamma"),
}
"""By the kind of a baseline: its name beside a bar, and in a sentence."""
OTHERWISE = "mae"


def verdict(known: Known) -> tuple[str, str] | None:
    """Whether a version is better than the best baseline, and the tone; None where it has none.

    The best is that of the gate's metric. Better and worse are what lies beyond the 95 % interval of the paired difference.
    """
    best = _best(known)
    if best is None:
        return None
    word, tone = ("Better than", "good") if best.difference_low > 0 else ("No better than", "bad")
    word = "Worse than" if best.difference_high < 0 else word
    others = [each for each in known.baselines if each.baseline == best.baseline and each.metric == OTHERWISE != best.metric]
    figures = [_against(known, each) for each in (best, *others)]
    kind, _, columns = best.baseline.partition("(")
    of = f" ({columns.rstrip(')')})" if kind == "LastPeriod" else ""
    rest = len({each.baseline for each in known.baselines}) - 1
    among = f" Of {rest + 1} baselines this is the best." if rest else ""
    rows = f"on {count(best.row_count, 'held-out row')}"
    return f"{word} {KINDS[kind][1] if kind in KINDS else best.baseline}{of}: {'; '.join(figures)}, {rows}.{among}", tone


def _best(known: Known) -> Beside | None:
    metrics = {each.metric for each in known.baselines}
    metric = known.gated_by if known.gated_by in metrics else OTHERWISE
    sign = -1 if metric in LOWER_IS_BETTER else 1
    return max((each for each in known.baselines if each.metric == metric), key=lambda each: sign * each.value, default=None)


def _against(known: Known, each: Beside) -> str:
    """``RMSE 277.7 against 289.0, better by 11.2 [−10.9, 36.3]``."""
    own = known.evaluation(each.metric)
    reached = f"{number(own.value, decimals(own.value, own.low, own.high))} against " if own is not None else ""
    theirs = number(each.value, decimals(each.value, each.low, each.high))
    return f"{name_of(each.metric)} {reached}{theirs}, {_ahead(each)}"


def _ahead(each: Beside) -> str:
    ends = (each.difference, each.difference_low, each.difference_high)
    return f"better by {interval(*ends)}" if each.difference >= 0 else f"worse by {interval(-ends[0], -ends[2], -ends[1])}"


def short_names(baselines: Sequence[Beside]) -> dict[str, str]:
    """What each baseline is called where there is little room; two of a kind keep their columns."""
    names = list(dict.fromkeys(each.baseline for each in baselines))
    kinds = [name.partition("(")[0] for name in names]
    return {name: KINDS[kind][0] if kind in KINDS and kinds.count(kind) == 1 else name for name, kind in zip(names, kinds, strict=True)}


def baseline_tables(shown: Sequence[Known]) -> Iterator[Table]:
    """By version: what it and every baseline reach, and how much better it is."""
    for known in shown:
        if not known.baselines:
            continue
        of = "" if len(shown) == 1 else f", {known.version}"
        metrics = sorted({each.metric for each in known.baselines} - {"r2"}, key=place)  # it ranks as RMSE does
        names = short_names(known.baselines)
        notes = tuple("" if said == name else name for name, said in names.items())
        found = {(each.baseline, each.metric): each for each in known.baselines}
        heads = tuple(name_of(metric) for metric in metrics)
        own = (str(known.version), *(measured(known.evaluation(metric)) for metric in metrics))
        rows = [(said, *(_reached(found.get((name, metric))) for metric in metrics)) for name, said in names.items()]
        yield Table(f"What each reaches{of}", ("on the test rows", *heads), (own, *rows), notes=("", *notes))
        rows = [(f"than {said}", *(_difference(found.get((name, metric))) for metric in metrics)) for name, said in names.items()]
        caption = "Positive is better for every metric; of the calibration ratio it is how much nearer to 1."
        yield Table(f"How much better {known.version} is", ("paired difference", *heads), tuple(rows), caption=caption)


def _reached(each: Beside | None) -> str:
    return interval(each.value, each.low, each.high) if each is not None else interval(None, None, None)


def _difference(each: Beside | None) -> str:
    return interval(each.difference, each.difference_low, each.difference_high) if each is not None else interval(None, None, None)


def baseline_plots(shown: Sequence[Known]) -> Iterator[Plot]:
    """The metric of the gate: what each reaches, and how much better the versions are."""
    first = _best(shown[0])
    if first is None:
        return
    metric = first.metric
    theirs = [{each.baseline: each for each in known.baselines if each.metric == metric} for known in shown]
    names = {name: said for name, said in short_names(shown[0].baselines).items() if name in theirs[0]}
    yield _bars(shown, metric, [theirs[0][name] for name in names], list(names.values()))
    yield _differences(shown, metric, theirs, names)


def _bars(shown: Sequence[Known], metric: str, baselines: Sequence[Beside], names: Sequence[str]) -> Plot:
    own = [(known, colour, found) for known, colour in zip(shown, BESIDES, strict=False) if (found := known.evaluation(metric)) is not None]
    bars = [(str(known.version), colour, found.value, found.low, found.high) for known, colour, found in own]
    bars += [(name, "muted", each.value, each.low, each.high) for name, each in zip(names, baselines, strict=True)]

    def draw(_: Figure, axes: Axes) -> None:
        for at, (*_name, colour, value, low, high) in enumerate(bars):
            axes.barh(at, value, height=0.62, color=light(colour), alpha=0.85 if colour != "muted" else 0.5)
            if low is not None and high is not None:
                axes.plot([low, high], [at, at], color=light("ink"), linewidth=1.2, solid_capstyle="butt")
        _level(axes, [name for name, *_ in bars])
        axes.set(xlabel=f"{name_of(metric)} on the test rows")

    better = "Shorter" if metric in LOWER_IS_BETTER else "Longer"
    caption = f"{better} is better. Each line is a 95 % interval of its own; whether one beats another, the differences beside it tell."
    alt = f"{name_of(metric)} of the model and of the baselines. {'; '.join(f'{name}: {interval(*ends)}' for name, _, *ends in bars)}."
    return plot(Words("beside", f"{name_of(metric)} beside baselines", caption, alt), draw, height=_tall(len(bars)))


def _differences(shown: Sequence[Known], metric: str, theirs: Sequence[dict[str, Beside]], names: dict[str, str]) -> Plot:
    def draw(figure: Figure, axes: Axes) -> None:
        axes.axvline(0, color=light("bad"), linewidth=1.0, linestyle=(0, (4, 2)))
        for turn, (label, colour, found) in enumerate(zip(who(shown), BESIDES, theirs, strict=False)):
            at = [place_ + 0.22 * (turn - (len(shown) - 1) / 2) for place_, name in enumerate(names) if name in found]
            each = [found[name] for name in names if name in found]
            axes.plot([e.difference for e in each], at, "o", color=light(colour), markersize=6, label=label)
            for height, e in zip(at, each, strict=True):
                axes.plot([e.difference_low, e.difference_high], [height, height], color=light(colour), linewidth=1.6)
        _level(axes, list(names.values()))
        axes.set(xlabel=f"how much better by {name_of(metric)}")
        legend(figure, axes)

    told = "; ".join(f"than {said}: {_difference(theirs[0].get(name))}" for name, said in names.items())
    caption = "The difference on the same rows, with its 95 % interval: right of the dashed line the model is better."
    words = Words("ahead", "How much better than each", caption, f"Difference in {name_of(metric)}, positive is better. {told}.")
    return plot(words, draw, height=_tall(len(names) + len(shown)))


def _level(axes: Axes, names: Sequence[str]) -> None:
    axes.set_yticks(range(len(names)), [name if len(name) <= 24 else f"{name[:23]}…" for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=6)


def _tall(bars: int) -> float:
    return 1.2 + 0.4 * bars
