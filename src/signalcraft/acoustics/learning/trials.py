"""A new model beside the old one on past clips: its figures, and the rule by which it may judge at once.

The rule is docs/decisions/0013. What it does not let pass stays in the shadow until a person decides or the
next one takes its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from signalcraft.acoustics.learning.fitting import Loaded

TOLERANCE = 0.02
"""More healthy clips over the limit than before by at most this share: of 100 clips, two."""
LABELS_ENOUGH = 20
MACHINES_ENOUGH = 3
"""With fewer labels or machines the figures of a head are luck; a person may still decide."""


@dataclass(frozen=True)
class PastClip:
    """fault: people say so, or an alarm stood that nobody dismissed. learned: the new baseline was made from
    it, so that its own cross-validated score counts instead."""

    features: NDArray[np.float32]
    fault: bool
    learned: bool


def compare(old: Loaded, new: Loaded, past: Sequence[PastClip]) -> dict[str, Any]:
    """How both baselines judge the same clips of one machine and run state.

    Shares of healthy clips over the limit, and of faulty ones found. Clips that the new one has learned would
    flatter it: for those its cross-validated healthy scores count.
    """
    healthy = [clip for clip in past if not clip.fault]
    faults = [clip for clip in past if clip.fault]
    unseen = [clip for clip in healthy if not clip.learned]
    new_over = sum(_is_over(new, clip) for clip in unseen)
    own = np.asarray(new.fitted.healthy_scores)
    n_own = len(healthy) - len(unseen)
    own_share = float((own > new.fitted.limit).mean()) if own.size else 0.0
    return {
        "healthy_clips": len(healthy),
        "healthy_over_limit": {
            "old": _share(sum(_is_over(old, clip) for clip in healthy), len(healthy)),
            "new": _share(new_over + own_share * n_own, len(healthy)),
        },
        "faulty_clips": len(faults),
        "faults_found": {
            "old": _share(sum(_is_over(old, clip) for clip in faults), len(faults)),
            "new": _share(sum(_is_over(new, clip) for clip in faults), len(faults)),
        },
    }


def baseline_may_judge(figures: dict[str, Any]) -> bool:
    """The stated rule: finds every share of faults that the old one found, and is hardly less quiet."""
    healthy, faults = figures["healthy_over_limit"], figures["faults_found"]
    finds = faults["old"] is None or faults["new"] >= faults["old"]
    quiet = healthy["old"] is None or healthy["new"] <= healthy["old"] + TOLERANCE
    return bool(finds and quiet)


def head_may_judge(figures: dict[str, Any]) -> bool:
    """The stated rule: enough labels of enough machines, and at least as good as what judges now."""
    return bool(
        figures["grouped_by_machine"]
        and figures["labels"] >= LABELS_ENOUGH
        and figures["machines"] >= MACHINES_ENOUGH
        and figures["accuracy"]["new"] >= figures["accuracy"]["old"]
    )


def _is_over(baseline: Loaded, clip: PastClip) -> bool:
    return bool(baseline.assess(clip.features).ratio > 1)


def _share(count: float, of: int) -> float | None:
    return round(count / of, 4) if of else None
