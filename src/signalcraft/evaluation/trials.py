"""What is evaluated: samples, and trials that say which of them train and which test."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp import Sound, assess_quality, prepare, spectra
from signalcraft.dsp.features import CURRENT, FEATURE_SETS
from signalcraft.dsp.features.v1 import Feature
from signalcraft.evaluation.errors import EvaluationError

MIN_TRAINING = 20  # the detectors' own least
NORMAL = "normal"


@dataclass(frozen=True)
class Sample:
    """One clip, or one vector where the data come as features.

    source: the recording it was made from. kind: NORMAL or what is wrong with it. features: float64 (p,), of
    the current feature set. log_mel: float32 (frames, bands), or None. sound: makes the prepared sound anew,
    for pictures. hearing_s: seconds from decoded sound to log-mel, quality included. surroundings: what else
    is known of the machine at the clip, where the data tell. names: what the features are, where that is
    known. features_s: seconds that the features took, with another log-mel of their own.
    """

    name: str
    source: str
    kind: str
    features: NDArray[np.float64]
    log_mel: NDArray[np.float32] | None = None
    sound: Callable[[], Sound] | None = None
    hearing_s: float = 0.0
    surroundings: Surroundings | None = None
    names: tuple[Feature, ...] | None = None
    features_s: float = 0.0

    def features_of(self, feature_set: str) -> tuple[NDArray[np.float64], tuple[Feature, ...] | None]:
        """The clip as a detector wants it, and what the values are; data that come as features stay so."""
        if self.sound is None or feature_set == CURRENT:
            return self.features, self.names
        wanted = FEATURE_SETS[feature_set]
        return wanted.extract(self.sound().samples).astype(np.float64), wanted.names()


@dataclass(frozen=True)
class Trial:
    """group: the condition that figures are averaged within (machine, noise). seed: which of its repetitions.

    left_out: names of clips that are not assessable, with the reason; no method sees them.
    """

    group: str
    seed: int
    train: list[Sample]
    normal: list[Sample]
    anomalous: list[Sample]
    left_out: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Dataset:
    """title: as the report calls it. protocol: how training and test were chosen, for the report. synthetic:
    made by the simulator. trials: made one at a time, so that one is in memory. supervised: its kinds are to
    be told apart by a classifier too, in ten folds over the first trial."""

    title: str
    protocol: str
    trials: Callable[[], Iterator[Trial]]
    synthetic: bool = False
    supervised: bool = False


@dataclass(frozen=True)
class Source:
    """A sample before it is heard. load: the decoded sound. surroundings: as in Sample."""

    name: str
    recording: str
    kind: str
    load: Callable[[], Sound]
    surroundings: Callable[[], Surroundings] | None = None


def hear(sources: Iterable[Source], left_out: list[str]) -> list[Sample]:
    """Samples of the assessable clips; the others are added to `left_out`. Resampling is not timed."""
    samples = []
    for source in sources:
        sound = source.load()
        began = perf_counter()
        quality = assess_quality(sound)
        judged = perf_counter()
        if not quality.assessable:
            left_out.append(f"{source.name} ({source.kind}): {', '.join(quality.reasons)}")
            continue
        prepared = prepare(sound)
        resampled = perf_counter()
        log_mel = spectra.log_mel(prepared.samples)
        hearing_s = perf_counter() - resampled + judged - began
        began = perf_counter()
        features = FEATURE_SETS[CURRENT].extract(prepared.samples).astype(np.float64)
        features_s = perf_counter() - began
        samples.append(
            Sample(
                source.name,
                source.recording,
                source.kind,
                features,
                log_mel,
                _again(source),
                hearing_s,
                source.surroundings() if source.surroundings else None,
                FEATURE_SETS[CURRENT].names(),
                features_s,
            )
        )
    return samples


def make(group: str, seed: int, train: Iterable[Source], test: Iterable[Source]) -> Trial:
    """Hear everything. Raises EvaluationError if too little healthy sound is left."""
    left_out: list[str] = []
    learned, tested = hear(train, left_out), hear(test, left_out)
    normal = [sample for sample in tested if sample.kind == NORMAL]
    check_size(group, len(learned), len(normal))
    return Trial(
        group, seed, learned, normal, [sample for sample in tested if sample.kind != NORMAL], left_out
    )


def check_size(group: str, training: int, normal: int) -> None:
    if training < MIN_TRAINING or not normal:
        raise EvaluationError(
            f"{group}: {training} healthy clips to train and {normal} to test;"
            f" it takes at least {MIN_TRAINING} and 1"
        )


def contaminated(trial: Trial, *, share: float, clips: int, repetitions: int) -> Iterator[Trial]:
    """The same trial with `clips` to learn from, clean and with a share of anomalous ones among them.

    Both test what is left, without the anomalous clips (nor others of the same recording) that were learned.
    """
    clips = min(clips, len(trial.train))
    bad = round(share * clips)
    for repetition in range(repetitions):
        rng = np.random.default_rng([trial.seed, repetition])
        kept = [trial.train[i] for i in np.sort(rng.permutation(len(trial.train))[:clips])]
        taken = [trial.anomalous[i] for i in rng.permutation(len(trial.anomalous))[:bad]]
        if len(taken) < bad or not bad:
            raise EvaluationError(f"{trial.group}: {bad} anomalous clips cannot be mixed into {clips}")
        spoilt = list(kept)
        for place, clip in zip(rng.permutation(clips)[:bad], taken, strict=True):
            spoilt[place] = clip
        learned = {clip.source for clip in taken}
        rest = [clip for clip in trial.anomalous if clip.source not in learned]
        seed = trial.seed * repetitions + repetition
        for name, train in (("clean", kept), (f"{share:.0%} bad", spoilt)):
            group = f"{trial.group}, {clips} to learn, {name}"
            yield Trial(group, seed, train, trial.normal, rest, trial.left_out)


def _again(source: Source) -> Callable[[], Sound]:
    return lambda: prepare(source.load())
