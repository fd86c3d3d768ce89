"""How far a machine's learning is, and what there is to judge a clip by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from signalcraft.acoustics.learning import queries, refitting
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.learning.states import RUNNING
from signalcraft.acoustics.schemas import BaselineProgress
from signalcraft.acoustics.sentences import NO_MACHINE, not_judged
from signalcraft.anomaly import sentences
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.fleet.models import Machine
from signalcraft.settings import get_settings


@dataclass(frozen=True)
class Standing:
    """What a machine has learned before the clip at hand.

    running: the baseline that the machine's progress and light speak of, where it has its own. baseline: what
    the clip is judged by, of its own run state; None where that is not learned. heard: learnable clips in the
    clip's state, counted while there is no baseline of the machine's own.
    """

    run_state: str | None
    running: Baseline | None
    baseline: Baseline | None
    heard: int
    running_heard: int


def standing(session: Session, machine: Machine, run_state: str | None) -> Standing:
    """Where the machine stands, for a clip that is compared as `run_state` (None: as nothing).

    The caller holds the machine.
    """
    needed = get_settings().baseline_clips
    running = queries.active_baseline(session, machine.id, RUNNING, features=FEATURES)
    running_heard = 0
    if running is None or running.kind != "own":
        running_heard = queries.count_learnable(
            session, machine.id, RUNNING, feature_version=FEATURES, enough=needed
        )
    baseline, heard = running, running_heard
    if run_state is None:
        baseline, heard = None, 0
    elif run_state != RUNNING:
        baseline = queries.active_baseline(session, machine.id, run_state, features=FEATURES)
        heard = 0
        if baseline is None:
            heard = queries.count_learnable(
                session, machine.id, run_state, feature_version=FEATURES, enough=needed
            )
    if baseline is None and run_state is not None:
        baseline = refitting.ensure_prior(session, machine, run_state)
    own = running if running is not None and running.kind == "own" else None
    return Standing(run_state, own, baseline, heard, running_heard)


def progress_after(known: Standing, learned: Baseline | None, *, learnable: bool) -> dict[str, Any]:
    """How far the machine's baseline is after the clip at hand, as JSON; asks the database nothing."""
    running = learned if learned is not None and learned.run_state == RUNNING else known.running
    if running is not None:
        return _ready(running.version, running.clips)
    return _learning(known.running_heard + int(learnable and known.run_state == RUNNING))


def progress(session: Session, machine_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """How far each machine's baseline is, as JSON."""
    ready = queries.baseline_facts(session, machine_ids, run_state=RUNNING, features=FEATURES)
    learning = [machine_id for machine_id in machine_ids if machine_id not in ready]
    counts = queries.learnable_counts(
        session, learning, RUNNING, feature_version=FEATURES, enough=get_settings().baseline_clips
    )
    return {
        machine_id: _ready(*ready[machine_id])
        if machine_id in ready
        else _learning(counts.get(machine_id, 0))
        for machine_id in machine_ids
    }


def learning_summary(known: Standing | None, state: str, *, learnable: bool) -> dict[str, str]:
    """What a person reads of a clip that nothing can judge; it counts as one that is learned from."""
    if known is None:
        return NO_MACHINE
    needed = get_settings().baseline_clips
    if known.run_state == RUNNING:
        return sentences.learning(min(known.heard + int(learnable), needed), needed)
    return not_judged(state, min(known.heard + int(learnable), needed), needed)


def _ready(version: int, clips: int) -> dict[str, Any]:
    needed = get_settings().baseline_clips
    return BaselineProgress(state="ready", clips=clips, needed=needed, version=version).model_dump(
        mode="json"
    )


def _learning(clips: int) -> dict[str, Any]:
    needed = get_settings().baseline_clips
    fact = BaselineProgress(state="learning", clips=min(clips, needed), needed=needed, version=None)
    return fact.model_dump(mode="json")
