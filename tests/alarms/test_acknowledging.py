"""Somebody takes an alarm in hand: who it was, and what they accepted."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from sqlalchemy import select

from people import FleetFixture, Person
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.alarms import service
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.realtime.models import OutboxEvent

TEXT = {"ko": "소리가 다릅니다", "en": "It sounds different"}


def evidence(fleet: FleetFixture) -> service.Evidence:
    now = utc_now()
    with unit_of_work() as session:
        clip = Clip(
            machine_id=fleet.machine.id,
            source="node",
            received_at=now,
            object_key=f"clips/{now.timestamp()}",
            media_type="audio/flac",
            size_bytes=1,
            sha256=b"x",
        )
        session.add(clip)
        session.flush()
        analysis = Analysis(clip_id=clip.id, machine_id=fleet.machine.id, heard_at=now, claimable_at=now)
        session.add(analysis)
        session.flush()
    return service.Evidence(at=now, analysis_id=analysis.id, summary=TEXT, advice=TEXT)


def raise_alarm(fleet: FleetFixture, severity: str, why: service.Evidence) -> Alarm:
    with unit_of_work() as session:
        return service.raise_alarm(session, fleet.machine, condition="tonal", severity=severity, evidence=why)


def test_the_second_one_is_told_who_has_it_in_hand(fleet: FleetFixture, owner: Person, admin: Person) -> None:
    alarm = raise_alarm(fleet, "high", evidence(fleet))
    for person in (owner, admin):
        with unit_of_work() as session:
            answer = service.acknowledge(session, person.principal, alarm.id, comment=None)
        assert answer.acknowledged_by == owner.username


def test_who_accepted_the_lesser_alarm_a_moment_ago_has_not_accepted_the_graver(
    fleet: FleetFixture, owner: Person
) -> None:
    """The worker escalates while the acknowledgement is not committed yet."""
    alarm = raise_alarm(fleet, "high", evidence(fleet))
    graver = evidence(fleet)
    with ThreadPoolExecutor(1) as worker:
        with unit_of_work() as session:
            service.acknowledge(session, owner.principal, alarm.id, comment=None)
            session.flush()
            escalated = worker.submit(raise_alarm, fleet, "critical", graver)
            sleep(0.5)  # until it waits for our row
        escalated.result(10)
    with unit_of_work() as session:
        found = session.get_one(Alarm, alarm.id)
    assert (found.severity, found.state) == ("critical", "active_unacknowledged")
    assert found.acknowledged_by is None


def test_an_alarm_sharpens_and_who_has_it_keeps_it(fleet: FleetFixture, owner: Person) -> None:
    """A diagnosis that names the fault at last is no second alarm."""
    why = evidence(fleet)
    alarm = raise_alarm(fleet, "high", why)
    with unit_of_work() as session:
        service.acknowledge(session, owner.principal, alarm.id, comment=None)
    with unit_of_work() as session:
        again = service.raise_alarm(
            session,
            fleet.machine,
            condition="bearing_wear",
            severity="high",
            evidence=why,
            family={"tonal", "bearing_wear"},
        )
        kinds = session.scalars(select(AlarmTransition.kind).order_by(AlarmTransition.id)).all()
    assert (again.id, again.condition, again.count) == (alarm.id, "bearing_wear", 2)
    assert again.state == "active_acknowledged"
    assert kinds == ["raised", "acknowledged", "rediagnosed"]
    with unit_of_work() as session:
        told = session.scalars(
            select(OutboxEvent.payload).where(OutboxEvent.type == "alarm.rediagnosed")
        ).one()
    assert told["alarm"]["acknowledged_by"] == owner.username
