"""Line charts as SVG, without anything else: they stand in the reports themselves."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import cycle

Line = Sequence[tuple[float, float]]
"""Seconds since the beginning, and a value."""
Band = tuple[float, float, str]
"""From when to when (s), and what went on."""

WIDTH, HEIGHT = 880, 240
LEFT, RIGHT, TOP, BOTTOM = 64, 190, 34, 30
_COLOURS = (
    "#1769aa",
    "#c2410c",
    "#15803d",
    "#7e22ce",
    "#b91c1c",
    "#0e7490",
    "#a16207",
    "#475569",
    "#be185d",
    "#4d7c0f",
)


def chart(title: str, unit: str, lines: Mapping[str, Line], bands: Sequence[Band] = ()) -> str:
    """An SVG element; lines without a point are left out.

    Parameters
    ----------
    bands : shaded behind the lines, each with a number that the report explains.
    """
    drawn = {name: line for name, line in lines.items() if line}
    end = max([1.0, *(line[-1][0] for line in drawn.values()), *(band[1] for band in bands)])
    top = _round_up(max([value for line in drawn.values() for _, value in line] or [1.0]))

    def x(second: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * second / end

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * value / top

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"'
        f' font-family="sans-serif" font-size="11" role="img" aria-label="{escape(title)}">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<text x="{LEFT}" y="16" font-size="13" font-weight="bold">{escape(title)} ({escape(unit)})</text>',
    ]
    for number, (start, stop, name) in enumerate(bands):
        shade = "#f1f5f9" if number % 2 else "#e2e8f0"
        width = max(1.0, x(stop) - x(start))
        parts.append(
            f'<rect x="{x(start):.1f}" y="{TOP}" width="{width:.1f}" height="{HEIGHT - TOP - BOTTOM}"'
            f' fill="{shade}">'
            f"<title>{escape(name)}</title></rect>"
        )
        if width > 14:
            parts.append(f'<text x="{x(start) + 2:.1f}" y="{TOP + 10}" fill="#64748b">{number + 1}</text>')
    for share in (0.0, 0.5, 1.0):
        parts.append(
            f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(top * share):.1f}" y2="{y(top * share):.1f}"'
            f' stroke="#cbd5e1"/><text x="{LEFT - 6}" y="{y(top * share) + 4:.1f}" text-anchor="end">'
            f"{top * share:g}</text>"
        )
    for share in (0.0, 0.5, 1.0):
        parts.append(
            f'<text x="{x(end * share):.1f}" y="{HEIGHT - 10}" text-anchor="middle">'
            f"{end * share:.0f} s</text>"
        )
    for place, ((name, line), colour) in enumerate(zip(drawn.items(), cycle(_COLOURS), strict=False)):
        points = " ".join(f"{x(second):.1f},{y(value):.1f}" for second, value in line)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
        height = TOP + 12 + place * 16
        parts.append(
            f'<rect x="{WIDTH - RIGHT + 10}" y="{height - 9}" width="10" height="10" fill="{colour}"/>'
            f'<text x="{WIDTH - RIGHT + 26}" y="{height}">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


def _round_up(value: float) -> float:
    """The next of 1, 2, 5 times a power of ten: a scale that can be read."""
    if value <= 0:
        return 1.0
    power = 1.0
    while power > value:
        power /= 10
    while power * 10 <= value:
        power *= 10
    return next(power * step for step in (1, 2, 5, 10) if power * step >= value)
