"""Baselines as arrays: fitted from stored clips, loaded to judge by. Only here detectors are known."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, median_low
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from signalcraft import dsp
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.learning.queries import HeardClip
from signalcraft.anomaly import CURRENT, DETECTORS, FEATURES_OF, BaselineError, learn
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS

KEPT = 128
"""Baselines in the memory of one worker: at most 300 KB each."""
_kept: dict[tuple[int, datetime], "Loaded"] = {}
"""By id and time of making, the one used last at the end."""


@dataclass(frozen=True)
class Loaded:
    """A stored baseline, ready to judge. fitted: the detector's own form. clips: those it was made from, in
    the order the detector got them. surroundings: of those clips, where anything was known.
    """

    detector: str
    fitted: Any
    clips: tuple[UUID, ...]
    surroundings: tuple[Surroundings, ...]

    def assess(self, features: NDArray[np.float32]) -> Any:
        """The detector's assessment of a feature vector (p,). Raises BaselineError."""
        return DETECTORS[self.detector].assess(self.fitted, features)

    def nearest_clip(self, features: NDArray[np.float32]) -> UUID | None:
        """The healthy clip that resembles it most."""
        place = self.fitted.nearest(features) if hasattr(self.fitted, "nearest") else None
        return self.clips[place] if place is not None and place < len(self.clips) else None


def load(baseline: Baseline) -> Loaded:
    """The stored baseline, kept in memory: it is never edited. Raises BaselineError if it cannot be read."""
    key = (baseline.id, baseline.created_at)
    known = _kept.pop(key, None)
    if known is None:
        made_from = baseline.made_from
        known = Loaded(
            baseline.detector,
            DETECTORS[baseline.detector].Baseline.from_bytes(baseline.arrays),
            tuple(UUID(clip) for clip in made_from.get("clips", ())),
            tuple(around.from_json(one) for one in made_from.get("surroundings", ())),
        )
        if len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
    _kept[key] = known
    return known


def is_readable(baseline: Baseline) -> bool:
    """Whether this version can judge by a stored baseline: one made by a build that was never released may
    have other arrays, or a detector that is not known here."""
    if baseline.detector not in DETECTORS:
        return False
    try:
        fitted = load(baseline).fitted
    except BaselineError:
        return False
    return bool(fitted.centre.size == len(FEATURE_SETS[FEATURES_OF[baseline.detector]].names()))


def fit(rows: Sequence[HeardClip]) -> tuple[Any, dict[str, Any]]:
    """Fit the current detector to clips in the order of recording: its baseline, and what it was made from.

    Raises
    ------
    BaselineError
        Too few clips, or nothing can be learned from them.
    """
    features = np.array([row.features for row in rows], dtype=np.float32)
    fitted = learn(CURRENT, features, FEATURE_SETS[FEATURES].names())
    return fitted, {
        "clips": [str(row.clip_id) for row in rows],
        "surroundings": [row.surroundings for row in rows if row.surroundings],
        "first_heard_at": min(row.heard_at for row in rows).isoformat(),
        "last_heard_at": max(row.heard_at for row in rows).isoformat(),
        "left_out": fitted.n_clips - fitted.n_used,
        **_usual(rows),
    }


def incomparable(quality: dict[str, Any] | None, baseline: Baseline) -> tuple[str, ...]:
    """Why a clip cannot be held against the clips of this baseline (see `dsp.incomparable`); else empty.

    What was stored before its rate was known is compared as it is.
    """
    usual = baseline.made_from
    if quality is None or "source_rate_hz" not in quality or "source_rate_hz" not in usual:
        return ()
    return dsp.incomparable(
        quality["duration_s"],
        quality["source_rate_hz"],
        usual_duration_s=usual["duration_s"],
        usual_rate_hz=usual["source_rate_hz"],
    )


def _usual(rows: Sequence[HeardClip]) -> dict[str, Any]:
    """Length and source rate of half of the clips at least, where they are known."""
    known = [row.quality for row in rows if row.quality and "source_rate_hz" in row.quality]
    if not known:
        return {}
    return {
        "duration_s": median(one["duration_s"] for one in known),
        "source_rate_hz": median_low(one["source_rate_hz"] for one in known),
    }
