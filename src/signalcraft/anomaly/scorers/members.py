"""The scorers of one view, side by side: what each learned, and what each says of a vector."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.scorers import mixture, neighbours, views
from signalcraft.anomaly.scorers.linear import median_and_deviation, squared_distances
from signalcraft.anomaly.scorers.mixture import Mixtures

Array = NDArray[np.float64]

CLIPS_PER_COMPONENT = 12  # fewer tell nothing of a covariance, however much it is shrunk
ITERATIONS = 5
# Assumed: how well the level of a machine in stable operation repeats, which few clips may not show.
UNSEEN_DB = 0.5
_LEAST_DEVIATION = 1e-9


@dataclass(frozen=True)
class Recipe:
    """How a view is judged. robust: scaled by median and median deviation with what may yet be unseen, else
    by mean and standard deviation. compressed: from how many deviations on values grow as their logarithm,
    None is never. mixtures: sizes. one_vote: the mixtures have one together, else one each. neighbours: the
    two scorers of neighbours have a vote each."""

    robust: bool
    compressed: float | None
    mixtures: tuple[int, ...]
    one_vote: bool
    neighbours: bool
    least_variance: float


@dataclass(frozen=True)
class Scaling:
    """centre, deviation: (q,), of the view's values."""

    centre: Array
    deviation: Array
    compressed: float | None

    def of(self, values: Array) -> Array:
        """(n, q) -> z (n, q)."""
        z: Array = (values - self.centre) / self.deviation
        if self.compressed is not None:
            z = np.sign(z) * self.compressed * np.log1p(np.abs(z) / self.compressed)
        return z


@dataclass(frozen=True)
class Members:
    """Learned from z (n, q). bank: (n, q), or (0, q) where nobody asks for neighbours. whiten: (q, q), see
    `neighbours.whitening`; None without scorers of neighbours. mixtures: see there."""

    bank: Array
    whiten: Array | None
    mixtures: Mixtures
    one_vote: bool

    @cached_property
    def whitened_bank(self) -> Array | None:
        return None if self.whiten is None else neighbours.apply(self.whiten, self.bank)

    def names(self) -> tuple[str, ...]:
        sizes = ("mixtures",) if self.one_vote else tuple(f"mixture of {k}" for k in self.mixtures.sizes)
        return (*sizes, "nearest", "sparseness") if self.whiten is not None else sizes

    def scores(self, z: Array) -> Array:
        """(m, q) -> (len(names()), m)."""
        found = mixture.scores(self.mixtures, z)
        if self.one_vote:
            found = found.mean(axis=0, keepdims=True)
        if self.whiten is None or self.whitened_bank is None:
            return found
        near = neighbours.nearest(z, self.bank)
        sparse = neighbours.sparseness(neighbours.apply(self.whiten, z), self.whitened_bank)
        return np.concatenate([found, near[None], sparse[None]])


RECIPES = {
    views.QUIET: Recipe(True, None, (2, 3, 4), False, True, 1e-2),
    views.PROFILE: Recipe(True, 3.0, (2, 3, 4), True, True, 1e-2),
    views.ALL: Recipe(False, None, (1,), True, False, 1e-6),
}
"""By view. Chosen as `ensemble_v2` tells."""


def scaling(recipe: Recipe, values: Array) -> Scaling:
    """values: (n, q), of the view."""
    if recipe.robust:
        centre, deviation = median_and_deviation(values)
        deviation = np.sqrt(np.square(deviation) + UNSEEN_DB**2)
    else:
        centre, deviation = values.mean(axis=0), np.maximum(values.std(axis=0), _LEAST_DEVIATION)
    return Scaling(centre, deviation, recipe.compressed)


def sizes_for(recipe: Recipe, clips: int) -> tuple[int, ...]:
    """Of the recipe's mixtures those that so many clips can fill, or one component."""
    return tuple(size for size in recipe.mixtures if clips >= size * CLIPS_PER_COMPONENT) or (1,)


def fit(recipe: Recipe, z: Array, sizes: Sequence[int], *, keep_bank: bool = True) -> Members:
    """z: float64 (n, q), scaled. sizes: of the mixtures."""
    mixtures = mixture.fit(z, sizes, iterations=ITERATIONS, least_variance=recipe.least_variance)
    whiten = neighbours.whitening(z) if recipe.neighbours else None
    return Members(z if keep_bank else z[:0], whiten, mixtures, recipe.one_vote)


def outlyingness(z: Array, allowed: int) -> Array:
    """How far each vector of z (n, q) is from those it resembles, but for the `allowed` nearest: as many bad
    clips that are alike cannot vouch for each other. In whitened deviations, (n,)."""
    whitened = neighbours.apply(neighbours.whitening(z), z)
    distances = squared_distances(whitened, whitened)
    np.fill_diagonal(distances, -1.0)
    place = min(allowed + 1, len(z) - 1)
    outlying: Array = np.sqrt(np.partition(distances, place, axis=1)[:, place] / z.shape[1])
    return outlying
