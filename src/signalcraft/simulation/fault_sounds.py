"""What faults add to the sound of the machine. All levels are amplitudes of full scale at the microphone,
beside a healthy machine of about 0.016 rms; severities are 0 to 1, see `faults`.
"""

from dataclasses import dataclass

import numpy as np

from signalcraft.simulation.character import Character
from signalcraft.simulation.course import Course
from signalcraft.simulation.faults import Kind
from signalcraft.simulation.sources import (
    CONTROL_HZ,
    SAMPLE_RATE_HZ,
    Phase,
    Signal,
    add_ring,
    arrivals,
    hits,
    played,
    resonance,
    smooth,
    wander,
    window,
)

_CAGE_ORDER = 0.4  # the load on a ball changes as the cage turns, 0.38 to 0.42 a turn
_AFTER_START_S = 180.0  # liquid that has gathered during the pause


@dataclass(frozen=True)
class Heard:
    """What is needed to make a fault heard in one clip. shaft: phase of two turns of the shaft."""

    character: Character
    course: Course
    shaft: Phase
    rng: np.random.Generator


def added(kind: Kind, severity: float, heard: Heard) -> Signal | None:
    """The sound of a fault, (n,), or None for those that only change what is there."""
    match kind:
        case "bearing_wear":
            return _bearing(severity, heard)
        case "imbalance":
            return _turning(heard.character.once, 0.085 * severity, heard)
        case "loose_mount":
            return _loose(severity, heard)
        case "friction":
            return _friction(severity, heard)
        case "valve_leak":
            return _leak(severity, heard)
        case "liquid_slugging":
            return _slugging(severity, heard)
        case "refrigerant_loss":
            return _gurgling(severity, heard)
        case "fan_fault" if not heard.character.model.broken_blade:
            return _stalling(severity, heard)
        case _:
            return None


def _turning(table: Signal, level: float, heard: Heard) -> Signal:
    """A sound of the shaft; its force falls with the square of the speed in a start or stop."""
    speed = heard.course.shaft_hz / heard.character.mains_hz
    return played(table, heard.shaft) * smooth(level * speed**2, heard.course.n)


def _bearing(severity: float, heard: Heard) -> Signal:
    """Balls roll over a pit in the outer race: impacts that are no multiple of the turn, slip by a per cent,
    and ring the bearing seat (Randall & Antoni 2011, "Rolling element bearing diagnostics"); as the race gets
    rough, noise fills the gaps between them."""
    course, rng = heard.course, heard.rng
    shaft_hz = float(course.shaft_hz.mean())
    duration_s = course.n / SAMPLE_RATE_HZ
    interval = 1 / max(heard.character.bearing_orders * shaft_hz, 1.0)
    count = int(duration_s / interval) + 1
    at = np.cumsum(interval * (1 + 0.01 * rng.standard_normal(count))) - interval * rng.random()
    strength = rng.lognormal(0.0, 0.35, count)
    strength *= 1 + 0.4 * np.cos(2 * np.pi * _CAGE_ORDER * shaft_hz * at)
    strength *= np.interp(at, np.arange(course.stroke.size) / CONTROL_HZ, course.stroke)
    level = 0.16 * severity**1.5
    rung = resonance(hits(at, level * strength, course.n), hz=heard.character.bearing_hz, decay_s=0.001)
    rough = window(heard.character.grinding, course.n, rng) * smooth(
        0.016 * severity**2 * course.stroke, course.n
    )
    return rung + rough


def _loose(severity: float, heard: Heard) -> Signal:
    """The rattle comes and goes as the foot finds another place to lie."""
    held = np.maximum(0.2, 1 + 0.35 * wander(heard.course.stroke.size, heard.rng, corner_hz=3.0))
    return _turning(heard.character.rattle, 1.0, heard) * smooth(0.045 * severity**1.2 * held, heard.course.n)


def _friction(severity: float, heard: Heard) -> Signal:
    n = heard.course.n
    once = 0.25 + played(heard.character.rubbing, heard.shaft)
    noise = window(heard.character.scrape, n, heard.rng)
    return noise * once * smooth(0.035 * severity**1.2 * heard.course.stroke, n)


def _leak(severity: float, heard: Heard) -> Signal:
    """Gas rushes back through a valve that does not seat, while the pressure stands over it."""
    n = heard.course.n
    noise = window(heard.character.hiss, n, heard.rng)
    return (
        noise
        * (np.float32(0.1) + played(heard.character.leaking, heard.shaft))
        * smooth(0.030 * severity * heard.course.stroke, n)
    )


def _slugging(severity: float, heard: Heard) -> Signal:
    """A piston meets liquid: a heavy knock of the whole housing with a splash of valves; often in the minutes
    after a start, now and then later."""
    course, rng = heard.course, heard.rng
    sound = np.zeros(course.n, np.float32)
    early = np.exp(-course.since / _AFTER_START_S)
    rate = course.on * severity * (1.0 + 4.0 * early)
    for at in arrivals(rate, rng):
        strength = severity**0.7 * rng.lognormal(-0.1, 0.5)
        housing = heard.character.model.housing_hz * rng.uniform(0.9, 1.1)
        add_ring(sound, at, level=0.30 * strength, hz=housing, decay_s=0.025)
        add_ring(sound, at, level=0.08 * strength, hz=heard.character.valve_hz * 0.5, decay_s=0.006)
    return sound


def _gurgling(severity: float, heard: Heard) -> Signal:
    """Gas instead of liquid reaches the expansion valve: bubbles in bursts (each rings at the frequency of
    its size, Minnaert 1933) and a hiss that comes and goes as the flow flashes."""
    course, rng = heard.course, heard.rng
    comes = np.maximum(0.0, wander(course.flow.size, rng, corner_hz=0.6) + 0.3)
    flowing = np.maximum(course.flow, 0.3 * course.on)
    sound = np.zeros(course.n, np.float32)
    for hz in rng.uniform((350.0, 800.0), (800.0, 1500.0)):
        at = arrivals(25.0 * severity * comes * flowing, rng)
        strength = 0.045 * severity * rng.lognormal(0, 0.5, at.size)
        sound += resonance(hits(at, strength, course.n), hz=hz, decay_s=0.007)
    hiss = window(heard.character.hiss, course.n, rng)
    return sound + hiss * smooth(0.013 * severity * (0.3 + comes) * flowing, course.n)


def _stalling(severity: float, heard: Heard) -> Signal:
    """Blades that stall before a blocked coil shed their air in gusts: rotating stall, broadband and low."""
    course = heard.course
    gusts = np.maximum(0.2, 1 + 0.5 * wander(course.fan.size, heard.rng, corner_hz=2.0))
    return window(heard.character.turbulence, course.n, heard.rng) * smooth(
        0.020 * severity * course.fan * gusts, course.n
    )
