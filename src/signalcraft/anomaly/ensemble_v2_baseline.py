"""What `ensemble-2` learned of a machine, and how it is stored."""

import zipfile
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly.calibration import Tail
from signalcraft.anomaly.errors import BaselineError
from signalcraft.anomaly.scorers.linear import squared_distances
from signalcraft.anomaly.scorers.members import RECIPES, Members, Scaling
from signalcraft.anomaly.scorers.mixture import Mixtures
from signalcraft.anomaly.scorers.signs import Signs
from signalcraft.anomaly.scorers.views import SIGNS, View

NAME = "ensemble-2"
LIMIT = 3.0

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Judge:
    """One view: what its scorers learned, the median and deviation of each one's scores of healthy clips
    (k, 2), and the tail of the healthy clips' mean votes."""

    view: View
    scaling: Scaling
    members: Members | Signs
    usual: Array
    tail: Tail

    def votes(self, x: Array) -> Array:
        """(m, p) -> (k, m): standardised scores."""
        return standardised(self.members.scores(self.scaling.of(self.view.of(x))), self.usual)

    def names(self) -> tuple[str, ...]:
        return tuple(f"{self.view.name}: {name}" for name in self.members.names())


@dataclass(frozen=True)
class Baseline:
    """What a machine sounds like when healthy.

    centre, scale: float64 (p,), median and robust deviation of each feature, NaN where fewer than half of the
    clips have it. used: places, among the clips given, of those learned from; n_clips: how many were given.
    judges: one a view. tail: of what the judges say together, see `ensemble_v2`. healthy_scores: float64
    (n_used,), ascending, each from fits that had not heard that third of the time.
    """

    centre: Array
    scale: Array
    used: NDArray[np.int64]
    n_clips: int
    judges: tuple[Judge, ...]
    tail: Tail
    healthy_scores: Array

    @property
    def n_used(self) -> int:
        return len(self.used)

    @property
    def limit(self) -> float:
        return LIMIT

    def nearest(self, x: ArrayLike) -> int:
        """Which of the clips given it resembles most. Raises BaselineError as `score` does."""
        z = self.judges[0].scaling.of(self.judges[0].view.of(self.checked(x)))
        return int(self.used[int(np.argmin(squared_distances(z, self.bank)[0]))])

    @property
    def bank(self) -> Array:
        """The clips learned from, as the first view sees them (n_used, q)."""
        first = self.judges[0].members
        return first.bank if isinstance(first, Members) else np.empty((0, 0))

    def checked(self, x: ArrayLike) -> Array:
        """A vector (p,) as (1, p). Raises BaselineError if it has another length, or a value that is judged
        by is not finite."""
        vector = np.asarray(x, dtype=np.float64)
        if vector.shape != self.centre.shape:
            raise BaselineError(f"the baseline has {self.centre.size} features, the clip {vector.size}")
        vector = vector[None].astype(np.float32).astype(np.float64)
        judged = [judge.view for judge in self.judges if judge.view.name != SIGNS]
        if not all(np.isfinite(vector[:, view.columns]).all() for view in judged):
            raise BaselineError("the features contain values that are not finite numbers")
        return vector

    def to_bytes(self) -> bytes:
        """An uncompressed `.npz` of plain arrays, the same bytes for the same baseline."""
        arrays: dict[str, NDArray[np.generic]] = {
            "detector": np.array(NAME),
            "centre": self.centre.astype(np.float32),
            "scale": self.scale.astype(np.float32),
            "used": self.used.astype(np.int32),
            "n_clips": np.array(self.n_clips),
            "views": np.array([judge.view.name for judge in self.judges]),
            "healthy_scores": self.healthy_scores,
        }
        arrays.update(_tail_arrays(self.tail, "tail"))
        for place, judge in enumerate(self.judges):
            arrays.update({f"{place}.{name}": array for name, array in _judge_arrays(judge).items()})
        file = BytesIO()
        np.savez(file, allow_pickle=False, **arrays)
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "Baseline":
        """Raises BaselineError if the bytes are not a baseline of this detector."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if str(arrays["detector"]) != NAME:
                raise BaselineError(f"this baseline belongs to {arrays['detector']}, not to {NAME}")
            return Baseline(
                arrays["centre"].astype(np.float64),
                arrays["scale"].astype(np.float64),
                arrays["used"].astype(np.int64),
                int(arrays["n_clips"]),
                tuple(_judge(arrays, place, str(name)) for place, name in enumerate(arrays["views"])),
                _tail(arrays, "tail"),
                arrays["healthy_scores"].astype(np.float64),
            )
        except (ValueError, TypeError, KeyError, IndexError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BaselineError(f"the stored baseline cannot be read: {error}") from error


def standardised(scores: Array, usual: Array) -> Array:
    standardised: Array = (scores - usual[:, :1]) / usual[:, 1:]
    return standardised


def _judge_arrays(judge: Judge) -> dict[str, NDArray[np.generic]]:
    arrays: dict[str, NDArray[np.generic]] = {
        "columns": judge.view.columns.astype(np.int32),
        "centre": judge.scaling.centre,
        "deviation": judge.scaling.deviation,
        "usual": judge.usual,
        **_tail_arrays(judge.tail, "tail"),
    }
    own = judge.members
    if isinstance(own, Signs):
        return arrays
    mixtures = own.mixtures
    arrays |= {
        "bank": own.bank.astype(np.float32),
        "sizes": np.array(mixtures.sizes),
        "weights": mixtures.weights,
        "means": mixtures.means.astype(np.float32),
        "precisions": mixtures.precisions[:, *_triangle(mixtures.precisions.shape[1])].astype(np.float32),
        "log_determinants": mixtures.log_determinants,
    }
    if own.whiten is not None:
        arrays["whiten"] = own.whiten.astype(np.float32)
    return arrays


def _judge(arrays: dict[str, NDArray[np.generic]], place: int, name: str) -> Judge:
    def wide(key: str) -> Array:
        return np.asarray(arrays[f"{place}.{key}"], dtype=np.float64)

    view = View(name, np.asarray(arrays[f"{place}.columns"], dtype=np.int64))
    tail = _tail(arrays, f"{place}.tail")
    if name == SIGNS:
        return Judge(view, Scaling(wide("centre"), wide("deviation"), None), Signs(), wide("usual"), tail)
    recipe = RECIPES[name]
    sizes = tuple(int(size) for size in wide("sizes"))
    means = wide("means")
    precisions = np.zeros((len(means), means.shape[1], means.shape[1]))
    rows, columns = _triangle(means.shape[1])
    precisions[:, rows, columns] = precisions[:, columns, rows] = wide("precisions")
    mixtures = Mixtures(sizes, wide("weights"), means, precisions, wide("log_determinants"))
    whiten = wide("whiten") if recipe.neighbours else None
    return Judge(
        view,
        Scaling(wide("centre"), wide("deviation"), recipe.compressed),
        Members(wide("bank"), whiten, mixtures, recipe.one_vote),
        wide("usual"),
        tail,
    )


def _triangle(size: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of one half of a symmetric matrix."""
    return np.tril_indices(size)


def rounded(judge: Judge) -> Judge:
    """As it will be stored, so that a baseline judges the same before and after."""
    return _judge({f"0.{key}": array for key, array in _judge_arrays(judge).items()}, 0, judge.view.name)


def _tail_arrays(tail: Tail, name: str) -> dict[str, NDArray[np.generic]]:
    fitted = [tail.set_aside, tail.independent, tail.start, tail.scale, tail.shape]
    return {f"{name}.healthy": tail.healthy, f"{name}.fit": np.array(fitted, dtype=np.float64)}


def _tail(arrays: dict[str, NDArray[np.generic]], name: str) -> Tail:
    set_aside, independent, start, scale, shape = (float(value) for value in arrays[f"{name}.fit"])
    healthy = np.asarray(arrays[f"{name}.healthy"], dtype=np.float64)
    return Tail(healthy, int(set_aside), independent, start, scale, shape)
