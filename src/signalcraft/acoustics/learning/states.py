"""In which run state a clip was heard: estimated for each clip, learned per machine without labels."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import queries
from signalcraft.acoustics.learning.models import StateModel
from signalcraft.anomaly import BaselineError, runstate
from signalcraft.anomaly.runstate import StateEstimate
from signalcraft.anomaly.runstate_cues import POWER
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.logging import get_logger

log = get_logger(__name__)

RUNNING = "running"
"""The state a machine's progress and light speak of."""
STEPS = (20, 60, 120, 240, 480)
"""Learned anew at so many clips: early, so that standing clips are not counted as running for long."""
CLIPS_LIMIT = 480
"""Newest clips that a state model is learned from: two days at one every five minutes, with every state."""
LEAST_POWER_GAP = 3.0
"""Per cent of the sensor's range; a smaller step may be noise."""
KEPT = 512
"""Models in the memory of one worker."""
_kept: dict[tuple[int, datetime], runstate.StateModel] = {}
"""By id and time of making, the oldest first."""
_NOT_LEARNED = frozenset({"off", "unknown"})
"""Only the shop is heard of a machine that stands still, and an unknown state is none."""


def estimate(
    model: StateModel | None, features: NDArray[np.float32], surroundings: Surroundings
) -> StateEstimate:
    """The state of a clip; with model None only what holds for every machine has a say."""
    known = _model(model) if model is not None else None
    return runstate.estimate(known, features, FEATURE_SETS[FEATURES].names(), surroundings)


def runs_above(model: StateModel | None) -> float | None:
    """Half-way between what the machine draws at rest and while it runs; None where it was not heard in both,
    or draws no more.
    """
    if model is None:
        return None
    known = _model(model)
    on, off = float(known.on[POWER, 0]), float(known.off[POWER, 0])
    return (on + off) / 2 if on - off >= LEAST_POWER_GAP else None


def compared_as(model: StateModel | None, heard: StateEstimate) -> str | None:
    """Which baseline a clip belongs to, None for neither.

    Before a machine's states are learned, what cannot be told counts as running, so that learning gets going;
    such clips are estimated anew when the states are known.
    """
    if heard.state == "unknown" and model is None:
        return RUNNING
    return learned_as(runstate.comparison_state(heard))


def learned_as(state: str | None) -> str | None:
    """The state if its sound is learned, None if not."""
    return None if state in _NOT_LEARNED else state


def forgets(learned: runstate.StateModel, former: runstate.StateModel) -> bool:
    """Whether a new model has lost what the former knew: how this machine defrosts with its compressor.

    Two days may hold too few defrosts to be told apart; a machine does not change its plumbing. Without this
    rule defrosts of virtual development machine 400120 counted as running for ten days, and rang.
    """
    return former.n_gas > 0 and learned.n_gas == 0


def learn_if_due(session: Session, machine_id: int, known: StateModel | None) -> StateModel | None:
    """Learn the next state model if there are enough clips for it; None if it is not due."""
    due = next((step for step in STEPS if known is None or step > known.clips), None)
    if due is None:
        return None
    # Asked at every clip, and the clips themselves are wanted at five of them.
    heard = queries.count_clips_of_node(session, machine_id, feature_version=FEATURES, enough=due)
    return learn(session, machine_id, limit=due) if heard >= due else None


def learn(session: Session, machine_id: int, *, limit: int = CLIPS_LIMIT) -> StateModel | None:
    """Learn the states from the newest clips and estimate those anew that nothing has judged yet.

    The caller holds the machine. None where nothing can be learned of them.
    """
    rows = queries.clips_of_node(session, machine_id, feature_version=FEATURES, limit=limit)
    if not rows:
        return None
    features = np.array([row.features for row in rows], dtype=np.float32)
    surroundings = [around.from_json(row.surroundings) for row in rows]
    try:
        learned = runstate.learn(features, surroundings, FEATURE_SETS[FEATURES].names())
    except BaselineError as error:
        log.warning("states_not_learned", machine_id=machine_id, reason=str(error))
        return None
    former = queries.newest_state_model(session, machine_id, features=FEATURES)
    known = _model(former) if former is not None else None
    kept = known is not None and forgets(learned, known)
    model = StateModel(
        machine_id=machine_id,
        version=queries.newest_state_version(session, machine_id) + 1,
        features=FEATURES,
        method=runstate.NAME,
        arrays=former.arrays if former is not None and kept else learned.to_bytes(),
        clips=len(rows),
    )
    session.add(model)
    session.flush()
    unjudged = set(queries.unjudged(session, [row.id for row in rows]))
    changes = [
        {"id": row.id, **as_columns(estimate(model, row_features, row_surroundings))}
        for row, row_features, row_surroundings in zip(rows, features, surroundings, strict=True)
        if row.id in unjudged
    ]
    queries.set_states(session, changes)
    log.info("states_learned", machine_id=machine_id, version=model.version, clips=model.clips, kept=kept)
    return model


def as_columns(estimated: StateEstimate) -> dict[str, Any]:
    """What is stored of an estimate."""
    told = asdict(estimated)
    return {
        "run_state": estimated.state,
        "state_version": runstate.NAME,
        "state_probability": estimated.probability,
        "state_evidence": {name: told[name] for name in ("probabilities", "evidence")},
    }


def _model(model: StateModel) -> runstate.StateModel:
    """The numeric form of a stored model, kept in memory: a model is never edited."""
    key = (model.id, model.created_at)
    known = _kept.get(key)
    if known is None:
        if len(_kept) >= KEPT:
            _kept.pop(next(iter(_kept)))
        known = _kept[key] = runstate.StateModel.from_bytes(model.arrays)
    return known
