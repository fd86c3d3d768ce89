"""One clip of a virtual machine, before its microphone: the sum of what turns, flows, knocks and passes."""

import numpy as np

from signalcraft.simulation.character import Character
from signalcraft.simulation.course import Control, Course
from signalcraft.simulation.cycle import Span
from signalcraft.simulation.fault_sounds import Heard, added
from signalcraft.simulation.faults import Effect, Kind
from signalcraft.simulation.sources import (
    Phase,
    Signal,
    add_ring,
    arrivals,
    control_times,
    gain,
    harmonic_table,
    played,
    rotation,
    smooth,
    wander,
    window,
)

MACHINE_RMS = 0.0155
"""Of a healthy running machine, before its place (`Character.level`); the shop's noise is put beside it."""

_COSINE = harmonic_table([1.0], np.random.default_rng(0))
_MAINS_DEVIATION_HZ = 0.015  # from clip to clip; grids hold some 0.02 Hz
_OPEN_DB, _INSIDE_DB = 8.0, 10.0  # how much louder the shop and the fan inside are with the door open
_DOOR_ROOM_S = 0.04


def machine_sound(
    character: Character,
    course: Course,
    does: Effect,
    fault: tuple[Kind, float] | None,
    rng: np.random.Generator,
    faults_rng: np.random.Generator,
) -> Signal:
    """Without shop and microphone, float32 (n,).

    fault: its kind and severity. faults_rng: for what chance a fault brings of its own, so that everything
    else is the same without it.
    """
    sound = _inside(character, course, rng)
    if course.moving:
        n = course.n
        mains = rotation(character.mains_hz + rng.normal(0, _MAINS_DEVIATION_HZ), n, rng)
        shaft = rotation(course.shaft_hz / 2, n, rng)
        sound += _hum(character, course, does, mains, shaft, rng.normal(0, 0.3))
        sound += played(character.shaft, shaft) * smooth(
            course.stroke * gain(does.stroke_db + rng.normal(0, 0.5)), n
        )
        sound += _condenser_fan(character, course, fault, rng, faults_rng)
        sound += _flow(character, course, does, shaft, rng)
        _switching(character, course, sound, rng)
        more = added(*fault, Heard(character, course, shaft, faults_rng)) if fault is not None else None
        if more is not None:
            sound += more
    if course.heater.any():
        _melting(course, sound, rng)
    return sound


def shop_sound(
    around: Signal, openings: list[Span], gap: float, character: Character, rng: np.random.Generator
) -> Signal:
    """The shop's noise as it comes past the door: louder and brighter while it is open.

    around: (n,), at its level through a closed door. openings: seconds into the clip.
    """
    n = around.size
    times = control_times(n)
    held = np.full(times.size, gap**0.5)
    for opening in openings:
        # A hinged door takes half a second.
        held = np.maximum(held, np.clip(np.minimum(times - opening.start, opening.end - times) / 0.5, 0, 1))
    if not held.any():
        return around
    opened = smooth(held, n)
    louder = around * (1 + (gain(_OPEN_DB) - 1) * opened)
    # The closed door damps high notes most: their difference from sample to sample grows with them.
    louder[1:] += np.diff(around) * opened[1:] * np.float32(2.0)
    inside = rotation(character.evaporator_hz, n, rng)
    louder += (
        played(character.evaporator_fan, inside) * opened * gain(_INSIDE_DB) * np.float32(character.level)
    )
    for opening in openings:
        # The seal lets go with a smack; the door falls to with a thud.
        add_ring(louder, opening.start, level=0.01, hz=rng.uniform(250, 400), decay_s=_DOOR_ROOM_S / 2)
        add_ring(louder, opening.end, level=0.05, hz=rng.uniform(70, 130), decay_s=_DOOR_ROOM_S)
        add_ring(louder, opening.end, level=0.015, hz=rng.uniform(400, 700), decay_s=_DOOR_ROOM_S / 3)
    return louder


def _hum(
    character: Character, course: Course, does: Effect, mains: Phase, shaft: Phase, swing_db: float
) -> Signal:
    """Twice the mains and its harmonics; the rotor passes the poles at twice the slip and modulates them
    (Thomson & Fenger 2001: side bands at that distance)."""
    sound = played(character.hum, mains) * gain(does.hum_db + swing_db)
    if does.hum_upper_db:
        sound += played(character.hum_upper, mains) * (
            gain(does.hum_upper_db + swing_db) - gain(does.hum_db + swing_db)
        )
    pole_pass = (mains - (shaft << np.uint32(1))) << np.uint32(1)
    sound *= 1 + np.float32(character.pole_pass_depth) * played(_COSINE, pole_pass)
    sound *= smooth(course.hum, course.n)
    return sound


def _inside(character: Character, course: Course, rng: np.random.Generator) -> Signal:
    """The evaporator's fan, through the closed door; it rests while ice melts."""
    if not course.evaporator.any():
        return np.zeros(course.n, np.float32)
    turning = rotation(course.evaporator_hz, course.n, rng)
    return played(character.evaporator_fan, turning) * smooth(course.evaporator, course.n)


def _condenser_fan(
    character: Character,
    course: Course,
    fault: tuple[Kind, float] | None,
    rng: np.random.Generator,
    faults_rng: np.random.Generator,
) -> Signal:
    n = course.n
    turning = rotation(course.fan_hz, n, rng)
    table, fan = character.fan, course.fan
    if fault is not None and fault[0] == "fan_fault":
        severity = fault[1]
        table = table * np.float32(1 - 0.8 * severity) + character.fan_failing * np.float32(severity)
        # Stalled blades shed their air in gusts.
        fan = fan * np.maximum(0.1, 1 + 0.6 * severity * wander(fan.size, faults_rng, corner_hz=2.0))
    return played(table, turning) * smooth(fan * gain(rng.normal(0, 0.5)), n)


def _flow(
    character: Character, course: Course, does: Effect, shaft: Phase, rng: np.random.Generator
) -> Signal:
    n = course.n
    low, high = character.flow
    sound = window(low, n, rng) * gain(rng.normal(0, 0.6)) + window(high, n, rng) * gain(rng.normal(0, 0.6))
    sound *= played(character.pulsation, shaft)
    sound *= smooth(course.flow * gain(does.flow_db), n)
    if course.hot_gas.any():
        # Uncondensed gas through the defrost valve and the evaporator.
        sound += window(character.hiss, n, rng) * smooth(0.007 * course.hot_gas * course.flow, n)
    return sound


def _switching(character: Character, course: Course, sound: Signal, rng: np.random.Generator) -> None:
    """The relay's click, the housing that swings on its springs as the shaft is let go, the knock at rest."""
    housing = character.model.housing_hz
    for at, on in course.switches:
        add_ring(sound, at, level=0.05, hz=rng.uniform(1800, 3000), decay_s=0.003)
        if on:
            add_ring(sound, at + 0.03, level=0.06, hz=housing, decay_s=0.06)
        else:
            add_ring(sound, at + 0.05, level=0.05, hz=rng.uniform(18, 30), decay_s=0.25)
            add_ring(sound, at + 0.28, level=0.12, hz=housing, decay_s=0.03)
            add_ring(sound, at + 0.28, level=0.03, hz=character.model.mount_hz, decay_s=0.01)


def _melting(course: Course, sound: Signal, rng: np.random.Generator) -> None:
    """Heated ice: drops into the tray, ticks of expanding metal, and the hiss of drops on the heater."""
    heater: Control = course.heater
    for at in arrivals(2.5 * heater, rng):
        add_ring(sound, at, level=0.006 * rng.lognormal(0, 0.5), hz=rng.uniform(900, 2600), decay_s=0.008)
    for at in arrivals(0.7 * heater, rng):
        add_ring(sound, at, level=0.012 * rng.lognormal(0, 0.5), hz=rng.uniform(3000, 5500), decay_s=0.002)
    gusts = np.maximum(0.0, wander(heater.size, rng, corner_hz=0.8) - 0.2)
    hiss = rng.standard_normal(course.n, dtype=np.float32)
    hiss[1:] -= np.float32(0.7) * hiss[:-1]
    sound += hiss * smooth(0.0012 * heater * (0.3 + gusts), course.n)
