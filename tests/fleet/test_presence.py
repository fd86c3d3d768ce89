"""Which nodes are there, by each one's own rhythm, and what people are told of those that are not."""

from datetime import datetime, timedelta

import numpy as np
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from signalcraft.alarms.models import Alarm
from signalcraft.clock import EPOCH, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import state_queries, states
from signalcraft.fleet.light import device_status, offline_after
from signalcraft.fleet.models import Device, DeviceState, Listening, Machine
from signalcraft.notifications.models import Notification
from signalcraft.realtime.models import OutboxEvent
from signalcraft.telemetry import presence
from signalcraft.telemetry.columns import ABSENT, FIELDS, Columns


@pytest.fixture(autouse=True)
def noted_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "NOTE_INTERVAL_S", 0.0)
    presence.forget()


def deliver(
    device: Device, received_at: datetime, *, measured_at: datetime | None = None, boot: int = ABSENT
) -> None:
    """One delivery of one reading."""
    at = measured_at or received_at
    fields = np.full((1, len(FIELDS)), np.nan, np.float32)
    fields[0, 0] = -18.5
    nothing = np.full(1, None, object)
    columns = Columns(
        received_at=received_at,
        device=np.array([device.id], np.int32),
        measured_at_us=np.array([(at - EPOCH) // timedelta(microseconds=1)], np.int64),
        fields=fields,
        quality=nothing,
        extra=nothing,
        boot=np.array([boot], np.int64),
        sequence=np.full(1, ABSENT, np.int64),
    )
    with unit_of_work() as session:
        presence.note(session, columns)


def tell(session: Session, device: Device, told: states.Told) -> None:
    states.note(session, [(session.get_one(Device, device.id), told)])


def state_of(device: Device) -> DeviceState:
    with unit_of_work() as session:
        return session.get_one(DeviceState, device.id)


def silent_for(device: Device, seconds: float, *, listening: float = 86_400) -> None:
    """The node was last heard so long ago, and we have listened for so long."""
    now = utc_now()
    with unit_of_work() as session:
        session.execute(
            update(Device).where(Device.id == device.id).values(last_seen_at=now - timedelta(seconds=seconds))
        )
        session.merge(Listening(id=1, since=now - timedelta(seconds=listening), until=now))


def look() -> None:
    with unit_of_work() as session:
        presence.look(session)


@pytest.mark.parametrize("interval_s", [1, 20, 600])
def test_a_rhythm_is_learned_and_an_outage_is_not_part_of_it(fleet: FleetFixture, interval_s: int) -> None:
    at = utc_now() - timedelta(days=1)
    for _ in range(40):
        at += timedelta(seconds=interval_s)
        deliver(fleet.device, at)
    assert state_of(fleet.device).rhythm_s == pytest.approx(interval_s, rel=0.1)
    at += timedelta(hours=9)
    deliver(fleet.device, at)
    for _ in range(30):
        at += timedelta(seconds=interval_s)
        deliver(fleet.device, at)
    assert state_of(fleet.device).rhythm_s == pytest.approx(interval_s, rel=0.1)


def test_each_node_is_late_by_its_own_rhythm() -> None:
    now = utc_now()
    silent_s = {
        word: next(s for s in range(100_000) if device_status(now - timedelta(seconds=s), now, 600.0) == word)
        for word in ("late", "offline")
    }
    assert silent_s == {"late": 1801, "offline": 6001}
    assert offline_after(1.0) == timedelta(seconds=60)
    assert device_status(now - timedelta(seconds=301), now) == "offline"


def test_a_late_reading_does_not_replace_the_newest(fleet: FleetFixture) -> None:
    now = utc_now()
    deliver(fleet.device, now)
    deliver(fleet.device, now + timedelta(seconds=5), measured_at=now - timedelta(days=2))
    state = state_of(fleet.device)
    assert state.measured_at == now
    assert state.last_received_at == now + timedelta(seconds=5)
    assert state.temperature_c == pytest.approx(-18.5)


def test_starts_are_counted_by_boot_id_and_by_uptime(fleet: FleetFixture) -> None:
    now = utc_now()
    for second, boot in enumerate([7, 7, 8]):
        deliver(fleet.device, now + timedelta(seconds=second), boot=boot)
    # What an earlier start had kept comes late, and is no further start.
    deliver(fleet.device, now + timedelta(seconds=9), measured_at=now - timedelta(hours=1), boot=7)
    assert state_of(fleet.device).boot_count == 2
    with unit_of_work() as session:
        for uptime_ms in (5_000, 35_000, 1_000):  # the last one is after another start
            tell(session, fleet.device, states.Told(uptime_ms=uptime_ms))
        tell(session, fleet.device, states.Told(rssi_dbm=-71, free_heap_bytes=150_000))
    state = state_of(fleet.device)
    assert (state.boot_count, state.rssi_dbm, state.free_heap_bytes, state.uptime_ms) == (
        3,
        -71,
        150_000,
        1_000,
    )


def test_readings_do_not_wait_for_a_state_that_somebody_holds(fleet: FleetFixture) -> None:
    now = utc_now()
    deliver(fleet.device, now)
    presence.forget()
    with unit_of_work() as session:
        state_queries.lock_states(session, [fleet.device.id])
        deliver(fleet.device, now + timedelta(seconds=10))  # waiting would be for ever
    assert state_of(fleet.device).last_received_at == now
    deliver(fleet.device, now + timedelta(seconds=20))
    state = state_of(fleet.device)
    assert state.last_received_at == now + timedelta(seconds=20)
    assert state.rhythm_s == pytest.approx(0.8 * 30 + 0.2 * 10)  # both deliveries count


def test_people_are_told_as_a_node_falls_silent_and_comes_back(fleet: FleetFixture) -> None:
    look()
    for seconds in (120, 301, 0):
        silent_for(fleet.device, seconds)
        look()
        look()  # told once
    with unit_of_work() as session:
        events = session.scalars(
            select(OutboxEvent).where(OutboxEvent.type == "device.status").order_by(OutboxEvent.id)
        ).all()
    assert [event.payload["device"]["status"] for event in events] == ["late", "offline", "online"]
    assert {event.shop_id for event in events} == {fleet.shop.id}


def test_a_missing_node_rings_once_and_the_alarm_ends_when_it_is_back(fleet: FleetFixture) -> None:
    silent_for(fleet.device, 400)
    look()
    look()
    with unit_of_work() as session:
        [alarm] = session.scalars(select(Alarm)).all()
    assert (alarm.condition, alarm.severity, alarm.count) == ("device_offline", "high", 1)
    assert alarm.reading is not None
    assert alarm.reading["device_id"] == fleet.device.device_id
    assert alarm.reading["value"] == pytest.approx(400, abs=30)
    silent_for(fleet.device, 1)
    look()
    with unit_of_work() as session:
        [alarm] = session.scalars(select(Alarm)).all()
        told = session.scalars(select(Notification.text).order_by(Notification.id)).all()
    assert alarm.state == "cleared"
    assert told[-1]["en"].endswith("the sensor node is back.")


def test_while_we_were_down_the_silence_was_ours(fleet: FleetFixture) -> None:
    silent_for(fleet.device, 4000, listening=100)
    look()
    with unit_of_work() as session:
        assert session.scalars(select(Alarm)).all() == []
        session.execute(update(Listening).values(since=utc_now() - timedelta(seconds=301)))
    look()
    with unit_of_work() as session:
        assert len(session.scalars(select(Alarm)).all()) == 1
        session.execute(update(Listening).values(until=utc_now() - timedelta(seconds=90)))
    look()
    with unit_of_work() as session:
        assert utc_now() - session.scalars(select(Listening.since)).one() < timedelta(seconds=5)


def test_nobody_is_rung_for_a_node_that_nobody_has_claimed(fleet: FleetFixture) -> None:
    with unit_of_work() as session:
        session.execute(update(Machine).values(shop_id=None))
    silent_for(fleet.device, 4000)
    look()
    with unit_of_work() as session:
        assert session.scalars(select(Alarm)).all() == []


def test_every_answer_has_the_same_idea_of_online(
    api_client: FlaskClient, gateway_client: TestClient, fleet: FleetFixture, owner: Person, stranger: Person
) -> None:
    """A node that sends every ten minutes is online after seven, on screens and at the old addresses."""
    name = fleet.device.device_id
    with unit_of_work() as session:
        session.add(DeviceState(device_id=fleet.device.id, rhythm_s=600.0))
    silent_for(fleet.device, 400)
    headers = bearer(gateway_client, owner)
    card = api_client.get(f"/api/devices/{name}", headers=headers).get_json()["device"]
    overview = api_client.get("/api/dashboard/overview", headers=headers).get_json()
    [machine] = overview["shops"][0]["machines"]
    old = api_client.get(f"/api/esp32/status?device_id={name}").get_json()["device_status"]
    [listed] = api_client.get("/api/iot/devices", headers=headers).get_json()["devices"]
    assert (card["status"], card["late_after_s"]) == ("online", 1800)
    assert machine["device"]["status"] == "online"
    assert old["is_online"] is True
    assert (listed["is_online"], listed["status"]) == (True, "online")
    assert api_client.get("/api/devices", headers=headers).get_json()["devices"] == [card]
    theirs = bearer(gateway_client, stranger)
    assert api_client.get(f"/api/devices/{name}", headers=theirs).status_code == 404
