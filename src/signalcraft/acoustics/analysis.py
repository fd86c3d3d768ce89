"""Working on one analysis: claim, hear, judge against the machine's own baseline, write the result once.

Two transactions: the claim, and the result with everything that follows from it (alarm, events). The
numbers in between are computed without a connection.
"""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft import dsp, metrics
from signalcraft.acoustics import baselines, consequences, queries
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.judgement import Samples, judge
from signalcraft.acoustics.learning import fitting, heads, refitting, states
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.learning.models import Baseline, StateModel
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.schemas import AnalysisSummary
from signalcraft.acoustics.sentences import UNREADABLE
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import drift, sentences
from signalcraft.anomaly.diagnosis.learned_v1 import Head
from signalcraft.anomaly.runstate import StateEstimate
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit, repeated, unit_of_work
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.errors import NotFoundError, UnavailableError
from signalcraft.fleet.light import machine_light
from signalcraft.fleet.models import Machine
from signalcraft.logging import get_logger
from signalcraft.realtime.connection import announce_finished
from signalcraft.realtime.publish import emit
from signalcraft.settings import get_settings
from signalcraft.storage import objects

log = get_logger(__name__)

LEASE = timedelta(seconds=15)
"""An analysis takes some 20 ms; a worker that needs this long is gone."""


STORE_WAIT = timedelta(seconds=30)
"""How long an analysis waits when the store of sound does not answer."""


@dataclass(frozen=True)
class Heard:
    """What the sound itself says, before any baseline. samples: float32 (n,) as analysed, if assessable."""

    reasons: tuple[str, ...]
    quality: dict[str, Any] | None
    features: NDArray[np.float32] | None
    samples: NDArray[np.float32] | None = None


def work_on(analysis_id: UUID, *, redelivered: bool) -> None:
    """Analyse the clip unless another worker has it or it is finished."""

    def claim(session: Session) -> tuple[Analysis, Clip] | None:
        # Losing a claim in a crash costs nothing, so it need not wait for the disk.
        session.execute(text("SET LOCAL synchronous_commit = off"))
        return queries.claim(session, analysis_id, now=utc_now(), lease=LEASE, redelivered=redelivered)

    claimed = repeated(claim)
    if claimed is None:
        return
    analysis, clip = claimed
    _report(analysis, "decoding")
    try:
        heard = hear(analysis, clip)
    except UnavailableError:
        # The store is away: not the clip's fault, so it costs no attempt.
        with unit_of_work() as session:
            queries.put_back(session, analysis_id, until=utc_now() + STORE_WAIT)
        return
    _report(analysis, "scoring")
    repeated(lambda session: finish(session, analysis_id, clip, heard))


def hear(analysis: Analysis, clip: Clip) -> Heard:
    """Decode the stored sound, judge its quality and extract the current feature set."""
    try:
        sound = dsp.decode(objects.get(clip.object_key), max_duration_s=get_settings().clip_limit_seconds)
        quality = dsp.assess_quality(sound)
    except NotFoundError:
        return Heard(("sound_missing",), None, None)
    except dsp.DspError as error:
        log.warning("clip_not_decodable", clip_id=str(clip.id), reason=str(error))
        return Heard(("not_decodable",), None, None)
    facts = {name: value for name, value in asdict(quality).items() if name not in ("assessable", "reasons")}
    facts["source_rate_hz"] = sound.source_rate_hz
    if not quality.assessable:
        return Heard(quality.reasons, facts, None)
    _report(analysis, "features")
    samples = dsp.prepare(sound).samples
    features = FEATURE_SETS[FEATURES].extract(samples, segment_samples=clip.segment_samples)
    return Heard((), facts, features, samples)


def finish(session: Session, analysis_id: UUID, clip: Clip, heard: Heard) -> None:
    """Judge and write the result, once: whoever comes second finds it final and leaves."""
    machine = queries.lock_machine(session, clip.machine_id) if clip.machine_id is not None else None
    analysis = queries.lock_unfinished(session, analysis_id)
    if analysis is None:
        return
    # Asked before the result is touched: a query in between would write it half done, and then again.
    known = None
    if machine is not None:
        known = look_up(session, machine, analysis.heard_at, heard.features)
    analysis.quality = heard.quality
    analysis.reasons = list(heard.reasons)
    analysis.finished_at = utc_now()
    if heard.features is None:
        write_not_assessable(analysis, heard)
    else:
        write(analysis, clip, heard, known)
    session.flush()
    learned = None
    if machine is not None and known is not None and clip.source == "node" and heard.features is not None:
        learned = _follow(session, analysis, machine, known)
    baseline = None
    if known is not None:
        baseline = baselines.progress_after(known.standing, learned, learnable=analysis.learnable)
    _tell(session, analysis, machine, clip, baseline)


def give_up(session: Session, analysis_id: UUID, clip: Clip) -> None:
    """End an analysis that has failed each time it was tried, and say so."""
    log.error("analysis_given_up", analysis_id=str(analysis_id), clip_id=str(clip.id))
    finish(session, analysis_id, clip, Heard(("gave_up",), None, None))


def write_not_assessable(analysis: Analysis, heard: Heard) -> None:
    """Write that nothing can be said of the clip, and why."""
    if heard.quality is None:
        analysis.state = "failed"
        analysis.summary = UNREADABLE
    else:
        analysis.state = "done"
        analysis.verdict = "not_assessable"
        analysis.summary = sentences.not_assessable(heard.reasons)


@dataclass(frozen=True)
class Known:
    """What was known of the machine when the clip was heard, and in which state it seems to have been."""

    surroundings: Surroundings
    state_model: StateModel | None
    state: StateEstimate | None
    standing: baselines.Standing
    head: tuple[int, Head] | None


def look_up(
    session: Session, machine: Machine, heard_at: datetime, features: NDArray[np.float32] | None
) -> Known:
    """Ask for everything that judging a clip of the machine takes. The caller holds the machine."""
    model = learning.newest_state_model(session, machine.id, features=FEATURES)
    surroundings = around.at_clip(session, machine.id, heard_at, runs_above=states.runs_above(model))
    state = states.estimate(model, features, surroundings) if features is not None else None
    compared_as = states.compared_as(model, state) if state is not None else None
    return Known(
        surroundings,
        model,
        state,
        baselines.standing(session, machine, compared_as),
        heads.in_use(session),
    )


def write(
    analysis: Analysis, clip: Clip, heard: Heard, known: Known | None, *, samples: Samples | None = None
) -> None:
    """Write what was heard and judged into the row: state, verdict, score, diagnosis, explanation.

    samples: gives the sound itself where `heard` has it no more.
    """
    if heard.features is None:
        raise ValueError("nothing was heard that could be judged")
    analysis.state = "done"
    analysis.feature_version = FEATURES
    analysis.features = [float(value) for value in heard.features]
    if known is None or known.state is None:
        analysis.verdict = "learning"
        analysis.summary = baselines.learning_summary(None, "unknown", learnable=False)
        return
    _set(analysis, states.as_columns(known.state))
    analysis.surroundings = around.as_json(known.surroundings)
    baseline = known.standing.baseline
    if baseline is None:
        analysis.verdict = "learning"
        analysis.learnable = clip.source == "node"
        analysis.summary = baselines.learning_summary(
            known.standing, known.state.state, learnable=analysis.learnable
        )
        return
    reasons = fitting.incomparable(analysis.quality, baseline)
    if reasons:
        analysis.verdict = "not_assessable"
        analysis.reasons = list(reasons)
        analysis.summary = sentences.not_assessable(reasons)
        return
    columns = judge(
        fitting.load(baseline),
        heard.features,
        samples=samples or (lambda: heard.samples),
        segment_samples=clip.segment_samples,
        surroundings=known.surroundings,
        head=known.head,
    )
    _set(analysis, columns)
    analysis.baseline_id = baseline.id
    # As far as the clip alone can tell; `consequences` looks at those before it too.
    alone = consequences.assessed(analysis, {}, clips=baseline.clips)
    analysis.learnable = clip.source == "node" and drift.may_learn(alone, 0.0)


def _set(analysis: Analysis, columns: dict[str, Any]) -> None:
    for name, value in columns.items():
        setattr(analysis, name, value)


def _follow(session: Session, analysis: Analysis, machine: Machine, known: Known) -> Baseline | None:
    """What a node's clip means for its machine: raise, or clear, or learn; the baseline learned from it."""
    if analysis.verdict in ("normal", "anomalous"):
        consequences.follow(session, analysis, machine)
    consequences.follow_operation(session, analysis, machine)
    session.flush()
    model = states.learn_if_due(session, machine.id, known.state_model)
    if model is not None:
        session.refresh(analysis)  # its own state may have been estimated anew
    run_state = known.standing.run_state if model is None else states.learned_as(analysis.run_state)
    if not analysis.learnable or run_state is None:
        return None
    return refitting.learn_if_due(session, machine, run_state, known.standing.baseline)


def _tell(
    session: Session,
    analysis: Analysis,
    machine: Machine | None,
    clip: Clip,
    baseline: dict[str, Any] | None,
) -> None:
    payload: dict[str, Any] = {
        "machine_id": machine.id if machine else None,
        "analysis": AnalysisSummary.of(analysis, clip).model_dump(mode="json"),
    }
    if machine is not None and baseline is not None:
        payload["baseline"] = baseline
        payload["light"] = machine_light(
            alarm_severity=alarms.gravest_severity(session, machine.id),
            verdict=analysis.verdict,
            baseline_ready=baseline["state"] == "ready",
            device_status="online",  # it has just been heard
        )
    emit(
        session,
        "analysis.finished",
        payload,
        shop_id=machine.shop_id if machine else None,
        user_id=analysis.requested_by,
    )
    analysis_id, summary = analysis.id, {"verdict": analysis.verdict, "score": analysis.score}
    if analysis.requested_by is not None:  # nobody waits at a node's upload
        after_commit(session, lambda: announce_finished(analysis_id))
    _count(session, analysis, clip)
    log.info("analysed", analysis_id=str(analysis_id), clip_id=str(clip.id), **summary)


def _count(session: Session, analysis: Analysis, clip: Clip) -> None:
    finished = metrics.ANALYSES.labels(analysis.verdict or analysis.state)
    seconds = (utc_now() - clip.received_at).total_seconds()
    after_commit(session, finished.inc)
    after_commit(session, lambda: metrics.ANALYSIS_DELAY_SECONDS.observe(seconds))


def _report(analysis: Analysis, state: str) -> None:
    """Show the progress of a person's own upload; nobody watches a node's clip that closely."""
    if analysis.requested_by is None:
        return
    with unit_of_work() as session:
        queries.set_state(session, analysis.id, state)
        emit(
            session,
            "analysis.progress",
            {"analysis_id": str(analysis.id), "machine_id": analysis.machine_id, "state": state},
            shop_id=None,
            user_id=analysis.requested_by,
        )
