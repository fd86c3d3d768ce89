"""When within a clip something happens that healthy clips of the machine do not have."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.diagnosis.indicators import NamedValue
from signalcraft.dsp import ANALYSIS_RATE_HZ
from signalcraft.dsp.spectra import HOP

MAX_MOMENTS = 5
# A frame stands out if one band in eight is over three of its own usual standard deviations, and 3 dB, above
# its usual level: of independent Gaussian bands one in 740 is, so eight of 64 together are not chance.
SHARE_OF_BANDS = 0.125
OVER_DEVIATIONS = 3.0
OVER_DB = 3.0
# A change that lasts for most of the clip is no moment: the bands tell it.
MOST_OF_CLIP = 0.6
JOIN_S = 0.25  # shorter pauses do not end a moment


@dataclass(frozen=True)
class Moment:
    """From start_s to end_s (seconds into the clip) bands were louder than usual, by delta_db on average over
    those that were, which is so many `deviations` of their usual variation over time."""

    start_s: float
    end_s: float
    delta_db: float
    deviations: float


def find_moments(
    log_mel: NDArray[np.float32],
    centre: NDArray[np.float64],
    names: Sequence[NamedValue],
    *,
    duration_s: float | None = None,
) -> tuple[Moment, ...]:
    """log_mel: float32 (frames, mels), its mels a multiple of the bands in `names`. centre: (p,), the
    baseline's. duration_s: of the clip, over which the frames are spread evenly; their own without it.
    Returns at most MAX_MOMENTS, the most striking, in the order of time; none without level and variation."""
    level, variation = _places(tuple(names))
    if not level.size or level.size != variation.size or log_mel.shape[1] % level.size:
        return ()
    bands = log_mel.reshape(len(log_mel), level.size, -1).mean(axis=2, dtype=np.float64)
    over_db = bands - centre[level]
    usual = np.maximum(centre[variation], OVER_DB / OVER_DEVIATIONS)
    out = over_db > OVER_DEVIATIONS * usual
    striking = out.mean(axis=1) >= SHARE_OF_BANDS
    if not striking.any() or striking.mean() > MOST_OF_CLIP:
        return ()
    frame_s = HOP / ANALYSIS_RATE_HZ if duration_s is None else duration_s / len(log_mel)
    found = []
    for first, last in _runs(striking, round(JOIN_S / frame_s)):
        inside = out[first : last + 1]
        excess = over_db[first : last + 1]
        count = int(inside.sum())
        found.append(
            Moment(
                start_s=first * frame_s,
                end_s=(last + 1) * frame_s,
                delta_db=float((excess * inside).sum() / count),
                deviations=float((excess / usual * inside).sum() / count),
            )
        )
    found.sort(key=lambda moment: -moment.deviations * (moment.end_s - moment.start_s))
    return tuple(sorted(found[:MAX_MOMENTS], key=lambda moment: moment.start_s))


@lru_cache(maxsize=8)
def _places(names: tuple[NamedValue, ...]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Of the level and of the variation of each band."""
    level, variation = (
        np.array([i for i, feature in enumerate(names) if feature.kind == kind], np.intp)
        for kind in ("level", "variation")
    )
    return level, variation


def _runs(striking: NDArray[np.bool_], join: int) -> list[tuple[int, int]]:
    """(first, last) of the runs of True, those apart by at most `join` frames as one."""
    runs: list[tuple[int, int]] = []
    for i in np.flatnonzero(striking).tolist():
        if runs and i - runs[-1][1] <= join + 1:
            runs[-1] = (runs[-1][0], i)
        else:
            runs.append((i, i))
    return runs
