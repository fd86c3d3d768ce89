"""Baselines: the first one as soon as there are clips enough, then anew as the machine's sound drifts.

A machine has one for each run state. A new one is tried on past clips beside the old one before it judges.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from signalcraft.acoustics.learning import fitting, queries, states, trials
from signalcraft.acoustics.learning.fitting import Loaded
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.learning.schemas import HEALTHY
from signalcraft.acoustics.queries import lock_machine
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import CURRENT, BaselineError, drift
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger
from signalcraft.settings import get_settings

log = get_logger(__name__)

GROWTH = (1, 2, 4)
"""At first a baseline is learned anew each time the clips have doubled: confidence grows with them."""
CLIPS_LIMIT = 240
"""Clips that a baseline is made from: enough for its tails. The first ones take the newest, later ones spread
them over `drift.SPAN`."""
NEW_CLIPS = 24
"""A re-fit wants so many new clips: a tenth of what it is made from, or it would be the same again."""
AGE = timedelta(days=1)
"""How old a baseline may grow before the daily re-fit looks at it: shop noise and season drift over days."""
PAST_LIMIT = 200
"""Past clips that old and new are tried on: some 0.2 s of work for both."""
SIBLINGS = 8
SIBLINGS_ENOUGH = 2
"""A baseline of the model needs the sound of two other machines: one would be that machine's own."""
SIBLING_CLIPS = 30


def clips_due(newest: Baseline | None) -> int | None:
    """How many clips the next baseline wants; None when only drift makes another."""
    steps = [get_settings().baseline_clips * factor for factor in GROWTH]
    if newest is None or newest.kind != "own":
        return steps[0]
    return next((step for step in steps if step > newest.clips), None)


def learn_if_due(
    session: Session, machine: Machine, run_state: str, known: Baseline | None
) -> Baseline | None:
    """Fit the machine's next baseline if there are clips enough; what judges from now on, if that is new.

    The caller holds the machine. known: what judges clips of this state now.
    """
    due = clips_due(known)
    if due is None:
        return None
    counted = queries.count_learnable(session, machine.id, run_state, feature_version=FEATURES, enough=due)
    if counted < due:
        return None
    rows = queries.learnable_clips(session, machine.id, run_state, feature_version=FEATURES, limit=due)[::-1]
    fitted = fit(session, machine, run_state, rows)
    return fitted if fitted is not None and fitted.status == "active" else None


def refit(
    session: Session, machine: Machine, run_state: str, *, until: datetime | None = None
) -> Baseline | None:
    """A new baseline from the clips of some weeks, see `drift`. The caller holds the machine.

    until: the newest that may be learned; None takes the newest that there are.
    """
    if until is None:
        newest = queries.learnable_clips(session, machine.id, run_state, feature_version=FEATURES, limit=1)
        if not newest:
            return None
        until = newest[0].heard_at
    rows = queries.learnable_clips_between(
        session,
        machine.id,
        run_state,
        feature_version=FEATURES,
        start=until - drift.SPAN,
        end=until,
        limit=CLIPS_LIMIT,
    )
    return fit(session, machine, run_state, rows)


def fit(
    session: Session, machine: Machine, run_state: str, rows: Sequence[queries.HeardClip]
) -> Baseline | None:
    """A new baseline from these clips: active, or in the shadow if the rule does not let it judge.

    The caller holds the machine. None where there are too few clips or nothing can be learned of them.
    """
    if len(rows) < get_settings().baseline_clips:
        return None
    try:
        fitted, made_from = fitting.fit(rows)
    except BaselineError as error:
        log.warning("baseline_not_fitted", machine_id=machine.id, run_state=run_state, reason=str(error))
        return None
    former = queries.active_baseline(session, machine.id, run_state, features=FEATURES)
    figures: dict[str, Any] | None = None
    if former is not None and former.kind == "own":
        new = Loaded(CURRENT, fitted, (), ())
        learned = {row.id for row in rows}
        figures = trials.compare(
            fitting.load(former), new, past_clips(session, machine.id, run_state, learned=learned)
        )
    may_judge = figures is None or trials.baseline_may_judge(figures)
    for waiting in queries.standing_of(session, machine.id, run_state, "shadow", features=FEATURES):
        decide(waiting, "dropped", rule="replaced")
    baseline = Baseline(
        machine_id=machine.id,
        version=queries.newest_version(session, machine.id) + 1,
        run_state=run_state,
        kind="own",
        status="shadow",
        features=FEATURES,
        detector=CURRENT,
        arrays=fitted.to_bytes(),
        clips=len(rows),
        made_from=made_from,
        figures=figures,
    )
    session.add(baseline)
    if may_judge:
        promote(session, baseline, rule="first" if figures is None else "as_good_on_past_clips")
    session.flush()
    log.info(
        "baseline_learned",
        machine_id=machine.id,
        run_state=run_state,
        version=baseline.version,
        clips=baseline.clips,
        status=baseline.status,
    )
    return baseline


def promote(
    session: Session,
    baseline: Baseline,
    *,
    rule: str | None = None,
    person: str | None = None,
    reason: str | None = None,
) -> None:
    """Let it judge from now on; what judged before retires."""
    for status in ("active", "shadow"):
        others = queries.standing_of(
            session, baseline.machine_id, baseline.run_state, status, features=baseline.features
        )
        for other in others:
            if other is not baseline:
                decide(other, "retired" if status == "active" else "dropped", rule="replaced")
    decide(baseline, "active", rule=rule, person=person, reason=reason)


def retire_unreadable(session: Session, machine_id: int) -> int:
    """Take from judging what this version cannot read; how many baselines that were.

    Their clips are still there, so the caller can learn the machine anew. The caller holds the machine.
    """
    retired = 0
    for baseline in queries.judging(session, machine_id, features=FEATURES):
        if fitting.is_readable(baseline):
            continue
        log.warning(
            "baseline_not_readable",
            machine_id=machine_id,
            run_state=baseline.run_state,
            version=baseline.version,
            detector=baseline.detector,
        )
        decide(baseline, "retired" if baseline.status == "active" else "dropped", rule="unreadable")
        retired += 1
    session.flush()
    return retired


def decide(
    model: Any, status: str, *, rule: str | None = None, person: str | None = None, reason: str | None = None
) -> None:
    """Write what became of a model, by which rule or person, when and why."""
    model.status = status
    model.decision = {
        "status": status,
        "rule": rule,
        "person": person,
        "reason": reason,
        "at": utc_now().isoformat(),
    }


def past_clips(
    session: Session, machine_id: int, run_state: str, *, learned: set[Any]
) -> list[trials.PastClip]:
    """The machine's newest judged clips of a state, and which of them were faulty as far as is known."""
    rows = queries.judged_clips(session, machine_id, run_state, feature_version=FEATURES, limit=PAST_LIMIT)
    return [
        trials.PastClip(
            np.array(row.features, dtype=np.float32),
            # A person's word counts; without one, what an alarm stood on.
            fault=row.condition != HEALTHY if row.condition is not None else row.raised,
            learned=row.id in learned,
        )
        for row in rows
    ]


def ensure_prior(session: Session, machine: Machine, run_state: str) -> Baseline | None:
    """A baseline pooled from other machines of the same model, for one that has none of its own yet.

    The caller holds the machine. None where the model is not known or too few of its machines have learned.
    """
    if machine.model is None:
        return None
    siblings = queries.model_siblings(session, machine, run_state, features=FEATURES, limit=SIBLINGS)
    if len(siblings) < SIBLINGS_ENOUGH:
        return None
    rows = [
        row
        for sibling in siblings
        for row in queries.learnable_clips(
            session, sibling, run_state, feature_version=FEATURES, limit=SIBLING_CLIPS
        )[::-1]
    ]
    if len(rows) < get_settings().baseline_clips:
        return None
    try:
        fitted, made_from = fitting.fit(rows)
    except BaselineError as error:
        log.warning("model_baseline_not_fitted", machine_id=machine.id, reason=str(error))
        return None
    baseline = Baseline(
        machine_id=machine.id,
        version=queries.newest_version(session, machine.id) + 1,
        run_state=run_state,
        kind="model",
        status="active",
        features=FEATURES,
        detector=CURRENT,
        arrays=fitted.to_bytes(),
        clips=len(rows),
        # Not the clips: people of one shop must not hear those of another.
        made_from={"model": machine.model, "machines": len(siblings), **_public(made_from)},
    )
    decide(baseline, "active", rule="same_model")
    session.add(baseline)
    session.flush()
    log.info("model_baseline_learned", machine_id=machine.id, machines=len(siblings), clips=len(rows))
    return baseline


def refit_machine(
    session: Session, machine: Machine, progress: Callable[[float], None] = lambda share: None
) -> dict[str, Any]:
    """Learn the states and every baseline of a machine anew. The caller holds it."""
    states.learn(session, machine.id)
    progress(0.3)
    made: list[dict[str, Any]] = []
    known = queries.states_with_clips(session, machine.id, feature_version=FEATURES)
    for place, run_state in enumerate(known):
        baseline = refit(session, machine, run_state)
        if baseline is not None:
            made.append({"run_state": run_state, "version": baseline.version, "status": baseline.status})
        progress(0.3 + 0.7 * (place + 1) / len(known))
    return {"baselines": made}


def refit_due(now: datetime | None = None) -> int:
    """The daily re-fit: every baseline older than a day that has enough new clips; how many were made."""
    moment = now or utc_now()
    with unit_of_work() as session:
        due = queries.due_for_refit(session, features=FEATURES, before=moment - AGE)
    made = 0
    for machine_id, run_state in due:
        with unit_of_work() as session:
            made += _refit_if_drifted(session, machine_id, run_state, moment)
    return made


def _refit_if_drifted(session: Session, machine_id: int, run_state: str, now: datetime) -> bool:
    active = queries.active_baseline(session, machine_id, run_state, features=FEATURES)
    if active is None or drift.is_wary(queries.newest_sum(session, machine_id)):
        return False
    since = active.made_from.get("last_heard_at")
    new = queries.count_learnable_since(
        session,
        machine_id,
        run_state,
        feature_version=FEATURES,
        since=datetime.fromisoformat(since) if since else active.created_at,
        until=now - drift.SETTLING,
    )
    if new < NEW_CLIPS:
        return False
    machine = lock_machine(session, machine_id)
    if alarms.is_sound_in_question(session, machine_id):
        return False
    if run_state == states.RUNNING:
        states.learn(session, machine_id)
    return refit(session, machine, run_state, until=now - drift.SETTLING) is not None


def _public(made_from: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in made_from.items() if name not in ("clips", "surroundings")}
