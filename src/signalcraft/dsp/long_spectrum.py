"""One spectrum of the whole clip: it tells the shaft from the mains, and band envelopes come from it.

The short spectra of `dsp.spectra` have bins of 15.6 Hz. A slip of 1 Hz needs bins of 0.1 Hz, which only ten
seconds without a gap can give.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import fourier
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ

BLOCK_S = 10.0  # what nodes send; longer clips are cut into such blocks, so that a line's prominence compares
MIN_BLOCK_S = 2.0  # bins of 0.5 Hz: below, neither slip side bands nor 2 Hz modulation can be resolved
LINES_TO_HZ = 1000.0  # the harmonics of mains, shaft and fan that are told apart stand below
# -130 dB: about what the nodes' microphones give of their own in a bin of 0.1 Hz; below, nothing stands out.
FLOOR_POWER = 1e-13
_FLOOR_WIDTH_HZ = 8.0  # wide against a line and its side bands, narrow against the slope of the noise
_FLOOR_MIN_BINS = 24
_HANN_NOISE_BANDWIDTH = 1.5  # bins; also what the bins of one line sum to, relative to its peak on a bin
_TAPER = 0.1  # of a band at each edge, so that its filter hardly rings
_RING_BINS = 20  # how far around a peak its own surroundings are looked at
_LINE = np.arange(-2, 3)  # a Hann line ends two bins from its centre
_RING = np.array([place for place in range(-_RING_BINS, _RING_BINS + 1) if abs(place) > 2])


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
    return blocks[:, : fourier.previous_fast_length(pitch)]


@dataclass(frozen=True)
class Lines:
    """Peaks, float64 (n,) each. hz: where they stand, between bins. power: relative to a full-scale sine.
    prominence: peak over the floor around it as a power ratio; noise has 1 on average."""

    hz: NDArray[np.float64]
    power: NDArray[np.float64]
    prominence: NDArray[np.float64]


class LongSpectrum:
    """values: complex64 (blocks, bins), the transforms of the blocks without a window.

    The Hann window, which lines need, is a sum of three neighbours in this domain (`hann_power`); band
    envelopes need none.
    """

    def __init__(self, blocks: NDArray[np.float32]) -> None:
        self.block_samples = blocks.shape[1]
        self.bin_hz = ANALYSIS_RATE_HZ / self.block_samples
        self.values = fourier.rfft(blocks)

    @cached_property
    def power(self) -> NDArray[np.float32]:
        """Hann-windowed power up to LINES_TO_HZ, mean of blocks: float32 (bins,), a full-scale sine has 1."""
        found = hann_power(self.values[:, : int(LINES_TO_HZ / self.bin_hz) + 2])
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

    def bands(self, ranges_hz: Sequence[tuple[float, float]], *, rate_hz: float) -> NDArray[np.complex64]:
        """Analytic signals of the sound within ranges, shifted down: complex64 (ranges, blocks, n).

        rate_hz: at least the widest range; the values come as often, or a little oftener. Their magnitude is
        the amplitude relative to full scale.
        """
        points = fourier.next_fast_length(round(rate_hz / self.bin_hz))
        found = np.zeros((len(ranges_hz), len(self.values), points), np.complex64)
        for place, hz in zip(found, ranges_hz, strict=True):
            first = round(hz[0] / self.bin_hz)
            last = min(round(hz[1] / self.bin_hz), first + points)
            np.multiply(self.values[:, first:last], _taper(last - first), out=place[:, : last - first])
        analytic = fourier.ifft(found.reshape(-1, points)).reshape(found.shape)
        analytic *= np.float32(2 * points / self.block_samples)
        return analytic

    def bins(self, hz: NDArray[np.float64]) -> NDArray[np.intp]:
        """The nearest bins, within `power`."""
        nearest: NDArray[np.intp] = np.rint(hz / self.bin_hz).astype(np.intp)
        return np.minimum(np.maximum(nearest, 1), self.power.size - 2)

    def lines(self, hz: NDArray[np.float64], *, within_bins: int = 1) -> Lines:
        """The strongest peak at most `within_bins` from each frequency.

        A peak must stand out of its own surroundings too: the top of a broad hump of noise is no line.
        """
        last = self.power.size - _RING_BINS - 1
        places = np.rint(hz / self.bin_hz).astype(np.intp)[:, None] + np.arange(-within_bins, within_bins + 1)
        places = np.minimum(np.maximum(places, _RING_BINS), last)
        peaks = places[np.arange(hz.size), self.power[places].argmax(axis=1)]
        line = self.power[peaks[:, None] + _LINE].astype(np.float64)
        ring = np.sort(self.power[peaks[:, None] + _RING], axis=1)
        lower, centre, upper = np.log(np.maximum(line[:, 1:4], FLOOR_POWER)).T
        # A parabola through three logarithms, exact to some .02 bins for a Hann window.
        bend = np.minimum(lower - 2 * centre + upper, -1e-6)
        offset = np.minimum(np.maximum(0.5 * (lower - upper) / bend, -0.5), 0.5)
        around = ring[:, _RING.size // 2] / _median_of_mean(len(self.values))
        return Lines(
            (peaks + offset) * self.bin_hz,
            line.sum(axis=1) / _HANN_NOISE_BANDWIDTH,
            line[:, 2] / np.maximum(self.floor[peaks], around),
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


def hann_power(x: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Power under a Hann window of half its usual height, mean over blocks: float32 (..., bins - 1).

    x: complex64 (..., blocks, bins), transforms without a window. The bin of 0 Hz is left empty.
    """
    windowed = x[..., :-2] + x[..., 2:]
    windowed *= np.float32(-0.5)
    windowed += x[..., 1:-1]
    power = windowed.real**2
    power += windowed.imag**2
    found = np.zeros((*x.shape[:-2], x.shape[-1] - 1), np.float32)
    found[..., 1:] = power.mean(axis=-2) if x.shape[-2] > 1 else power[..., 0, :]
    return found


def local_floor(power: NDArray[np.float32], bin_hz: float, *, n_averaged: int) -> NDArray[np.float32]:
    """Mean noise power around each bin: medians of _FLOOR_WIDTH_HZ, which lines hardly move, interpolated.

    power: float32 (..., bins), each a mean of `n_averaged` spectra.
    """
    bins = power.shape[-1]
    width = min(max(round(_FLOOR_WIDTH_HZ / bin_hz), _FLOOR_MIN_BINS), bins)
    ranges, half = bins // width, width // 2
    # Sorting is faster than selecting: NumPy does it in vector registers.
    ordered = np.sort(power[..., : ranges * width].reshape(*power.shape[:-1], ranges, width), axis=-1)
    means = ordered[..., half] / np.float32(_median_of_mean(n_averaged))
    np.maximum(means, np.float32(FLOOR_POWER), out=means)
    floor = np.empty_like(power)
    floor[..., :half] = means[..., :1]
    last = half + (ranges - 1) * width
    rise = np.arange(width, dtype=np.float32) / np.float32(width)
    between = (means[..., 1:] - means[..., :-1])[..., None] * rise
    between += means[..., :-1, None]
    floor[..., half:last] = between.reshape(*power.shape[:-1], -1)
    floor[..., last:] = means[..., -1:]
    return floor


def _median_of_mean(n_averaged: int) -> float:
    """Median of a mean of n exponentially distributed powers, whose expectation is 1.

    Wilson and Hilferty 1931: the cube root of a Gamma variable is nearly normal.
    """
    return float((1 - 1 / (9 * n_averaged)) ** 3)
