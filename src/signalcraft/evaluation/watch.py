"""Weeks of one machine, clip after clip, with the rule that raises alarms: how often is somebody woken for
nothing, and how soon is a growing fault found? Synthetic."""

from collections.abc import Iterator
from dataclasses import dataclass
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
    anomalous. alarms: how often one opened then. found_after: growing faults only, clips from the first
    that has changed by CHANGED_DB in a band until an alarm opens; negative is before; None is never. An
    alarm finds the fault only if it opens on a clip that would be normal without it: not one that was open
    for nothing already, nor one that passing noise raises."""

    machine: int
    days: float
    clips: int
    over_limit: int
    alarms: int
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
        self.judged = self.over_limit = 0

    def hear(self, sample: Sample) -> bool:
        """Take the next clip; True if it opens an alarm."""
        opened = False
        if self._learned:
            newest = self._engine.assess(sample)
            self._history = [*self._history, newest][-WINDOW:]
            self.judged += 1
            self.over_limit += newest.anomalous
            decision = decide(self._history)
            opened = decision.action == "raise" and not self.open
            self.open = decision.action == "raise" or (self.open and decision.action != "clear")
        if not self.open and self._learned < LEARN_AT[-1]:
            self._learnable.append(sample)
            if len(self._learnable) in LEARN_AT:
                self._learned = len(self._learnable)
                self._engine.fit(self._learnable)
        return opened


def _watch_healthy(seed: int, engine: Engine) -> Watched:
    watcher, alarms, first = _Watcher(engine), 0, 0.0
    machine = healthy_twin(seed)
    for at in takewhile(lambda at: at < DAYS * DAY_S, running_times(machine)):
        alarms += watcher.hear(_sample(machine, at))
        if not watcher.judged:
            first = at
    return Watched(seed, DAYS - first / DAY_S, watcher.judged, watcher.over_limit, alarms)


def _watch_fault(seed: int, engine: Engine) -> Watched:
    begins = FAULT_BEGINS_DAY * DAY_S
    faulty = VirtualMachine(seed, fault=Fault(starts_at=begins, grows_over_s=FAULT_GROWS_DAYS * DAY_S))
    watcher, alarms, healthy_over, healthy_judged, first = _Watcher(engine), 0, 0, 0, 0.0
    changed_at: int | None = None
    found_at: int | None = None
    for place, at in enumerate(takewhile(lambda at: at < FAULT_DAYS * DAY_S, running_times(faulty))):
        sample = _sample(faulty, at)
        opened = watcher.hear(sample)
        if not watcher.judged:
            first = at
        if at < begins:
            alarms += opened
            healthy_over, healthy_judged = watcher.over_limit, watcher.judged
            continue
        if changed_at is None or opened:
            twin = _sample(healthy_twin(seed), at)
            if changed_at is None and _change_db(sample, twin) >= CHANGED_DB:
                changed_at = place
            if found_at is None and opened and not engine.assess(twin).anomalous:
                found_at = place
        if changed_at is not None and found_at is not None:
            break
    found_after = None if changed_at is None or found_at is None else found_at - changed_at
    return Watched(seed, FAULT_BEGINS_DAY - first / DAY_S, healthy_judged, healthy_over, alarms, found_after)


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
