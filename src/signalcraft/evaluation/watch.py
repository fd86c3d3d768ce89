"""Weeks of virtual machines, clip after clip, as the server would follow them: how often is somebody woken
for nothing, and how soon is a growing fault found? Synthetic."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from signalcraft.anomaly import FEATURES_OF
from signalcraft.dsp import assess_quality, prepare
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.evaluation.errors import EvaluationError
from signalcraft.evaluation.following import Follower, anomalous
from signalcraft.evaluation.synthetic import CLIP_S, FIRST_MACHINE, PREFIX, clip_sound, sensors
from signalcraft.simulation import SOUND_BORNE, Fault, Kind, VirtualMachine
from signalcraft.simulation.shop import DAY_SNR_DB, DEVIATION_DB, NIGHT_SNR_DB, PASSING_SHARE, PASSING_SNR_DB

HEALTHY = f"{PREFIX}healthy-30-days"
GROWING = f"{PREFIX}growing-faults"
PRESETS = (HEALTHY, GROWING)

MACHINES = 3
DAYS = 30.0
BEGINS_H = 12.0  # nodes are mounted by day
CLIP_EVERY_S = 300.0
FAULT_BEGINS_DAY, FAULT_GROWS_DAYS, FAULT_DAYS = 4.0, 3.0, 7.5
KINDS: tuple[Kind, ...] = SOUND_BORNE
CHANGED_DB = 6.0
GIVEN_UP_AFTER = 72  # clips after that change

_DAY_S = 86_400.0
_SHOP = (
    f"Shop noise {NIGHT_SNR_DB:g} dB below the healthy machine by night and {DAY_SNR_DB:g} dB with customers,"
    f" varying by {DEVIATION_DB:g} dB; in {PASSING_SHARE:.0%} of the clips with customers something of"
    f" {PASSING_SNR_DB[0]:g} to {PASSING_SNR_DB[1]:g} dB passes (talk, music, chimes, cleaning, rain, a"
    " delivery). Defrosts every 8 to 12 hours, doors, starts and stops are as they come. Current, temperature"
    " and vibration come with each clip. Run states, baselines, re-fits and alarms by the server's rules;"
    " nobody dismisses a false alarm."
)
PROTOCOLS = {
    HEALTHY: f"{MACHINES} virtual machines, each in a shop of its own, for {DAYS:g} days from"
    f" {BEGINS_H:g} h on; a clip every {CLIP_EVERY_S / 60:g} minutes in whatever state. {_SHOP}",
    GROWING: f"{MACHINES} virtual machines, each in a shop of its own, healthy for {FAULT_BEGINS_DAY:g} days;"
    f" from then on, each time from the same past, one of {len(KINDS)} faults grows evenly to grave in"
    f" {FAULT_GROWS_DAYS:g} days. A clip every {CLIP_EVERY_S / 60:g} minutes while the compressor runs."
    f" Found is the first clip with an alarm open that the same sound without the fault would not have"
    f" open; counted from the first clip in which mean or peak level of a band differs by {CHANGED_DB:g} dB"
    f" from the same moment without the fault; negative is before that. What is not found {GIVEN_UP_AFTER}"
    f" clips after it is given up. {_SHOP}",
}


@dataclass(frozen=True)
class Watched:
    """One machine, and one fault of it. days: healthy, after the first baseline. clips: judged in that time.
    over_limit: of them anomalous. alarms: how often one opened then; grave_alarms: of them critical ones.
    found_after: growing faults only, see the protocol; None is never, or without a change of that size
    until the end. changed, found: in how many clips after the fault began, None is not at all. severity:
    of the fault as it was found, 0 to 1. named: what the alarm says is wrong as it opens."""

    machine: int
    days: float
    clips: int
    over_limit: int
    alarms: int
    grave_alarms: int
    kind: str | None = None
    found_after: int | None = None
    changed: int | None = None
    found: int | None = None
    severity: float | None = None
    named: str | None = None


def watch(preset: str, detector: str) -> Iterator[Watched]:
    """One machine after the other. Raises EvaluationError for an unknown preset."""
    if preset not in PRESETS:
        raise EvaluationError(f"{preset}: no such preset; there are {', '.join(PRESETS)}")
    for seed in range(FIRST_MACHINE + 100, FIRST_MACHINE + 100 + MACHINES):
        if preset == HEALTHY:
            yield _watched(seed, _follow(seed, detector, days=DAYS, sends=lambda machine, at: True), DAYS)
        else:
            yield from _grow_all(seed, detector)


def _follow(
    seed: int, detector: str, *, days: float, sends: Callable[[VirtualMachine, float], bool]
) -> Follower:
    """Healthy days of a machine. sends: whether its node sends a clip."""
    machine, follower = VirtualMachine(seed), Follower(detector)
    begin = BEGINS_H * 3600
    for at in np.arange(begin, begin + days * _DAY_S, CLIP_EVERY_S).tolist():
        if sends(machine, at):
            _hear(follower, machine, at)
    return follower


def _hear(follower: Follower, machine: VirtualMachine, at: float) -> None:
    heard = _Heard.of(machine, at, follower.detector)
    if heard is not None:
        follower.hear(at, heard.features, sensors(machine, at), judged=heard.judged)


def _grow_all(seed: int, detector: str) -> Iterator[Watched]:
    past = _follow(seed, detector, days=FAULT_BEGINS_DAY, sends=_runs)
    normal: dict[float, _Heard | None] = {}
    for kind in KINDS:
        yield _grow(seed, kind, past, normal)


def _grow(seed: int, kind: Kind, past: Follower, normal_at: dict[float, "_Heard | None"]) -> Watched:
    """The fault, and beside it the same moments without it, both judged by what was learned until then.

    normal_at: how those moments sound without it, for all faults: filled as it is needed.
    """
    begins = BEGINS_H * 3600 + FAULT_BEGINS_DAY * _DAY_S
    fault = Fault(starts_at=begins, grows_over_s=FAULT_GROWS_DAYS * _DAY_S, kind=kind)
    machine = VirtualMachine(seed, fault=fault)
    follower, without = past.copy(), past.copy()
    changed: int | None = None
    found: int | None = None
    severity: float | None = None
    named: str | None = None
    place = 0
    ends = BEGINS_H * 3600 + FAULT_DAYS * _DAY_S
    for at in np.arange(begins, ends, CLIP_EVERY_S).tolist():
        if not _runs(machine, at):
            continue
        heard = _Heard.of(machine, at, past.detector)
        if at not in normal_at:
            normal_at[at] = _Heard.of(machine, at, past.detector, faulty=False)
        normal = normal_at[at]
        if heard is None or normal is None:
            continue
        place += 1
        if found is None:
            told = sensors(machine, at)
            clip = follower.hear(at, heard.features, told, judged=heard.judged)
            without.hear(at, normal.features, told, judged=normal.judged)
            if follower.open - without.open:
                found, severity, named = place, fault.severity(at), clip.named
        if changed is None and _change_db(heard.features, normal.features) >= CHANGED_DB:
            changed = place
        if changed is not None and (found is not None or place >= changed + GIVEN_UP_AFTER):
            break
    after = found - changed if found is not None and changed is not None else None
    return replace(
        _watched(seed, past, FAULT_BEGINS_DAY),
        kind=kind,
        found_after=after,
        changed=changed,
        found=found,
        severity=severity,
        named=named,
    )


def _watched(seed: int, follower: Follower, days: float) -> Watched:
    judged = [clip for clip in follower.clips if clip.assessed is not None]
    learning_s = judged[0].at - BEGINS_H * 3600 if judged else days * _DAY_S
    return Watched(
        machine=seed,
        days=days - learning_s / _DAY_S,
        clips=len(judged),
        over_limit=anomalous(judged),
        alarms=sum(clip.opened is not None for clip in judged),
        grave_alarms=sum(clip.opened == "critical" for clip in judged),
    )


def _runs(machine: VirtualMachine, at: float) -> bool:
    return machine.is_running(at) and machine.is_running(at + CLIP_S)


@dataclass(frozen=True)
class _Heard:
    """features: float32 (p,) of the server's set. judged: of the set that the detector was made for."""

    features: NDArray[np.float32]
    judged: NDArray[np.float32]

    @staticmethod
    def of(machine: VirtualMachine, at: float, detector: str, *, faulty: bool = True) -> "_Heard | None":
        """None if the clip is not assessable."""
        sound = clip_sound(machine, at, faulty=faulty)
        if not assess_quality(sound).assessable:
            return None
        samples = prepare(sound).samples
        features = FEATURE_SETS[FEATURES].extract(samples)
        judged = features
        if FEATURES_OF[detector] != FEATURES:
            judged = FEATURE_SETS[FEATURES_OF[detector]].extract(samples)
        return _Heard(features, judged)


def _change_db(features: NDArray[np.float32], healthy: NDArray[np.float32]) -> float:
    """The largest change of a band against the same moment without the fault."""
    banded = np.array([feature.kind in ("level", "peak") for feature in FEATURE_SETS[FEATURES].names()])
    return float(np.abs(features - healthy)[banded].max())
