"""What the machine does during one clip, a hundred times a second: switching, speeds, pressure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.simulation.character import Character
from signalcraft.simulation.cycle import Timeline, warmer_c
from signalcraft.simulation.faults import Effect
from signalcraft.simulation.sources import control_times, wander

Control = NDArray[np.float64]

_LONG_AGO_S = 1e6
# Small hermetic compressors: locked-rotor torque brings the shaft up in some tenths of a second; it stops in
# about as long, for the gas brakes it. Fans have more inertia and little torque.
_SHAFT_UP_S, _SHAFT_DOWN_S = 0.15, 0.22
_FAN_UP_S, _FAN_DOWN_S = 1.1, 2.2
_INRUSH, _INRUSH_S = 3.5, 0.2  # of the hum, beyond its usual amplitude: 5 to 7 times the current
_BUILD_UP_S = 4.0  # of the pressure difference
_PULL_DOWN, _PULL_DOWN_S = 0.14, 240.0  # extra load while the evaporator is still warm
_BALANCE_S = 20.0  # gas hisses on through the capillary after a stop
_SLIP_AT_REST = 0.35  # share of its loaded slip that a motor without load still has
_LOAD_PER_C = 0.012  # a warmer shop raises the condensing pressure


@dataclass(frozen=True)
class Course:
    """Controls (k,) of a clip of n samples.

    since: seconds since the last switch. on: whether the compressor is energised. hum: amplitude of the
    motor's hum. shaft_hz, fan_hz, evaporator_hz: turns a second. stroke, fan, evaporator: amplitudes. flow:
    of the refrigerant. hot_gas, heater: which defrost is under way, 0 to 1. switches: (seconds into the clip,
    on?) within it, and the last one before.
    """

    n: int
    since: Control
    on: NDArray[np.bool_]
    hum: Control
    shaft_hz: Control
    stroke: Control
    flow: Control
    fan_hz: Control
    fan: Control
    evaporator_hz: float
    evaporator: Control
    hot_gas: Control
    heater: Control
    switches: tuple[tuple[float, bool], ...]

    @property
    def moving(self) -> bool:
        """Whether anything of the compressor or its gas can be heard; it falls silent after a stop."""
        return bool(self.on.any()) or float(self.since[0]) < 6 * _BALANCE_S


def load_of(at: float, since_s: float) -> float:
    """Torque of a running compressor against its usual one, without what a fault does."""
    return 1.0 + _PULL_DOWN * float(np.exp(-since_s / _PULL_DOWN_S)) + _LOAD_PER_C * warmer_c(at)


def course(
    character: Character, timeline: Timeline, does: Effect, at: float, n: int, rng: np.random.Generator
) -> Course:
    """does: what a fault changes. at: where the clip begins, seconds of machine time."""
    into = control_times(n)
    times = at + into
    switches = timeline.switches(at, times[-1]) or [(-_LONG_AGO_S, False)]
    place = np.searchsorted([when for when, _ in switches], times, side="right") - 1
    place = np.maximum(place, 0)
    since = np.maximum(times - np.array([when for when, _ in switches])[place], 0.0)
    on = np.array([state for _, state in switches])[place]

    up = np.where(on, 1 - np.exp(-since / _SHAFT_UP_S), np.exp(-since / _SHAFT_DOWN_S))
    load = 1 + _PULL_DOWN * np.exp(-since / _PULL_DOWN_S) + _LOAD_PER_C * warmer_c(at) + 0.01 * rng.normal()
    built = 1 - 0.65 * np.exp(-since / _BUILD_UP_S)
    slip = character.slip * does.slip * (_SLIP_AT_REST + (1 - _SLIP_AT_REST) * load * built)
    shaft_hz = character.mains_hz * (1 - slip + 0.0002 * wander(into.size, rng, corner_hz=0.5)) * up
    defrost = np.linspace(timeline.in_defrost(at), timeline.in_defrost(float(times[-1])), into.size)
    hot_gas = defrost * on if character.model.hot_gas else np.zeros(into.size)
    fan_up = np.where(on, 1 - np.exp(-since / _FAN_UP_S), np.exp(-since / _FAN_DOWN_S))
    fan_up = fan_up * (1 - hot_gas)  # the condenser's heat is wanted inside
    pull = does.fan_speed * (1 + 0.001 * rng.normal() + 0.0005 * wander(into.size, rng, corner_hz=0.3))
    return Course(
        n=n,
        since=since,
        on=on,
        hum=np.where(on, 1 + _INRUSH * np.exp(-since / _INRUSH_S), np.exp(-since / 0.01))
        * (0.6 + 0.4 * load),
        shaft_hz=shaft_hz,
        stroke=up * built * (0.5 + 0.5 * load) * (1 + 0.04 * wander(into.size, rng, corner_hz=8.0)),
        flow=np.where(on, 1 - np.exp(-since / (1.5 * _BUILD_UP_S)), 0.4 * np.exp(-since / _BALANCE_S)),
        fan_hz=character.fan_hz * pull * fan_up,
        fan=fan_up**2,
        evaporator_hz=character.evaporator_hz * (1 + 0.001 * rng.normal()),
        evaporator=1.0 - defrost,
        hot_gas=hot_gas,
        heater=defrost * ~on,
        switches=tuple((when - at, state) for when, state in switches),
    )
