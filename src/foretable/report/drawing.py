"""What every plot of a report has: a name, words, and a figure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from foretable.report.reading import Known
from foretable.report.svg import light, style, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 5.4, 3.9
LETTERS, MARK, LINE = 13.0, 6, 0.17
"""Letters of a legend that an inch has room for, how many a sample and the gap beside it take, and inches of a line."""
BESIDES = ("one", "two")
"""Colours of a version, and of the one it is compared with."""


@dataclass(frozen=True)
class Plot:
    """A figure of the page.

    ``alt`` says what is to be seen to who cannot see it; ``columns`` and ``rows`` hold the same as a table, where that is short.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: str
    wide: bool = False
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True)
class Words:
    """What stands around a figure."""

    name: str
    title: str
    caption: str
    alt: str


def plot(
    words: Words,
    draw: Callable[[Figure, Axes], None],
    *,
    height: float = HEIGHT,
    wide: bool = False,
    columns: Sequence[str] = (),
    rows: Sequence[tuple[str, ...]] = (),
) -> Plot:
    """Draw a figure of one pair of axes and put it into words."""
    from matplotlib.figure import Figure

    with style():
        figure = Figure(figsize=(2 * WIDTH if wide else WIDTH, height))
        draw(figure, figure.add_subplot())
        drawn = svg(figure, words.name, words.alt)
    return Plot(words.name, words.title, words.caption, words.alt, drawn, wide, tuple(columns), tuple(rows))


def who(shown: Sequence[Known]) -> list[str]:
    """What the versions are called in legends."""
    return [str(known.version) for known in shown]


def shares(axes: Axes, x: bool = True, y: bool = True) -> None:
    """Axes from 0 to 1 in percent, with room at the edges for lines that run along them."""
    from matplotlib.ticker import PercentFormatter

    for wanted, axis, limit in ((x, axes.xaxis, axes.set_xlim), (y, axes.yaxis, axes.set_ylim)):
        if wanted:
            axis.set_major_formatter(PercentFormatter(1.0, symbol=" %"))
            limit(-0.02, 1.02)


def thousands(axis: object) -> None:
    """Ticks such as 12,000."""
    from matplotlib.axis import Axis
    from matplotlib.ticker import FuncFormatter

    assert isinstance(axis, Axis)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}".replace("-", "−")))


def legend(figure: Figure, axes: Axes) -> None:
    """Below the axes, so that it covers nothing, in as many columns as there is room for."""
    handles, labels = axes.get_legend_handles_labels()
    if len(labels) > 1:
        room = figure.get_figwidth() * LETTERS / (max(map(len, labels)) + MARK)
        columns = max(1, min(int(room), len(labels)))
        if len(labels) == columns + 1:  # rather two even rows than a long and a short one
            columns = math.ceil(len(labels) / 2)
        lines = math.ceil(len(labels) / columns)
        figure.set_figheight(figure.get_figheight() + LINE * max(0, lines - 2))
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


def guide(axes: Axes, x: Sequence[float], y: Sequence[float], label: str) -> None:
    """A thin line to compare with: what chance gives, or what would be right."""
    axes.plot(x, y, color=light("muted"), linewidth=1.0, linestyle=(0, (2, 2)), label=label)
