"""Small Gaussian mixtures: a machine that is now alone and now in noise has more than one normal.

Several mixtures, of 2, 3 and 4 components say, are fitted side by side; their scores are averaged by who
asks. Full covariances, each shrunk after Ledoit and Wolf; expectation maximisation (Dempster, Laird, Rubin
1977) from a fixed start, vectors in the order of their mean: the loudest together. A component that is left
with less than MIN_SHARE of the vectors is dropped: so few may all be bad.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.scorers.linear import inverses, shrunk_covariances

Array = NDArray[np.float64]

MIN_SHARE = 0.1  # twice the share of bad clips of which it is promised that they do little harm
# Components that no vector clearly belongs to keep a place this small in the sums.
_LEAST_WEIGHT = 1e-6
_DROPPED = 1e-30


@dataclass(frozen=True)
class Mixtures:
    """sizes: components of each mixture, K in all. weights, log_determinants: (K,). means: (K, p).
    precisions: (K, p, p)."""

    sizes: tuple[int, ...]
    weights: Array
    means: Array
    precisions: Array
    log_determinants: Array


def fit(z: Array, sizes: Sequence[int], *, iterations: int, least_variance: float) -> Mixtures:
    """z: (n, p), n of at least some times the largest size. least_variance: added to every variance, or a
    component of few and nearly equal vectors would take any healthy one beside it for a grave anomaly."""
    n = len(z)
    rank = np.argsort(np.argsort(z.mean(axis=1), kind="stable"), kind="stable")
    parts = [rank * size // n == part for size in sizes for part in range(size)]
    responsibilities = np.array(parts, dtype=np.float64)
    for _ in range(iterations):
        found = _maximise(z, responsibilities, tuple(sizes), least_variance)
        responsibilities = _expect(found, z)
    return _without_small(found)


def scores(mixtures: Mixtures, z: Array) -> Array:
    """z: (m, p) -> (mixtures, m): minus the log likelihood per value."""
    joint = _log_joint(mixtures, z)
    found: Array = np.stack([-_log_sum(part) for part in _parts(mixtures, joint)]) / z.shape[1]
    return found


def _maximise(z: Array, responsibilities: Array, sizes: tuple[int, ...], least_variance: float) -> Mixtures:
    n = len(z)
    total = responsibilities.sum(axis=1) + _LEAST_WEIGHT
    zt = np.ascontiguousarray(z.T)
    means = np.einsum("kn,pn->kp", responsibilities, zt) / total[:, None]
    deviations = (zt - means[:, :, None]) * np.sqrt(responsibilities * (n / total)[:, None])[:, None, :]
    precisions, log_determinants = inverses(shrunk_covariances(deviations, least_variance=least_variance))
    return Mixtures(sizes, total / n, means, precisions, log_determinants)


def _without_small(found: Mixtures) -> Mixtures:
    """Small components lose their weight, the others of the same mixture share it. The largest stays."""
    parts = np.split(found.weights, np.cumsum(found.sizes)[:-1])
    kept = [np.where(w < min(MIN_SHARE, float(w.max())), _DROPPED, w) for w in parts]
    return replace(found, weights=np.concatenate([w / w.sum() for w in kept]))


def _expect(mixtures: Mixtures, z: Array) -> Array:
    """Responsibilities (K, n): they sum to 1 within each mixture."""
    joint = _log_joint(mixtures, z)
    return np.concatenate([np.exp(part - _log_sum(part)) for part in _parts(mixtures, joint)])


def _log_joint(mixtures: Mixtures, z: Array) -> Array:
    """Log of weight times density, but for the constant: (K, m)."""
    d = z - mixtures.means[:, None, :]
    quadratic = (np.einsum("kmi,kji->kmj", d, mixtures.precisions) * d).sum(axis=2)
    constant = np.log(mixtures.weights) - mixtures.log_determinants / 2
    joint: Array = constant[:, None] - quadratic / 2
    return joint


def _parts(mixtures: Mixtures, joint: Array) -> list[Array]:
    return np.split(joint, np.cumsum(mixtures.sizes)[:-1])


def _log_sum(joint: Array) -> Array:
    """log of the sum of exponentials over the first axis."""
    highest: Array = joint.max(axis=0)
    total: Array = highest + np.log(np.exp(joint - highest).sum(axis=0))
    return total
