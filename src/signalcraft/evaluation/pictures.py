"""Curves and histograms as SVG, written by hand: two shapes do not need a plotting library."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import ArrayLike, NDArray

COLOURS = ("#0b6e4f", "#c44900", "#3b5ba5", "#8a8a8a", "#7b2d8b")
_HEALTHY, _FAULTY = COLOURS[2], COLOURS[1]
_SIDE, _MARGIN = 300, 44
_BINS = 40
_STYLE = "font: 11px sans-serif; fill: #333"


def roc_svg(title: str, curves: Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]) -> str:
    """ROC curves by name: (false positive rates, true positive rates), each rising from 0 to 1."""
    drawn = [_line([(0, 0), (1, 1)], "#bbb", dashed=True)]
    legend = []
    for place, (name, (fpr, tpr)) in enumerate(curves.items()):
        colour = COLOURS[place % len(COLOURS)]
        drawn.append(_line(list(zip(fpr.tolist(), tpr.tolist(), strict=True)), colour))
        y = _MARGIN + _SIDE - 12 - 15 * (len(curves) - 1 - place)
        legend.append(f'<rect x="{_MARGIN + 104}" y="{y - 8}" width="10" height="3" fill="{colour}"/>')
        legend.append(_text(_MARGIN + 118, y, name))
    return _frame(title, "false positive rate", "true positive rate", ("0", "1"), drawn + legend)


def histogram_svg(title: str, normal: ArrayLike, anomalous: ArrayLike, *, limit: float | None = None) -> str:
    """Scores of healthy (blue) and anomalous (orange) clips on a logarithmic axis; limit: a vertical line."""
    groups = [np.log10(np.maximum(np.asarray(g, np.float64), 1e-9)) for g in (normal, anomalous)]
    everything = np.concatenate(groups)
    if limit is not None:
        everything = np.append(everything, np.log10(max(limit, 1e-9)))
    low, high = float(everything.min()), float(everything.max())
    high = max(high, low + 1e-3)
    counts = [np.histogram(group, _BINS, (low, high))[0] for group in groups]
    shares = [count / max(count.sum(), 1) for count in counts]
    top = max(float(share.max()) for share in shares)
    drawn = []
    for share, colour in zip(shares, (_HEALTHY, _FAULTY), strict=True):
        for i, height in enumerate((share / top).tolist()):
            x, h = _MARGIN + i * _SIDE / _BINS, height * _SIDE
            drawn.append(
                f'<rect x="{x:.1f}" y="{_MARGIN + _SIDE - h:.1f}" width="{_SIDE / _BINS:.1f}"'
                f' height="{h:.1f}" fill="{colour}" fill-opacity="0.55"/>'
            )
    if limit is not None:
        place = (float(np.log10(max(limit, 1e-9))) - low) / (high - low)
        drawn.append(_line([(place, 0), (place, 1)], "#333", dashed=True))
    ends = (f"{10**low:.3g}", f"{10**high:.3g}")
    return _frame(title, "score, logarithmic (blue healthy, orange not)", "share of clips", ends, drawn)


def _frame(title: str, x_label: str, y_label: str, ends: tuple[str, str], drawn: list[str]) -> str:
    size, bottom = _SIDE + 2 * _MARGIN, _MARGIN + _SIDE
    y_words = _text(0, 0, y_label, anchor="middle")
    axes = (
        f'<rect x="{_MARGIN}" y="{_MARGIN}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>'
        + _text(_MARGIN, 24, title, bold=True)
        + _text(_MARGIN, bottom + 16, ends[0])
        + _text(bottom, bottom + 16, ends[1], anchor="end")
        + _text(_MARGIN + _SIDE / 2, bottom + 32, x_label, anchor="middle")
        + f'<g transform="translate(20 {_MARGIN + _SIDE / 2}) rotate(-90)">{y_words}</g>'
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" width="{size}" height="{size}">'
        f'<rect width="{size}" height="{size}" fill="#fff"/>{"".join(drawn)}{axes}</svg>\n'
    )


def _line(points: list[tuple[float, float]], colour: str, *, dashed: bool = False) -> str:
    places = " ".join(f"{_MARGIN + x * _SIDE:.1f},{_MARGIN + (1 - y) * _SIDE:.1f}" for x, y in points)
    dash = ' stroke-dasharray="4 4"' if dashed else ""
    return f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="1.6"{dash}/>'


def _text(x: float, y: float, words: str, *, anchor: str = "start", bold: bool = False) -> str:
    weight = ";font-weight:600" if bold else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" style="{_STYLE}{weight}">{escape(words)}</text>'
