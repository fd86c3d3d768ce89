"""Learning what a machine sounds like when healthy."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.schemas import BaselineProgress
from signalcraft.acoustics.sentences import NO_MACHINE
from signalcraft.anomaly import CURRENT, DETECTORS, BaselineError, sentences
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)

GROWTH = (1, 2, 4, 8)
"""A baseline is learned anew each time the clips have doubled: confidence grows, and the work stays small."""


@dataclass(frozen=True)
class Standing:
    """What a machine has learned before the clip at hand.

    newest: its newest baseline, made from whatever features. due: how many clips the next one wants, None
    when the machine has its last one. healthy: how many there are, counted up to `due`.
    """

    newest: Baseline | None
    due: int | None
    healthy: int

    @property
    def usable(self) -> Baseline | None:
        """The baseline that today's features can be judged against."""
        return self.newest if self.newest is not None and self.newest.features == FEATURES else None

    def with_clip(self, *, learnable: bool) -> int:
        """How many healthy clips there are with the one at hand."""
        return self.healthy + int(learnable)


def standing(session: Session, machine: Machine) -> Standing:
    """Where the machine stands. It is locked by the caller."""
    newest = queries.newest_baseline(session, machine.id)
    due = _clips_due(newest)
    healthy = 0
    if due is not None:
        healthy = queries.count_healthy(session, machine.id, feature_version=FEATURES, enough=due)
    return Standing(newest, due, healthy)


def learn_if_ready(
    session: Session, machine: Machine, known: Standing, *, learnable: bool
) -> Baseline | None:
    """Fit the next baseline if the clip at hand was the last one it wanted. The caller holds the machine."""
    if known.due is None or known.with_clip(learnable=learnable) < known.due:
        return None
    rows = queries.healthy_features(session, machine.id, feature_version=FEATURES, limit=known.due)[::-1]
    if len(rows) < known.due:
        return None  # an alarm raised since `known` was counted took clips back
    try:
        fitted = DETECTORS[CURRENT].fit(np.array([row.features for row in rows], dtype=np.float32))
    except BaselineError as error:
        log.warning("baseline_not_fitted", machine_id=machine.id, reason=str(error))
        return None
    baseline = Baseline(
        machine_id=machine.id,
        version=(known.newest.version if known.newest else 0) + 1,
        features=FEATURES,
        detector=CURRENT,
        arrays=fitted.to_bytes(),
        clips=len(rows),
        made_from={
            "first_analysis": str(rows[0].id),
            "last_analysis": str(rows[-1].id),
            "first_heard_at": rows[0].heard_at.isoformat(),
            "last_heard_at": rows[-1].heard_at.isoformat(),
            "left_out": fitted.n_clips - fitted.n_used,
        },
    )
    session.add(baseline)
    session.flush()
    log.info("baseline_learned", machine_id=machine.id, version=baseline.version, clips=baseline.clips)
    return baseline


def progress_after(known: Standing, learned: Baseline | None, *, learnable: bool) -> dict[str, Any]:
    """How far one machine's baseline is after the clip at hand, as JSON; asks the database nothing."""
    baseline = learned or known.newest
    if baseline is not None:
        return _ready(baseline.version, baseline.clips)
    return _learning(known.with_clip(learnable=learnable))


def progress(session: Session, machine_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """How far each machine's baseline is, as JSON."""
    ready = queries.baseline_facts(session, machine_ids)
    learning = [machine_id for machine_id in machine_ids if machine_id not in ready]
    counts = queries.learning_counts(
        session, learning, feature_version=FEATURES, enough=get_settings().baseline_clips
    )
    return {
        machine_id: _ready(*ready[machine_id])
        if machine_id in ready
        else _learning(counts.get(machine_id, 0))
        for machine_id in machine_ids
    }


def learning_summary(known: Standing | None, *, learnable: bool) -> dict[str, str]:
    """What a person reads while there is no baseline; the clip at hand counts as one it learns from."""
    if known is None:
        return NO_MACHINE
    needed = get_settings().baseline_clips
    return sentences.learning(min(known.with_clip(learnable=learnable), needed), needed)


def _ready(version: int, clips: int) -> dict[str, Any]:
    needed = get_settings().baseline_clips
    return BaselineProgress(state="ready", clips=clips, needed=needed, version=version).model_dump(
        mode="json"
    )


def _learning(clips: int) -> dict[str, Any]:
    needed = get_settings().baseline_clips
    fact = BaselineProgress(state="learning", clips=min(clips, needed), needed=needed, version=None)
    return fact.model_dump(mode="json")


def _clips_due(newest: Baseline | None) -> int | None:
    """How many clips the next baseline wants; None when the machine has its last one."""
    steps = [get_settings().baseline_clips * factor for factor in GROWTH]
    if newest is None or newest.features != FEATURES:
        return steps[0]
    return next((step for step in steps if step > newest.clips), None)
