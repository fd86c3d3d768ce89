"""Detector `mahalanobis-1`: how far a clip's features lie from those of the machine's healthy clips.

Do not edit: results that name it are stored. Write a v2 instead.

The distance is Mahalanobis' with a covariance shrunk after Ledoit and Wolf, on features that are first
centred and scaled robustly, so that a few bad clips among those to learn from do little harm. Scores are
squared distances per feature: **higher is more anomalous**, twice the deviation is four times the score.

All sums run in NumPy's own loops (einsum), not in BLAS: the result is the same to the last bit whatever
number of threads BLAS was given.
"""

import zipfile
from dataclasses import dataclass
from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly.errors import BaselineError

NAME = "mahalanobis-1"
MIN_CLIPS = (
    20  # of which each fold leaves 18 to fit on; with fewer the highest score says nothing about the next
)
FOLDS = 10
TRIMMED_SHARE = 0.05  # "up to 5 % bad clips among those to learn from do little harm"
_MAD_TO_SIGMA = 1.4826  # for a Gaussian
_SCALE_FLOOR = 0.1  # dB: below the spread of any real clip; keeps a constant feature from dividing by zero
LIMIT_SIGMAS = 3.0  # one healthy clip in 740, if the logarithms of scores are Gaussian
_SAME_RECORDING = 1e-6  # a thousandth of a robust sigma between the clips
# A score of four limits is twice the deviation of the worst healthy clip (scores are squared distances). The
# factor comes from that meaning and was not chosen by looking at anomalous recordings.
GRAVE_RATIO = 4.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Baseline:
    """What a machine sounds like when healthy.

    centre, scale: float64 (p,), in the features' units. precision: float64 (p, p), inverse covariance of
    (x - centre) / scale. healthy_scores: float64 (n_used,), ascending, each from a fit without that clip.
    limit: what healthy clips stay under. n_clips: how many were given; n_used: without trimmed outliers.
    """

    centre: Array
    scale: Array
    precision: Array
    healthy_scores: Array
    limit: float
    n_clips: int
    n_used: int

    def to_bytes(self) -> bytes:
        """An uncompressed `.npz` of plain arrays, the same bytes for the same baseline."""
        file = BytesIO()
        np.savez(
            file,
            allow_pickle=False,
            detector=np.array(NAME),
            centre=self.centre,
            scale=self.scale,
            precision=self.precision,
            healthy_scores=self.healthy_scores,
            limit=np.array(self.limit),
            n_clips=np.array(self.n_clips),
        )
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "Baseline":
        """Raises BaselineError if the bytes are not a baseline of this detector."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            centre, scale, precision = arrays["centre"], arrays["scale"], arrays["precision"]
            healthy, limit = arrays["healthy_scores"], float(arrays["limit"])
            n_clips, detector = int(arrays["n_clips"]), str(arrays["detector"])
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BaselineError(f"the stored baseline cannot be read: {error}") from error
        if detector != NAME:
            raise BaselineError(f"this baseline belongs to {detector}, not to {NAME}")
        p = centre.size
        if centre.shape != (p,) or scale.shape != (p,) or precision.shape != (p, p) or not healthy.size:
            raise BaselineError("the stored baseline's arrays do not fit together")
        return Baseline(centre, scale, precision, healthy, limit, n_clips, len(healthy))


@dataclass(frozen=True)
class Assessment:
    """score, limit: see `score` and `Baseline`. ratio: score / limit, above 1 is anomalous.

    tail_probability: how rarely a healthy clip scores this high, estimated from above as
    (1 + number of healthy clips that did) / (n_used + 1); so never below 1 / (n_used + 1).
    grave: at least GRAVE_RATIO limits. condition: `unknown_anomaly` if anomalous (the distance alone is no
    evidence of any particular fault), else None.
    """

    score: float
    limit: float
    ratio: float
    tail_probability: float
    verdict: Literal["normal", "anomalous"]
    grave: bool
    condition: Literal["unknown_anomaly"] | None


def fit(healthy: ArrayLike) -> Baseline:
    """Learn a baseline. healthy: (n, p) feature vectors in the order of recording, n >= MIN_CLIPS.

    First the clips that lie farthest out, feature by feature, are set aside (TRIMMED_SHARE of them). That
    distance uses medians only: similar bad clips cannot hide each other in it, as they do in a covariance
    that they took part in. Raises BaselineError for too few, non-finite or identical vectors.
    """
    x = np.asarray(healthy, dtype=np.float64)
    if x.ndim != 2 or len(x) < MIN_CLIPS:
        raise BaselineError(f"a baseline needs at least {MIN_CLIPS} clips, not {len(x)}")
    if not np.isfinite(x).all():
        raise BaselineError("the features contain values that are not finite numbers")
    outlying = _robust_distance(x)
    n_used = len(x) - int(TRIMMED_SHARE * len(x))
    used = x[np.sort(np.argsort(outlying, kind="stable")[:n_used])]
    healthy_scores = np.sort(_cross_validated_scores(used))
    if healthy_scores[-1] < _SAME_RECORDING:
        raise BaselineError("the clips to learn from are all the same recording")
    centre, scale, precision = _fit_distance(used)
    return Baseline(centre, scale, precision, healthy_scores, _limit(healthy_scores), len(x), n_used)


def score(baseline: Baseline, x: ArrayLike) -> float:
    """Squared distance per feature of a vector (p,) from the baseline; about 1 if healthy, higher if not.

    Raises BaselineError if the vector has another length or holds values that are not finite.
    """
    vector = np.asarray(x, dtype=np.float64)
    if vector.shape != baseline.centre.shape:
        raise BaselineError(f"the baseline has {baseline.centre.size} features, the clip {vector.size}")
    if not np.isfinite(vector).all():
        raise BaselineError("the features contain values that are not finite numbers")
    return float(_distances(vector[None], baseline.centre, baseline.scale, baseline.precision)[0])


def assess(baseline: Baseline, x: ArrayLike) -> Assessment:
    """Score a feature vector (p,) and say what the score means. Raises BaselineError as `score` does."""
    value = score(baseline, x)
    ratio = value / baseline.limit
    as_high = len(baseline.healthy_scores) - int(np.searchsorted(baseline.healthy_scores, value, side="left"))
    anomalous = ratio > 1
    return Assessment(
        score=value,
        limit=baseline.limit,
        ratio=ratio,
        tail_probability=(1 + as_high) / (baseline.n_used + 1),
        verdict="anomalous" if anomalous else "normal",
        grave=ratio >= GRAVE_RATIO,
        condition="unknown_anomaly" if anomalous else None,
    )


def _robust_centre_and_deviation(x: Array) -> tuple[Array, Array]:
    centre: Array = np.median(x, axis=0)
    deviation: Array = _MAD_TO_SIGMA * np.median(np.abs(x - centre), axis=0)
    return centre, deviation


def _robust_centre_and_scale(x: Array) -> tuple[Array, Array]:
    centre, deviation = _robust_centre_and_deviation(x)
    return centre, deviation + _SCALE_FLOOR


def _robust_distance(x: Array) -> Array:
    """(n, p) -> (n,): mean squared deviation in robust sigmas."""
    centre, scale = _robust_centre_and_scale(x)
    distance: Array = np.square((x - centre) / scale).mean(axis=1)
    return distance


def _fit_distance(x: Array) -> tuple[Array, Array, Array]:
    """Centre and scale (p,), and precision (p, p) of the scaled features."""
    median, scale = _robust_centre_and_scale(x)
    z = (x - median) / scale
    mean = z.mean(axis=0)
    return median + scale * mean, scale, _inverse(_shrunk_covariance(z - mean))


def _distances(x: Array, centre: Array, scale: Array, precision: Array) -> Array:
    z = (x - centre) / scale
    quadratic: Array = np.einsum("ni,ij,nj->n", z, precision, z) / z.shape[1]
    return quadratic


def _cross_validated_scores(x: Array) -> Array:
    """Each clip's score under a fit that has not seen it (nor the others of its fold)."""
    fold = np.arange(len(x)) % FOLDS  # interleaved: slow drift is in every fold
    scores = np.empty(len(x))
    for k in range(FOLDS):
        scores[fold == k] = _distances(x[fold == k], *_fit_distance(x[fold != k]))
    return scores


def _limit(healthy_scores: Array) -> float:
    """What healthy clips stay under: the highest healthy score, or LIMIT_SIGMAS above the typical if higher.

    Of some 57 clips, and without the trimmed ones, the highest alone is an unsteady and rather low estimate.
    The second value takes the logarithms of scores as Gaussian; by median and MAD, so bad clips hardly move
    it.
    """
    logarithms = np.log(np.maximum(healthy_scores, np.finfo(np.float64).tiny))
    typical, spread = _robust_centre_and_deviation(logarithms)
    return max(float(healthy_scores[-1]), float(np.exp(typical + LIMIT_SIGMAS * spread)))


def _shrunk_covariance(z: Array) -> Array:
    """Ledoit and Wolf 2004 (J. Multivariate Analysis 88, 365-411), towards a multiple of the unit matrix.

    z: (n, p), centred. With S = Z'Z/n, m = tr(S)/p and Frobenius norms: d2 = |S - mI|^2,
    b2 = min(d2, sum_k |z_k z_k' - S|^2 / n^2), result = (b2/d2) m I + (1 - b2/d2) S.
    Below the sum is expanded: sum_k |z_k|^4 - n |S|^2.
    """
    n, p = z.shape
    s: Array = np.einsum("ki,kj->ij", z, z) / n
    mean_variance = float(np.trace(s)) / p
    squared_norm = float(np.square(s).sum())
    d2 = squared_norm - p * mean_variance**2
    fourth = float(np.square(np.square(z).sum(axis=1)).sum())
    b2 = min(d2, (fourth / n - squared_norm) / n)
    shrinkage = b2 / d2 if d2 > 0 else 1.0
    # Identical clips have no variance at all; the floor keeps the matrix invertible.
    covariance: Array = (1 - shrinkage) * s + (shrinkage * mean_variance + 1e-9) * np.eye(p)
    return covariance


def _inverse(matrix: Array) -> Array:
    """Inverse of a symmetric positive definite matrix: Gauss-Jordan, which needs no pivoting for such."""
    a = matrix.copy()
    for k in range(len(a)):
        pivot = a[k, k]
        column, row = a[:, k].copy(), a[k] / pivot
        column[k], row[k] = 0.0, 1 / pivot
        a[:, k] = 0.0
        a -= column[:, None] * row[None, :]
        a[k] = row
    symmetric: Array = (a + a.T) / 2
    return symmetric
