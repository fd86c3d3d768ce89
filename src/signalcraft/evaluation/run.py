"""Run methods over the trials of a data set."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.diagnosis.learned_v1 import Figures as HeadFigures
from signalcraft.evaluation.diagnosis import Judged, judge, supervised
from signalcraft.evaluation.methods import Engine, Method, cross_validated_scores
from signalcraft.evaluation.metrics import (
    Figures,
    Scored,
    auc,
    counted_false_alarm_share,
    false_alarm_share,
    figures,
    fitted_false_alarm_share,
)
from signalcraft.evaluation.trials import Dataset, Sample, Trial

MISTAKES = 3  # shown of either kind


@dataclass(frozen=True)
class TrialScores:
    """One method on one trial. ms_per_clip: from decoded sound (or vector) to score, without resampling.
    false_alarms: share of healthy test clips over the limit of 1 % that the training clips' cross-validated
    scores give, only where nothing anomalous is tested; false_alarms_counted, false_alarms_fitted: over their
    plain 99 % quantile, and over that of the tail fitted to them (`metrics`); for every method the same.
    over_limit: share of healthy test clips over the engine's own `limit`."""

    method: str
    seed: int
    scored: Scored
    kinds: tuple[str, ...]
    n_train: int
    fit_s: float
    ms_per_clip: float
    false_alarms: float | None
    false_alarms_counted: float | None
    false_alarms_fitted: float | None
    over_limit: float | None
    limit: float | None


@dataclass(frozen=True)
class Mistake:
    """A healthy clip with one of the highest scores, or an anomalous one with one of the lowest."""

    sample: Sample
    score: float
    higher_than: float  # share of the trial's healthy test clips that score less


@dataclass(frozen=True)
class MethodFigures:
    """A method's figures on a group, means over its trials. by_kind: AUC of each kind of fault."""

    method: str
    figures: Figures | None
    by_kind: dict[str, float]
    false_alarms: float | None
    false_alarms_counted: float | None
    false_alarms_fitted: float | None
    over_limit: float | None
    fit_s: float
    ms_per_clip: float


@dataclass
class Group:
    """One condition. mistakes: the engine's, in the group's first trial. judged: the diagnoses of all trials'
    test clips. supervised: where the data set asks for it, of its first trial."""

    name: str
    trials: list[TrialScores] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)
    judged: list[Judged] = field(default_factory=list)
    supervised: HeadFigures | None = None

    def of(self, method: str) -> list[TrialScores]:
        return [trial for trial in self.trials if trial.method == method]

    @property
    def methods(self) -> list[str]:
        return list(dict.fromkeys(trial.method for trial in self.trials))

    def summary(self) -> list[MethodFigures]:
        return [_summarise(method, self.of(method)) for method in self.methods]


def run(
    dataset: Dataset, engine: Engine, references: Sequence[Method], told: Callable[[str], None]
) -> list[Group]:
    """told: hears what is being worked on. Groups come in the order of their first trial."""
    groups: dict[str, Group] = {}
    for trial in dataset.trials():
        group = groups.setdefault(trial.group, Group(trial.group))
        group.left_out.update(trial.left_out)
        for method in (engine, *references):
            told(f"{trial.group}, {trial.seed + 1}: {method.name}")
            scores = _score(method, trial)
            group.trials.append(scores)
            if method is engine:
                heard = [engine.assess(sample).anomalous for sample in [*trial.normal, *trial.anomalous]]
                group.judged += judge(trial, engine.baseline, heard)
                group.mistakes = group.mistakes or _mistakes(trial, scores.scored)
        if dataset.supervised and group.supervised is None:
            told(f"{trial.group}: supervised")
            group.supervised = supervised([*trial.train, *trial.normal, *trial.anomalous])
    return list(groups.values())


def _score(method: Method, trial: Trial) -> TrialScores:
    held_out: NDArray[np.float64] | None = None
    if not trial.anomalous and not isinstance(method, Engine):
        held_out = cross_validated_scores(method, trial.train)
    began = perf_counter()
    method.fit(trial.train)
    fit_s = perf_counter() - began
    limit = over_limit = None
    began = perf_counter()
    normal = np.array([method.score(sample) for sample in trial.normal])
    anomalous = np.array([method.score(sample) for sample in trial.anomalous])
    scoring_s = (perf_counter() - began) / (normal.size + anomalous.size)
    if isinstance(method, Engine):
        limit = method.limit
        over_limit = float(np.mean(normal > limit))
        held_out = method.healthy_scores if not trial.anomalous else None
    return TrialScores(
        method=method.name,
        seed=trial.seed,
        scored=Scored(
            normal,
            anomalous,
            tuple(sample.source for sample in trial.normal),
            tuple(sample.source for sample in trial.anomalous),
        ),
        kinds=tuple(sample.kind for sample in trial.anomalous),
        n_train=len(trial.train),
        fit_s=fit_s,
        ms_per_clip=1000 * (median(_hearing_s(method, sample) for sample in trial.normal) + scoring_s),
        false_alarms=None if held_out is None else false_alarm_share(held_out, normal),
        false_alarms_counted=None if held_out is None else counted_false_alarm_share(held_out, normal),
        false_alarms_fitted=None if held_out is None else fitted_false_alarm_share(held_out, normal),
        over_limit=over_limit,
        limit=limit,
    )


def _hearing_s(method: Method, sample: Sample) -> float:
    """References pool log-mel while they score; the engine's features are made before."""
    return sample.hearing_s + (sample.features_s if isinstance(method, Engine) else 0.0)


def _mistakes(trial: Trial, scored: Scored) -> list[Mistake]:
    highest = np.argsort(-scored.normal, kind="stable")[:MISTAKES]
    lowest = np.argsort(scored.anomalous, kind="stable")[:MISTAKES]
    found = [(trial.normal[i], float(scored.normal[i])) for i in highest]
    found += [(trial.anomalous[i], float(scored.anomalous[i])) for i in lowest]
    return [Mistake(sample, score, float(np.mean(scored.normal < score))) for sample, score in found]


def _summarise(method: str, trials: list[TrialScores]) -> MethodFigures:
    measured = trials[0].scored.anomalous.size > 0
    return MethodFigures(
        method,
        figures([trial.scored for trial in trials]) if measured else None,
        _by_kind(trials),
        _mean([trial.false_alarms for trial in trials]),
        _mean([trial.false_alarms_counted for trial in trials]),
        _mean([trial.false_alarms_fitted for trial in trials]),
        _mean([trial.over_limit for trial in trials]),
        float(np.mean([trial.fit_s for trial in trials])),
        float(np.mean([trial.ms_per_clip for trial in trials])),
    )


def _by_kind(trials: list[TrialScores]) -> dict[str, float]:
    aucs: dict[str, list[float]] = defaultdict(list)
    for trial in trials:
        kinds = np.array(trial.kinds)
        for kind in sorted(set(trial.kinds)):
            aucs[kind].append(auc(trial.scored.normal, trial.scored.anomalous[kinds == kind]))
    return {kind: float(np.mean(values)) for kind, values in sorted(aucs.items())}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
