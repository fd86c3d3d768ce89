"""Working on one analysis: claim, hear, judge against the machine's own baseline, write the result once.

Two transactions: the claim, and the result with everything that follows from it (alarm, events). The
numbers in between are computed without a connection.
"""

from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft import dsp
from signalcraft.acoustics import baselines, queries
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.schemas import AnalysisSummary
from signalcraft.acoustics.sentences import UNREADABLE
from signalcraft.alarms import service as alarms
from signalcraft.anomaly import DETECTORS, explanation, sentences
from signalcraft.anomaly.decision import WINDOW, Assessed, decide
from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit, unit_of_work
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
    """What the sound itself says, before any baseline."""

    reasons: tuple[str, ...]
    quality: dict[str, Any] | None
    features: NDArray[np.float32] | None


def work_on(analysis_id: UUID, *, redelivered: bool) -> None:
    """Analyse the clip unless another worker has it or it is finished."""
    with unit_of_work() as session:
        # Losing a claim in a crash costs nothing, so it need not wait for the disk.
        session.execute(text("SET LOCAL synchronous_commit = off"))
        claimed = queries.claim(session, analysis_id, now=utc_now(), lease=LEASE, redelivered=redelivered)
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
    with unit_of_work() as session:
        finish(session, analysis_id, clip, heard)


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
    if not quality.assessable:
        return Heard(quality.reasons, facts, None)
    _report(analysis, "features")
    features = FEATURE_SETS[FEATURES].extract(
        dsp.prepare(sound).samples, segment_samples=clip.segment_samples
    )
    return Heard((), facts, features)


def finish(session: Session, analysis_id: UUID, clip: Clip, heard: Heard) -> None:
    """Judge and write the result, once: whoever comes second finds it final and leaves."""
    machine = queries.lock_machine(session, clip.machine_id) if clip.machine_id is not None else None
    analysis = queries.lock_unfinished(session, analysis_id)
    if analysis is None:
        return
    # Asked before the result is touched: a query in between would write it half done, and then again.
    known = baselines.standing(session, machine) if machine is not None else None
    analysis.quality = heard.quality
    analysis.reasons = list(heard.reasons)
    analysis.finished_at = utc_now()
    if heard.features is None:
        _not_assessable(analysis, heard)
    else:
        analysis.feature_version = FEATURES
        analysis.features = [float(value) for value in heard.features]
        _judge(analysis, known, clip, heard.features)
    session.flush()
    learned = None
    if machine is not None and known is not None and clip.source == "node" and heard.features is not None:
        learned = _follow(session, analysis, machine, known)
    baseline = baselines.progress_after(known, learned, learnable=analysis.learnable) if known else None
    _tell(session, analysis, machine, clip, baseline)


def give_up(session: Session, analysis_id: UUID, clip: Clip) -> None:
    """End an analysis that has failed each time it was tried, and say so."""
    log.error("analysis_given_up", analysis_id=str(analysis_id), clip_id=str(clip.id))
    finish(session, analysis_id, clip, Heard(("gave_up",), None, None))


def _not_assessable(analysis: Analysis, heard: Heard) -> None:
    if heard.quality is None:
        analysis.state = "failed"
        analysis.summary = UNREADABLE
    else:
        analysis.state = "done"
        analysis.verdict = "not_assessable"
        analysis.summary = sentences.not_assessable(heard.reasons)


def _judge(
    analysis: Analysis, known: baselines.Standing | None, clip: Clip, features: NDArray[np.float32]
) -> None:
    """Verdict, score and explanation against the machine's newest baseline, or `learning`."""
    analysis.state = "done"
    baseline = known.usable if known is not None else None
    if baseline is None:
        analysis.verdict = "learning"
        analysis.learnable = known is not None and clip.source == "node"
        analysis.summary = baselines.learning_summary(known, learnable=analysis.learnable)
        return
    detector = DETECTORS[baseline.detector]
    fitted = _fitted(baseline.id, baseline.detector, baseline.arrays)
    assessment = detector.assess(fitted, features)
    told = explanation.explain(fitted, features, FEATURE_SETS[FEATURES].names())
    analysis.baseline_id = baseline.id
    analysis.detector = baseline.detector
    analysis.verdict = assessment.verdict
    analysis.score = assessment.score
    analysis.score_limit = assessment.limit
    analysis.tail_probability = assessment.tail_probability
    analysis.grave = assessment.grave
    analysis.condition = assessment.condition
    analysis.learnable = clip.source == "node" and not assessment.grave
    analysis.explanation = {"bands": [asdict(band) for band in told.bands], "advice": told.advice}
    analysis.summary = told.summary


def _follow(
    session: Session, analysis: Analysis, machine: Machine, known: baselines.Standing
) -> Baseline | None:
    """What a node's clip means for its machine: raise, or clear, or learn; the baseline learned from it."""
    if analysis.verdict == "learning":
        return baselines.learn_if_ready(session, machine, known, learnable=analysis.learnable)
    recent = queries.recent_assessed(session, machine.id, until=analysis.heard_at, limit=WINDOW)
    decision = decide(
        [
            Assessed(ratio=(row.score or 0.0) / (row.score_limit or 1.0), grave=bool(row.grave))
            for row in reversed(recent)
        ]
    )
    if decision.action == "raise" and decision.severity is not None:
        for row in recent:
            row.learnable = row.learnable and row.verdict == "normal"
        analysis.learnable = False
        alarms.raise_alarm(
            session,
            machine,
            condition=analysis.condition or "unknown_anomaly",
            severity=decision.severity,
            evidence=alarms.Evidence(
                at=analysis.heard_at,
                analysis_id=analysis.id,
                summary=analysis.summary or {},
                advice=(analysis.explanation or {}).get("advice", {}),
            ),
        )
    elif alarms.gravest_severity(session, machine.id) is not None:
        if decision.action == "clear" and queries.is_newest(session, machine.id, analysis.heard_at):
            alarms.clear_alarms(session, machine, at=analysis.heard_at)
        else:
            # Nothing heard while an alarm is open is ever learned.
            analysis.learnable = False
    return baselines.learn_if_ready(session, machine, known, learnable=analysis.learnable)


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
    log.info("analysed", analysis_id=str(analysis_id), clip_id=str(clip.id), **summary)


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


@lru_cache(maxsize=256)
def _fitted(baseline_id: int, detector: str, arrays: bytes) -> Any:
    """The detector's own form of a stored baseline, kept by its id: a baseline is never edited."""
    return DETECTORS[detector].Baseline.from_bytes(arrays)
