"""Which level a chart is read from: numeric, no input or output.

A pixel of a year is seven hours wide: its lowest and highest value stand in seven rows of hours just as
well as in 25,000 readings. So a chart is read from the coarsest level that is finer than its steps; finer
ones take over where that level is not complete yet (the last minutes), coarser ones where finer were dropped.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from signalcraft.clock import EARLIEST

Level = Literal["raw", "minute", "hour", "day"]

WIDTHS: Mapping[Level, timedelta] = {
    "raw": timedelta(0),
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
LEVELS = tuple(WIDTHS)
"""Finest first."""
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

UNDER_WAY = timedelta(minutes=1)
"""Readings that arrive within this of being measured are shown at once, whatever the level."""
ADDED_UP = timedelta(minutes=5)
"""Minutes are in their hour so long after they were noted."""
TAIL_LIMIT = timedelta(days=1)
"""Where the worker was away for longer, what it has not counted yet is missing until it has."""


@dataclass(frozen=True)
class Piece:
    """Part of a chart: [start, end) from one level."""

    level: Level
    start: datetime
    end: datetime


def plan(
    start: datetime,
    end: datetime,
    *,
    step: timedelta,
    now: datetime,
    kept_since: Mapping[str, datetime],
    progress: Mapping[str, datetime],
) -> list[Piece]:
    """The pieces of a chart, oldest first, without a gap.

    Parameters
    ----------
    step : width of what is shown as one.
    kept_since : of `raw` and `minute`, before which they were dropped.
    progress : of `minute` and `hour`, before which all notes are worked off (`RollupProgress`).
    """
    wanted = max(level for level in range(len(LEVELS)) if WIDTHS[LEVELS[level]] <= step)
    known = _known(now, kept_since, progress)
    bounds = {start, end, *(moment for interval in known for moment in interval if start < moment < end)}
    pieces: list[Piece] = []
    moments = sorted(bounds)
    for since, until in pairwise(moments):
        there = [level for level, (first, last) in enumerate(known) if first <= since and until <= last]
        fine = [level for level in there if level <= wanted]
        level = LEVELS[max(fine) if fine else min(there, default=0)]
        if pieces and pieces[-1].level == level:
            pieces[-1] = Piece(level, pieces[-1].start, until)
        else:
            pieces.append(Piece(level, since, until))
    return pieces


def _known(
    now: datetime, kept_since: Mapping[str, datetime], progress: Mapping[str, datetime]
) -> list[tuple[datetime, datetime]]:
    """From when and until when each of LEVELS holds everything."""
    minutes, hours = (max(progress.get(one, EARLIEST), now - TAIL_LIMIT) for one in ("minute", "hour"))
    return [
        (kept_since.get("raw", _FIRST), _LAST),
        (kept_since.get("minute", _FIRST), _floor(minutes - UNDER_WAY, WIDTHS["minute"])),
        (_FIRST, _floor(hours - ADDED_UP, WIDTHS["hour"])),
        (_FIRST, _floor(hours - ADDED_UP, WIDTHS["day"])),
    ]


def _floor(moment: datetime, width: timedelta) -> datetime:
    return moment - (moment - EARLIEST) % width
