"""Supervised head `head-1`: what people called similar clips.

Do not edit: diagnoses that name it are stored. Write a v2 instead.

Regularised least squares with a Gaussian kernel (Saunders, Gammerman and Vovk 1998; Rifkin and Klautau 2004
on one against all): it works from a handful of examples a class, its only fitted numbers are one weight an
example and class, and far from all examples it says nothing. Each class weighs the same, however often it was
labelled.

Parameters, none chosen by looking at labels of test data: the kernel's width is the median distance between
the examples (a convention); `RIDGE` was fixed beforehand; values are compressed because deviations
have long tails. The temperature of the probabilities is fitted on the cross-validated scores of the examples.

All sums run in NumPy's own loops (einsum) and the equations are solved by conjugate gradients on them: the
result is the same to the last bit whatever number of threads BLAS was given.
"""

import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly.errors import BaselineError

NAME = "head-1"
MIN_EXAMPLES = 5  # of a class; with fewer, leaving a fold out leaves next to nothing to learn it from
MIN_CLASSES = 2
FOLDS = 10
RIDGE = 0.1  # of the kernel's 1: as if one label in ten were noise
_MAD_TO_SIGMA = 1.4826
_TOLERANCE = 1e-4
_MAX_STEPS = 200
_TEMPERATURES = np.geomspace(0.02, 2.0, 60)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Figures:
    """How well the head does on examples it did not learn from.

    grouped_by_machine: no machine was in training and test at once (False: there were too few machines, so
    the figures flatter). accuracy: of all examples; balanced_accuracy: mean over the classes. per_class:
    class -> (precision, recall, examples). confusion: int (c, c), rows true, columns said. left_out: classes
    with fewer than MIN_EXAMPLES.
    """

    grouped_by_machine: bool
    n_examples: int
    n_machines: int
    accuracy: float
    balanced_accuracy: float
    macro_f1: float
    per_class: dict[str, tuple[float, float, int]]
    confusion: NDArray[np.int64]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Head:
    """classes: sorted. centre, scale: (p,) of what is compressed. examples: (n, p), transformed. weights:
    (n, c). width2: squared width of the kernel. reach2: squared distance within which nine of ten examples
    have another one of their class in another fold. temperature: of the softmax over scores. figures:
    cross-validated."""

    classes: tuple[str, ...]
    centre: Array
    scale: Array
    examples: Array
    weights: Array
    width2: float
    reach2: float
    temperature: float
    figures: Figures

    def probabilities(self, x: ArrayLike) -> dict[str, float]:
        """Of each class, for a vector (p,); they add up to 1. Values not measured count as usual."""
        shares = _softmax(_scores(self, self._transformed(x)), self.temperature)[0]
        return dict(zip(self.classes, shares.tolist(), strict=True))

    def familiarity(self, x: ArrayLike) -> float:
        """1 as near to an example as examples of a class are to each other, falling to 0 beyond: what the
        head says there is worth as much."""
        nearest = float(_squared_distances(self._transformed(x), self.examples).min())
        return min(1.0, float(np.exp(1 - nearest / self.reach2)))

    def _transformed(self, x: ArrayLike) -> Array:
        vector = _finite(np.asarray(x, dtype=np.float64))
        if vector.shape != self.centre.shape:
            raise BaselineError(f"the head has {self.centre.size} values, the clip {vector.size}")
        return _transformed(vector[None], self)

    def to_bytes(self) -> bytes:
        """An uncompressed `.npz` of plain arrays, the same bytes for the same head."""
        f, file = self.figures, BytesIO()
        np.savez(
            file,
            allow_pickle=False,
            head=np.array(NAME),
            classes=np.array(self.classes),
            centre=self.centre,
            scale=self.scale,
            examples=self.examples,
            weights=self.weights,
            numbers=np.array([self.width2, self.reach2, self.temperature]),
            confusion=f.confusion,
            counts=np.array([f.n_machines, int(f.grouped_by_machine)]),
            left_out=np.array(f.left_out, dtype=np.str_),
        )
        return file.getvalue()

    @staticmethod
    def from_bytes(data: bytes) -> "Head":
        """Raises BaselineError if the bytes are not a head of this kind."""
        try:
            with np.load(BytesIO(data), allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            if str(arrays["head"]) != NAME:
                raise BaselineError(f"this head belongs to {arrays['head']}, not to {NAME}")
            classes = tuple(str(name) for name in arrays["classes"])
            width2, reach2, temperature = (float(value) for value in arrays["numbers"])
            n_machines, grouped = (int(value) for value in arrays["counts"])
            figures = _figures(
                classes,
                arrays["confusion"],
                n_machines,
                grouped=bool(grouped),
                left_out=tuple(str(name) for name in arrays["left_out"]),
            )
            head = Head(
                classes,
                arrays["centre"],
                arrays["scale"],
                arrays["examples"],
                arrays["weights"],
                width2,
                reach2,
                temperature,
                figures,
            )
        except (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
            raise BaselineError(f"the stored head cannot be read: {error}") from error
        if head.examples.shape != (len(head.weights), head.centre.size) or head.weights.shape[1] != len(
            classes
        ):
            raise BaselineError("the stored head's arrays do not fit together")
        return head


def fit_head(vectors: ArrayLike, labels: Sequence[str], machines: Sequence[object] | None = None) -> Head:
    """Learn from labelled vectors (n, p): best the indicators' deviations from each machine's own baseline.

    machines: of each vector; the cross-validation has no machine on both sides, if there are at least two.
    None: every vector stands alone. Classes with fewer than MIN_EXAMPLES are left out. Raises BaselineError
    if fewer than MIN_CLASSES are left.
    """
    x = _finite(np.asarray(vectors, dtype=np.float64))
    if x.ndim != 2 or len(x) != len(labels) or (machines is not None and len(machines) != len(labels)):
        raise BaselineError("there must be one label, and one machine, for each vector")
    names, counts = np.unique(np.asarray(labels, dtype=np.str_), return_counts=True)
    classes = tuple(str(name) for name in names[counts >= MIN_EXAMPLES])
    if len(classes) < MIN_CLASSES:
        raise BaselineError(
            f"a head needs {MIN_CLASSES} classes with at least {MIN_EXAMPLES} labelled clips each"
        )
    kept = np.flatnonzero(np.isin(labels, classes))
    x, y = x[kept], np.searchsorted(classes, np.asarray(labels)[kept])
    owners = np.arange(len(kept)) if machines is None else _codes([machines[i] for i in kept.tolist()])
    folds, grouped = _folds(owners, y, len(classes), alone=machines is None)
    held_out, nearest = np.zeros((len(x), len(classes))), np.full(len(x), np.inf)
    for fold in range(int(folds.max()) + 1):
        train, test = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        fitted = _fit(x[train], y[train], len(classes))
        squared = _squared_distances(_transformed(x[test], fitted), fitted.examples)
        held_out[test] = np.einsum("ij,jk->ik", np.exp(-squared / fitted.width2), fitted.weights)
        nearest[test] = np.where(y[test][:, None] == y[train], squared, np.inf).min(axis=1)
    confusion = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(confusion, (y, held_out.argmax(axis=1)), 1)
    left_out = tuple(str(name) for name in names[counts < MIN_EXAMPLES])
    figures = _figures(classes, confusion, int(np.unique(owners).size), grouped=grouped, left_out=left_out)
    whole = _fit(x, y, len(classes))
    return Head(
        classes,
        whole.centre,
        whole.scale,
        whole.examples,
        whole.weights,
        whole.width2,
        _reach2(nearest),
        _temperature(held_out, y),
        figures,
    )


class _Scaling(Protocol):
    @property
    def centre(self) -> Array: ...
    @property
    def scale(self) -> Array: ...


@dataclass(frozen=True)
class _Fit:
    """As in Head."""

    centre: Array
    scale: Array
    examples: Array
    weights: Array
    width2: float


def _fit(x: Array, y: NDArray[np.intp], n_classes: int) -> _Fit:
    """Values are scaled by how they scatter within the classes, so that those which tell classes apart
    count."""
    centre = np.median(x, axis=0)
    within = np.empty_like(x)
    for k in np.unique(y):
        within[y == k] = x[y == k] - np.median(x[y == k], axis=0)
    scale = _MAD_TO_SIGMA * np.median(np.abs(within), axis=0)
    scale = np.where(scale > 0, scale, np.maximum(within.std(axis=0), 1.0))
    examples = _compressed((x - centre) / scale)
    squared = _squared_distances(examples, examples)
    width2 = float(max(np.median(squared[np.triu_indices(len(x), 1)]), 1e-9))
    weights = _solve(np.exp(-squared / width2), y, n_classes)
    return _Fit(centre, scale, examples, weights, width2)


def _transformed(x: Array, scaling: _Scaling) -> Array:
    return _compressed((x - scaling.centre) / scaling.scale)


def _finite(x: Array) -> Array:
    """What was not measured counts as unchanged: in deviations from a baseline that is 0."""
    return np.where(np.isfinite(x), x, 0.0)


def _compressed(z: Array) -> Array:
    """Linear up to some three deviations, logarithmic beyond."""
    compressed: Array = 3 * np.arcsinh(z / 3)
    return compressed


def _codes(machines: Sequence[object]) -> NDArray[np.int64]:
    known: dict[object, int] = {}
    return np.array([known.setdefault(machine, len(known)) for machine in machines], np.int64)


def _folds(
    owners: NDArray[np.int64], y: NDArray[np.intp], n_classes: int, *, alone: bool
) -> tuple[NDArray[np.int64], bool]:
    """Fold of each example, and whether folds hold whole machines.

    Machines are dealt out, the largest first, to the fold with the fewest examples; a class known from one
    machine only can then not be recognised, which is the truth. With one machine only, examples are dealt out
    class by class.
    """
    sizes = np.bincount(owners)
    if not alone and sizes.size >= 2:
        n_folds = min(FOLDS, sizes.size)
        load, of_machine = np.zeros(n_folds, np.int64), np.zeros(sizes.size, np.int64)
        for machine in np.argsort(-sizes, kind="stable").tolist():
            of_machine[machine] = int(np.argmin(load))
            load[of_machine[machine]] += sizes[machine]
        return of_machine[owners], True
    folds = np.zeros(len(y), np.int64)
    for k in range(n_classes):
        own = np.flatnonzero(y == k)
        folds[np.random.default_rng(k).permutation(own)] = np.arange(own.size) % FOLDS
    return folds, False


def _solve(kernel: Array, y: NDArray[np.intp], n_classes: int) -> Array:
    """Weights (n, c) of (K + RIDGE D) w = t, by conjugate gradients on all classes at once. t: +1 for the
    own class, -1 / (c - 1) for others. D gives each class the same weight: n_class c / n."""
    targets = np.where(y[:, None] == np.arange(n_classes), 1.0, -1.0 / (n_classes - 1))
    counts = np.bincount(y, minlength=n_classes)
    ridge = (RIDGE * counts[y] * np.count_nonzero(counts) / len(y))[:, None]
    w = np.zeros_like(targets)
    residual, direction = targets.copy(), targets.copy()
    energy = np.square(residual).sum(axis=0)
    enough = _TOLERANCE**2 * np.maximum(energy, 1e-30)
    for _ in range(_MAX_STEPS):
        # Both run along rows: twice as fast as the same sum with columns.
        product = np.einsum("kj,ij->ki", np.ascontiguousarray(direction.T), kernel).T + ridge * direction
        step = energy / np.maximum((direction * product).sum(axis=0), 1e-300)
        w += step * direction
        residual -= step * product
        before, energy = energy, np.square(residual).sum(axis=0)
        if (energy <= enough).all():
            break
        direction = residual + energy / np.maximum(before, 1e-300) * direction
    return w


def _scores(head: Head, z: Array) -> Array:
    scores: Array = np.einsum(
        "ij,jk->ik", np.exp(-_squared_distances(z, head.examples) / head.width2), head.weights
    )
    return scores


def _squared_distances(a: Array, b: Array) -> Array:
    inner = np.einsum("ik,jk->ij", a, b)
    squared: Array = np.square(a).sum(axis=1)[:, None] + np.square(b).sum(axis=1) - 2 * inner
    return np.maximum(squared, 0.0, out=squared)


def _softmax(scores: Array, temperature: float) -> Array:
    e = np.exp((scores - scores.max(axis=1, keepdims=True)) / temperature)
    shares: Array = e / e.sum(axis=1, keepdims=True)
    return shares


def _reach2(nearest: Array) -> float:
    """See Head. A class that lies in one fold only has no say."""
    known = nearest[np.isfinite(nearest)]
    return max(float(np.quantile(known, 0.9)), 1e-9) if known.size else 1e-9


def _temperature(held_out: Array, y: NDArray[np.intp]) -> float:
    """Which makes the cross-validated labels the most likely (Guo et al. 2017), classes weighing the same."""
    weight = 1 / np.bincount(y)[y]
    losses = [
        float((weight * -np.log(_softmax(held_out, t)[np.arange(len(y)), y] + 1e-12)).sum())
        for t in _TEMPERATURES
    ]
    return float(_TEMPERATURES[int(np.argmin(losses))])


def _figures(
    classes: tuple[str, ...],
    confusion: NDArray[np.int64],
    n_machines: int,
    *,
    grouped: bool,
    left_out: tuple[str, ...],
) -> Figures:
    right, true, said = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    precision, recall = right / np.maximum(said, 1), right / np.maximum(true, 1)
    f1 = 2 * right / np.maximum(true + said, 1)
    return Figures(
        grouped_by_machine=grouped,
        n_examples=int(true.sum()),
        n_machines=n_machines,
        accuracy=float(right.sum() / true.sum()),
        balanced_accuracy=float(recall.mean()),
        macro_f1=float(f1.mean()),
        per_class={
            name: (float(precision[i]), float(recall[i]), int(true[i])) for i, name in enumerate(classes)
        },
        confusion=confusion,
        left_out=left_out,
    )
