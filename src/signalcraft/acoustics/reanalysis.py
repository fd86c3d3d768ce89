"""Stored sound judged anew by what is known today. Nothing is overwritten silently: former results are kept.

Alarms are left as they are: what rang in the past rang, and today's alarm is decided on what is heard today.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from signalcraft.acoustics import analysis as analyses
from signalcraft.acoustics import consequences, queries
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import queries as learning
from signalcraft.acoustics.learning import refitting, states
from signalcraft.acoustics.models import Analysis, Clip, FormerResult
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.logging import get_logger

log = get_logger(__name__)

RESULT = (
    "state",
    "verdict",
    "reasons",
    "quality",
    "feature_version",
    "surroundings",
    "run_state",
    "state_version",
    "state_probability",
    "state_evidence",
    "baseline_id",
    "detector",
    "score",
    "score_limit",
    "tail_probability",
    "tail_low",
    "tail_high",
    "grave",
    "condition",
    "diagnosis",
    "head_id",
    "nearest_clip_id",
    "explanation",
    "summary",
    "learnable",
)
"""The columns that judging writes. A decision about an alarm is history and stays."""
JUDGED = RESULT[RESULT.index("baseline_id") : RESULT.index("learnable")]
"""Of them those that a baseline had a say in."""


class _RollBackError(Exception):
    """Ends a unit of work without its changes."""


@dataclass
class Report:
    """What judging anew changed, or would change: (before, after) of verdict and condition, counted.

    unreadable: clips without readable sound. baselines: learned anew. baselines_unreadable: stored ones that
    this version could not read and that judge no more.
    """

    clips: int = 0
    unreadable: int = 0
    baselines_unreadable: int = 0
    changes: Counter[tuple[str, str]] = field(default_factory=Counter)
    baselines: int = 0

    @property
    def changed(self) -> int:
        return sum(self.changes.values())


def machines(machine_id: int | None) -> list[tuple[int, str]]:
    """(id, name) of the machines to go through: all, or the one of that number."""
    with unit_of_work() as session:
        return [(row.id, row.name) for row in queries.machines(session, machine_id)]


def count(machine_id: int, since: datetime | None) -> int:
    """How many results of the machine would be judged anew."""
    with unit_of_work() as session:
        return len(queries.finished_ids(session, machine_id, since=since))


def reanalyse(
    machine_id: int, *, since: datetime | None, dry_run: bool, reason: str, report: Report
) -> Iterator[None]:
    """Judge a machine's stored sound anew, oldest first; one step of the iterator a clip.

    First every clip is heard again, then the machine learns what it lacks from those that it may learn from,
    then all are judged. With `dry_run` the same is done and taken back.
    """
    with unit_of_work() as session:
        ids = queries.finished_ids(session, machine_id, since=since)
    if dry_run:
        try:
            with unit_of_work() as session:
                yield from _pass(lambda work: work(session), machine_id, ids, reason, report)
                raise _RollBackError
        except _RollBackError:
            return
    else:
        yield from _pass(_in_its_own, machine_id, ids, reason, report)


def _in_its_own(work: Any) -> Any:
    with unit_of_work() as session:
        return work(session)


def _pass(run: Any, machine_id: int, ids: Sequence[UUID], reason: str, report: Report) -> Iterator[None]:
    heard: dict[UUID, analyses.Heard] = {}
    for analysis_id in ids:
        found = run(lambda session, one=analysis_id: _hear(session, machine_id, one, reason))
        if found is None:
            report.unreadable += 1
        else:
            heard[analysis_id] = analyses.Heard(found.reasons, found.quality, found.features)
        yield
    unreadable, learned = run(lambda session: _learn(session, machine_id))
    report.baselines_unreadable += unreadable
    report.baselines += learned
    for analysis_id, one in heard.items():
        change = run(lambda session, key=analysis_id, value=one: _judge(session, machine_id, key, value))
        report.clips += 1
        if change is not None:
            report.changes[change] += 1
        yield


def _hear(session: Session, machine_id: int, analysis_id: UUID, reason: str) -> analyses.Heard | None:
    """Keep the former result, hear the sound again, and write what it says before any baseline."""
    analysis, clip = _locked(session, analysis_id)
    heard = analyses.hear(analysis, clip)
    if heard.quality is None:
        return None
    if heard.features is None and analysis.verdict == "not_assessable":
        return heard
    session.add(
        FormerResult(
            analysis_id=analysis.id,
            revision=analysis.revision,
            replaced_at=utc_now(),
            reason=reason,
            result=former(analysis),
        )
    )
    analysis.revision += 1
    analysis.quality, analysis.reasons = heard.quality, list(heard.reasons)
    if heard.features is None:
        for name in JUDGED:
            setattr(analysis, name, None)
        analyses.write_not_assessable(analysis, heard)
        return heard
    model = learning.newest_state_model(session, machine_id, features=FEATURES)
    surroundings = around.at_clip(session, machine_id, analysis.heard_at, runs_above=states.runs_above(model))
    for name in JUDGED:
        setattr(analysis, name, None)
    for name, value in states.as_columns(states.estimate(model, heard.features, surroundings)).items():
        setattr(analysis, name, value)
    analysis.surroundings = around.as_json(surroundings)
    analysis.feature_version = FEATURES
    analysis.features = [float(value) for value in heard.features]
    analysis.verdict = "learning"  # until it is judged: no half of it is of yesterday
    return heard


def _learn(session: Session, machine_id: int) -> tuple[int, int]:
    """What the machine lacks for today's features; how many baselines could not be read, and were made."""
    machine = queries.lock_machine(session, machine_id)
    unreadable = refitting.retire_unreadable(session, machine_id)
    if states.learn(session, machine_id) is None:
        return unreadable, 0
    made = 0
    for run_state in learning.states_with_clips(session, machine_id, feature_version=FEATURES):
        if learning.active_baseline(session, machine_id, run_state, features=FEATURES) is None:
            made += refitting.refit(session, machine, run_state) is not None
    return unreadable, made


def _judge(
    session: Session, machine_id: int, analysis_id: UUID, heard: analyses.Heard
) -> tuple[str, str] | None:
    """Judge what was heard; (before, after) where verdict or condition differ."""
    machine = queries.lock_machine(session, machine_id)
    analysis, clip = _locked(session, analysis_id)
    former_ones = learning.former_results(session, analysis.id)
    if not former_ones:
        return None  # it was not assessable and is not now
    before = _short(former_ones[0].result["verdict"], former_ones[0].result["condition"])
    if heard.features is None:
        return (before, "not_assessable") if before != "not_assessable" else None
    known = analyses.look_up(session, machine, analysis.heard_at, heard.features)
    learnable = analysis.learnable
    analyses.write(analysis, clip, heard, known, samples=lambda: analyses.hear(analysis, clip).samples)
    if (analysis.decision or {}).get("action") == "raise":
        consequences.found_over_time(analysis)
    # What people and alarms have kept from learning stays kept from it.
    analysis.learnable = analysis.learnable and learnable
    after = _short(analysis.verdict, analysis.condition)
    return None if before == after else (before, after)


def former(analysis: Analysis) -> dict[str, Any]:
    """The result as it is, as JSON."""
    result = {name: getattr(analysis, name) for name in RESULT}
    return {name: str(value) if isinstance(value, UUID) else value for name, value in result.items()}


def _locked(session: Session, analysis_id: UUID) -> tuple[Analysis, Clip]:
    analysis = session.get_one(Analysis, analysis_id, with_for_update=True)
    return analysis, session.get_one(Clip, analysis.clip_id)


def _short(verdict: str | None, condition: str | None) -> str:
    return condition if verdict == "anomalous" and condition else str(verdict)
