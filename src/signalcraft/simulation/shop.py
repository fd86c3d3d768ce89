"""The shop around a virtual machine: what is always there, and what passes.

Each source is a loop of some 16 s; the shop's seed makes its voices, its music, its neighbour's refrigerator.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.simulation.sources import (
    SAMPLE_RATE_HZ,
    Signal,
    add_ring,
    gain,
    looped_noise,
    of_rms,
    resonance,
    window,
)

NIGHT_SNR_DB, DAY_SNR_DB, DEVIATION_DB = 20.0, 6.0, 2.0
"""How far below the healthy running machine the shop is, by night and with customers, and how that varies."""
PASSING_SHARE = 0.05
"""Of the clips by day: in them something loud happens nearby, for a part of the clip,"""
PASSING_SNR_DB = (-10.0, 0.0)
PASSING_SHARE_OF_CLIP = (0.1, 0.9)

_LOOP = 2**18
_SECONDS = _LOOP / SAMPLE_RATE_HZ
_SOUNDS, _MIX = 30, 31  # streams of random numbers


def _ventilation(rng: np.random.Generator) -> Signal:
    return looped_noise(
        rng, _LOOP, level=1.0, corner_hz=rng.uniform(120, 700), slope_db_per_octave=rng.uniform(-7, -3)
    )


def _neighbour(rng: np.random.Generator, mains_hz: float) -> Signal:
    """Another refrigerator on the same mains: hum at even harmonics, a shaft, a fan, some flow."""
    t = np.arange(_LOOP) / SAMPLE_RATE_HZ
    sound = np.zeros(_LOOP)
    shaft_hz = mains_hz * rng.uniform(0.957, 0.983)
    for base_hz, levels in ((2 * mains_hz, (1.0, 0.5, 0.3)), (shaft_hz, (0.4, 0.4, 0.2))):
        for harmonic, level in enumerate(levels, start=1):
            turns = _whole(base_hz * harmonic) * t + rng.random()
            sound += level * rng.uniform(0.5, 1.5) * np.sin(2 * np.pi * turns)
    noise = looped_noise(rng, _LOOP, level=0.8, corner_hz=900.0, slope_db_per_octave=-6.0)
    return (sound + noise).astype(np.float32)


def _traffic(rng: np.random.Generator) -> Signal:
    rumble = looped_noise(rng, _LOOP, level=1.0, corner_hz=150.0, slope_db_per_octave=-6.0)
    tyres = looped_noise(rng, _LOOP, level=0.5, corner_hz=1000.0, slope_db_per_octave=-9.0, low_hz=300)
    return rumble * _swell(rng, 2, 5, 0.6) + tyres * _swell(rng, 2, 5, 0.9)


def _talk(rng: np.random.Generator) -> Signal:
    """Voiced and unvoiced syllables of two people through three formants each (source and filter, Fant)."""
    sound = np.zeros(_LOOP, np.float32)
    pitches = rng.uniform(95, 150), rng.uniform(170, 240)
    at = 0.0
    while at < _SECONDS - 0.5:
        speaker = int(rng.integers(2))
        for _ in range(int(rng.integers(3, 9))):
            length = rng.uniform(0.09, 0.25)
            first, n = int(at * SAMPLE_RATE_HZ), int(length * SAMPLE_RATE_HZ)
            if first + n > _LOOP:
                break
            t = np.arange(n) / SAMPLE_RATE_HZ
            pitch = pitches[speaker] * rng.uniform(0.85, 1.2) * (1 - 0.15 * t / length)
            glottis = np.diff(np.floor(np.cumsum(pitch) / SAMPLE_RATE_HZ), prepend=0.0)
            breath = rng.standard_normal(n) * (0.25 if rng.random() < 0.25 else 0.02)
            voiced = (glottis + breath).astype(np.float32)
            syllable = np.zeros(n, np.float32)
            for low, high, level in ((300, 800, 1.0), (900, 2200, 0.5), (2300, 3200, 0.25)):
                hz = rng.uniform(low, high)
                syllable += np.float32(level) * resonance(voiced, hz=hz, decay_s=0.004)
            sound[first : first + n] += syllable * np.hanning(n).astype(np.float32)
            at += length * rng.uniform(0.9, 1.3)
        at += rng.uniform(0.15, 1.2)
    return sound


def _music(rng: np.random.Generator) -> Signal:
    """Notes of a scale with a beat."""
    sound = np.zeros(_LOOP, np.float32)
    beat = 60 / rng.uniform(90, 130)
    root = 220 * 2 ** (rng.integers(12) / 12)
    scale = np.array([0, 2, 4, 7, 9, 12, 14, 16])
    for step in range(int(_SECONDS / beat * 2)):
        at = step * beat / 2
        for _ in range(int(rng.integers(1, 4))):
            note = float(root * 2 ** (rng.choice(scale) / 12) * rng.choice([0.5, 1.0, 2.0]))
            for harmonic in (1, 2, 3):
                add_ring(sound, at, level=0.5**harmonic, hz=note * harmonic, decay_s=0.18)
        if step % 2 == 0:
            add_ring(sound, at, level=1.2, hz=70.0, decay_s=0.05)
    return sound


def _chime(rng: np.random.Generator) -> Signal:
    """The door's ding-dong, twice in the loop."""
    sound = np.zeros(_LOOP, np.float32)
    high = rng.uniform(600, 900)
    for at in rng.uniform((0.5, 8.5), (4.0, 12.0)):
        for delay, hz in ((0.0, high), (0.55, high * 0.8)):
            for harmonic, level in ((1.0, 1.0), (2.76, 0.3), (5.4, 0.12)):
                add_ring(sound, at + delay, level=level, hz=hz * harmonic, decay_s=0.30)
    return sound + looped_noise(rng, _LOOP, level=0.01, corner_hz=500.0, slope_db_per_octave=-6.0)


def _cleaning(rng: np.random.Generator) -> Signal:
    """A vacuum cleaner: air, and the whine of its universal motor."""
    air = looped_noise(rng, _LOOP, level=1.0, corner_hz=1500.0, slope_db_per_octave=-4.0, low_hz=200)
    turn = _whole(rng.uniform(280, 420))
    phase = 2 * np.pi * turn * np.arange(_LOOP) / SAMPLE_RATE_HZ
    whine = sum(np.float32(0.3 / k) * np.sin(k * phase).astype(np.float32) for k in (1, 2, 3, 7, 9))
    return air + whine * _swell(rng, 1, 4, 0.3)


def _rain(rng: np.random.Generator) -> Signal:
    sound = looped_noise(rng, _LOOP, level=0.5, corner_hz=5000.0, slope_db_per_octave=-3.0, low_hz=800)
    drops = np.zeros(_LOOP, np.float32)
    drops[rng.integers(0, _LOOP, 900)] = rng.lognormal(0, 0.7, 900)
    return sound + resonance(drops, hz=rng.uniform(1500, 3500), decay_s=0.002)


def _delivery(rng: np.random.Generator) -> Signal:
    """A trolley over the threshold, boxes set down."""
    sound = looped_noise(rng, _LOOP, level=0.15, corner_hz=400.0, slope_db_per_octave=-5.0) * _swell(
        rng, 2, 6, 0.9
    )
    for at in rng.uniform(0, _SECONDS - 1, 14):
        add_ring(sound, at, level=rng.lognormal(0, 0.4), hz=rng.uniform(60, 180), decay_s=0.05)
    for at in rng.uniform(0, _SECONDS - 1, 40):
        add_ring(sound, at, level=0.4 * rng.lognormal(0, 0.5), hz=rng.uniform(900, 4000), decay_s=0.008)
    return sound


_PASSING: tuple[Callable[[np.random.Generator], Signal], ...] = (
    _talk,
    _music,
    _chime,
    _cleaning,
    _rain,
    _delivery,
)


@dataclass(frozen=True)
class Shop:
    """steady, passing: loops of rms 1. usual: share of each steady one in this shop, (k,). frequent: of each
    passing one."""

    steady: tuple[Signal, ...]
    passing: tuple[Signal, ...]
    usual: NDArray[np.float64]
    frequent: NDArray[np.float64]

    def around(self, n: int, rng: np.random.Generator, *, customers: bool) -> Signal:
        """What is there all the time, rms 1: by day with some talk or music in it."""
        shares = self.usual * 10 ** (rng.normal(0, 2.0, self.usual.size) / 20)
        sound = np.zeros(n, np.float32)
        for loop, share in zip(self.steady, shares, strict=True):
            sound += window(loop, n, rng) * np.float32(share)
        if customers and rng.random() < 0.6:
            place = rng.choice(len(self.passing), p=self.frequent)
            sound += window(self.passing[place], n, rng) * np.float32(rng.uniform(0.3, 1.2))
        return of_rms(sound, 1.0)

    def passes(self, n: int, rng: np.random.Generator) -> Signal:
        """Something loud for a part of the clip; rms 1 while it is heard."""
        place = rng.choice(len(self.passing), p=self.frequent)
        length = int(n * rng.uniform(*PASSING_SHARE_OF_CLIP))
        start = int(rng.integers(n - length + 1))
        fade = min(length // 4, SAMPLE_RATE_HZ // 2)
        shape = np.ones(length, np.float32)
        ramp = np.linspace(0, 1, fade, dtype=np.float32)
        shape[:fade], shape[length - fade :] = ramp, ramp[::-1]
        sound = np.zeros(n, np.float32)
        sound[start : start + length] = of_rms(window(self.passing[place], length, rng), 1.0) * shape
        return sound

    def as_usual(self, n: int, rng: np.random.Generator, *, customers: bool) -> Signal:
        """As the time of day has it, against a machine of rms 1."""
        snr_db = (DAY_SNR_DB if customers else NIGHT_SNR_DB) + rng.normal(0, DEVIATION_DB)
        sound = self.around(n, rng, customers=customers) * gain(-snr_db)
        if customers and rng.random() < PASSING_SHARE:
            sound += self.passes(n, rng) * gain(-rng.uniform(*PASSING_SNR_DB))
        return sound


@lru_cache(maxsize=8)
def shop(seed: int, mains_hz: float) -> Shop:
    """The shop of that seed. Its loops take 9 MB."""
    rngs = [np.random.default_rng([seed, _SOUNDS, number]) for number in range(3 + len(_PASSING))]
    steady = (_ventilation(rngs[0]), _neighbour(rngs[1], mains_hz), _traffic(rngs[2]))
    passing = tuple(of_rms(make(rng), 1.0) for make, rng in zip(_PASSING, rngs[3:], strict=True))
    rng = np.random.default_rng([seed, _MIX])
    usual = rng.uniform(0.2, 1.0, len(steady))
    frequent = rng.dirichlet(np.full(len(passing), 2.0))
    return Shop(tuple(of_rms(loop, 1.0) for loop in steady), passing, usual, frequent)


def _swell(rng: np.random.Generator, fewest: int, most: int, depth: float) -> Signal:
    """Louder and softer a whole number of times in a loop, so that it has no seam; 1 on average."""
    times = rng.integers(fewest, most + 1)
    return (1 + depth * np.sin(2 * np.pi * (times * np.arange(_LOOP) / _LOOP + rng.random()))).astype(
        np.float32
    )


def _whole(hz: float) -> float:
    """The nearest frequency with whole periods in a loop."""
    return round(hz * _SECONDS) / _SECONDS
