"""The rule of the old server's "lightweight" analysis, `overload-rule-1`, computed truthfully.

Old clients still ask for it. It knows nothing of the machine: it says whether the clip's spectrum leans to
500-2000 Hz, sounds noisy and reaches high, by fixed thresholds that were never validated. Its `confidence` is
a weighted sum of how far the thresholds are passed, not a probability; a normal clip can even get 0.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from signalcraft.dsp import spectra
from signalcraft.dsp.errors import DspError
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ

NAME = "overload-rule-1"
PASS_BAND_HZ = (100.0, 3000.0)
OVERLOAD_BAND_HZ = (500.0, 2000.0)
ROLLOFF_SHARE = 0.85
_ORDER = 4
_PAD = 2048  # samples reflected at both ends, longer than the filter rings


@dataclass(frozen=True)
class OverloadResult:
    """All measured after the band-pass. overload_ratio: share of spectral magnitude in 500-2000 Hz.
    zero_crossing_rate: sign changes per sample. spectral_*_hz: means over time."""

    overload: bool
    confidence: float
    overload_ratio: float
    zero_crossing_rate: float
    spectral_centroid_hz: float
    spectral_rolloff_hz: float


def analyse(samples: NDArray[np.float32]) -> OverloadResult:
    """samples: float32 (n,), prepared (16 kHz, no mean). Raises DspError if shorter than 0.13 s or silent."""
    filtered = _band_pass(samples)
    magnitude = np.sqrt(spectra.power(filtered), dtype=np.float64)
    total = magnitude.sum(axis=1)
    if not total.all():
        magnitude, total = magnitude[total > 0], total[total > 0]
    if not total.size:
        raise DspError("the sound is silent between 100 and 3000 Hz")
    hz = np.arange(magnitude.shape[1]) * (ANALYSIS_RATE_HZ / spectra.N_FFT)
    inside = (hz >= OVERLOAD_BAND_HZ[0]) & (hz <= OVERLOAD_BAND_HZ[1])
    ratio = float(magnitude[:, inside].sum() / total.sum())
    crossings = float(np.mean(np.signbit(filtered[1:]) != np.signbit(filtered[:-1])))
    centroid = float(((magnitude * hz).sum(axis=1) / total).mean())
    rolloff_bin = (np.cumsum(magnitude, axis=1) >= ROLLOFF_SHARE * total[:, None]).argmax(axis=1)
    rolloff = float(hz[rolloff_bin].mean())
    overload = ratio > 0.5 and crossings > 0.1 and (centroid > 1000 or rolloff > 2000)
    confidence = 1 - min(2 * ratio, 1.0)
    if overload:
        confidence = (
            0.3 * min(2 * ratio, 1.0)
            + 0.3 * min(10 * crossings, 1.0)
            + 0.2 * min(centroid / 2000, 1.0)
            + 0.2 * min(rolloff / 4000, 1.0)
        )
    return OverloadResult(overload, confidence, ratio, crossings, centroid, rolloff)


def _band_pass(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Butterworth band-pass of order 4, forwards and backwards (zero phase), by its closed-form response.

    Filtering twice multiplies the spectrum by |H|^2 = 1 / (1 + ((w^2 - w0^2) / (w B))^(2 order)), with
    w = tan(pi f / rate) (bilinear transform), w0^2 = w_low w_high, B = w_high - w_low.
    """
    if samples.size <= _PAD:
        raise DspError(f"the analysis needs more than {_PAD} samples, not {samples.size}")
    padded = np.pad(samples, _PAD, mode="reflect")
    size = scipy.fft.next_fast_len(padded.size, real=True)
    spectrum = scipy.fft.rfft(padded, size)
    low, high = np.tan(np.pi * np.array(PASS_BAND_HZ) / ANALYSIS_RATE_HZ)
    w = np.tan(np.pi * np.arange(1, spectrum.size) / size)
    gain = np.zeros(spectrum.size, np.float32)
    w = np.minimum(w, 1e6)  # the tangent at half the rate is infinite, the gain there 0
    gain[1:] = 1 / (1 + ((w * w - low * high) / (w * (high - low))) ** (2 * _ORDER))
    filtered: NDArray[np.float32] = scipy.fft.irfft(spectrum * gain, size)[_PAD : _PAD + samples.size]
    return filtered
