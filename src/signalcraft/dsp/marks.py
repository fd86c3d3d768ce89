"""Marks on a spectrogram: the frequencies and moments that an explanation speaks of.

Told apart by shape, not by colour alone: a band is a solid frame, a line a pair of arrowheads with dots
between, a moment dashed uprights under a solid bar. All are cyan with a dark edge: the one hue that the
spectrogram's colours never come near, bright on its dark parts and edged on its bright ones, for colour-blind
eyes and on light and dark pages alike.
"""

from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

EDGE_RGB = (0, 20, 30)
INK_RGB = (60, 235, 255)
_LINE_PX_PER_HEIGHT = 1 / 200
_ARROW_PX_PER_HEIGHT = 1 / 25
_DASH_PX_PER_HEIGHT = 1 / 22  # from one dash to the next
_DOT_PX_PER_HEIGHT = 1 / 12
_MIN_EXTENT_PX = 6  # a narrower band or moment would be all edge


@dataclass(frozen=True)
class Marks:
    """bands: (low Hz, high Hz) that differ. lines: Hz of single tones. moments: (from s, to s)."""

    bands: tuple[tuple[float, float], ...] = ()
    lines: tuple[float, ...] = ()
    moments: tuple[tuple[float, float], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.bands or self.lines or self.moments)


def draw(
    image: Image.Image,
    marks: Marks,
    *,
    x_of: Callable[[float], float],
    y_of: Callable[[float], float],
    ink: int,
    edge: int,
) -> None:
    """Draw onto a paletted image. x_of, y_of: seconds and Hz to pixels. ink, edge: palette indices."""
    pen = _Pen(image, ink, edge)
    for low_hz, high_hz in marks.bands:
        pen.frame(y_of(high_hz), y_of(low_hz))
    for start_s, end_s in marks.moments:
        pen.moment(x_of(start_s), x_of(end_s))
    for hz in marks.lines:
        pen.line(y_of(hz))


class _Pen:
    """Draws each stroke twice: wider in the edge's colour, then in the ink's."""

    def __init__(self, image: Image.Image, ink: int, edge: int) -> None:
        self._draw = ImageDraw.Draw(image)
        self._right, self._bottom = image.width - 1, image.height - 1
        self._thin = max(1, round(image.height * _LINE_PX_PER_HEIGHT))
        self._dash = max(6.0, image.height * _DASH_PX_PER_HEIGHT)
        self._dot = max(8.0, image.height * _DOT_PX_PER_HEIGHT)
        self._arrow = max(4, round(image.height * _ARROW_PX_PER_HEIGHT))
        self._ink, self._edge = ink, edge

    def frame(self, top: float, bottom: float) -> None:
        top, bottom = _widened(top, bottom, self._bottom)
        box = (0, top, self._right, bottom)
        self._draw.rectangle((0, top - 1, self._right, bottom + 1), outline=self._edge, width=self._thin + 2)
        self._draw.rectangle(box, outline=self._ink, width=self._thin)

    def moment(self, left: float, right: float) -> None:
        left, right = _widened(left, right, self._right)
        for x in (left, right):
            for start, end in _dashes(0, self._bottom, self._dash, share=0.6):
                self._bar(x - self._thin / 2, start, x + self._thin / 2, end)
        self._bar(left, 0, right, self._thin + 2)

    def line(self, y: float) -> None:
        for start, end in _dashes(2 * self._arrow, self._right - 2 * self._arrow, self._dot, share=0.2):
            self._bar(start, y - self._thin / 2, end, y + self._thin / 2)
        for x, inwards in ((0, 1), (self._right, -1)):
            tip = x + inwards * self._arrow
            for size, colour in ((self._arrow * 0.75 + 2, self._edge), (self._arrow * 0.75, self._ink)):
                reach = tip + inwards * (2 if colour == self._edge else 0)
                self._draw.polygon([(x, y - size), (reach, y), (x, y + size)], fill=colour)

    def _bar(self, left: float, top: float, right: float, bottom: float) -> None:
        self._draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=self._edge)
        self._draw.rectangle((left, top, right, bottom), fill=self._ink)


def _widened(low: float, high: float, last: int) -> tuple[float, float]:
    """At least _MIN_EXTENT_PX apart where the picture allows it, and inside."""
    lack = max(0.0, _MIN_EXTENT_PX - (high - low)) / 2
    return max(low - lack, 0.0), min(high + lack, float(last))


def _dashes(first: float, last: float, pitch: float, *, share: float) -> list[tuple[float, float]]:
    count = max(0, int((last - first) / pitch))
    return [(first + i * pitch, first + (i + share) * pitch) for i in range(count)]
