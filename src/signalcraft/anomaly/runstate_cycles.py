"""How often a compressor starts, how long it runs, and what share of the time, from a history of its states.

The history is a sample: a state is known at single moments, often minutes apart, and for some hours perhaps
not at all. Two neighbouring moments at most `max_gap_s` apart span *observed* time; if they agree, the
machine is taken to have kept its state between them, if not, to have changed half-way. All other time counts
neither as running nor as standing. A run or pause shorter than the spacing can be missed entirely, so
`starts_per_hour` is a lower bound and `mean_run_s` an upper one; `spacing_s` tells how coarse they are, and
`resolved` whether the runs found are long against it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

RECENT_S = 900.0
"""How far apart two clips may be for the time between them to count as observed: three of the nodes'
five-minute rounds, so that two lost clips do not end it, and shorter than most pauses of a refrigerator."""

RUNS_BEFORE_AND_AFTER = {
    "off": (False, False),
    "defrost": (False, False),
    "running": (True, True),
    "starting": (False, True),
    "stopping": (True, False),
}
"""Whether the compressor runs just before and just after a moment of each state. `door_open` and `unknown`
do not say, and are skipped."""

_RESOLVED_SPACINGS = 2.0  # a run must span two samples to be seen for certain


@dataclass(frozen=True)
class Cycles:
    """starts_per_hour: starts seen per observed hour, a lower bound. mean_run_s: running time per start
    (runs cut off by the window or a gap count with the part that was seen). duty: share of the observed time
    running, 0 to 1. observed_s: how much time that rests on. starts: how many were seen. spacing_s: mean
    distance of the moments. resolved: the mean run and the mean pause are both at least two spacings long.

    A figure is None where nothing speaks for it: without observed time all three, without a start the mean
    run.
    """

    starts_per_hour: float | None
    mean_run_s: float | None
    duty: float | None
    observed_s: float
    starts: int
    spacing_s: float | None
    resolved: bool


def cycles(history: Sequence[tuple[float, str]], *, max_gap_s: float = RECENT_S) -> Cycles:
    """history: (time in seconds on any clock, state), in any order; moments with a time that is not finite
    or with a state that does not tell whether the compressor runs are left out."""
    moments = sorted(
        (at, state) for at, state in history if math.isfinite(at) and state in RUNS_BEFORE_AND_AFTER
    )
    observed = running = 0.0
    starts = intervals = 0
    joined = False  # the moment before ended an observed interval
    for (at, state), (next_at, next_state) in pairwise(moments):
        passed = next_at - at
        if not 0 < passed <= max_gap_s:
            joined = False
            continue
        before, after = RUNS_BEFORE_AND_AFTER[state]
        next_before, next_after = RUNS_BEFORE_AND_AFTER[next_state]
        if next_state == state:
            next_before = after  # one start heard in two clips, not two
        intervals += 1
        observed += passed
        running += passed * (after + next_before) / 2
        starts += (not joined and after and not before) + (next_before and not after)
        starts += next_after and not next_before
        joined = True
    if not observed:
        return Cycles(None, None, None, 0.0, 0, None, False)
    spacing = observed / intervals
    mean_run = running / starts if starts else None
    mean_pause = (observed - running) / starts if starts else None
    enough = _RESOLVED_SPACINGS * spacing
    return Cycles(
        starts_per_hour=3600 * starts / observed,
        mean_run_s=mean_run,
        duty=running / observed,
        observed_s=observed,
        starts=starts,
        spacing_s=spacing,
        resolved=mean_run is not None and mean_pause is not None and min(mean_run, mean_pause) >= enough,
    )
