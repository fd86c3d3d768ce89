"""How often the diagnosis is right, and whether its probabilities mean what they say.

The simulator's development machines, on which `anomaly/diagnosis/physics_v1.py` was calibrated, have seeds
below 600,000; the preset that is evaluated has others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.diagnosis import (
    CONDITIONS,
    FAULTS,
    UNKNOWN,
    diagnose,
    diagnose_unheard,
    fit_head,
)
from signalcraft.anomaly.diagnosis.indicators import Usual
from signalcraft.anomaly.diagnosis.learned_v1 import Figures as HeadFigures
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.evaluation.trials import NORMAL, Sample, Trial

BINS = 5  # of probability, for calibration
RESAMPLES = 1000


@dataclass(frozen=True)
class Judged:
    """One test clip. truth: its kind, or NORMAL. said: the most probable condition, whatever the detector
    made of the clip, with its probability. anomalous: whether the detector found the clip anomalous. seen:
    what a person would be told: `said` of those found, else what sensors tell of what cannot be heard, else
    NORMAL.
    """

    truth: str
    said: str
    probability: float
    anomalous: bool
    seen: str


@dataclass(frozen=True)
class ClassFigures:
    precision: float
    recall: float
    f1: float
    clips: int


@dataclass(frozen=True)
class CalibrationBin:
    """Clips whose diagnosis had a probability from low to high: what it was on average, how often it was
    right."""

    low: float
    high: float
    said: float
    right: float
    clips: int


@dataclass(frozen=True)
class DiagnosisFigures:
    """macro_f1: mean over the faults of F1 on all faulty clips, found by the detector or not; saying
    "unknown" is a miss. macro_f1_interval: 95 %, bootstrap over clips. with_normal: the same with healthy
    clips and the class NORMAL, of what a person would be told (`Judged.seen`). found: macro-F1 on the
    faulty clips that the detector found, None if it found none. per_class: of macro_f1. confusion: rows
    `classes`, columns `classes` and UNKNOWN. calibration_error: mean distance of probability and share of
    right ones over clips."""

    clips: int
    macro_f1: float
    macro_f1_interval: tuple[float, float]
    with_normal: float
    found: float | None
    accuracy: float
    said_unknown: float
    per_class: dict[str, ClassFigures]
    classes: tuple[str, ...]
    confusion: tuple[tuple[int, ...], ...]
    calibration: tuple[CalibrationBin, ...]
    calibration_error: float


def judge(trial: Trial, baseline: Usual, anomalous: Sequence[bool]) -> list[Judged]:
    """Diagnoses of the trial's test clips, healthy ones first, if they are labelled with conditions; else
    none.

    baseline: learned from the trial's healthy clips. anomalous: the detector's finding for each clip.
    """
    if not any(sample.kind in FAULTS for sample in trial.anomalous):
        return []
    usual = [sample.surroundings for sample in trial.train if sample.surroundings is not None]
    # The set that the detector was made for, told by how many values its baseline has.
    wanted = next(name for name, made in FEATURE_SETS.items() if len(made.names()) == baseline.centre.size)
    names = FEATURE_SETS[wanted].names()
    judged = []
    for sample, found in zip([*trial.normal, *trial.anomalous], anomalous, strict=True):
        x, _ = sample.features_of(wanted)
        told = diagnose(x, baseline, names, sample.surroundings, usual_surroundings=usual)
        seen = told.condition if found else NORMAL
        if not found and sample.surroundings is not None:
            unheard = diagnose_unheard(sample.surroundings, usual)
            seen = unheard.condition if unheard else NORMAL
        judged.append(Judged(sample.kind, told.condition, told.best.probability, bool(found), seen))
    return judged


def figures(judged: Sequence[Judged]) -> DiagnosisFigures | None:
    """Of all clips of a condition together; None without faulty ones."""
    faulty = [clip for clip in judged if clip.truth in CONDITIONS]
    if not faulty:
        return None
    classes = tuple(fault for fault in FAULTS if any(clip.truth == fault for clip in faulty))
    truth = np.array([clip.truth for clip in faulty])
    said = np.array([clip.said for clip in faulty])
    rng = np.random.default_rng(0)
    draws = [rng.integers(len(faulty), size=len(faulty)) for _ in range(RESAMPLES)]
    drawn = [macro_f1(truth[draw], said[draw], classes) for draw in draws]
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = np.array([clip.anomalous for clip in faulty])
    right = truth == said
    bins, error = _calibration(np.array([clip.probability for clip in faulty]), right)
    return DiagnosisFigures(
        clips=len(faulty),
        macro_f1=macro_f1(truth, said, classes),
        macro_f1_interval=(float(low), float(high)),
        with_normal=macro_f1(
            np.array([clip.truth for clip in judged]),
            np.array([clip.seen for clip in judged]),
            (*classes, NORMAL),
        ),
        found=macro_f1(truth[found], said[found], classes) if found.any() else None,
        accuracy=float(right.mean()),
        said_unknown=float((said == UNKNOWN).mean()),
        per_class={name: _class(truth, said, name) for name in classes},
        classes=classes,
        confusion=tuple(
            tuple(int(((truth == row) & (said == column)).sum()) for column in (*classes, UNKNOWN))
            for row in classes
        ),
        calibration=bins,
        calibration_error=error,
    )


def macro_f1(truth: NDArray[np.str_], said: NDArray[np.str_], classes: Sequence[str]) -> float:
    """Mean over the classes of 2 TP / (2 TP + FP + FN); a class that is neither there nor said counts 0."""
    return float(np.mean([_class(truth, said, name).f1 for name in classes]))


def supervised(samples: Sequence[Sample]) -> HeadFigures:
    """The head on data that have no conditions of ours: each sample its own recording, ten folds over all
    kinds, the healthy one among them."""
    return fit_head(
        np.stack([sample.features for sample in samples]), [sample.kind for sample in samples]
    ).figures


def _class(truth: NDArray[np.str_], said: NDArray[np.str_], name: str) -> ClassFigures:
    true, named = truth == name, said == name
    hits = int((true & named).sum())
    return ClassFigures(
        precision=hits / max(int(named.sum()), 1),
        recall=hits / max(int(true.sum()), 1),
        f1=2 * hits / max(int(true.sum()) + int(named.sum()), 1),
        clips=int(true.sum()),
    )


def _calibration(
    probability: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[tuple[CalibrationBin, ...], float]:
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    bins = tuple(
        CalibrationBin(
            low=i / BINS,
            high=(i + 1) / BINS,
            said=float(probability[place == i].mean()),
            right=float(right[place == i].mean()),
            clips=int((place == i).sum()),
        )
        for i in range(BINS)
        if (place == i).any()
    )
    return bins, sum(b.clips * abs(b.said - b.right) for b in bins) / len(right)
