"""What else than the sound is known about a machine at the time of a clip."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Surroundings:
    """Everything may be unknown (None): many nodes send sound only. NaN counts as unknown too.

    power_percent: current, of the sensor's range (0 to 100), at the clip. It has no zero offset and no phase:
        a machine at rest may read some per cent, so only its own levels compare.
    temperature_c: storage temperature at the clip, degrees Celsius.
    temperature_slope_c_per_min: its slope over the minutes before the clip, positive while it gets warmer.
    vibration_g: root mean square of acceleration without gravity over the axes, in g.
    starts_per_hour, run_s, duty: of the hours before the clip, as `runstate.cycles` tells them: starts an
        hour, mean length of a run in seconds, share of time running (0 to 1).
    previous_state: state of the machine's last clip that told one, if it was recent (`runstate.RECENT_S`).
    mains_hz: of the region, 50 or 60, where it is known.
    """

    power_percent: float | None = None
    temperature_c: float | None = None
    temperature_slope_c_per_min: float | None = None
    vibration_g: float | None = None
    starts_per_hour: float | None = None
    run_s: float | None = None
    duty: float | None = None
    previous_state: str | None = None
    mains_hz: float | None = None


UNKNOWN = Surroundings()
