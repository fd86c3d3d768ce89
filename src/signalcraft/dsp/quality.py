"""Whether a clip can be judged at all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp.mains_hum import is_only_mains_hum
from signalcraft.dsp.sound import ANALYSIS_RATE_HZ, Sound, checked_peak

MIN_DURATION_S = 1.0  # about 30 spectra: fewer, and their spread over time means nothing
# The nodes' MEMS microphones give -26 dBFS at 94 dB SPL with a noise of about -87 dBFS of their own: below
# -80 dBFS (40 dB SPL) no compressor is running in front of one.
SILENT_BELOW_DBFS = -80.0
FLOOR_DBFS = -120.0  # reported instead of minus infinity
CLIPPING_LEVEL = 0.98
# One LSB of 16 bits. Unclipped sound does not stay this close to its last value near full scale: even a
# full-scale 60 Hz hum moves on by more around its crest.
_FLAT_STEP = 1.01 / 32768
# Gaussian noise clipped for 1 % of the time (at 2.58 sigma) carries distortion 30 dB below itself: more
# would drown the quiet upper bands in it.
MAX_CLIPPED_FRACTION = 0.01
DROPOUT_RUN_S = 0.01  # exact zeros for this long are lost buffers; a live 16-bit signal jitters by some LSB
MAX_DROPOUT_FRACTION = 0.01  # MP3 encoders put some 50 ms of zeros before the sound, which is no dropout
# Of healthy clips of the simulator's development machines none scored above a limit of 1 in 1000 when cut to
# half their length, and most did when cut to a fifth.
LEAST_LENGTH = 0.5


@dataclass(frozen=True)
class Quality:
    """Levels in dB relative to full scale (a full-scale square wave has 0 dBFS rms), without the mean.

    reasons: why it is not assessable, of `too_short`, `silent`, `clipped`, `dropouts`, `hum`; else empty.
    """

    assessable: bool
    reasons: tuple[str, ...]
    rms_dbfs: float
    peak_dbfs: float
    clipped_fraction: float
    duration_s: float


def assess(sound: Sound) -> Quality:
    """Judge a decoded sound, before `prepare` (resampling would hide clipped plateaus and zeros).

    Raises DspError for samples that are not finite, or beyond `MAX_AMPLITUDE`.
    """
    x = sound.samples
    peak = checked_peak(x)
    power = _variance(x)
    rms_dbfs = _dbfs(power**0.5)
    clipped_fraction = _clipped_fraction(x) if peak >= CLIPPING_LEVEL else 0.0
    silent = rms_dbfs < SILENT_BELOW_DBFS
    too_short = sound.duration_s < MIN_DURATION_S
    silence_power = 10 ** (SILENT_BELOW_DBFS / 10)
    found = {
        "too_short": too_short,
        "silent": silent,
        "clipped": clipped_fraction > MAX_CLIPPED_FRACTION,
        "dropouts": not silent and _dropout_fraction(x, sound.sample_rate_hz) > MAX_DROPOUT_FRACTION,
        "hum": not (silent or too_short)
        and is_only_mains_hum(x, sound.sample_rate_hz, silence_power=silence_power),
    }
    reasons = tuple(reason for reason, applies in found.items() if applies)
    return Quality(not reasons, reasons, rms_dbfs, _dbfs(peak), clipped_fraction, sound.duration_s)


def incomparable(
    duration_s: float, source_rate_hz: int, *, usual_duration_s: float, usual_rate_hz: int
) -> tuple[str, ...]:
    """Why a sound cannot be held against recordings of the usual length and source rate: of `shorter`,
    `other_rate`; else empty.

    What is quiet or loud at times depends on how long one listens. Above half of a low source rate sound is
    missing, not quiet; and resampling from a high one takes some 4 dB off the band below 8 kHz that sound
    recorded at the analysis rate has in full. Each looks like a change of the machine.
    """
    found = {
        "shorter": duration_s < LEAST_LENGTH * usual_duration_s,
        "other_rate": source_rate_hz != usual_rate_hz
        and min(source_rate_hz, usual_rate_hz) <= ANALYSIS_RATE_HZ,
    }
    return tuple(reason for reason, applies in found.items() if applies)


def _dbfs(amplitude: float) -> float:
    return float(20 * np.log10(max(amplitude, 10 ** (FLOOR_DBFS / 20))))


def _variance(x: NDArray[np.float32]) -> float:
    if not x.size:
        return 0.0
    change = x - x.mean()  # NumPy adds float32 in pairs, and pairs of pairs: exact to a few parts in 10^7
    return float(np.einsum("i,i->", change, change)) / x.size


def _clipped_fraction(x: NDArray[np.float32]) -> float:
    """Share of samples that stay at full scale from the sample before."""
    if x.size < 2:
        return 0.0
    near = np.abs(x) >= CLIPPING_LEVEL
    flat = near[1:] & near[:-1] & (np.abs(np.diff(x)) <= _FLAT_STEP)
    return float(flat.mean())


def _dropout_fraction(x: NDArray[np.float32], sample_rate_hz: int) -> float:
    """Share of samples in runs of exact zeros of at least `DROPOUT_RUN_S`."""
    run = DROPOUT_RUN_S * sample_rate_hz
    zero = x == 0
    # Wherever such a run lies, it holds two neighbours of every half a run.
    sparse = zero[:: max(1, int(run / 2))]
    if not (sparse[1:] & sparse[:-1]).any():
        return 0.0
    edges = np.flatnonzero(np.diff(zero, prepend=False, append=False))
    runs = edges[1::2] - edges[::2]
    return float(runs[runs >= run].sum() / x.size)
