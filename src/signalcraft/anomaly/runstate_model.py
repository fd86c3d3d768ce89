"""What running and standing are like for one machine, learned from its clips without labels.

A machine that is heard in both states has clips of two kinds, and they lie far apart in at least one thing:
the current, the vibration or the level of the compressor's tones. The values of each are split in two where
that leaves the least variance within (Otsu 1979, IEEE Trans. SMC 9, 62-66: two-means on a line), and
the split with the widest gap counts, if there is one at all. If there is none, the machine was only ever
heard in one state; a node that sends sound only while the compressor runs gives such a set, so all are
taken as running. Nothing is split that merely has a wide scatter.

Then the clips are assigned anew by all cues together, so that a defrost heater's current is not taken for the
compressor's. Medians describe both groups, so a few clips in the wrong one do little harm.
"""

import zipfile
from dataclasses import dataclass
from io import BytesIO

import numpy as np

from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.runstate_cues import (
    AIR,
    HISS,
    LINES,
    N_CUES,
    POWER,
    PROMINENCE,
    QUIETER,
    SLOPE,
    STEP,
    TONES,
    VIBRATION,
    Array,
)

NAME = "runstate-1"

_MAD_TO_SIGMA = 1.4826
_SPREAD_FLOOR = np.zeros(N_CUES)
# Below what a sensor or a spectrum can repeat; keeps a constant cue from dividing by zero.
_SPREAD_FLOOR[[TONES, QUIETER, STEP, LINES, PROMINENCE, AIR, HISS]] = 1.5  # dB
_SPREAD_FLOOR[POWER] = 0.5  # per cent of the range
_SPREAD_FLOOR[VIBRATION] = 1.5  # dB
_SPREAD_FLOOR[SLOPE] = 0.02  # degrees a minute: a sensor's step of 1/16 degree in three minutes

# How far two states are apart at the least, by what they are: a compressor that starts draws a good part of
# its rated current, shakes its housing at least twice as much as before, and adds more than it finds to the
# power of its own lines (6 dB: to four times).
_LEAST_GAP = {POWER: 3.0, VIBRATION: 6.0, TONES: 6.0, LINES: 6.0}
# Gap of the medians in sums of the two deviations. Two-means halves of one Gaussian have 1.1, of an even
# spread 1.3, of a one-sided exponential 1.7; 2.5 leaves those clearly behind.
_LEAST_SEPARATION = 2.5
_LEAST_CLIPS = 3  # in the smaller group: one or two clips are an event, not a state
_OUTLIER = 0.02
_ROUNDS = 3


@dataclass(frozen=True)
class StateModel:
    """on, off: float64 (N_CUES, 2), centre and deviation of each cue while the compressor runs and while it
    stands; NaN where never heard or never measured. n_on, n_off: how many clips either rests on."""

    on: Array
    off: Array
    n_on: int
    n_off: int

    def to_bytes(self) -> bytes:
        """An uncompressed `.npz` of plain arrays, some 1.5 KB; the same bytes for the same model."""
        file = BytesIO()
        counts = np.array([self.n_on, self.n_off])
        np.savez(file, allow_pickle=False, model=np.array(NAME), on=self.on, off=self.off, counts=counts)
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "StateModel":
        """Raises BaselineError if the bytes are not such a model."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as file:
                name, on, off = str(file["model"]), file["on"], file["off"]
                n_on, n_off = (int(count) for count in file["counts"])
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BaselineError(f"the stored state model cannot be read: {error}") from error
        if name != NAME or on.shape != (N_CUES, 2) or off.shape != (N_CUES, 2):
            raise BaselineError(f"the stored state model is not one of {NAME}")
        return StateModel(on, off, n_on, n_off)


def from_cues(cues: Array) -> StateModel:
    """cues: float64 (n, N_CUES), NaN where not known; n may be 0."""
    runs = _runs(cues)
    return StateModel(_describe(cues[runs]), _describe(cues[~runs]), int(runs.sum()), int((~runs).sum()))


def _runs(cues: Array) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """(n,): whether the compressor runs."""
    widest, runs = _LEAST_SEPARATION, np.ones(len(cues), np.bool_)
    found = False
    for cue, least_gap in _LEAST_GAP.items():
        separation, threshold = _split(cues[:, cue], least_gap)
        if separation > widest:
            widest, found = separation, True
            runs = ~(cues[:, cue] <= threshold)  # what is not known is taken as running, for now
    for _ in range(_ROUNDS if found else 0):
        on, off = _describe(cues[runs]), _describe(cues[~runs])
        again = _evidence(cues, on, off) >= 0
        if min(again.sum(), (~again).sum()) < _LEAST_CLIPS or (again == runs).all():
            break
        runs = again
    return runs


def _split(values: Array, least_gap: float) -> tuple[float, float]:
    """(separation, threshold) of the best two groups on a line; separation 0 if there are none."""
    x = np.sort(values[np.isfinite(values)])
    n = x.size
    if n < 2 * _LEAST_CLIPS:
        return 0.0, 0.0
    left = np.arange(1, n)
    total = np.cumsum(x)
    low, high = total[:-1] / left, (total[-1] - total[:-1]) / (n - left)
    between = left * (n - left) * np.square(high - low)
    between[: _LEAST_CLIPS - 1] = between[n - _LEAST_CLIPS :] = -1.0
    k = int(between.argmax()) + 1
    (low_centre, low_spread), (high_centre, high_spread) = _robust(x[:k]), _robust(x[k:])
    gap = high_centre - low_centre
    if gap < least_gap:
        return 0.0, 0.0
    floor = least_gap / 10  # two groups without any scatter of their own are not infinitely separate
    return gap / (max(low_spread, floor) + max(high_spread, floor)), float(x[k - 1] + x[k]) / 2


def _robust(x: Array) -> tuple[float, float]:
    centre = float(np.median(x))
    return centre, float(_MAD_TO_SIGMA * np.median(np.abs(x - centre)))


def _describe(cues: Array) -> Array:
    """(n, N_CUES) -> (N_CUES, 2): median and deviation of what is known."""
    described = np.full((N_CUES, 2), np.nan)
    for cue in range(N_CUES):
        x = cues[:, cue]
        x = x[np.isfinite(x)]
        if x.size >= _LEAST_CLIPS:
            centre, spread = _robust(x)
            described[cue] = centre, max(spread, _SPREAD_FLOOR[cue])
    return described


def _evidence(cues: Array, on: Array, off: Array) -> Array:
    """(n,): logarithm of the odds that the compressor runs. Louder than running is running, quieter than
    standing is standing, so tones and vibration count on one side only."""
    odds = np.zeros(len(cues))
    for cue in _LEAST_GAP:
        if np.isnan(on[cue, 0]) or np.isnan(off[cue, 0]):
            continue
        z_on = (cues[:, cue] - on[cue, 0]) / on[cue, 1]
        z_off = (cues[:, cue] - off[cue, 0]) / off[cue, 1]
        if cue != POWER:
            z_on, z_off = np.minimum(z_on, 0.0), np.maximum(z_off, 0.0)
        log_on, log_off = (np.log(np.exp(-np.square(z) / 2) + _OUTLIER) for z in (z_on, z_off))
        odds += np.where(np.isfinite(cues[:, cue]), log_on - log_off, 0.0)
    return odds
