"""How a machine is used: a door that is left open, told by the states of its last clips; starts too often.

A clip with the door open is not compared with the closed machine, so the detector never speaks of it; that
the state lasts is the fault. Customers hold a door open for seconds, a delivery for some minutes: OPEN_CLIPS
of the last WITHIN_S, OPEN_SHARE of all clips since the first of them, and OPEN_FOR_S from the first to the
newest are neither; a defrost is a state of its own. Where clips come more rarely than every WITHIN_S /
OPEN_CLIPS, nothing is told. By meaning; tried on the simulator's development machines.
"""

from collections.abc import Sequence

DOOR_OPEN = "door_open"
WITHIN_S = 1800.0
OPEN_CLIPS = 5
OPEN_SHARE = 0.8
OPEN_FOR_S = 1100.0  # five clips of a five-minute round, which is not kept to the second
CLOSED_CLIPS = 3
WARMS_C_PER_MIN = 0.05
"""Three degrees an hour: what is stored there does not keep."""

OFTEN_PER_HOUR = 4.0
"""Makers of compressors allow some 6 to 12 starts an hour. Counted from clips five minutes apart at most 6
can be seen; twice what is usual of a machine that starts seldom harms nothing."""

CHANGE_DB = 4.0
"""A step in the compressor's tones that a running machine does not take: of 6,000 healthy clips of the
simulator's development machines one in a thousand has one of 3."""


def is_between_states(hum_step_db: float, previous_state: str | None) -> bool:
    """Whether the machine may have started or stopped in the clip, although it was heard running: it is then
    unlike itself, but not broken. hum_step_db: of the clip, NaN where not known."""
    return abs(hum_step_db) >= CHANGE_DB or previous_state in ("off", "stopping", "defrost")


def may_start_too_often(starts_per_hour: float | None) -> bool:
    """Whether so many starts can be a matter at all, however unusual they are for the machine."""
    return starts_per_hour is not None and starts_per_hour >= OFTEN_PER_HOUR


def is_left_open(told: Sequence[tuple[float, str]]) -> bool:
    """told: (time in seconds, state) of the machine's last clips, the newest last."""
    if not told or told[-1][1] != DOOR_OPEN:
        return False
    newest = told[-1][0]
    opened = [at for at, state in told if state == DOOR_OPEN and at >= newest - WITHIN_S]
    since = sum(at >= opened[0] for at, _ in told)
    lasted = newest - opened[0]
    return len(opened) >= OPEN_CLIPS and len(opened) >= OPEN_SHARE * since and lasted >= OPEN_FOR_S


def is_closed(told: Sequence[tuple[float, str]]) -> bool:
    """Whether none of the last CLOSED_CLIPS had the door open; True where none was told."""
    return all(state != DOOR_OPEN for _, state in told[-CLOSED_CLIPS:])


def severity(temperature_slope_c_per_min: float | None) -> str:
    """Of a door left open: graver where it is seen to get warm."""
    warms = temperature_slope_c_per_min is not None and temperature_slope_c_per_min >= WARMS_C_PER_MIN
    return "high" if warms else "medium"
