"""A digital MEMS microphone of the nodes' kind, and its 16 bit."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import bilinear, lfilter

from signalcraft.simulation.sources import SAMPLE_RATE_HZ, Signal, window

HIGH_PASS_HZ = 60.0  # -3 dB, first order: ICS-43434 and INMP441 data sheets
NOISE_DBFS = -87.0  # A-weighted in the data sheets; taken as white here
_RESONANCE_HZ, _RESONANCE_Q, _RESONANCE_DB = 6_500.0, 1.2, 3.0  # the hole in the node's case, a short tube


@lru_cache(maxsize=1)
def _filter() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    high_pass = bilinear([1.0, 0.0], [1.0, 2 * np.pi * HIGH_PASS_HZ], SAMPLE_RATE_HZ)
    # Bilinear transform with the resonance's own frequency kept.
    w = 2 * SAMPLE_RATE_HZ * np.tan(np.pi * _RESONANCE_HZ / SAMPLE_RATE_HZ)
    raised = 10 ** (_RESONANCE_DB / 20)
    peak = bilinear([1.0, raised * w / _RESONANCE_Q, w**2], [1.0, w / _RESONANCE_Q, w**2], SAMPLE_RATE_HZ)
    b, a = (np.convolve(high_pass[i], peak[i]).astype(np.float32) for i in (0, 1))
    return b, a


@lru_cache(maxsize=1)
def _own_noise() -> Signal:
    level = 10 ** (NOISE_DBFS / 20)
    noise: Signal = np.random.default_rng(0).standard_normal(2**19, dtype=np.float32)
    return noise * np.float32(level)


def recorded(sound: Signal, rng: np.random.Generator) -> NDArray[np.int16]:
    """What the node sends of a sound (n,), whose full scale is 1."""
    b, a = _filter()
    heard = lfilter(b, a, sound)
    heard += window(_own_noise(), sound.size, rng)
    heard *= np.float32(32767)
    pcm: NDArray[np.int16] = np.clip(np.rint(heard), -32768, 32767).astype(np.int16)
    return pcm
