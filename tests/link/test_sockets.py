"""Nodes that stay connected: acknowledged once stored, told what to do, refused when they make no sense."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from time import monotonic, sleep
from typing import Any

import pytest
from sqlalchemy import func, select, text
from starlette.testclient import TestClient, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet import commands
from signalcraft.fleet.models import Device, DeviceState
from signalcraft.link import connections
from signalcraft.link.app import PATH, create_app
from signalcraft.ratelimits.counters import get_counters
from signalcraft.ratelimits.policy import limits_in_force
from signalcraft.settings import Settings, get_settings
from signalcraft.telemetry.models import Reading

NAME = "AA:BB:CC:DD:EE:FF"


@pytest.fixture
def link(settings: Settings, database: None) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


@contextmanager
def node(link: TestClient, name: str = NAME, **told: Any) -> Iterator[WebSocketTestSession]:
    """A node that has introduced itself."""
    with link.websocket_connect(PATH) as socket:
        socket.send_json({"type": "device_info", "device_id": name, **told})
        assert socket.receive_json()["type"] == "hello"
        yield socket


def reading(name: str = NAME, **changes: Any) -> dict[str, Any]:
    return {
        "type": "sensor_data",
        "device_id": name,
        "timestamp": 63_000,
        "temperature": -18.5,
        "vibration": {"x": 0.1, "y": 0.2, "z": 9.8},
        "power_consumption": 42.5,
        "audio_level": 130,
    } | changes


def eventually(there: Callable[[], bool]) -> None:
    end = monotonic() + 10
    while not there():
        assert monotonic() < end
        sleep(0.05)


def stored() -> list[Reading]:
    with unit_of_work() as session:
        return list(session.scalars(select(Reading).order_by(Reading.measured_at)))


def test_the_old_firmware_is_acknowledged_once_its_reading_is_stored(link: TestClient) -> None:
    info = {
        "firmware_version": "1.0.0",
        "hardware_version": "ESP32_v1",
        "sensors": {"microphone": True},
        "capabilities": {"ota_update": True},
    }
    with node(link, **info) as socket:
        for seconds in (63, 64):
            socket.send_json(reading(timestamp=seconds * 1000))
            assert socket.receive_json() == {
                "type": "sensor_data_received",
                "device_id": NAME,
                "status": "success",
                "timestamp": seconds * 1000,
            }
    first, second = stored()
    assert second.measured_at - first.measured_at == timedelta(seconds=1)
    assert abs(first.measured_at - utc_now()) < timedelta(seconds=30)
    assert (first.temperature_c, first.power_percent) == (-18.5, 42.5)


def test_a_reading_sent_again_is_acknowledged_again_and_stored_once(link: TestClient) -> None:
    counted = reading(boot_id=77, sequence=5, uptime_ms=9000)
    del counted["timestamp"]
    timed = reading(measured_at="2026-09-21T06:00:00Z")
    del timed["timestamp"]
    for _ in range(2):
        with node(link) as socket:
            socket.send_json(counted)
            assert socket.receive_json()["sequence"] == 5
            socket.send_json(timed)
            assert socket.receive_json()["measured_at"] == "2026-09-21T06:00:00Z"
    rows = stored()
    assert (len(rows), rows[0].measured_at) == (2, datetime(2026, 9, 21, 6, tzinfo=UTC))


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ("{", "truncated"),
        ("[]", "object"),
        ('{"type": "sensor_data"}', "device_id"),
        ('{"type": "unheard_of", "device_id": "A"}', "type"),
        (json.dumps(reading(temperature="cold")), "temperature"),
        (json.dumps(reading(humidity=1)), "humidity"),
        (json.dumps(reading(timestamp=None)), "timestamp"),
        (json.dumps(reading(measured_at=5)), "before 2000"),
        (json.dumps(reading("OTHER")), "another device"),
    ],
)
def test_what_cannot_be_read_is_answered_and_the_next_message_is_taken(
    link: TestClient, message: str, words: str
) -> None:
    with node(link) as socket:
        socket.send_text(message)
        answer = socket.receive_json()
        assert answer["type"] == "error"
        assert words in json.dumps(answer)
        socket.send_bytes(b"\x00\x01")
        assert socket.receive_json()["type"] == "error"
        socket.send_json(reading())
        assert socket.receive_json()["type"] == "sensor_data_received"
    assert len(stored()) == 1


def test_who_sends_only_nonsense_is_closed(link: TestClient) -> None:
    with link.websocket_connect(PATH) as socket:
        for _ in range(20):
            socket.send_text("GET / HTTP/1.1")
            assert socket.receive_json()["type"] == "error"
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == connections.POLICY


def test_a_socket_on_which_nobody_speaks_is_closed(link: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "FIRST_MESSAGE_SECONDS", 0.0)
    with link.websocket_connect(PATH) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert (closed.value.code, closed.value.reason) == (connections.POLICY, "silent for too long")


def test_a_node_too_many_is_told_when_to_come_back(link: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signalcraft.link.sockets.CONNECTIONS_LIMIT", 0)
    with link.websocket_connect(PATH) as socket, pytest.raises(WebSocketDisconnect) as closed:
        socket.receive_json()
    assert closed.value.code == connections.TRY_LATER
    assert closed.value.reason.startswith("reconnect_after_ms=")


def test_two_nodes_under_one_name_are_shown_as_a_conflict(link: TestClient) -> None:
    with node(link) as first, node(link) as second:
        for place, socket in enumerate((first, second, first)):
            socket.send_json(reading(measured_at=1_790_000_000 + place))
            assert socket.receive_json()["type"] == "sensor_data_received"

        def noted() -> bool:
            with unit_of_work() as session:
                return session.scalars(select(Device.id_conflict_at)).one() is not None

        eventually(noted)
    with unit_of_work() as session:
        events = session.scalar(text("SELECT count(*) FROM outbox WHERE type = 'device.conflict'"))
    assert events == 1


def test_a_node_that_comes_back_is_no_conflict(link: TestClient) -> None:
    for place in range(2):
        with node(link) as socket:
            socket.send_json(reading(measured_at=1_790_000_000 + place))
            socket.receive_json()
    sleep(0.5)
    with unit_of_work() as session:
        assert session.scalars(select(Device.id_conflict_at)).one() is None


def test_what_a_node_tells_of_itself_is_kept(link: TestClient) -> None:
    with node(link, firmware_version="1.2.0", hardware_version="ESP32_v2", boot_id=9) as socket:
        socket.send_json(
            {
                "type": "heartbeat",
                "device_id": NAME,
                "timestamp": 1,
                "boot_id": 9,
                "uptime": 70_000,
                "free_heap": 120_000,
                "wifi_rssi": -61,
            }
        )

        def kept() -> bool:
            with unit_of_work() as session:
                state = session.scalars(select(DeviceState)).one_or_none()
                return state is not None and (state.rssi_dbm, state.free_heap_bytes) == (-61, 120_000)

        eventually(kept)
    with unit_of_work() as session:
        device = session.scalars(select(Device)).one()
    assert (device.firmware_version, device.hardware_version) == ("1.2.0", "ESP32_v2")


def test_a_command_reaches_the_node_and_its_word_is_kept(link: TestClient, fleet: FleetFixture) -> None:
    with node(link, fleet.device.device_id) as socket:
        with unit_of_work() as session:
            device = session.get_one(Device, fleet.device.id)
            command = commands.queue(
                session, device, "calibrate", {}, expires_in=timedelta(hours=1), user_id=None
            )
        assert socket.receive_json() == {"type": "calibrate", "command_id": command.id}
        socket.send_json(
            {
                "type": "command_ack",
                "device_id": fleet.device.device_id,
                "command_id": command.id,
                "success": True,
            }
        )

        def confirmed() -> bool:
            with unit_of_work() as session:
                return session.get_one(type(command), command.id).state == "acknowledged"

        eventually(confirmed)


def test_many_nodes_share_commits(link: TestClient) -> None:
    with node(link, "A") as first, node(link, "B") as second:
        for place in range(20):
            for name, socket in (("A", first), ("B", second)):
                socket.send_json(reading(name, measured_at=1_790_000_000 + place))
        for socket in (first, second):
            for place in range(20):
                assert socket.receive_json()["measured_at"] == 1_790_000_000 + place
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == 40


def test_the_quota_of_messages_holds_on_a_socket(link: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    caches = (get_settings, limits_in_force, get_counters)
    monkeypatch.setenv("SIGNALCRAFT_RATE_LIMITS", "open_device=2/day")
    for cached in caches:
        cached.cache_clear()
    try:
        with node(link) as socket:  # its introduction is a message, too
            socket.send_json(reading(sequence=1))
            assert socket.receive_json()["type"] == "sensor_data_received"
            socket.send_json(reading(sequence=2))
            refusal = socket.receive_json()
        assert (refusal["type"], refusal["status"], refusal["sequence"]) == ("error", 429, 2)
        assert refusal["retry_after_s"] >= 1
        assert len(stored()) == 1
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()
