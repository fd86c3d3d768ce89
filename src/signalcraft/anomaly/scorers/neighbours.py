"""How far the healthy clips are that a clip resembles most: as such, and measured by how those differ."""

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.scorers.linear import cholesky, inverses, shrunk_covariances, squared_distances

Array = NDArray[np.float64]

NEIGHBOURS = 5  # whose differences tell how healthy clips of one kind differ
_LEAST_VARIANCE = 1e-2  # of such differences
_LEAST_LENGTH = 1e-9
_BANDWIDTH = 2.0  # in deviations of such differences: wide enough that some clips of a bank overlap


def nearest(z: Array, bank: Array) -> Array:
    """Root mean square distance to the nearest of the bank: (m, p), (n, p) -> (m,)."""
    least: Array = np.sqrt(squared_distances(z, bank).min(axis=1) / z.shape[1])
    return least


def whitening(bank: Array, *, neighbours: int = NEIGHBOURS) -> Array:
    """W (p, p) such that differences of neighbours in `bank @ W` are uncorrelated, each of variance 1.

    The covariance is of the differences between each vector and its nearest ones (shrunk after Ledoit and
    Wolf): how clips of one condition differ, whatever lies between the conditions. Every difference counts
    for its direction only (the spatial sign covariance of Visuri, Koivunen, Oja 2000): however far bad clips
    lie, they cannot make their own direction pass for a usual one.
    """
    distances = squared_distances(bank, bank)
    np.fill_diagonal(distances, np.inf)
    near = np.argsort(distances, axis=1, kind="stable")[:, :neighbours]
    differences = (bank[:, None, :] - bank[near]).reshape(-1, bank.shape[1]) / np.sqrt(2)
    lengths = np.sqrt(np.square(differences).sum(axis=1))
    differences *= (np.median(lengths) / np.maximum(lengths, _LEAST_LENGTH))[:, None]
    by_value = np.ascontiguousarray(differences.T)[None]
    covariance = shrunk_covariances(by_value, least_variance=_LEAST_VARIANCE)
    factor: Array = cholesky(inverses(covariance)[0][0])
    return factor


def apply(whiten: Array, z: Array) -> Array:
    """z @ W."""
    whitened: Array = np.einsum("mi,ji->mj", z, np.ascontiguousarray(whiten.T))
    return whitened


def sparseness(whitened: Array, bank: Array) -> Array:
    """Minus the log of a Gaussian kernel density (Parzen 1962) per value; both whitened: (m,)."""
    exponent = -squared_distances(whitened, bank) / (2 * _BANDWIDTH**2)
    highest = exponent.max(axis=1)
    density = highest + np.log(np.exp(exponent - highest[:, None]).mean(axis=1))
    result: Array = -density / whitened.shape[1]
    return result
