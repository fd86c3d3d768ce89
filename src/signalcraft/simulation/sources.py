"""The sounds that a virtual machine and its shop are mixed from: float32 at 16 kHz."""

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray
from scipy.signal import lfilter

from signalcraft.dsp import ANALYSIS_RATE_HZ

SAMPLE_RATE_HZ = ANALYSIS_RATE_HZ
"""Of the nodes' microphones."""

Signal = NDArray[np.float32]
Phase = NDArray[np.uint32]
"""Of a rotation: 2^32 is one turn of its wave table, so that sums wrap by themselves."""

TABLE_BITS = 12
CONTROL_HZ = 100
"""Whatever changes in a clip (speeds, gains) is known this often and a straight line in between."""
_HOLD = SAMPLE_RATE_HZ // CONTROL_HZ
_BETWEEN = (np.arange(_HOLD) / _HOLD).astype(np.float32)
_LONGEST_RING = 9.0  # decay times, after which it is down by 78 dB


def control_times(n: int) -> NDArray[np.float64]:
    """Seconds from a clip's begin at which controls of n samples are known."""
    return np.arange(-(-n // _HOLD) + 1) / CONTROL_HZ


def smooth(control: ArrayLike, n: int) -> Signal:
    """A control, (k,) at `control_times`, as samples (n,)."""
    points = np.asarray(control, np.float32)
    line: Signal = (points[:-1, None] + np.diff(points)[:, None] * _BETWEEN).reshape(-1)[:n]
    return line


def rotation(hz: ArrayLike, n: int, rng: np.random.Generator) -> Phase:
    """Phase of a rotation from a random place on. hz: turns of the table a second, a control or one value."""
    start = rng.integers(2**32, dtype=np.uint32)
    turn = 2.0**32 / SAMPLE_RATE_HZ
    if np.ndim(hz) == 0:
        steps = np.arange(n, dtype=np.uint32)
        steps *= np.uint32(round(float(np.asarray(hz)) * turn))
    else:
        steps = np.cumsum(smooth(np.asarray(hz) * turn, n).astype(np.uint32), dtype=np.uint32)
    steps += start
    return steps


def played(table: Signal, phase: Phase) -> Signal:
    """A wave table of a power of two points at that phase."""
    shift = np.uint32(33 - table.size.bit_length())
    # `clip` only spares the check: no index is out of range.
    return np.take(table, (phase >> shift).astype(np.intp), mode="clip")


def harmonic_table(
    amplitude: ArrayLike, rng: np.random.Generator, *, bits: int = TABLE_BITS, rms: float | None = None
) -> Signal:
    """One turn of a periodic sound with random phases. amplitude: (k,) of the 1st to k-th harmonic."""
    amplitudes = np.asarray(amplitude, np.float64)
    points = 2**bits
    spectrum = np.zeros(points // 2 + 1, np.complex128)
    phase = np.exp(2j * np.pi * rng.random(amplitudes.size))
    spectrum[1 : amplitudes.size + 1] = amplitudes * phase * (points / 2)
    wave = scipy.fft.irfft(spectrum, points)
    return of_rms(wave, rms) if rms is not None else wave.astype(np.float32)


def falling(
    count: int, per_harmonic: float, rng: np.random.Generator, scatter_db: float = 2.0
) -> NDArray[np.float64]:
    """Amplitudes of `count` harmonics, each `per_harmonic` times the one before, with some scatter."""
    scatter = 10 ** (rng.normal(0, scatter_db, count) / 20)
    amplitudes: NDArray[np.float64] = per_harmonic ** np.arange(1, count + 1) * scatter
    return amplitudes


def struck_table(
    angles: ArrayLike, strengths: ArrayLike, *, turn_s: float, ring_hz: float, decay_s: float, bits: int
) -> Signal:
    """A table with strokes at some angles (turns, 0 to 1), each ringing on at `ring_hz`; peak about 1."""
    points = 2**bits
    t = np.arange(points) * (turn_s / points)
    ring = np.exp(-t / decay_s) * np.sin(2 * np.pi * ring_hz * t)
    wave = np.zeros(points)
    for angle, strength in zip(np.atleast_1d(angles), np.atleast_1d(strengths), strict=True):
        wave += strength * np.roll(ring, round(float(angle) * points))
    return wave.astype(np.float32)


def looped_noise(
    rng: np.random.Generator,
    n: int,
    *,
    level: float,
    corner_hz: float,
    slope_db_per_octave: float,
    low_hz: float = 30.0,
) -> Signal:
    """Noise without a seam: (n,) of rms `level`, nothing below `low_hz`, flat up to the corner and sloping
    from there."""
    hz = scipy.fft.rfftfreq(n, 1 / SAMPLE_RATE_HZ)
    gain = 10 ** (slope_db_per_octave * np.log2(np.maximum(hz / corner_hz, 1.0)) / 20)
    # A slope of 24 dB an octave, as of a chain of ordinary filters: no cliff.
    gain *= np.minimum(hz / low_hz, 1.0) ** 4
    noise = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
    return of_rms(scipy.fft.irfft(noise * gain, n), level)


def window(loop: Signal, n: int, rng: np.random.Generator) -> Signal:
    """n samples of a loop from a random place on."""
    start = int(rng.integers(loop.size))
    if start + n <= loop.size:
        return loop[start : start + n]
    return np.resize(np.roll(loop, -start), n)


def resonance(hits: Signal, *, hz: float, decay_s: float) -> Signal:
    """What a resonance makes of hits, (n,): each rings on with a peak of about the hit's own value."""
    radius = np.exp(-1 / (decay_s * SAMPLE_RATE_HZ))
    angle = 2 * np.pi * hz / SAMPLE_RATE_HZ
    b = np.array([np.sin(angle) * radius], np.float32)
    a = np.array([1.0, -2 * radius * np.cos(angle), radius**2], np.float32)
    rung: Signal = lfilter(b, a, hits)
    return rung


def hits(at_s: ArrayLike, strength: ArrayLike, n: int) -> Signal:
    """Single samples of some strength at some times; those outside the clip are left out."""
    place = np.floor(np.asarray(at_s, np.float64) * SAMPLE_RATE_HZ)
    within = (place >= 0) & (place < n)
    weights = np.broadcast_to(np.asarray(strength, np.float64), place.shape)[within]
    train: Signal = np.bincount(place[within].astype(np.intp), weights, minlength=n).astype(np.float32)
    return train


def add_ring(sound: Signal, at_s: float, *, level: float, hz: float, decay_s: float) -> None:
    """Add one decaying tone to a clip, in place; it may have begun before the clip."""
    start = round(at_s * SAMPLE_RATE_HZ)
    length = int(_LONGEST_RING * decay_s * SAMPLE_RATE_HZ)
    first, last = max(start, 0), min(start + length, sound.size)
    if first >= last:
        return
    t = np.arange(first - start, last - start, dtype=np.float32) / np.float32(SAMPLE_RATE_HZ)
    ring = np.exp(-t / np.float32(decay_s)) * np.sin(np.float32(2 * np.pi * hz) * t)
    sound[first:last] += np.float32(level) * ring


def arrivals(rate: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Times (seconds) of a Poisson process whose rate (a second) is a control."""
    counts = rng.poisson(np.maximum(rate, 0) / CONTROL_HZ)
    at = np.repeat(np.arange(rate.size) / CONTROL_HZ, counts)
    times: NDArray[np.float64] = at + rng.random(at.size) / CONTROL_HZ
    return times


def wander(points: int, rng: np.random.Generator, *, corner_hz: float) -> NDArray[np.float64]:
    """A control that wanders about 0 with deviation 1: noise that hardly passes `corner_hz`."""
    keep = np.exp(-2 * np.pi * corner_hz / CONTROL_HZ)
    noise = rng.standard_normal(points) * np.sqrt(1 - keep**2)
    noise[0] = rng.standard_normal()
    wandering: NDArray[np.float64] = lfilter([1.0], [1.0, -keep], noise)
    return wandering


def gain(db: float) -> np.float32:
    return np.float32(10 ** (db / 20))


def of_rms(x: NDArray[np.floating], level: float) -> Signal:
    scaled: Signal = (x * (level / np.sqrt(np.mean(np.square(x, dtype=np.float64))))).astype(np.float32)
    return scaled
