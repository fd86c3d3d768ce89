"""Long transforms in half the time.

pocketfft, which SciPy brings, works on one long transform value by value, but on many short ones several at a
time in the processor's vector registers. So a long one is taken apart into 16 short ones (Cooley and Tukey
1965; Bailey's four steps): transform every 16th value, turn the phases, combine the 16.
"""

from functools import lru_cache

import numpy as np
import scipy.fft
from numpy.typing import NDArray

_PARTS = 16
_MIN_SAMPLES = 4096  # below, four steps take longer than one


def previous_fast_length(n: int) -> int:
    """The longest length up to n that transforms fast, n >= 32."""
    return 2 * _PARTS * int(scipy.fft.prev_fast_len(n // (2 * _PARTS), real=True))


def next_fast_length(n: int) -> int:
    """The shortest length from n that transforms fast."""
    return _PARTS * int(scipy.fft.next_fast_len(-(-n // _PARTS)))


def rfft(x: NDArray[np.float32]) -> NDArray[np.complex64]:
    """As `scipy.fft.rfft` of each row, to within rounding.

    x: float32 (rows, n). Returns complex64 (rows, n // 2 + 1).
    """
    rows, n = x.shape
    if n % (2 * _PARTS) or n < _MIN_SAMPLES:
        short: NDArray[np.complex64] = scipy.fft.rfft(x, axis=1)
        return short
    points = n // _PARTS
    parts = scipy.fft.rfft(np.ascontiguousarray(x.reshape(rows, points, _PARTS).swapaxes(1, 2)), axis=2)
    known = parts.shape[2]
    parts *= _turns(n, known)
    combined = scipy.fft.fft(parts, axis=1, overwrite_x=True)
    # combined[:, j, i] is the bin i + j * points, for i up to half of `points`. The other halves are the
    # complex conjugates of bins above the middle.
    spectrum = np.empty((rows, n // 2 + 1), np.complex64)
    halves = spectrum[:, :-1].reshape(rows, _PARTS // 2, points)
    halves[:, :, :known] = combined[:, : _PARTS // 2]
    np.conjugate(combined[:, : _PARTS // 2 - 1 : -1, points - known : 0 : -1], out=halves[:, :, known:])
    spectrum[:, -1] = combined[:, _PARTS // 2, 0]
    return spectrum


def ifft(x: NDArray[np.complex64]) -> NDArray[np.complex64]:
    """As `scipy.fft.ifft` of each row, to within rounding. x: complex64 (rows, n)."""
    rows, n = x.shape
    if n % _PARTS or n < _MIN_SAMPLES:
        short: NDArray[np.complex64] = scipy.fft.ifft(x, axis=1)
        return short
    points = n // _PARTS
    columns = np.ascontiguousarray(x.reshape(rows, points, _PARTS).swapaxes(1, 2))
    parts = scipy.fft.ifft(columns, axis=2, overwrite_x=True)
    parts *= _turns(-n, points)
    whole: NDArray[np.complex64] = scipy.fft.ifft(parts, axis=1, overwrite_x=True)
    return whole.reshape(rows, n)


@lru_cache(maxsize=16)
def _turns(n: int, count: int) -> NDArray[np.complex64]:
    """By how much bin i of part j is turned, the other way for negative n: complex64 (_PARTS, count)."""
    turns: NDArray[np.complex64] = np.exp(
        (-2j * np.pi / n) * np.arange(_PARTS)[:, None] * np.arange(count)
    ).astype(np.complex64)
    turns.setflags(write=False)
    return turns
