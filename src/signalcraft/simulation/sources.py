"""The sounds that a virtual machine is mixed from: float32 at 16 kHz, made from a generator of numbers."""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from signalcraft.dsp import ANALYSIS_RATE_HZ as SAMPLE_RATE_HZ

_TABLE_POINTS = 4096
_RING_SAMPLES = 96  # 6 ms, after which a ringing of _RING_DECAY_S is down by 50 dB
_RING_DECAY_S = 0.001


def wave_table(
    rng: np.random.Generator, *, harmonics: int, level: float, decay: float, every: int = 1
) -> NDArray[np.float32]:
    """One turn of a periodic sound: float32 (4096,) of rms `level`.

    The amplitudes fall by `decay` from harmonic to harmonic; with `every` = k those which are no multiple of
    k (what k equal blades would not make) are 20 dB lower.
    """
    order = np.arange(1, harmonics + 1)
    amplitude = decay**order * 10 ** (rng.normal(0, 2, harmonics) / 20) * np.where(order % every, 0.1, 1.0)
    spectrum = np.zeros(_TABLE_POINTS // 2 + 1, np.complex128)
    spectrum[1 : harmonics + 1] = amplitude * np.exp(2j * np.pi * rng.random(harmonics))
    return _of_level(scipy.fft.irfft(spectrum, _TABLE_POINTS), level)


def looped_noise(
    rng: np.random.Generator, n: int, *, level: float, corner_hz: float, slope_db_per_octave: float
) -> NDArray[np.float32]:
    """Noise without a seam: float32 (n,) of rms `level`, flat up to the corner and sloping from there."""
    hz = scipy.fft.rfftfreq(n, 1 / SAMPLE_RATE_HZ)
    gain = 10 ** (slope_db_per_octave * np.log2(np.maximum(hz / corner_hz, 1.0)) / 20)
    gain[hz < 30] = 0.0  # below what the microphone passes
    noise = rng.standard_normal(hz.size) + 1j * rng.standard_normal(hz.size)
    return _of_level(scipy.fft.irfft(noise * gain, n), level)


def impacts(rng: np.random.Generator, n: int, *, rate_hz: float, resonance_hz: float) -> NDArray[np.float32]:
    """A worn bearing: balls hit a pit `rate_hz` times a second, each time ringing a resonance; peak about 1.

    The balls slip, so the intervals vary by about a per cent, and no two hits are equally hard.
    """
    count = int(n / SAMPLE_RATE_HZ * rate_hz) + 1
    interval = SAMPLE_RATE_HZ / rate_hz
    at = np.cumsum(interval * (1 + 0.01 * rng.standard_normal(count))) - interval * rng.random()
    at = at[(at >= 0) & (at < n - 1)].astype(np.int64)
    strength = rng.lognormal(0.0, 0.35, at.size)
    t = np.arange(_RING_SAMPLES) / SAMPLE_RATE_HZ
    ring = np.exp(-t / _RING_DECAY_S) * np.sin(2 * np.pi * resonance_hz * t)
    where = at[:, None] + np.arange(_RING_SAMPLES)
    sound = np.bincount(where.ravel(), (strength[:, None] * ring).ravel(), minlength=n)
    return sound[:n].astype(np.float32)


def _of_level(x: NDArray[np.float64], level: float) -> NDArray[np.float32]:
    scaled: NDArray[np.float32] = (x * (level / np.sqrt(np.mean(np.square(x))))).astype(np.float32)
    return scaled
