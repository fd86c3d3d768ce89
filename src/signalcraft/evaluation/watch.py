"""Weeks of one machine, clip after clip, with the rule that raises alarms: how often is somebody woken for
nothing, and how soon is a growing fault found? Synthetic."""

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly.decision import WINDOW, Assessed, decide
from signalcraft.dsp import prepare, spectra
from signalcraft.dsp.features import CURRENT, FEATURE_SETS
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.methods import Engine
from signalcraft.evaluation.synthetic import (
    FIRST_MACHINE,
    PREFIX,
    as_sound,
    clip_samples,
    healthy_twin,
    heard_in_shop,
    rms,
    running_times,
    shop_noise,
)
from signalcraft.evaluation.trials import NORMAL, Sample
from signalcraft.simulation import Fault, VirtualMachine

HEALTHY = f"{PREFIX}healthy-30-days"
GROWING = f"{PREFIX}growing-faults"
PRESETS = (HEALTHY, GROWING)

MACHINES = 3
DAYS = 30
LEARN_AT = (60, 120, 240, 480)  # clips, as the server does it
FAULT_BEGINS_DAY, FAULT_GROWS_DAYS, FAULT_DAYS = 4.0, 3.0, 8.0
CHANGED_DB = 6.0

DAY_S = 86_400.0
STARTS_H = 12.0  # nodes are mounted by day
OPEN_H = (9.0, 22.0)
NIGHT_SNR_DB, DAY_SNR_DB, LEVEL_DEVIATION_DB = 20.0, 6.0, 2.0
EVENT_SHARE = 0.05  # of clips by day in which something loud happens nearby, for part of the clip
EVENT_SNR_DB = (-10.0, 0.0)
EVENT_SHARE_OF_CLIP = (0.1, 0.9)
_WEATHER = 3  # stream of random numbers
_EVENTS = 1000  # what is added to a shop's seed for the noise that passes

PROTOCOL = (
    f"{MACHINES} virtual machines in shops of their own, a clip every 5 minutes while the compressor runs,"
    f" beginning at {STARTS_H:g} h. Shop noise {NIGHT_SNR_DB:g} dB below the machine by night and"
    f" {DAY_SNR_DB:g} dB by day ({OPEN_H[0]:g} to {OPEN_H[1]:g} h), varying by {LEVEL_DEVIATION_DB:g} dB; in"
    f" {EVENT_SHARE:.0%} of the clips by day another noise of {EVENT_SNR_DB[0]:g} to {EVENT_SNR_DB[1]:g} dB"
    " passes. The simulator has no defrost and no doors yet. The baseline is learned from the first"
    f" {', '.join(map(str, LEARN_AT))} clips not heard under an open alarm; alarms by the server's rule."
)


@dataclass(frozen=True)
class Watched:
    """One machine. days: healthy, after the first baseline. clips: judged in that time. over_limit: of them
    anomalous. alarms: how often one opened then; grave_alarms: of them by one grave clip. found_after:
    growing faults only, clips from the first that has changed by CHANGED_DB in a band until an alarm is open
    that a healthy twin in the same shop would not have open; negative is before, None is never."""

    machine: int
    days: float
    clips: int
    over_limit: int
    alarms: int
    grave_alarms: int
    found_after: int | None = None


def watch(preset: str, engine: Engine) -> Iterator[Watched]:
    """One machine after the other. Raises EvaluationError for an unknown preset."""
    if preset not in PRESETS:
        raise EvaluationError(f"{preset}: no such preset; there are {', '.join(PRESETS)}")
    for seed in range(FIRST_MACHINE + 100, FIRST_MACHINE + 100 + MACHINES):
        yield _watch_healthy(seed, engine) if preset == HEALTHY else _watch_fault(seed, engine)


class _Watcher:
    """What the server does with one machine's clips."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._learnable: list[Sample] = []
        self._history: list[Assessed] = []
        self._learned = 0
        self.open = False
        self.judged = self.over_limit = self.alarms = self.grave_alarms = 0

    def hear(self, sample: Sample) -> None:
        """Take the next clip: judge it, raise or clear, learn."""
        if self._learned:
            self.judge(sample)
        if not self.open and self._learned < LEARN_AT[-1]:
            self._learnable.append(sample)
            if len(self._learnable) in LEARN_AT:
                self._learned = len(self._learnable)
                self._engine.fit(self._learnable)

    def judge(self, sample: Sample) -> None:
        newest = self._engine.assess(sample)
        self._history = [*self._history, newest][-WINDOW:]
        self.judged += 1
        self.over_limit += newest.anomalous
        decision = decide(self._history)
        opens = decision.action == "raise" and not self.open
        self.alarms += opens
        self.grave_alarms += opens and decision.severity == "critical"
        self.open = decision.action == "raise" or (self.open and decision.action != "clear")


def _watch_healthy(seed: int, engine: Engine) -> Watched:
    watcher = _Watcher(engine)
    first = _hear_all(watcher, healthy_twin(seed), until=DAYS * DAY_S)
    return _watched(seed, watcher, DAYS - first / DAY_S)


def _watch_fault(seed: int, engine: Engine) -> Watched:
    """Beside the machine a twin that stays healthy, in the same shop, is judged by the same baseline."""
    begins = FAULT_BEGINS_DAY * DAY_S
    faulty = VirtualMachine(seed, fault=Fault(starts_at=begins, grows_over_s=FAULT_GROWS_DAYS * DAY_S))
    watcher, twin = _Watcher(engine), healthy_twin(seed)
    first = _hear_all(watcher, twin, until=begins)
    without = copy(watcher)
    healthy = _watched(seed, watcher, FAULT_BEGINS_DAY - first / DAY_S)
    changed_at: int | None = None
    found_at: int | None = None
    times = takewhile(lambda at: at < FAULT_DAYS * DAY_S, running_times(faulty, start_s=begins))
    for place, at in enumerate(times):
        sample, normal = _sample(faulty, at), _sample(twin, at)
        watcher.judge(sample)
        without.judge(normal)
        if changed_at is None and _change_db(sample, normal) >= CHANGED_DB:
            changed_at = place
        if found_at is None and watcher.open and not without.open:
            found_at = place
        if changed_at is not None and found_at is not None:
            return replace(healthy, found_after=found_at - changed_at)
    return healthy


def _hear_all(watcher: _Watcher, machine: VirtualMachine, *, until: float) -> float:
    """All clips up to a time. Returns when the first baseline was learned."""
    first = 0.0
    for at in takewhile(lambda at: at < until, running_times(machine)):
        watcher.hear(_sample(machine, at))
        if not watcher.judged:
            first = at
    return first


def _watched(seed: int, watcher: _Watcher, days: float) -> Watched:
    return Watched(seed, days, watcher.judged, watcher.over_limit, watcher.alarms, watcher.grave_alarms)


def _change_db(sample: Sample, healthy: Sample) -> float:
    """The largest rise of a band's mean level against the same moment without the fault."""
    features = FEATURE_SETS[CURRENT].names()
    level = np.array([feature.kind == "level" for feature in features])
    return float((sample.features - healthy.features)[level].max())


def _sample(machine: VirtualMachine, at: float) -> Sample:
    rng = np.random.default_rng([machine.seed, _WEATHER, round(at)])
    usual_db = DAY_SNR_DB if _is_open(at) else NIGHT_SNR_DB
    samples = heard_in_shop(
        machine, at, shop_noise(machine.seed), usual_db + rng.normal(0, LEVEL_DEVIATION_DB)
    )
    if _is_open(at) and rng.random() < EVENT_SHARE:
        samples = samples + _event(machine.seed, at, samples.size, rng)
    sound = prepare(as_sound(samples))
    features = FEATURE_SETS[CURRENT].extract(sound.samples).astype(np.float64)
    name = f"{at:.0f} s"
    return Sample(name, name, NORMAL, features, spectra.log_mel(sound.samples))


def _event(seed: int, at: float, n: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Another noise than the shop's usual one, for a part of the clip: float32 (n,)."""
    noise = np.roll(shop_noise(seed + _EVENTS), int(rng.integers(n)))[:n]
    machine = clip_samples(healthy_twin(seed), at)
    level = rms(machine) / rms(noise) * 10 ** (-rng.uniform(*EVENT_SNR_DB) / 20)
    length = int(n * rng.uniform(*EVENT_SHARE_OF_CLIP))
    start = int(rng.integers(n - length + 1))
    event = np.zeros(n, np.float32)
    event[start : start + length] = noise[start : start + length] * np.float32(level)
    return event


def _is_open(at: float) -> bool:
    return OPEN_H[0] <= (at / 3600 + STARTS_H) % 24 < OPEN_H[1]
