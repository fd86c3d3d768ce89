"""Impacts: how spiky a band is, and how regularly, as a worn bearing, a valve or a loose part makes it.

The envelope of a band is the magnitude of its analytic signal, made by transforming a slice of the long
spectrum back (Randall and Antoni 2011, "Rolling element bearing diagnostics - a tutorial").
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import fourier
from signalcraft.dsp.long_spectrum import LongSpectrum, hann_power, local_floor

RATES_HZ = (2.0, 400.0)  # from below a slow fan to seven hits a turn of a 57 Hz shaft
RHYTHM_RATE_HZ = 990.0  # the low band is 1000 Hz wide, and its envelope never thinned
# By chance the strongest of 4,000 bins of noise stands 9 dB out, and 12.5 dB in one band of 10,000.
FOUND_PROMINENCE = 10**1.25
_SILENT_POWER = 1e-20  # its square would leave float32
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


def band_envelope(spectrum: LongSpectrum, low_hz: float, high_hz: float) -> Envelope:
    """Amplitude of the sound between two frequencies, as densely sampled as the band is wide."""
    values = np.abs(spectrum.band(low_hz, high_hz, rate_hz=high_hz - low_hz))
    rate_hz = values.shape[1] * spectrum.bin_hz
    trim = round(_TRIM_S * rate_hz)
    return Envelope(values[:, trim:-trim], rate_hz)


def kurtosis(envelope: Envelope) -> float:
    """Spectral kurtosis of the band (Antoni 2006): 0 for Gaussian noise, -1 for a tone, high for impacts.

    The median over short pieces: one bang in the shop does not count, a knock at every turn does.
    """
    power = np.square(_pieces(envelope, _SPIKE_PIECE_S))
    mean = power.mean(axis=1)
    with_sound = mean > _SILENT_POWER
    if not with_sound.any():
        return 0.0
    relative = power[with_sound] / mean[with_sound, None]
    found = np.sort(np.square(relative, out=relative).mean(axis=1)) - 2
    return float(found[(found.size - 1) // 2])


def rhythm(envelope: Envelope) -> Rhythm:
    """Spectrum of the envelope up to the highest of RATES_HZ, each second weighing the same."""
    pieces = _pieces(envelope, _RHYTHM_PIECE_S)
    mean = np.maximum(pieces.mean(axis=1), np.float32(_SILENT_POWER))
    level = (pieces / mean[:, None]).reshape(len(envelope.values), -1)
    level -= np.float32(1)
    points = fourier.previous_fast_length(level.shape[1])
    bin_hz = envelope.rate_hz / points
    top = min(int(RATES_HZ[1] / bin_hz) + 2, points // 2)
    power = hann_power(np.array([fourier.rfft(row[:points])[: top + 1] for row in level]))
    power *= np.float32(1 / points**2)
    power /= local_floor(power, bin_hz, n_averaged=len(level))
    return Rhythm(power, bin_hz)


def _pieces(envelope: Envelope, piece_s: float) -> NDArray[np.float32]:
    """float32 (blocks * pieces, n), each about piece_s."""
    blocks, points = envelope.values.shape
    count = max(1, round(points / (piece_s * envelope.rate_hz)))
    return envelope.values[:, : count * (points // count)].reshape(blocks * count, -1)
