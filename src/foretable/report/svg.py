"""Figures as SVG that stands in a page: its colours and its type face are the page's, and equal figures give equal text."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS: Mapping[str, tuple[str, str]] = {
    "ink": ("#1f2429", "#e4e7ea"),
    "muted": ("#68727d", "#98a2ad"),
    "grid": ("#dde2e8", "#333b44"),
    "one": ("#1b63a5", "#6fb1ea"),
    "two": ("#c2570c", "#f0954e"),
    "three": ("#2b7d4f", "#62c08c"),
    "four": ("#8a3fa0", "#c98bdc"),
    "five": ("#8f6a00", "#d9b23c"),
    "six": ("#a82e54", "#ef86a7"),
    "bad": ("#b3261e", "#f2857d"),
}
"""Of each part: on light and on dark ground."""
SERIES = ("one", "two", "three", "four", "five", "six")
SETTINGS: Mapping[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "foretable",
    "text.parse_math": False,
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "figure.constrained_layout.use": True,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
}
_TAG = re.compile(r"<[^>]+>")
_HEAD = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_DROPPED = re.compile(r"<style[^>]*>.*?</style>|<metadata>.*?</metadata>|<!--.*?-->", re.DOTALL)
_FACE = re.compile(r"font-family: [^;\"]*;? ?")
_DIGITS = re.compile(r"(\.\d\d)\d+")
_INDENT = re.compile(r"\n\s+")
_ID = re.compile(r'\bid="([^"]+)"')
_USED = re.compile(r'(?:url\(|href=")#([^)"]+)')


def light(part: str) -> str:
    """The colour of a part as figures are drawn; the page replaces it by its own."""
    return COLOURS[part][0]


@contextmanager
def style() -> Iterator[None]:
    """Draw with the settings of reports, whatever those of the reader are."""
    import matplotlib

    ink, muted, grid = light("ink"), light("muted"), light("grid")
    own: dict[Any, Any] = {
        **SETTINGS,
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.labelcolor", "ytick.labelcolor"), ink),
        **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), muted),
        "grid.color": grid,
    }
    with matplotlib.rc_context(), warnings.catch_warnings():
        # The reader's browser has the letters that the type face measured with lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(own)
        yield


def svg(figure: Figure, name: str, alt: str) -> str:
    """The figure as an element of a page.

    Parameters
    ----------
    figure
        Drawn under :func:`style`.
    name
        Of the plot, unlike all others of the page.
    alt
        What is to be seen, for who cannot see it.
    """
    from html import escape

    from matplotlib.backends.backend_svg import FigureCanvasSVG

    written = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with style():
        # Not by savefig, which draws twice.
        FigureCanvasSVG(figure).print_svg(written, metadata=nothing)  # type: ignore[no-untyped-call]
    text = _DROPPED.sub("", _HEAD.sub("", written.getvalue(), count=1))
    used = {identifier for tag in _TAG.findall(text) for identifier in _USED.findall(tag)}
    text = _TAG.sub(lambda tag: _fitted(tag[0], name, used), text)
    return _INDENT.sub("\n", text).replace("<svg", f'<svg role="img" aria-label="{escape(alt)}"', 1)


def _fitted(tag: str, name: str, used: set[str]) -> str:
    """A tag without names of its own, addresses and fixed colours."""
    if tag.startswith("<svg"):
        box = re.search(r'viewBox="[^"]*"', tag)
        return f"<svg {box[0]}>" if box else "<svg>"
    tag = _ID.sub(lambda found: f'id="{name}-{found[1]}"' if found[1] in used else "", tag)
    tag = _USED.sub(lambda found: found[0].replace("#", f"#{name}-", 1), tag).replace("xlink:href", "href")
    tag = _DIGITS.sub(r"\1", _FACE.sub("", tag))
    for part, (colour, _) in COLOURS.items():
        tag = tag.replace(colour, f"var(--{part})")
    return tag
