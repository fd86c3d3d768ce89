"""Whether a microphone hears nothing but the hum of its own cable.

A bad earth or supply adds the mains itself: its frequency and odd harmonics. A motor hums at even ones, since
iron is pulled twice a period, and never alone. Rectifier buzz, all even, sounds like a motor and is not told
from one.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

GRIDS_HZ = (50.0, 60.0)
ODD_OVER_EVEN = 4.0  # 6 dB; a square wave's odd harmonics stand alone, a motor's even ones lead by far
REST_BELOW_HUM = 1e-4  # 40 dB: whatever else a running machine does is nearer to its hum than that
_HEARD_S = 4.0
_PERIODS_S = 0.1  # five periods at 50 Hz, six at 60 Hz
_REPEATS = 0.25  # noise leaves 1; a hum 0.3 Hz off its grid 0.04, its third harmonic 0.3
_LINE_HALF_WIDTH_HZ = 1.5
_HARMONICS = 40


def is_only_mains_hum(samples: NDArray[np.float32], sample_rate_hz: int, *, silence_power: float) -> bool:
    """samples: float32 (n,), at least a second. silence_power: mean square of what counts as silence."""
    if not _repeats_with_the_mains(samples[: sample_rate_hz // 2], round(_PERIODS_S * sample_rate_hz)):
        return False
    heard = samples[: scipy.fft.prev_fast_len(min(samples.size, round(_HEARD_S * sample_rate_hz)), real=True)]
    heard = heard - heard.mean()
    window = np.hanning(heard.size).astype(np.float32)
    spectrum = scipy.fft.rfft(heard * window)
    power = spectrum.real.astype(np.float64) ** 2 + spectrum.imag.astype(np.float64) ** 2
    power *= 2 / (heard.size * float(np.square(window).sum(dtype=np.float64)))  # sums to the mean square
    bin_hz = sample_rate_hz / heard.size
    return any(_dominates(power, bin_hz, grid, silence_power) for grid in GRIDS_HZ)


def _repeats_with_the_mains(samples: NDArray[np.float32], lag: int) -> bool:
    """Whether 0.1 s later the sound is much the same: a cheap question that most sounds fail."""
    samples = samples - samples.mean()
    change = samples[lag:] - samples[:-lag]
    total = np.einsum("i,i->", samples, samples) / samples.size
    return bool(np.einsum("i,i->", change, change) / change.size <= 2 * _REPEATS * total)


def _dominates(power: NDArray[np.float64], bin_hz: float, grid_hz: float, silence_power: float) -> bool:
    orders = np.arange(1, min(_HARMONICS, int((power.size - 1) * bin_hz / (grid_hz + 1))) + 1)
    lines = np.array([_around(power, bin_hz, order * grid_hz) for order in orders])
    odd, even = float(lines[orders % 2 == 1].sum()), float(lines[orders % 2 == 0].sum())
    rest = float(power.sum()) - odd - even
    return odd >= ODD_OVER_EVEN * even and rest <= max(REST_BELOW_HUM * odd, silence_power) < odd


def _around(power: NDArray[np.float64], bin_hz: float, hz: float) -> float:
    reach = _LINE_HALF_WIDTH_HZ / bin_hz
    return float(power[round(hz / bin_hz - reach) : round(hz / bin_hz + reach) + 1].sum())
