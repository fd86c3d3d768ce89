"""One spectrum of the whole clip: it tells the shaft from the mains, and band envelopes come from it.

The short spectra of `dsp.spectra` have bins of 15.6 Hz. A slip of 1 Hz needs bins of 0.1 Hz, which only ten
seconds without a gap can give.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from signalcraft.dsp.sound import ANALYSIS_RATE_HZ

BLOCK_S = 10.0  # what nodes send; longer clips are cut into such blocks, so that a line's prominence compares
MIN_BLOCK_S = 2.0  # bins of 0.5 Hz: below, neither slip side bands nor 2 Hz modulation can be resolved
LINES_TO_HZ = 2000.0  # harmonics of mains, shaft and fan stand below; above, friction and flow are noise
# -130 dB: about what the nodes' microphones give of their own in a bin of 0.1 Hz; below, nothing stands out.
FLOOR_POWER = 1e-13
_FLOOR_WIDTH_HZ = 8.0  # wide against a line and its side bands, narrow against the slope of the noise
_FLOOR_MIN_BINS = 24
_HANN_NOISE_BANDWIDTH = 1.5  # bins; also what the bins of one line sum to, relative to its peak on a bin
_TAPER = 0.1  # of a band at each edge, so that its filter hardly rings
_RING_BINS = 20  # how far around a peak its own surroundings are looked at
_LINE_BINS = 2  # a Hann line ends two bins from its centre


def continuous_blocks(
    samples: NDArray[np.float32], *, segment_samples: int | None = None
) -> NDArray[np.float32] | None:
    """The clip as stretches without a gap, float32 (blocks, n), of some BLOCK_S, at least MIN_BLOCK_S.

    n is a length that transforms fast, so up to a few samples in a hundred at a block's end are left out.
    segment_samples: see `spectra.frames`. None where no stretch is long enough.
    """
    length = samples.size if segment_samples is None else segment_samples
    if length < MIN_BLOCK_S * ANALYSIS_RATE_HZ or samples.size < length:
        return None
    segments = samples[: samples.size // length * length].reshape(-1, length)
    per_segment = max(1, round(length / (BLOCK_S * ANALYSIS_RATE_HZ)))
    pitch = length // per_segment
    blocks = segments[:, : per_segment * pitch].reshape(-1, pitch)
    return blocks[:, : scipy.fft.prev_fast_len(pitch, real=True)]


@dataclass(frozen=True)
class Lines:
    """Peaks, float64 (n,) each. hz: where they stand, between bins. power: relative to a full-scale sine.
    prominence: peak over the floor around it as a power ratio; noise has 1 on average."""

    hz: NDArray[np.float64]
    power: NDArray[np.float64]
    prominence: NDArray[np.float64]


class LongSpectrum:
    """values: complex64 (blocks, bins), the transforms of the blocks without a window.

    The Hann window, which lines need, is a sum of three neighbours in this domain; band envelopes need none.
    """

    def __init__(self, blocks: NDArray[np.float32]) -> None:
        self.block_samples = blocks.shape[1]
        self.bin_hz = ANALYSIS_RATE_HZ / self.block_samples
        self.values: NDArray[np.complex64] = scipy.fft.rfft(blocks, axis=1)

    @cached_property
    def power(self) -> NDArray[np.float32]:
        """Hann-windowed power up to LINES_TO_HZ, mean of blocks: float32 (bins,), a full-scale sine has 1."""
        x = self.values[:, : int(LINES_TO_HZ / self.bin_hz) + 2]
        windowed = x[:, 1:-1] - np.float32(0.5) * (x[:, :-2] + x[:, 2:])
        found = np.zeros(windowed.shape[1] + 1, np.float32)  # the bin of 0 Hz stays empty
        found[1:] = np.mean(windowed.real**2 + windowed.imag**2, axis=0)
        found *= np.float32((2 / self.block_samples) ** 2)
        return found

    @cached_property
    def floor(self) -> NDArray[np.float32]:
        """Mean power of the noise around each bin of `power`: float32 (bins,)."""
        return local_floor(self.power, self.bin_hz, n_averaged=len(self.values))

    @cached_property
    def prominence(self) -> NDArray[np.float32]:
        """`power` over `floor`: float32 (bins,)."""
        return self.power / self.floor

    @cached_property
    def near_prominence(self) -> NDArray[np.float32]:
        """The largest prominence of each bin and its two neighbours, for combs that fall between bins."""
        p = self.prominence
        near = p.copy()
        np.maximum(near[1:], p[:-1], out=near[1:])
        np.maximum(near[:-1], p[1:], out=near[:-1])
        return near

    def band(self, low_hz: float, high_hz: float, *, rate_hz: float) -> NDArray[np.complex64]:
        """Analytic signal of the sound between two frequencies, shifted down: complex64 (blocks, n).

        rate_hz: at least the band's width; the values come as often, or a little oftener. Their magnitude is
        the amplitude relative to full scale.
        """
        first, last = round(low_hz / self.bin_hz), round(high_hz / self.bin_hz)
        points = scipy.fft.next_fast_len(max(last - first, round(rate_hz / self.bin_hz)))
        band = self.values[:, first:last] * (
            _taper(last - first) * np.float32(2 * points / self.block_samples)
        )
        analytic: NDArray[np.complex64] = scipy.fft.ifft(band, points, axis=1)
        return analytic

    def bins(self, hz: NDArray[np.float64]) -> NDArray[np.intp]:
        """The nearest bins, within `power`."""
        nearest: NDArray[np.intp] = np.rint(hz / self.bin_hz).astype(np.intp)
        return np.clip(nearest, 1, self.power.size - 2)

    def lines(self, hz: NDArray[np.float64], *, within_hz: float | NDArray[np.float64] = 0.0) -> Lines:
        """The strongest peak at most `within_hz` (and at least a bin) from each frequency.

        A peak must stand out of its own surroundings too: the top of a broad hump of noise is no line.
        """
        reach = np.rint(np.broadcast_to(np.asarray(within_hz), hz.shape) / self.bin_hz).clip(min=1)
        widest = reach.max(initial=1.0)
        offsets = np.arange(-widest, widest + 1)
        places = np.clip(
            np.rint(hz / self.bin_hz)[:, None] + offsets, _RING_BINS, self.power.size - _RING_BINS - 1
        ).astype(np.intp)
        candidates = np.where(np.abs(offsets) <= reach[:, None], self.power[places], -1.0)
        peaks = np.take_along_axis(places, candidates.argmax(axis=1)[:, None], axis=1)
        around = self.power[peaks + np.arange(-_RING_BINS, _RING_BINS + 1)].astype(np.float64)
        lower, centre, upper = np.log(np.maximum(around[:, _RING_BINS - 1 : _RING_BINS + 2], FLOOR_POWER)).T
        # A parabola through three logarithms, exact to some .02 bins for a Hann window.
        bend = np.minimum(lower - 2 * centre + upper, -1e-6)
        offset = np.clip(0.5 * (lower - upper) / bend, -0.5, 0.5)
        line = around[:, _RING_BINS - _LINE_BINS : _RING_BINS + _LINE_BINS + 1]
        ring = np.delete(around, np.s_[_RING_BINS - _LINE_BINS - 1 : _RING_BINS + _LINE_BINS + 2], axis=1)
        ring.sort(axis=1)
        ring_floor = ring[:, ring.shape[1] // 2] / _median_of_mean(len(self.values))
        floor = np.maximum(self.floor[peaks[:, 0]], ring_floor)
        return Lines(
            (peaks[:, 0] + offset) * self.bin_hz,
            line.sum(axis=1) / _HANN_NOISE_BANDWIDTH,
            around[:, _RING_BINS] / floor,
        )


@lru_cache(maxsize=32)
def _taper(n: int) -> NDArray[np.float32]:
    """A band-pass with raised-cosine edges: float32 (n,)."""
    edge = max(1, round(_TAPER * n))
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(edge) + 0.5) / edge)).astype(np.float32)
    taper = np.ones(n, np.float32)
    taper[:edge] = rise
    taper[-edge:] = rise[::-1]
    taper.setflags(write=False)
    return taper


def local_floor(power: NDArray[np.float32], bin_hz: float, *, n_averaged: int) -> NDArray[np.float32]:
    """Mean noise power around each bin: medians of _FLOOR_WIDTH_HZ, which lines hardly move, interpolated.

    power: float32 (bins,), each a mean of `n_averaged` spectra.
    """
    width = min(max(round(_FLOOR_WIDTH_HZ / bin_hz), _FLOOR_MIN_BINS), power.size)
    ranges = power.size // width
    middle = width // 2
    medians = np.partition(power[: ranges * width].reshape(ranges, width), middle, axis=1)[:, middle]
    means = np.maximum(medians / _median_of_mean(n_averaged), FLOOR_POWER).astype(np.float64)
    centres = (np.arange(ranges) + 0.5) * width
    floor: NDArray[np.float32] = np.interp(np.arange(power.size), centres, means).astype(np.float32)
    return floor


def _median_of_mean(n_averaged: int) -> float:
    """Median of a mean of n exponentially distributed powers, whose expectation is 1.

    Wilson and Hilferty 1931: the cube root of a Gamma variable is nearly normal.
    """
    return float((1 - 1 / (9 * n_averaged)) ** 3)
