"""What people say of results, and what follows from it."""

from uuid import UUID

import pytest
from hearing import fetch, hear, hum, teach
from sqlalchemy import func, select, update

from people import FleetFixture, Person, make_person
from signalcraft.acoustics.learning import labels, training
from signalcraft.acoustics.learning.models import Baseline, Label, TrainingRun
from signalcraft.acoustics.learning.schemas import LabelIn, LabelOut
from signalcraft.acoustics.models import Analysis
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError, ForbiddenError, InvalidInputError, NotFoundError
from signalcraft.realtime.models import OutboxEvent

pytestmark = pytest.mark.usefixtures("quick_learners")


def label(person: Person, analysis_id: UUID, verdict: str, **more: str) -> tuple[LabelOut, list[int]]:
    with unit_of_work() as session:
        return labels.add(
            session,
            person.principal,
            analysis_id,
            LabelIn(verdict=verdict, **more),  # type: ignore[arg-type]
        )


def alarmed(fleet: FleetFixture) -> Analysis:
    """A machine that was learned and has an alarm open; its newest result."""
    teach(fleet.device)
    for seed in range(3):
        found = hear(fleet.device, hum(1000 + seed, extra=0.3))
    with unit_of_work() as session:
        assert session.scalar(select(Alarm.state)) == "active_unacknowledged"
    return found


def test_a_false_alarm_ends_with_its_reason_and_its_clips_are_learned(
    fleet: FleetFixture, owner: Person
) -> None:
    found = alarmed(fleet)
    with unit_of_work() as session:
        kept_away = session.scalar(select(func.count()).where(Analysis.learnable.is_(False)))
    assert kept_away == 23, "what was heard shortly before an alarm is not learned either"
    told, closed = label(owner, found.id, "dismiss", reason="the radio was on")
    assert (told.condition, told.author, closed) == ("healthy", owner.username, [1])
    with unit_of_work() as session:
        alarm = session.scalars(select(Alarm)).one()
        last = session.scalars(select(AlarmTransition).order_by(AlarmTransition.id.desc())).first()
        events = session.scalars(select(OutboxEvent.type).order_by(OutboxEvent.id.desc()).limit(6)).all()
        runs = session.scalars(select(TrainingRun.kind).order_by(TrainingRun.id)).all()
    assert alarm.state == "cleared"
    assert last is not None
    assert (last.kind, last.comment, last.user_id) == (
        "dismissed",
        "the radio was on",
        owner.principal.user_id,
    )
    assert {"alarm.cleared", "label.added", "machine.changed"} <= set(events)
    assert fetch(found.id).learnable
    assert runs == ["baseline", "head"]

    # The same again does not ring, and is learned; what is clearly worse does.
    again = hear(fleet.device, hum(1010, extra=0.3))
    assert (again.verdict, again.learnable) == ("anomalous", True)
    assert again.decision is not None
    assert again.decision["accepted"]
    with unit_of_work() as session:
        with_it = {"ratio": 0.1, "verdict": "anomalous", "condition": found.condition}
        session.execute(update(Label).values(result=with_it))
    assert hear(fleet.device, hum(1011, extra=0.3)).learnable is False


def test_what_was_fixed_ends_the_alarm_and_stays_unlearned(fleet: FleetFixture, owner: Person) -> None:
    found = alarmed(fleet)
    told, closed = label(owner, found.id, "fixed")
    assert (told.condition, len(closed)) == (found.condition, 1)
    assert not fetch(found.id).learnable


def test_watching_takes_the_alarm_in_hand(fleet: FleetFixture, owner: Person) -> None:
    found = alarmed(fleet)
    _, closed = label(owner, found.id, "watch", reason="I listen tomorrow")
    with unit_of_work() as session:
        assert session.scalar(select(Alarm.state)) == "active_acknowledged"
    assert closed == []


def test_a_correction_names_the_alarm_and_the_former_label_stays(fleet: FleetFixture, owner: Person) -> None:
    found = alarmed(fleet)
    label(owner, found.id, "confirm")
    label(owner, found.id, "correct", condition="fan_fault", reason="a blade was bent")
    with unit_of_work() as session:
        history = labels.of_analysis(session, owner.principal, found.id)
        assert session.scalar(select(Alarm.condition)) == "fan_fault"
        with pytest.raises(InvalidInputError):
            labels.add(session, owner.principal, found.id, LabelIn(verdict="correct"))
        with pytest.raises(InvalidInputError):
            labels.add(session, owner.principal, found.id, LabelIn(verdict="correct", condition="ghost"))
        with pytest.raises(InvalidInputError):
            labels.add(session, owner.principal, found.id, LabelIn(verdict="dismiss", condition="friction"))
    assert [(one.verdict, one.superseded) for one in history] == [("correct", False), ("confirm", True)]
    assert history[0].result["verdict"] == "anomalous"
    assert history[0].result["versions"]["baseline"] == found.baseline_id


def test_only_those_who_work_there_label_what_was_judged(
    fleet: FleetFixture, owner: Person, stranger: Person
) -> None:
    viewer = make_person("viewer", shops={fleet.shop.id: "viewer"})
    found = hear(fleet.device, hum(1))
    silent = hear(fleet.device, bytes(64_000))
    with pytest.raises(ForbiddenError):
        label(viewer, found.id, "confirm")
    with pytest.raises(NotFoundError):
        label(stranger, found.id, "confirm")
    with pytest.raises(ConflictError):
        label(owner, silent.id, "confirm")
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Label)) == 0


def test_training_is_done_once_and_told(fleet: FleetFixture, owner: Person) -> None:
    teach(fleet.device)
    with unit_of_work() as session:
        run = training.ask(session, "baseline", machine=fleet.machine, requested_by=owner.principal.user_id)
        again = training.ask(session, "baseline", machine=fleet.machine, requested_by=None)
    assert again.id == run.id
    training.work_on(run.id)
    training.work_on(run.id)
    with unit_of_work() as session:
        done = session.get_one(TrainingRun, run.id)
        newest = session.scalars(select(Baseline).order_by(Baseline.version.desc())).first()
        steps = session.scalars(
            select(OutboxEvent.payload)
            .where(OutboxEvent.type == "training.progress")
            .order_by(OutboxEvent.id)
        ).all()
    assert (done.state, done.progress) == ("done", 1.0)
    assert newest is not None
    assert newest.version == 2
    assert newest.figures is not None
    assert newest.figures["healthy_clips"] == 0, "nothing was judged before"
    progress = [step["run"]["progress"] for step in steps]
    assert progress == sorted(progress)
    assert [step["run"]["state"] for step in steps][-1] == "done"
