"""Learning what a machine sounds like when healthy."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from signalcraft.acoustics import queries
from signalcraft.acoustics.models import Baseline
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


def learn_if_ready(session: Session, machine: Machine) -> Baseline | None:
    """Fit the next baseline if enough clips are there for it. The machine is locked by the caller."""
    newest = queries.newest_baseline(session, machine.id)
    due = _clips_due(newest)
    if due is None or queries.count_healthy(session, machine.id, feature_version=FEATURES, enough=due) < due:
        return None
    rows = queries.healthy_features(session, machine.id, feature_version=FEATURES, limit=due)[::-1]
    try:
        fitted = DETECTORS[CURRENT].fit(np.array([row.features for row in rows], dtype=np.float32))
    except BaselineError as error:
        log.warning("baseline_not_fitted", machine_id=machine.id, reason=str(error))
        return None
    baseline = Baseline(
        machine_id=machine.id,
        version=(newest.version if newest else 0) + 1,
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


def progress(session: Session, machine_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """How far each machine's baseline is, as JSON."""
    needed = get_settings().baseline_clips
    ready = queries.baseline_facts(session, machine_ids)
    learning = [machine_id for machine_id in machine_ids if machine_id not in ready]
    counts = queries.learning_counts(session, learning, feature_version=FEATURES, enough=needed)
    answers: dict[int, dict[str, Any]] = {}
    for machine_id in machine_ids:
        if machine_id in ready:
            version, clips = ready[machine_id]
            fact = BaselineProgress(state="ready", clips=clips, needed=needed, version=version)
        else:
            fact = BaselineProgress(
                state="learning", clips=counts.get(machine_id, 0), needed=needed, version=None
            )
        answers[machine_id] = fact.model_dump(mode="json")
    return answers


def learning_summary(session: Session, machine: Machine | None) -> dict[str, str]:
    """What a person reads while there is no baseline; the clip at hand counts as one."""
    needed = get_settings().baseline_clips
    if machine is None:
        return NO_MACHINE
    counted = queries.count_healthy(session, machine.id, feature_version=FEATURES, enough=needed)
    return sentences.learning(min(counted + 1, needed), needed)


def _clips_due(newest: Baseline | None) -> int | None:
    """How many clips the next baseline wants; None when the machine has its last one."""
    steps = [get_settings().baseline_clips * factor for factor in GROWTH]
    if newest is None or newest.features != FEATURES:
        return steps[0]
    return next((step for step in steps if step > newest.clips), None)
