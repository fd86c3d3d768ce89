"""Reference methods, run on the same clips in the same call. Never used to judge a machine.

Their parameters are those of the publications named. That values are standardised before distances are taken
is our choice, made before the first run; with it the published Mahalanobis figures of MIMII come out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from signalcraft.evaluation.trials import Sample

Array = NDArray[np.float64]
_LEAST_DEVIATION = 1e-6


def pooled(sample: Sample) -> Array:
    """Mean and standard deviation over time of every log-mel band: (2 * bands,). Vectors stay as they are."""
    if sample.log_mel is None:
        return sample.features
    frames = sample.log_mel.astype(np.float64)
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)])


class Mahalanobis:
    """Distance with the covariance of Ledoit and Wolf 2004, of values standardised on the training clips:
    the usual recipe where a network is too much."""

    name = "Mahalanobis (reference)"

    def fit(self, healthy: Sequence[Sample]) -> None:
        z = self._standardise_on(np.stack([pooled(sample) for sample in healthy]))
        self._precision = np.linalg.inv(_ledoit_wolf(z))

    def score(self, sample: Sample) -> float:
        z = (pooled(sample) - self._mean) / self._deviation
        return float(z @ self._precision @ z)

    def _standardise_on(self, x: Array) -> Array:
        self._mean: Array = x.mean(axis=0)
        self._deviation: Array = np.maximum(x.std(axis=0), _LEAST_DEVIATION)
        z: Array = (x - self._mean) / self._deviation
        return z


class NearestNeighbour:
    """Euclidean distance to the nearest training clip, in the same standardised values."""

    name = "1 nearest neighbour (reference)"

    def fit(self, healthy: Sequence[Sample]) -> None:
        x = np.stack([pooled(sample) for sample in healthy])
        self._mean = x.mean(axis=0)
        self._deviation = np.maximum(x.std(axis=0), _LEAST_DEVIATION)
        self._bank = (x - self._mean) / self._deviation

    def score(self, sample: Sample) -> float:
        z = (pooled(sample) - self._mean) / self._deviation
        return float(np.sqrt(np.square(self._bank - z).sum(axis=1).min()))


def _ledoit_wolf(z: Array) -> Array:
    """Covariance of centred z (n, p), shrunk towards a multiple of the unit matrix by their formula (14)."""
    n, p = z.shape
    s = z.T @ z / n
    mean_variance = np.trace(s) / p
    distance = np.square(s).sum() - p * mean_variance**2
    noise = (np.square(np.square(z).sum(axis=1)).sum() / n - np.square(s).sum()) / n
    shrinkage = min(1.0, noise / distance) if distance > 0 else 1.0
    covariance: Array = (1 - shrinkage) * s + shrinkage * mean_variance * np.eye(p)
    return covariance
