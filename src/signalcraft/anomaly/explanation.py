"""What differs from the machine's healthy sound: bands, decibels, and sentences for its owner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly import sentences
from signalcraft.anomaly.mahalanobis_v1 import Baseline, assess
from signalcraft.anomaly.sentences import Text

MAX_BANDS = 5
MIN_DEVIATIONS = 3.0  # robust sigmas: one healthy Gaussian value in 370 is that far out
MIN_DELTA_DB = 1.0  # about the smallest change in level that a person hears


class BandFeature(Protocol):
    """What a feature must tell about itself: `level` or `variation` of the sound between two frequencies."""

    @property
    def kind(self) -> str: ...
    @property
    def low_hz(self) -> float: ...
    @property
    def high_hz(self) -> float: ...


@dataclass(frozen=True)
class Band:
    """A range of frequencies that differs from the healthy clips, positive is more.

    delta_db: mean difference in dB. deviations: the same in robust standard deviations of the healthy clips.
    kind: `level` (louder or quieter) or `variation` (more or less unsteady).
    """

    low_hz: float
    high_hz: float
    delta_db: float
    deviations: float
    kind: Literal["level", "variation"]


@dataclass(frozen=True)
class Explanation:
    """bands: the most striking first, at most MAX_BANDS; none for a normal clip, nor where only the relation
    of many bands changed. summary: what was heard; advice: what to do next."""

    bands: tuple[Band, ...]
    summary: Text
    advice: Text


def explain(baseline: Baseline, x: ArrayLike, names: Sequence[BandFeature]) -> Explanation:
    """Explain a feature vector (p,) whose values `names` describes, in the same order.

    Raises BaselineError as `assess` does.
    """
    assessment = assess(baseline, x)
    if assessment.verdict == "normal":
        return Explanation((), sentences.NORMAL, sentences.NORMAL_ADVICE)
    delta_db = np.asarray(x, dtype=np.float64) - baseline.centre
    bands = _striking_bands(delta_db, delta_db / baseline.scale, names)
    findings = [(b.kind, b.low_hz, b.high_hz, b.delta_db) for b in bands]
    advice = sentences.GRAVE_ADVICE if assessment.grave else sentences.ANOMALOUS_ADVICE
    return Explanation(bands, sentences.anomalous(findings), advice)


def _striking_bands(
    delta_db: NDArray[np.float64], deviations: NDArray[np.float64], names: Sequence[BandFeature]
) -> tuple[Band, ...]:
    striking = (np.abs(deviations) >= MIN_DEVIATIONS) & (np.abs(delta_db) >= MIN_DELTA_DB)
    groups: list[list[int]] = []
    for i in np.flatnonzero(striking).tolist():
        if groups and _continues(names[groups[-1][-1]], names[i], delta_db[groups[-1][-1]] * delta_db[i]):
            groups[-1].append(i)
        else:
            groups.append([i])
    groups.sort(key=lambda group: -float(np.square(deviations[group]).sum()))
    return tuple(
        Band(
            low_hz=names[group[0]].low_hz,
            high_hz=names[group[-1]].high_hz,
            delta_db=float(delta_db[group].mean()),
            deviations=float(deviations[group].mean()),
            kind="level" if names[group[0]].kind == "level" else "variation",
        )
        for group in groups[:MAX_BANDS]
    )


def _continues(last: BandFeature, following: BandFeature, product: float) -> bool:
    """Neighbours of one kind that differ in the same direction make one range."""
    return last.kind == following.kind and last.high_hz == following.low_hz and product > 0
