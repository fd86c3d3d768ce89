"""How the loudness swings: slowly as refrigerant surges or a fan beats, quickly as something rattles."""

import math
from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from signalcraft.dsp.sound import ANALYSIS_RATE_HZ

SLOW_HZ = (0.3, 4.0)
FAST_HZ = (4.0, 20.0)
ANY_HZ = (0.3, 20.0)
_STEP = 64  # samples: 250 values a second, far above 20 Hz, so that hum and turning do not fold down into it
RATE_HZ = ANALYSIS_RATE_HZ / _STEP
_FLOOR = 1e-6  # -120 dB: no swing at all


@lru_cache(maxsize=16)
def _hann(points: int) -> NDArray[np.float32]:
    window: NDArray[np.float32] = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(points) / points)).astype(
        np.float32
    )
    window.setflags(write=False)
    return window


def loudness(blocks: NDArray[np.float32]) -> NDArray[np.float32]:
    """Amplitude (root mean square) every 4 ms: float32 (blocks, n // 64)."""
    count = blocks.shape[1] // _STEP
    steps = blocks[:, : count * _STEP].reshape(len(blocks), count, _STEP)
    amplitude: NDArray[np.float32] = np.sqrt(np.einsum("ijk,ijk->ij", steps, steps) / np.float32(_STEP))
    return amplitude


def depths_db(
    amplitude: NDArray[np.float32], rate_hz: float, ranges_hz: tuple[tuple[float, float], ...]
) -> list[float]:
    """Depth of the swings within each range in dB: 0 is a sine that reaches down to silence, -20 10 % of it.

    amplitude: float32 (blocks, n), not negative. Noise alone swings too, the less the wider its band.
    """
    points = amplitude.shape[1]
    mean = amplitude.mean(axis=1)
    if not mean.any():
        return [20 * math.log10(_FLOOR)] * len(ranges_hz)
    relative = amplitude[mean > 0] / mean[mean > 0, None]
    relative -= np.float32(1)
    relative *= _hann(points)
    spectrum = scipy.fft.rfft(relative, axis=1)[:, : int(ANY_HZ[1] * points / rate_hz) + 2]
    power = np.mean(spectrum.real**2 + spectrum.imag**2, axis=0)
    found = []
    for low_hz, high_hz in ranges_hz:
        first, last = (math.ceil(hz * points / rate_hz) for hz in (low_hz, high_hz))
        # A sine of relative amplitude m has power (m n / 4)^2 on its bin, 1.5 times that over the window's
        # three.
        swing = 4 / points * (float(power[first:last].sum()) / 1.5) ** 0.5
        found.append(20 * math.log10(max(swing, _FLOOR)))
    return found
