"""Impacts: how spiky a band is, and how regularly, as a worn bearing, a valve or a loose part makes it.

The envelope of a band is the magnitude of its analytic signal, made by transforming a slice of the long
spectrum back (Randall and Antoni 2011, "Rolling element bearing diagnostics - a tutorial").
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import fourier
from signalcraft.dsp.long_spectrum import LongSpectrum, hann_power, local_floor

RATES_HZ = (2.0, 400.0)  # from below a slow fan to seven hits a turn of a 57 Hz shaft
RHYTHM_RATE_HZ = 990.0  # the low band is 1000 Hz wide, and its envelope never thinned
# By chance the strongest of 4,000 bins of noise stands 9 dB out, and 12.5 dB in one band of 10,000.
FOUND_PROMINENCE = 10**1.25
_SILENT_POWER = 1e-15  # far below the rounding noise of 16 bits, and its square is still within float32
_OUT_OF_STEP_BINS = 3.0  # a line ends two bins from its centre
_TRIM_S = 0.05  # at both ends, where the block's end meets its beginning
_SPIKE_PIECE_S = 0.4  # twenty turns of a shaft, and five pieces even of two seconds
_RHYTHM_PIECE_S = 1.0  # no shorter than the slowest rhythm asked for


@dataclass(frozen=True)
class Envelope:
    """values: float32 (blocks, n), the band's amplitude relative to full scale, `rate_hz` values a second."""

    values: NDArray[np.float32]
    rate_hz: float

    def thinned(self, rate_hz: float) -> "Envelope":
        """Every second value again and again, as long as at least `rate_hz` values a second are left.

        A half-band filter of seven taps goes before each time. What folds down into RATES_HZ from a rate of
        1000 Hz is 11 dB weaker at 400 Hz, 19 at 300 and 32 at 200.
        """
        values, rate = self.values, self.rate_hz
        while rate / 2 >= rate_hz:
            last = (values.shape[1] - 7) // 2 * 2 + 1
            middle, wide = np.float32(9 / 32), np.float32(-1 / 32)
            halved = (values[:, 2 : 2 + last : 2] + values[:, 4 : 4 + last : 2]) * middle
            halved += (values[:, :last:2] + values[:, 6 : 6 + last : 2]) * wide
            halved += values[:, 3 : 3 + last : 2] * np.float32(0.5)
            values, rate = halved, rate / 2
        return Envelope(values, rate)


@dataclass(frozen=True)
class Rhythm:
    """Spectrum of an envelope. prominence: float32 (bins,), power over its floor, every bin_hz from 0."""

    prominence: NDArray[np.float32]
    bin_hz: float

    def at(self, hz: float) -> float:
        """The largest prominence within a bin of a frequency, a power ratio."""
        place = min(max(round(hz / self.bin_hz), 1), self.prominence.size - 2)
        return float(self.prominence[place - 1 : place + 2].max())

    def strongest(self, *, out_of_step_with_hz: tuple[float, ...] = ()) -> tuple[float, float]:
        """(Hz, prominence) of the line that stands out most within RATES_HZ and is no multiple of those."""
        heard = self.prominence.copy()
        heard[: int(RATES_HZ[0] / self.bin_hz) + 1] = 0
        while True:
            place = int(heard.argmax())
            hz = place * self.bin_hz
            off = min((abs(hz - round(hz / own) * own) for own in out_of_step_with_hz), default=np.inf)
            if off > _OUT_OF_STEP_BINS * self.bin_hz or heard[place] <= 0:
                return hz, float(heard[place])
            heard[place - 2 : place + 3] = 0


def band_envelopes(spectrum: LongSpectrum, ranges_hz: Sequence[tuple[float, float]]) -> list[Envelope]:
    """Amplitude of the sound within each range, as densely sampled as the range is wide.

    The rates are powers of two times that of the narrowest.
    """
    widths = [high_hz - low_hz for low_hz, high_hz in ranges_hz]
    base_hz = fourier.next_fast_length(round(min(widths) / spectrum.bin_hz)) * spectrum.bin_hz
    found = []
    for range_hz, width in zip(ranges_hz, widths, strict=True):
        rate_hz = base_hz * 2 ** math.ceil(math.log2(width / min(widths)))
        values = np.abs(spectrum.bands([range_hz], rate_hz=rate_hz)[0])
        trim = round(_TRIM_S * rate_hz)
        found.append(Envelope(values[:, trim:-trim], rate_hz))
    return found


def kurtosis(envelope: Envelope) -> float:
    """Spectral kurtosis of the band (Antoni 2006): 0 for Gaussian noise, -1 for a tone, high for impacts.

    The median over short pieces: one bang in the shop does not count, a knock at every turn does.
    """
    power = np.square(_pieces(envelope.values, _SPIKE_PIECE_S * envelope.rate_hz))
    power = power.reshape(-1, power.shape[-1])
    mean = power.mean(axis=1)
    squares = np.einsum("ij,ij->i", power, power) / np.float32(power.shape[1])
    with_sound = mean > _SILENT_POWER
    if not with_sound.any():
        return 0.0
    found = np.sort(squares[with_sound] / np.square(mean[with_sound])) - 2
    return float(found[(found.size - 1) // 2])


def rhythms(envelopes: Sequence[Envelope]) -> list[Rhythm]:
    """Spectra of envelopes of one rate up to the highest of RATES_HZ, each second weighing the same."""
    shared = min(envelope.values.shape[1] for envelope in envelopes)
    values = np.stack([envelope.values[:, :shared] for envelope in envelopes])
    rate_hz = envelopes[0].rate_hz
    pieces = _pieces(values, _RHYTHM_PIECE_S * rate_hz)
    mean = np.maximum(pieces.mean(axis=-1, keepdims=True), np.float32(_SILENT_POWER))
    level = (pieces / mean).reshape(len(envelopes) * values.shape[1], -1)
    level -= np.float32(1)
    points = fourier.previous_fast_length(level.shape[1])
    bin_hz = rate_hz / points
    top = min(int(RATES_HZ[1] / bin_hz) + 2, points // 2)
    spectra = fourier.rfft(level[:, :points])[:, : top + 1]
    power = hann_power(spectra.reshape(len(envelopes), -1, top + 1))
    power *= np.float32(1 / points**2)
    power /= local_floor(power, bin_hz, n_averaged=values.shape[1])
    return [Rhythm(row, bin_hz) for row in power]


def _pieces(values: NDArray[np.float32], length: float) -> NDArray[np.float32]:
    """float32 (..., n) -> (..., pieces, about `length`)."""
    points = values.shape[-1]
    count = max(1, round(points / length))
    return values[..., : count * (points // count)].reshape(*values.shape[:-1], count, -1)
