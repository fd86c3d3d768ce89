"""Linear algebra that gives the same bits whatever number of threads BLAS has: NumPy's own loops only.

Every `einsum` here sums over the last axis of both operands, which NumPy does in contiguous vector loops.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

MAD_TO_SIGMA = 1.4826  # for a Gaussian


def median_and_deviation(x: Array) -> tuple[Array, Array]:
    """(n, ...) -> (...): median, and the median absolute deviation as a Gaussian's sigma."""
    centre: Array = np.median(x, axis=0)
    deviation: Array = MAD_TO_SIGMA * np.median(np.abs(x - centre), axis=0)
    return centre, deviation


def shrunk_covariances(d: Array, *, least_variance: float) -> Array:
    """Ledoit and Wolf 2004 (J. Multivariate Analysis 88, 365-411), for k sets at once, plus `least_variance`.

    d: (k, p, n), each row centred; a vector of weight w in its set is scaled by sqrt(w n / sum of weights).
    With S = D D' / n, m = tr(S)/p and Frobenius norms: d2 = |S - mI|^2, b2 = min(d2, (sum |d_i|^4 / n -
    |S|^2) / n), result (b2/d2) m I + (1 - b2/d2) S. Returns (k, p, p).
    """
    _, p, n = d.shape
    s: Array = np.einsum("kin,kjn->kij", d, d) / n
    mean_variance = np.trace(s, axis1=1, axis2=2) / p
    squared_norm = np.square(s).sum(axis=(1, 2))
    distance = squared_norm - p * mean_variance**2
    fourth = np.square(np.square(d).sum(axis=1)).sum(axis=1)
    noise = np.clip((fourth / n - squared_norm) / n, 0.0, np.maximum(distance, 0.0))
    shrinkage = np.divide(noise, distance, out=np.ones_like(distance), where=distance > 0)
    ridge = shrinkage * mean_variance + least_variance
    covariances: Array = (1 - shrinkage)[:, None, None] * s + ridge[:, None, None] * np.eye(p)
    return covariances


def inverses(matrices: Array) -> tuple[Array, Array]:
    """(k, p, p), symmetric positive definite -> their inverses (k, p, p) and log determinants (k,).

    Gauss-Jordan, which needs no pivoting for such matrices.
    """
    a = matrices.copy()
    log_determinants = np.zeros(len(a))
    for i in range(a.shape[1]):
        pivot = a[:, i, i].copy()
        log_determinants += np.log(pivot)
        column, row = a[:, :, i].copy(), a[:, i] / pivot[:, None]
        column[:, i], row[:, i] = 0.0, 1 / pivot
        a[:, :, i] = 0.0
        a -= column[:, :, None] * row[:, None, :]
        a[:, i] = row
    symmetric: Array = (a + a.transpose(0, 2, 1)) / 2
    return symmetric, log_determinants


def cholesky(matrix: Array) -> Array:
    """Lower triangular L with L L' = matrix, symmetric positive definite (p, p)."""
    a = matrix.copy()
    for i in range(len(a)):
        a[i:, i] /= np.sqrt(a[i, i])
        a[i + 1 :, i + 1 :] -= a[i + 1 :, i, None] * a[None, i + 1 :, i]
    return np.tril(a)


def squared_distances(x: Array, bank: Array) -> Array:
    """(m, p), (n, p) -> (m, n), never below 0."""
    cross = np.einsum("mp,np->mn", x, bank)
    own, others = np.square(x).sum(axis=1), np.square(bank).sum(axis=1)
    distances: Array = np.maximum(own[:, None] + others - 2 * cross, 0.0)
    return distances
