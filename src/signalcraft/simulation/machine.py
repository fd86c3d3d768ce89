"""A refrigeration compressor in a shop, as a node next to it would hear and measure it.

The sound follows the physics: hum at twice the 60 Hz mains and its harmonics, a two-pole shaft that turns a
little slower (slip), one piston stroke a turn, a fan, flowing refrigerant, the shop around it. The levels are
plausible, not measured. The same seed and time give the same clip and reading, in whatever order they are
asked for.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypedDict

import numpy as np
from numpy.typing import NDArray

from signalcraft.simulation.sources import impacts, looped_noise, wave_table

SAMPLE_RATE_HZ = 16_000  # of the nodes' microphones

_MAINS_HZ = 60.0
_MAINS_LOOP = SAMPLE_RATE_HZ // 20  # three mains periods are a whole number of samples

# Streams of random numbers derived from one seed; the numbers only have to differ.
_CHARACTER, _CYCLE, _CLIP, _READING = range(4)


class Reading(TypedDict):
    """temperature_c: storage temperature, in steps of the sensor's 1/16 degree. vibration: acceleration in g
    along x, y, z, without gravity. power_percent: of the current sensor's range. audio_level: mean absolute
    16-bit sample value."""

    temperature_c: float
    vibration: dict[str, float]
    power_percent: float
    audio_level: int


@dataclass(frozen=True)
class Fault:
    """Bearing wear, from nothing at `starts_at` to grave `grows_over_s` later (seconds of machine time)."""

    starts_at: float
    grows_over_s: float
    kind: Literal["bearing_wear"] = "bearing_wear"

    def severity(self, at: float) -> float:
        """0 (none) to 1 (grave)."""
        return min(max((at - self.starts_at) / self.grows_over_s, 0.0), 1.0)


class VirtualMachine:
    """One compressor. Times are seconds on the machine's own clock, not negative."""

    def __init__(self, seed: int, *, fault: Fault | None = None) -> None:
        self.seed = seed
        self.fault = fault
        rng = self._rng(_CHARACTER, 0)
        self._shaft_hz = rng.uniform(57.6, 58.8)
        self._fan_hz = rng.uniform(24.6, 27.0)  # five blades: clear of a slow beat with the 120 Hz hum
        self._bearing_orders = rng.uniform(2.9, 3.2)  # ball passes of the outer race per turn
        self._bearing_resonance_hz = rng.uniform(2800.0, 5500.0)
        self._cycle_s = rng.uniform(1200.0, 2100.0)  # about two to three starts an hour
        self._duty = rng.uniform(0.5, 0.7)
        self._phase_s = rng.uniform(0.0, self._cycle_s)
        self._setpoint_c = rng.uniform(-21.0, -19.0)
        self._level = 10 ** (rng.uniform(-3.0, 3.0) / 20)  # where the microphone sits

    def is_running(self, at: float) -> bool:
        """Whether the compressor runs. Send sound only while it does: real nodes hear the compressor start,
        and clips of a standing machine would spoil what is learned of a running one."""
        return self._position(at)[0]

    def clip(self, at: float, duration_s: float = 10.0) -> NDArray[np.int16]:
        """The sound of the running machine from time `at`: int16, shape (duration_s * SAMPLE_RATE_HZ,)."""
        rng = self._rng(_CLIP, at)
        n = round(duration_s * SAMPLE_RATE_HZ)
        shaft_hz = self._shaft_hz + rng.normal(0, 0.02)  # load changes the slip, a little
        fan_hz = self._fan_hz * rng.normal(1, 0.001)
        t = np.arange(n, dtype=np.float32) / np.float32(SAMPLE_RATE_HZ)
        slip_hz = 2 * (_MAINS_HZ - shaft_hz)  # pole pass frequency of a two-pole motor: side bands of the hum
        sound = np.resize(self._mains, n + _MAINS_LOOP)[(start := rng.integers(_MAINS_LOOP)) : start + n]
        sound = sound * (1 + np.float32(0.15) * np.cos(np.float32(2 * np.pi * slip_hz) * t))
        sound += self._turning(self._shaft, shaft_hz, t, rng) * _jitter(rng, 0.4)
        sound += self._turning(self._fan, fan_hz, t, rng) * _jitter(rng, 0.4)
        for loop in self._flow:
            sound += _window(loop, n, rng) * _jitter(rng, 0.4)
        for loop in self._shop:
            sound += _window(loop, n, rng) * _jitter(rng, 2.0)
        severity = self.fault.severity(at) if self.fault else 0.0
        if severity > 0:
            sound += self._bearing(severity, shaft_hz, n, rng)
        pcm: NDArray[np.int16] = np.clip(np.rint(sound * (self._level * 32767)), -32768, 32767).astype(
            np.int16
        )
        return pcm

    def reading(self, at: float) -> Reading:
        """What the node's other sensors say at time `at`."""
        rng = self._rng(_READING, at)
        running, passed = self._position(at)
        severity = self.fault.severity(at) if self.fault else 0.0
        # Exponential approach in both states, scaled to meet where they change.
        fallen = (1 - math.exp(-2 * passed)) / (1 - math.exp(-2))
        swing = 1 - fallen if running else fallen
        temperature = self._setpoint_c - 1.5 + 3.0 * swing + 5.0 * severity + rng.normal(0, 0.05)
        vibration = (0.12 + 0.6 * severity**2 if running else 0.004) * np.array([1.0, 0.8, 0.5])
        vibration = vibration * (1 + 0.08 * rng.standard_normal(3))
        power = (
            58.0 + 4.0 * swing + 8.0 * severity + rng.normal(0, 0.8) if running else 2.0 + rng.normal(0, 0.1)
        )
        level = 32767 * self._level * (0.0132 + 0.021 * severity**1.5 if running else 0.003)
        return Reading(
            temperature_c=round(temperature * 16) / 16,
            vibration={axis: round(float(g), 3) for axis, g in zip("xyz", vibration, strict=True)},
            power_percent=round(max(power, 0.0), 1),
            audio_level=round(level * float(_jitter(rng, 0.8))),
        )

    def _rng(self, stream: int, at: float) -> np.random.Generator:
        return np.random.default_rng([self.seed, stream, round(at * 1000)])

    def _position(self, at: float) -> tuple[bool, float]:
        """(running?, share of the present run or pause that has passed)."""
        if at < 0:
            raise ValueError(f"machine time starts at 0, not at {at}")
        cycle, into = divmod(at + self._phase_s, self._cycle_s)
        run_s = self._cycle_s * (self._duty + self._rng(_CYCLE, cycle).uniform(-0.08, 0.08))
        if into < run_s:
            return True, into / run_s
        return False, (into - run_s) / (self._cycle_s - run_s)

    @cached_property
    def _mains(self) -> NDArray[np.float32]:
        t = np.arange(_MAINS_LOOP) / SAMPLE_RATE_HZ
        rng = self._rng(_CHARACTER, 1)
        harmonics = np.arange(2, 18, 2)
        amplitude = 0.010 * 0.55 ** np.arange(harmonics.size) * 10 ** (rng.normal(0, 2, harmonics.size) / 20)
        phase = rng.uniform(0, 2 * np.pi, harmonics.size)
        waves = amplitude[:, None] * np.sin(2 * np.pi * _MAINS_HZ * harmonics[:, None] * t + phase[:, None])
        loop: NDArray[np.float32] = waves.sum(axis=0).astype(np.float32)
        return loop

    @cached_property
    def _shaft(self) -> NDArray[np.float32]:
        """One turn: imbalance, and one piston stroke whose valve knock reaches up the harmonics."""
        return wave_table(self._rng(_CHARACTER, 2), harmonics=40, level=0.008, decay=0.90)

    @cached_property
    def _fan(self) -> NDArray[np.float32]:
        """One turn of five nearly equal blades."""
        return wave_table(self._rng(_CHARACTER, 3), harmonics=30, level=0.006, decay=0.93, every=5)

    @cached_property
    def _flow(self) -> list[NDArray[np.float32]]:
        """Two loops of unequal length, so that clips hardly ever meet the same noise."""
        rng = self._rng(_CHARACTER, 4)
        return [
            looped_noise(rng, 2**17, level=0.007, corner_hz=900.0, slope_db_per_octave=-4.0),
            looped_noise(rng, 3 * 2**16, level=0.005, corner_hz=2500.0, slope_db_per_octave=-5.0),
        ]

    @cached_property
    def _shop(self) -> list[NDArray[np.float32]]:
        rng = self._rng(_CHARACTER, 5)
        return [looped_noise(rng, 5 * 2**15, level=0.003, corner_hz=300.0, slope_db_per_octave=-5.0)]

    def _turning(
        self, table: NDArray[np.float32], turns_hz: float, t: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        phase = (t * np.float32(turns_hz * table.size)).astype(np.int32)
        phase += rng.integers(table.size, dtype=np.int32)
        phase %= table.size
        return table[phase]

    def _bearing(
        self, severity: float, shaft_hz: float, n: int, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        level = np.float32(0.25 * severity**1.5)  # an impact's peak; at 1 far above the flow noise there
        rate_hz = self._bearing_orders * shaft_hz
        return level * impacts(rng, n, rate_hz=rate_hz, resonance_hz=self._bearing_resonance_hz)


def _jitter(rng: np.random.Generator, deviation_db: float) -> np.float32:
    """A random gain around 1."""
    return np.float32(10 ** (rng.normal(0, deviation_db) / 20))


def _window(loop: NDArray[np.float32], n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    start = int(rng.integers(loop.size))
    if start + n <= loop.size:
        return loop[start : start + n]
    return np.resize(np.roll(loop, -start), n)
