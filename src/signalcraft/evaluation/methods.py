"""What is compared: the engine as it judges machines, and the references."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly import DETECTORS, FEATURES_OF, learn
from signalcraft.anomaly.base import Detector
from signalcraft.anomaly.decision import Assessed
from signalcraft.anomaly.diagnosis import diagnose_unheard
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.evaluation.autoencoder import Autoencoder
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.references import Mahalanobis, NearestNeighbour
from signalcraft.evaluation.trials import Sample

FOLDS = 10


class Method(Protocol):
    """Learns from healthy samples, then scores: higher is more anomalous."""

    @property
    def name(self) -> str: ...
    def fit(self, healthy: Sequence[Sample]) -> None: ...
    def score(self, sample: Sample) -> float: ...


class Engine:
    """A registered detector, and what the sensors tell where a clip sounds as usual: both as the server takes
    them."""

    def __init__(self, detector: str) -> None:
        if detector not in DETECTORS:
            raise EvaluationError(f"{detector}: no such detector; there are {', '.join(sorted(DETECTORS))}")
        self._detector: Detector = DETECTORS[detector]
        self._baseline: Any = None
        self._usual: list[Surroundings] = []
        self.name = detector

    def fit(self, healthy: Sequence[Sample]) -> None:
        heard = [sample.features_of(FEATURES_OF[self.name]) for sample in healthy]
        self._baseline = learn(self.name, np.stack([features for features, _ in heard]), heard[0][1])
        self._usual = [sample.surroundings for sample in healthy if sample.surroundings is not None]

    def score(self, sample: Sample) -> float:
        """By the sound; a clip that sounds as usual and of which the sensors alone tell a fault is over the
        limit by that fault's probability."""
        heard = self._detector.score(self._baseline, sample.features_of(FEATURES_OF[self.name])[0])
        if heard <= self.limit and self._usual and sample.surroundings is not None:
            unheard = diagnose_unheard(sample.surroundings, self._usual)
            if unheard is not None:
                return self.limit * (1 + unheard.best.probability)
        return heard

    def assess(self, sample: Sample) -> Assessed:
        """The sound alone, as the rule over time takes it."""
        found = self._detector.assess(self._baseline, sample.features_of(FEATURES_OF[self.name])[0])
        return Assessed(found.ratio, found.grave, found.tail_probability)

    @property
    def healthy_scores(self) -> NDArray[np.float64]:
        """Cross-validated scores of the clips that the last fit learned from, ascending."""
        scores: NDArray[np.float64] = self._baseline.healthy_scores
        return scores

    @property
    def limit(self) -> float:
        return float(self._baseline.limit)

    @property
    def baseline(self) -> Any:
        """Of the last fit."""
        return self._baseline


def references() -> list[Method]:
    return [Mahalanobis(), NearestNeighbour(), Autoencoder()]


def cross_validated_scores(method: Method, healthy: Sequence[Sample]) -> NDArray[np.float64]:
    """Each sample's score under a fit without its fold; the method is left with the last fold's fit."""
    scores = np.empty(len(healthy))
    for fold in range(FOLDS):
        method.fit([sample for i, sample in enumerate(healthy) if i % FOLDS != fold])
        scores[fold::FOLDS] = [method.score(sample) for sample in healthy[fold::FOLDS]]
    return np.sort(scores)
