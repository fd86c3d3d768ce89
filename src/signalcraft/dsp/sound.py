"""One mono signal with its rate: what decoding makes, and what everything else in `dsp` takes."""

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp.errors import DspError

ANALYSIS_RATE_HZ = 16_000  # what the nodes' microphones deliver: all analysis happens at this rate

Samples = NDArray[np.float32]

# 24 dB over full scale: lossy codecs and resampling overshoot by a few dB; more is damage or another scale.
MAX_AMPLITUDE = 16.0

_ZEROS_PER_SIDE = 10  # of the windowed sinc, counted at the lower of the two rates
_KAISER_BETA = 5.0  # with 10 zero crossings: alias and image rejection of about 55 dB
_MAX_FACTOR = 1000  # bounds the work for odd rates; the rate is then off by less than one part in 10,000


def checked_peak(samples: Samples) -> float:
    """The largest magnitude, 0 of nothing. Raises DspError for values not finite or beyond MAX_AMPLITUDE."""
    peak = float(max(samples.max(initial=0.0), -samples.min(initial=0.0)))
    if peak <= MAX_AMPLITUDE:
        return peak
    if np.isfinite(samples).all():
        raise DspError("the sound contains values far beyond full scale")
    raise DspError("the sound contains values that are not finite numbers")


@dataclass(frozen=True)
class Sound:
    """A mono signal.

    samples: float32, shape (n,), nominally in [-1, 1] (1.0 = full scale; resampling and lossy codecs may
    overshoot a little). sample_rate_hz: the rate of `samples`. source_rate_hz and channels: what the file or
    the node delivered.
    """

    samples: Samples
    sample_rate_hz: int
    source_rate_hz: int
    channels: int

    @property
    def duration_s(self) -> float:
        return len(self.samples) / self.sample_rate_hz


def prepare(sound: Sound) -> Sound:
    """Remove the mean and resample to `ANALYSIS_RATE_HZ`: the form that spectra and features expect.

    Judge the quality before this step: a clipped plateau does not survive resampling. Raises DspError for
    no samples, values not finite or beyond MAX_AMPLITUDE.
    """
    samples = sound.samples
    if samples.size == 0:
        raise DspError("the sound has no samples")
    checked_peak(samples)
    samples = samples - np.float32(samples.mean(dtype=np.float64))
    if sound.sample_rate_hz != ANALYSIS_RATE_HZ:
        ratio = Fraction(ANALYSIS_RATE_HZ, sound.sample_rate_hz).limit_denominator(_MAX_FACTOR)
        samples = resample(samples, up=ratio.numerator, down=ratio.denominator)
    return Sound(samples, ANALYSIS_RATE_HZ, sound.source_rate_hz, sound.channels)


def resample(samples: Samples, *, up: int, down: int) -> Samples:
    """Change the rate by up/down with a zero-phase polyphase filter.

    samples: float32 (n,). Returns float32 (ceil(n * up / down),). Same filter and result as
    `scipy.signal.resample_poly`, whose package takes most of a second to import (the tests compare the two).
    """
    divisor = math.gcd(up, down)
    up, down = up // divisor, down // divisor
    if up == down:
        return samples
    phases, lead = _polyphase(up, down)
    taps = phases.shape[1]
    n_out = -(-samples.size * up // down)
    tail = max(0, (n_out - 1) * down // up + taps - lead - samples.size)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (lead, tail)), taps)
    out = np.empty(n_out, np.float32)
    for first in range(min(up, n_out)):
        start, phase = divmod(first * down, up)
        count = len(range(first, n_out, up))
        rows = windows[start : start + (count - 1) * down + 1 : down]
        out[first::up] = np.einsum("ij,j->i", rows, phases[phase])
    return out


@lru_cache(maxsize=32)
def _polyphase(up: int, down: int) -> tuple[Samples, int]:
    """Kaiser-windowed sinc split into `up` phases, each reversed for a plain dot product.

    Returns float32 (up, taps) and how many input samples each dot product starts before its output.
    """
    half = _ZEROS_PER_SIDE * max(up, down)
    t = np.arange(-half, half + 1)
    h = np.sinc(t / max(up, down)) * np.kaiser(2 * half + 1, _KAISER_BETA)
    h *= up / h.sum()
    # y[n] = sum_k x[k] h[n*down - k*up + half]; with q, p = divmod(n*down, up) and k = q - j this is
    # sum_j x[q - j] h[p + j*up + half], j running from -lag to +lead.
    lead = half // up
    lag = -(-half // up)
    j = np.arange(lead, -lag - 1, -1)
    index = np.arange(up)[:, None] + j[None, :] * up + half
    inside = (index >= 0) & (index < h.size)
    phases = np.where(inside, h[np.clip(index, 0, h.size - 1)], 0.0)
    return phases.astype(np.float32), lead
