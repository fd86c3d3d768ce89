"""Feature set `logmel-stats-1`: how loud, and how unsteady, a clip is in 32 bands.

Do not edit: results that name it are stored. Write a v2 instead.
"""

from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from signalcraft.dsp import spectra

NAME = "logmel-stats-1"
N_BANDS = 32
_MELS_PER_BAND = spectra.N_MELS // N_BANDS


class Feature(NamedTuple):
    """name: unique in the set. kind: `level` (mean over time) or `variation` (deviation over time)."""

    name: str
    unit: str
    kind: str
    low_hz: float
    high_hz: float


@lru_cache(maxsize=1)
def names() -> tuple[Feature, ...]:
    """The 64 values in their order; each begins with (name, unit)."""
    # Where the triangles of two neighbouring bands cross, half a step between their peaks, one ends.
    low_mel, high_mel = spectra.hz_to_mel(np.array([spectra.F_MIN_HZ, spectra.F_MAX_HZ]))
    half_steps = np.linspace(float(low_mel), float(high_mel), 2 * spectra.N_MELS + 3)
    edges = spectra.mel_to_hz(half_steps[1:-1:2])
    borders = [round(float(edge), 1) for edge in edges[::_MELS_PER_BAND]]
    return tuple(
        Feature(f"{kind}_{low:.0f}_{high:.0f}_hz", "dB", kind, low, high)
        for kind in ("level", "variation")
        for low, high in pairwise(borders)
    )


def extract(samples: NDArray[np.float32], *, segment_samples: int | None = None) -> NDArray[np.float32]:
    """Mean, then standard deviation, over time of the 32-band log-mel spectrogram, in dB.

    samples: float32 (n,) at 16 kHz without mean (`dsp.prepare`), n >= 1024.
    segment_samples: see `spectra.frames`.
    Returns float32 (64,). Raises DspError if the clip is shorter than one frame.
    """
    mel = spectra.log_mel(samples, segment_samples=segment_samples)
    bands = mel.reshape(len(mel), N_BANDS, _MELS_PER_BAND).mean(axis=2).astype(np.float64)
    return np.concatenate([bands.mean(axis=0), bands.std(axis=0)]).astype(np.float32)
