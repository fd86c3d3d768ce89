"""What a node's other sensors say of a virtual machine: temperature, current, vibration, level of sound."""

import math
from typing import TypedDict

import numpy as np

from signalcraft.simulation.character import Character
from signalcraft.simulation.course import load_of
from signalcraft.simulation.cycle import Timeline, is_open
from signalcraft.simulation.mixing import MACHINE_RMS

_SWING_C = 3.0  # of the thermostat
_DEFROST_C, _DEFROST_S, _RECOVERY_S = 7.0, 900.0, 700.0
_DOOR_C_PER_S, _DOOR_C_MOST, _DOOR_RECOVERY_S = 0.035, 7.0, 500.0
_INRUSH_S = 1.0  # what is left of the inrush in a reading
_HEATER_PERCENT, _FANS_PERCENT, _REST_PERCENT = 38.0, 3.5, 2.0
_MEAN_OF_RMS = 0.78  # mean absolute value of such sound, of its rms
# Sound of a machine that stands still beside one that runs, rms, by night and by day.
_STANDING = {False: 0.16, True: 0.55}


class Reading(TypedDict):
    """temperature_c: storage temperature, in steps of the sensor's 1/16 degree. vibration: acceleration in g
    along x, y, z, without gravity. power_percent: of the current sensor's range. audio_level: mean absolute
    16-bit sample value."""

    temperature_c: float
    vibration: dict[str, float]
    power_percent: float
    audio_level: int


def reading(character: Character, timeline: Timeline, at: float, rng: np.random.Generator) -> Reading:
    does = timeline.effect(at)
    run = timeline.run(at)
    temperature = storage_c(character, timeline, at) + rng.normal(0, 0.05)
    power = _power(character, timeline, at)
    shake = 0.004 if run is None else 0.12 + does.vibration_g
    if run is not None and at - run.start < _INRUSH_S:
        shake *= 2.5
    vibration = shake * np.array([1.0, 0.8, 0.5]) * (1 + 0.08 * rng.standard_normal(3))
    sound = 1.0 + 0.6 * does.vibration_g if run is not None else _STANDING[is_open(at)]
    level = 32767 * MACHINE_RMS * character.level * sound * _MEAN_OF_RMS
    return Reading(
        temperature_c=round(temperature * 16) / 16,
        vibration={axis: round(float(g), 3) for axis, g in zip("xyz", vibration, strict=True)},
        power_percent=round(min(max(power * (1 + 0.013 * rng.normal()), 0.0), 100.0), 1),
        audio_level=round(level * 10 ** (rng.normal(0, 0.8) / 20)),
    )


def storage_c(character: Character, timeline: Timeline, at: float) -> float:
    """Without the sensor's noise: the thermostat's swing, and what defrosts, doors and faults add."""
    run = timeline.run(at)
    span = run or timeline.pause(at)
    passed = (at - span.start) / (span.end - span.start)
    # Exponential approach in both states, scaled to meet where they change.
    fallen = (1 - math.exp(-2 * passed)) / (1 - math.exp(-2))
    swing = 1 - fallen if run else fallen
    defrost = timeline.block(at).defrost
    warmed = _DEFROST_C * (1 - math.exp(-(min(at, defrost.end) - defrost.start) / _DEFROST_S))
    warmed *= math.exp(-max(at - defrost.end, 0.0) / _RECOVERY_S)
    for opening in timeline.doors(at - 4 * _DOOR_RECOVERY_S, at):
        warmed += min(_DOOR_C_PER_S * (min(opening.end, at) - opening.start), _DOOR_C_MOST) * math.exp(
            -max(at - opening.end, 0.0) / _DOOR_RECOVERY_S
        )
    return character.setpoint_c + _SWING_C * (swing - 0.5) + warmed + timeline.effect(at).warmth_c


def _power(character: Character, timeline: Timeline, at: float) -> float:
    """Without the sensor's noise, in per cent of its range."""
    run = timeline.run(at)
    if run is None:
        if timeline.in_defrost(at):
            return _HEATER_PERCENT
        return _REST_PERCENT + _FANS_PERCENT
    since = at - run.start
    if since < _INRUSH_S:
        return 100.0
    return character.current * load_of(at, since) * timeline.effect(at).current
