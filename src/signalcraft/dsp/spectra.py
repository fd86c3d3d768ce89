"""Short-time spectra at `ANALYSIS_RATE_HZ`."""

from functools import lru_cache

import numpy as np
import scipy.fft
import scipy.sparse
from numpy.typing import NDArray

from signalcraft.dsp.errors import DspError
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ

N_FFT = 1024  # 64 ms, 15.6 Hz per bin: exactly one fragment of the old firmware
HOP = 512
N_MELS = 128
F_MIN_HZ = 50.0  # below, the nodes' microphones hear little and traffic and handling a lot
F_MAX_HZ = ANALYSIS_RATE_HZ / 2
# Relative to a full-scale sine. The rounding noise of 16 bits is at -123 dB per bin in this scale, so silence
# reads as the floor and sound never does.
FLOOR_DB = -120.0

_WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)  # periodic Hann
# Frames transformed together: their memory stays in the processor's cache, and is not asked for anew.
_AT_ONCE = 64
_FULL_SCALE_SINE = float(_WINDOW.sum(dtype=np.float64) / 2) ** 2


def frames(samples: NDArray[np.float32], *, segment_samples: int | None = None) -> NDArray[np.float32]:
    """Cut into frames of N_FFT, every HOP, without padding.

    samples: float32 (n,). segment_samples: the signal is joined from fragments of this many samples between
    which time is missing; no frame then straddles a joint, which would hear a click there.
    Returns float32 (frames, N_FFT), a view where possible. Raises DspError if not even one frame fits.
    """
    if segment_samples is None:
        segment_samples = samples.size
    if segment_samples < N_FFT or samples.size < segment_samples:
        raise DspError(
            f"a spectrum needs {N_FFT} samples without a gap, not {min(samples.size, segment_samples)}"
        )
    whole = samples.size // segment_samples
    segments = samples[: whole * segment_samples].reshape(whole, segment_samples)
    windows = np.lib.stride_tricks.sliding_window_view(segments, N_FFT, axis=1)[:, ::HOP]
    return windows.reshape(-1, N_FFT)


def power(samples: NDArray[np.float32], *, segment_samples: int | None = None) -> NDArray[np.float32]:
    """Hann-windowed power spectra; a full-scale sine on a bin has power 1 there.

    Returns float32 (frames, N_FFT // 2 + 1). Raises DspError as `frames` does.
    """
    windows = frames(samples, segment_samples=segment_samples)
    result = np.empty((len(windows), N_FFT // 2 + 1), np.float32)
    for first in range(0, len(windows), _AT_ONCE):
        spectrum = scipy.fft.rfft(windows[first : first + _AT_ONCE] * _WINDOW, axis=1)
        squares = spectrum.view(np.float32)
        squares *= squares
        np.add(squares[:, ::2], squares[:, 1::2], out=result[first : first + _AT_ONCE])
    result /= np.float32(_FULL_SCALE_SINE)
    return result


def log_mel(samples: NDArray[np.float32], *, segment_samples: int | None = None) -> NDArray[np.float32]:
    """Power in N_MELS mel bands, in dB relative to a full-scale sine, not below FLOOR_DB.

    Returns float32 (frames, N_MELS).
    """
    return mel_db(power(samples, segment_samples=segment_samples))


def mel_db(power_spectra: NDArray[np.float32]) -> NDArray[np.float32]:
    """The same from spectra already computed: (frames, N_FFT // 2 + 1) -> (frames, N_MELS)."""
    # Sparse, not BLAS: faster here, and the sums don't depend on how many threads BLAS was given.
    mel: NDArray[np.float32] = power_spectra @ _mel_matrix()
    np.maximum(mel, np.float32(10 ** (FLOOR_DB / 10)), out=mel)
    np.log10(mel, out=mel)
    mel *= np.float32(10)
    return mel


def hz_to_mel(hz: NDArray[np.float64]) -> NDArray[np.float64]:
    """mel = 2595 log10(1 + f / 700): O'Shaughnessy 1987, as in HTK."""
    return 2595 * np.log10(1 + hz / 700)


def mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return 700 * (10 ** (mel / 2595) - 1)


@lru_cache(maxsize=1)
def mel_edges_hz() -> NDArray[np.float64]:
    """float64 (N_MELS + 2,): band i rises from edge i, peaks at i + 1 and falls to i + 2."""
    low, high = hz_to_mel(np.array([F_MIN_HZ, F_MAX_HZ]))
    return mel_to_hz(np.linspace(low, high, N_MELS + 2))


@lru_cache(maxsize=1)
def _mel_matrix() -> scipy.sparse.csc_array:
    """Triangles of height 1: float32 (N_FFT // 2 + 1, N_MELS)."""
    bins = np.arange(N_FFT // 2 + 1)[:, None] * (ANALYSIS_RATE_HZ / N_FFT)
    edges = mel_edges_hz()
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    weights = np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre))
    return scipy.sparse.csc_array(np.maximum(0, weights).astype(np.float32))
