"""The classifier of conditions that people's labels train: made, tried in the shadow, promoted or dropped.

There is one for all machines: it learns deviations from each machine's own baseline, not sounds.
"""

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import fitting, label_queries, queries, trials
from signalcraft.acoustics.learning.models import Baseline, Head
from signalcraft.acoustics.learning.refitting import decide
from signalcraft.acoustics.models import Analysis
from signalcraft.anomaly import BaselineError
from signalcraft.anomaly.diagnosis import indicators, learned_v1
from signalcraft.anomaly.diagnosis.combined import diagnose
from signalcraft.anomaly.diagnosis.findings import Diagnosis
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.dsp.features import FEATURE_SETS
from signalcraft.logging import get_logger

log = get_logger(__name__)

LABELS_LIMIT = 2_000
"""Newest labels that a head learns from: the kernel of so many is 32 MB."""
PAST_LIMIT = 300
"""Past results that a new head is compared on; some 2 ms each."""

_loaded: dict[tuple[int, datetime], learned_v1.Head] = {}
"""The head in use, by id and time of making."""


def in_use(session: Session) -> tuple[int, learned_v1.Head] | None:
    """The head that has a say in diagnoses, with its id."""
    head = queries.active_head(session, features=FEATURES)
    return None if head is None else (head.id, _load(head))


def train(session: Session, progress: Callable[[float], None]) -> dict[str, Any]:
    """Train a head on all labels, try it on past clips, promote it if the rule lets it; what came of it."""
    rows = label_queries.labelled_clips(session, feature_version=FEATURES, limit=LABELS_LIMIT)
    vectors = [_deviations(analysis, baseline) for analysis, _, baseline in rows]
    labels = [condition for _, condition, _ in rows]
    machines = [analysis.machine_id for analysis, _, _ in rows]
    progress(0.3)
    try:
        fitted = learned_v1.fit_head(np.array(vectors).reshape(len(rows), -1), labels, machines)
    except BaselineError as error:
        return {"reason": str(error), "labels": len(rows)}
    progress(0.6)
    active = queries.active_head(session, features=FEATURES)
    figures = _figures(session, fitted, active, rows)
    for waiting in queries.heads_standing(session, "shadow"):
        decide(waiting, "dropped", rule="replaced")
    head = Head(
        version=queries.newest_head_version(session) + 1,
        status="shadow",
        method=learned_v1.NAME,
        features=FEATURES,
        arrays=fitted.to_bytes(),
        figures=figures,
        made_from={
            "labels": len(rows),
            "machines": len(set(machines)),
            "conditions": dict(Counter(labels)),
            "left_out": list(fitted.figures.left_out),
        },
    )
    session.add(head)
    session.flush()
    if trials.head_may_judge(figures):
        promote(session, head, rule="as_good_on_labelled_clips")
    log.info("head_trained", version=head.version, status=head.status, labels=len(rows))
    return {"version": head.version, "status": head.status, "labels": len(rows)}


def promote(
    session: Session,
    head: Head,
    *,
    rule: str | None = None,
    person: str | None = None,
    reason: str | None = None,
) -> None:
    """Let it have a say from now on; the one before it retires."""
    for former in queries.heads_standing(session, "active"):
        if former is not head:
            decide(former, "retired", rule="replaced")
    session.flush()  # at most one is active at any moment
    decide(head, "active", rule=rule, person=person, reason=reason)
    session.flush()


def _figures(session: Session, fitted: learned_v1.Head, active: Head | None, rows: Any) -> dict[str, Any]:
    told = fitted.figures
    if active is None:
        right = sum(
            _diagnosis(analysis, baseline, None).condition == condition
            for analysis, condition, baseline in rows
        )
        old, old_is = right / len(rows), "physics"
    else:
        # It has learned these labels, so on them it would flatter itself: its own cross-validation counts.
        old, old_is = active.figures["accuracy"]["new"], f"head {active.version}"
    return {
        "labels": told.n_examples,
        "machines": told.n_machines,
        "grouped_by_machine": told.grouped_by_machine,
        "accuracy": {"old": old, "new": told.accuracy},
        "old": old_is,
        "balanced_accuracy": told.balanced_accuracy,
        "macro_f1": told.macro_f1,
        "per_condition": {
            name: {"precision": precision, "recall": recall, "clips": clips}
            for name, (precision, recall, clips) in told.per_class.items()
        },
        "past": _past(session, fitted, active),
    }


def _past(session: Session, fitted: learned_v1.Head, active: Head | None) -> dict[str, Any]:
    """In the shadow: what it would have said of past results, beside what the present one says."""
    old_head = _load(active) if active is not None else None
    changes: Counter[str] = Counter()
    clips = label_queries.anomalous_clips(session, feature_version=FEATURES, limit=PAST_LIMIT)
    for analysis, baseline in clips:
        old = _diagnosis(analysis, baseline, old_head).condition
        new = _diagnosis(analysis, baseline, fitted).condition
        if old != new:
            changes[f"{old} > {new}"] += 1
    return {"clips": len(clips), "changed": sum(changes.values()), "changes": dict(changes.most_common(8))}


def _deviations(analysis: Analysis, baseline: Baseline) -> NDArray[np.float64]:
    loaded = fitting.load(baseline)
    return indicators.measure(
        np.array(analysis.features, dtype=np.float64),
        loaded.fitted,
        FEATURE_SETS[FEATURES].names(),
        around.from_json(analysis.surroundings),
        loaded.surroundings,
    ).deviations


def _diagnosis(analysis: Analysis, baseline: Baseline, head: learned_v1.Head | None) -> Diagnosis:
    loaded = fitting.load(baseline)
    return diagnose(
        np.array(analysis.features, dtype=np.float64),
        loaded.fitted,
        FEATURE_SETS[FEATURES].names(),
        around.from_json(analysis.surroundings),
        usual_surroundings=loaded.surroundings,
        head=head,
    )


def _load(head: Head) -> learned_v1.Head:
    key = (head.id, head.created_at)
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = learned_v1.Head.from_bytes(head.arrays)
    return _loaded[key]
