"""How well the run state is told, clip after clip, of virtual machines as they come. Synthetic."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly import runstate
from signalcraft.anomaly.surroundings import UNKNOWN, Surroundings
from signalcraft.dsp import prepare
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.evaluation.synthetic import (
    BEGINS_S,
    CLIP_S,
    FIRST_MACHINE,
    PREFIX,
    READINGS_S,
    clip_sound,
    sensors,
)
from signalcraft.simulation import VirtualMachine

PRESET = f"{PREFIX}states"

SNR_DB = (20.0, 6.0, 0.0, None)
MACHINES = 5
LEARN_CLIPS, TEST_CLIPS = 120, 432  # ten hours, then a day and a half
CLIP_EVERY_S = 300.0
_FIRST = FIRST_MACHINE + 200
_STATES = runstate.STATES[:-1]

PROTOCOL = (
    f"{MACHINES} virtual machines, each in a shop of its own, with seeds used nowhere else; a clip of"
    f" {CLIP_S:g} s every {CLIP_EVERY_S / 60:g} minutes as it comes. The first {LEARN_CLIPS} are learned"
    f" from, without labels; the next {TEST_CLIPS} are told. Shop noise at a fixed distance below the healthy"
    " running machine, or, usual, as the time of day has it, with louder noises passing. A clip is called by"
    " what happens in it: a start or stop within it or up to 8 or 4 s before counts first, then a defrost,"
    f" then a door open for 30 % of it. Sensors: of the readings every {READINGS_S:g} s the one nearest to"
    " the clip. Unknown counts as wrong. The columns of states are F1, macro-F1 is their plain mean; four of"
    " the six are rare. Compressor: whether it runs after the clip, where the state tells."
)
HEADER = ("shop", "from", "right", "macro-F1", "compressor", *_STATES)


@dataclass(frozen=True)
class Told:
    """One condition. snr_db: None as the time of day has it. sensors: with current, vibration, temperature.

    confusion: by true state (of the six), how often each of `runstate.STATES` was told. probability: mean of
    what was told, to compare with `right`, the share of clips told right. compressor: the same of whether
    the compressor runs, among clips whose true and told state both tell.
    """

    snr_db: float | None
    sensors: bool
    clips: int
    right: float
    probability: float
    macro_f1: float
    compressor: float
    f1: dict[str, float]
    recall: dict[str, float]
    confusion: dict[str, dict[str, int]]


@dataclass(frozen=True)
class _Clip:
    state: str
    features: NDArray[np.float32]
    sensors: Surroundings


def told() -> Iterator[Told]:
    """Condition by condition, from sound alone and with the other sensors."""
    for snr_db in SNR_DB:
        machines = [list(_clips(VirtualMachine(_FIRST + i), snr_db)) for i in range(MACHINES)]
        for with_sensors in (False, True):
            pairs = [pair for clips in machines for pair in _tell(clips, with_sensors=with_sensors)]
            yield _summary(snr_db, with_sensors, pairs)


def rows(conditions: Sequence[Told]) -> list[tuple[str, ...]]:
    """Under HEADER, as text; a state that never came has no F1."""
    return [
        (
            "usual" if one.snr_db is None else f"{one.snr_db:g} dB",
            "+ sensors" if one.sensors else "sound",
            f"{one.right:.1%}",
            f"{one.macro_f1:.3f}",
            f"{one.compressor:.1%}",
            *(f"{one.f1[state]:.2f}" if state in one.f1 else "–" for state in _STATES),
        )
        for one in conditions
    ]


def _clips(machine: VirtualMachine, snr_db: float | None) -> Iterator[_Clip]:
    extract = FEATURE_SETS[FEATURES].extract
    for number in range(LEARN_CLIPS + TEST_CLIPS):
        at = BEGINS_S + CLIP_EVERY_S * number + machine.seed % 300
        features = extract(prepare(clip_sound(machine, at, snr_db=snr_db)).samples)
        nearest = READINGS_S * round(at / READINGS_S)
        yield _Clip(machine.state(at, CLIP_S), features, sensors(machine, nearest))


def _tell(clips: Sequence[_Clip], *, with_sensors: bool) -> Iterator[tuple[str, runstate.StateEstimate]]:
    """(true state, estimate) of the clips after those learned from."""
    names = FEATURE_SETS[FEATURES].names()
    known = [clip.sensors if with_sensors else UNKNOWN for clip in clips]
    learned = clips[:LEARN_CLIPS]
    model = runstate.learn(np.array([clip.features for clip in learned]), known[:LEARN_CLIPS], names)
    before: str | None = None
    for clip, surroundings in zip(clips[LEARN_CLIPS:], known[LEARN_CLIPS:], strict=True):
        heard = runstate.estimate(model, clip.features, names, replace(surroundings, previous_state=before))
        before = before if heard.state == "unknown" else heard.state
        yield clip.state, heard


def _summary(
    snr_db: float | None, with_sensors: bool, pairs: Sequence[tuple[str, runstate.StateEstimate]]
) -> Told:
    confusion = {state: dict.fromkeys(runstate.STATES, 0) for state in _STATES}
    for state, heard in pairs:
        confusion[state][heard.state] += 1
    f1: dict[str, float] = {}
    recall: dict[str, float] = {}
    for state in _STATES:
        right, there = confusion[state][state], sum(confusion[state].values())
        heard_so = sum(confusion[other][state] for other in _STATES)
        if there:
            recall[state] = right / there
            f1[state] = 2 * right / (there + heard_so)
    runs = runstate.RUNS_BEFORE_AND_AFTER
    compressor = [
        runs[state][1] == runs[heard.state][1]
        for state, heard in pairs
        if state in runs and heard.state in runs
    ]
    return Told(
        snr_db=snr_db,
        sensors=with_sensors,
        clips=len(pairs),
        right=float(np.mean([state == heard.state for state, heard in pairs])),
        probability=float(np.mean([heard.probability for _, heard in pairs])),
        macro_f1=float(np.mean(list(f1.values()))),
        compressor=float(np.mean(compressor)),
        f1=f1,
        recall=recall,
        confusion=confusion,
    )
