"""Figures of merit. Scores: higher is more anomalous.

Curves come in batches (R, …): one row per resampling of the clips, so that a bootstrap is a single pass.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly.calibration import fit_tail

MAX_FPR = 0.1  # of the partial area, as in DCASE task 2
CONFIDENCE = 0.95

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Scores of one trial's test clips, with the recording that each was made from (mixes of one recording
    are not independent and are resampled together)."""

    normal: Array
    anomalous: Array
    normal_sources: tuple[str, ...]
    anomalous_sources: tuple[str, ...]


@dataclass(frozen=True)
class Figures:
    """Means over trials; each interval (low, high) holds the mean with CONFIDENCE, by bootstrap."""

    auc: float
    auc_interval: tuple[float, float]
    pauc: float
    pauc_interval: tuple[float, float]


def roc(normal: ArrayLike, anomalous: ArrayLike) -> tuple[Array, Array]:
    """False and true positive rates, each (k + 1,) from 0 to 1, for thresholds falling through k scores."""
    n, a = np.asarray(normal, np.float64), np.asarray(anomalous, np.float64)
    fpr, tpr = _curves(n, a, np.ones((1, n.size)), np.ones((1, a.size)))
    return fpr[0], tpr[0]


def auc(normal: ArrayLike, anomalous: ArrayLike) -> float:
    """Probability that an anomalous clip scores above a normal one; ties count half (Mann, Whitney 1947)."""
    fpr, tpr = roc(normal, anomalous)
    return float(_area(fpr[None], tpr[None], 1.0)[0])


def partial_auc(normal: ArrayLike, anomalous: ArrayLike, *, max_fpr: float = MAX_FPR) -> float:
    """Area up to `max_fpr`, scaled so that chance is 0.5 and perfect 1 (McClish 1989, as in scikit-learn)."""
    fpr, tpr = roc(normal, anomalous)
    return float(_standardised(_area(fpr[None], tpr[None], max_fpr), max_fpr)[0])


def figures(trials: Sequence[Scored], *, resamples: int = 1000, seed: int = 0) -> Figures:
    """AUC and partial AUC of one condition, averaged over its trials (seeds, splits).

    The bootstrap draws recordings, healthy and faulty ones apart, and uses the same draw in all trials: they
    share recordings. Training clips and machines are not drawn: the interval speaks of these.
    """
    rng = np.random.default_rng(seed)
    normal_draw = _draws({s for t in trials for s in t.normal_sources}, resamples, rng)
    anomalous_draw = _draws({s for t in trials for s in t.anomalous_sources}, resamples, rng)
    aucs, paucs = [], []
    for t in trials:
        ones = np.ones((1, t.normal.size)), np.ones((1, t.anomalous.size))
        weights_n = np.concatenate([ones[0], np.stack([normal_draw[s] for s in t.normal_sources], axis=1)])
        weights_a = np.concatenate(
            [ones[1], np.stack([anomalous_draw[s] for s in t.anomalous_sources], axis=1)]
        )
        fpr, tpr = _curves(t.normal, t.anomalous, weights_n, weights_a)
        aucs.append(_area(fpr, tpr, 1.0))
        paucs.append(_standardised(_area(fpr, tpr, MAX_FPR), MAX_FPR))
    auc_mean, pauc_mean = np.mean(aucs, axis=0), np.mean(paucs, axis=0)
    return Figures(float(auc_mean[0]), _interval(auc_mean[1:]), float(pauc_mean[0]), _interval(pauc_mean[1:]))


def false_alarm_share(healthy_scores: ArrayLike, normal: ArrayLike, *, rate: float = 0.01) -> float:
    """Share of normal test clips over the limit that keeps false alarms at `rate`.

    The limit is the score of rank (n + 1)(1 - rate) among n healthy ones: a clip to come is as likely to fall
    between any two of them (split conformal prediction, Vovk et al. 2005). So few clips that the rank is
    beyond the highest (fewer than 99 for one in a hundred) count no such limit: there it is the tail fitted
    to them that says how high it lies.
    """
    healthy = np.sort(np.asarray(healthy_scores, dtype=np.float64))
    rank = math.ceil((healthy.size + 1) * (1 - rate) - 1e-9)
    if rank > healthy.size:
        return fitted_false_alarm_share(healthy, normal, rate=rate)
    return float(np.mean(np.asarray(normal) > healthy[rank - 1]))


def counted_false_alarm_share(healthy_scores: ArrayLike, normal: ArrayLike, *, rate: float = 0.01) -> float:
    """The same over the plain quantile of the healthy scores (linear between two), as published figures have
    it: of 20 clips nearly the highest, which one healthy clip in twenty passes."""
    return float(np.mean(np.asarray(normal) > np.quantile(np.asarray(healthy_scores), 1 - rate)))


def fitted_false_alarm_share(healthy_scores: ArrayLike, normal: ArrayLike, *, rate: float = 0.01) -> float:
    """The same over the quantile of the tail fitted to the healthy scores (`anomaly.calibration`)."""
    rarely = fit_tail(healthy_scores).surprises(normal)
    return float(np.mean(rarely > -math.log10(rate)))


def _draws(sources: set[str], resamples: int, rng: np.random.Generator) -> dict[str, Array]:
    """How often each recording is drawn: name -> (resamples,). Every row keeps the number of recordings."""
    names = sorted(sources)
    counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=resamples)
    return {name: counts[:, i].astype(np.float64) for i, name in enumerate(names)}


def _curves(normal: Array, anomalous: Array, weights_n: Array, weights_a: Array) -> tuple[Array, Array]:
    """Weighted ROC curves (R, k + 1). weights_n: (R, normals), weights_a: (R, anomalous)."""
    scores = np.concatenate([normal, anomalous])
    order = np.argsort(-scores, kind="stable")
    descending = scores[order]
    ends = np.append(np.flatnonzero(np.diff(descending)), scores.size - 1)  # ties pass the threshold together
    is_anomalous = order >= normal.size
    curves = []
    for weights, own in ((weights_n, ~is_anomalous), (weights_a, is_anomalous)):
        placed = np.zeros((len(weights), scores.size))
        placed[:, own] = weights[:, order[own] - (normal.size if own is is_anomalous else 0)]
        cumulative = np.cumsum(placed, axis=1)[:, ends]
        # A draw of few recordings may hold none that this trial tests: such a row is left out as NaN.
        total = np.where(cumulative[:, -1:] > 0, cumulative[:, -1:], np.nan)
        curves.append(np.concatenate([np.zeros((len(weights), 1)), cumulative / total], axis=1))
    return curves[0], curves[1]


def _area(fpr: Array, tpr: Array, max_fpr: float) -> Array:
    """Trapezoids up to `max_fpr`, cut there by linear interpolation: (R, k + 1) -> (R,)."""
    f0, t0, t1 = fpr[:, :-1], tpr[:, :-1], tpr[:, 1:]
    width = np.diff(fpr, axis=1)
    inside = np.clip(max_fpr - f0, 0.0, width)
    share = np.divide(inside, width, out=np.zeros_like(width), where=width > 0)
    area: Array = (inside * (t0 + share * (t1 - t0) / 2)).sum(axis=1)
    return area


def _standardised(area: Array, max_fpr: float) -> Array:
    least = max_fpr**2 / 2
    standardised: Array = (1 + (area - least) / (max_fpr - least)) / 2
    return standardised


def _interval(values: Array) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)
