"""Somebody takes an alarm in hand: who it was, and what they accepted."""

from concurrent.futures import ThreadPoolExecutor
from time import sleep

from people import FleetFixture, Person
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.alarms import service
from signalcraft.alarms.models import Alarm
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work

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
