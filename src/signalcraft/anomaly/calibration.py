"""From a score to how rarely a healthy clip scores as high, with an interval.

Healthy scores are counted up to their TAIL_FROM quantile; above, their tail is a generalised Pareto
distribution (Pickands 1975), because with n clips counting says nothing below 1 / n. It is fitted by maximum
likelihood with some scores taken only as "at least as high as the highest of the others" (type II
censoring): those of clips that were set aside and, where asked, the highest MAY_BE_BAD of those that were
not. Whether they are bad or the rarest of the healthy, how many there are counts and how high they are does
not: one strange clip among sixty stretches no tail. The price: where a healthy machine is strange in less
than that share of its clips (something loud passes), the tail knows of it only that it happens.

The interval is of counting alone (Clopper and Pearson 1934), for as many independent clips as the
autocorrelation of neighbouring ones leaves, and counts the clips set aside as healthy in its upper end. So
where the probability comes from the fitted tail only, the interval still begins at 0 and ends near 4 / n.

Parameters: TAIL_FROM is a usual value, MAY_BE_BAD what is promised of bad clips. The prior of the shape is
that of Martins and Stedinger 2000 (Water Resources Research 36, 737-744) for extremes in nature; without it,
15 scores give any shape. None was chosen on recordings.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaincinv

TAIL_FROM = 0.75
MAY_BE_BAD = 0.05
SHAPE_PRIOR = (0.10, 0.12)  # mean, deviation
CONFIDENCE = 0.95
_SHAPES = np.linspace(0.02, 0.5, 13)
_SCALES = np.geomspace(0.2, 5.0, 81)  # times the mean excess
_LEAST_IN_TAIL = 4
_LEAST_SCALE = 1e-6
_MOST_CORRELATED = 0.9

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Tail:
    """healthy: float64 (n,), ascending, scores of healthy clips under fits that had not seen them. set_aside:
    clips besides that were not counted healthy. independent: as how many independent clips the n count.
    start, scale, shape: of the fitted tail."""

    healthy: Array
    set_aside: int
    independent: float
    start: float
    scale: float
    shape: float

    def surprises(self, scores: ArrayLike) -> Array:
        """-log10 of how rarely a healthy clip scores at least as high: any shape, rising with the score."""
        x = np.asarray(scores, dtype=np.float64)
        counted = self.healthy[: np.searchsorted(self.healthy, self.start, side="right")]
        heights = 1 - (np.arange(counted.size) + 0.5) / (self.healthy.size + self.set_aside)
        below = np.maximum(counted[0] - x, 0.0) / self.scale
        body = np.interp(x, counted, heights) + (1 - heights[0]) * below / (1 + below)
        excess = np.maximum(x - self.start, 0.0) / self.scale
        surprises: Array = (np.log1p(self.shape * excess) / self.shape - np.log(body)) / np.log(10)
        return surprises

    def interval(self, score: float) -> tuple[float, float]:
        """What counting alone says of that probability, with CONFIDENCE."""
        n = self.healthy.size
        higher = n - int(np.searchsorted(self.healthy, score, side="left"))
        weight, outer = self.independent / n, (1 - CONFIDENCE) / 2
        low = _beta(outer, higher * weight, (n - higher) * weight + 1) if higher else 0.0
        lower = n - higher
        high = _beta(1 - outer, (higher + self.set_aside) * weight + 1, lower * weight) if lower else 1.0
        return low, high


def fit_tail(scores_in_order: ArrayLike, *, set_aside: int = 0, may_be_bad: float = 0.0) -> Tail:
    """scores_in_order: (n,), each from a fit that had not seen the clip, in the order of recording.
    may_be_bad: the share of the highest whose height is not to count."""
    in_order = np.asarray(scores_in_order, dtype=np.float64)
    healthy = np.sort(in_order)
    place = min(int(TAIL_FROM * (healthy.size + set_aside)), healthy.size - 1 - _LEAST_IN_TAIL)
    start = float(healthy[place])
    unsure = int(may_be_bad * (healthy.size + set_aside))
    scale, shape = _pareto(healthy[place + 1 : healthy.size - unsure] - start, set_aside + unsure)
    return Tail(healthy, set_aside, independent_count(in_order), start, scale, shape)


def independent_count(in_order: Array) -> float:
    """As many independent values as n of a first-order autoregression: n (1 - r) / (1 + r), of ranks."""
    ranks = np.argsort(np.argsort(in_order, kind="stable"), kind="stable") - (in_order.size - 1) / 2
    r = float((ranks[1:] * ranks[:-1]).sum() / np.square(ranks).sum())
    r = min(max(r, 0.0), _MOST_CORRELATED)
    return in_order.size * (1 - r) / (1 + r)


def _pareto(excess: Array, censored: int) -> tuple[float, float]:
    """Scale and shape of the highest likelihood on a grid; `censored` more lie beyond the highest."""
    highest = float(excess.max())
    mean_excess = max((float(excess.sum()) + censored * highest) / excess.size, _LEAST_SCALE)
    shape, scale = _SHAPES[:, None], mean_excess * _SCALES[None, :]
    seen = np.log1p(shape[..., None] * excess / scale[..., None]).sum(axis=2)
    beyond = censored * np.log1p(shape * highest / scale) / shape
    mean, deviation = SHAPE_PRIOR
    likelihood = (
        -excess.size * np.log(scale)
        - (1 / shape + 1) * seen
        - beyond
        - np.square((shape - mean) / deviation) / 2
    )
    best = np.unravel_index(int(np.argmax(likelihood)), likelihood.shape)
    return float(scale[0, best[1]]), float(_SHAPES[best[0]])


def _beta(quantile: float, a: float, b: float) -> float:
    return float(betaincinv(a, b, quantile))
