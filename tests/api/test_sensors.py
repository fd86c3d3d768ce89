"""Readings: stored once, judged, and refused by name when they are wrong."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api_calls import assert_problem, sensor_data, signed_in, stored
from flask.testing import FlaskClient
from sqlalchemy import select

from people import FleetFixture, Person
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry.models import Reading


def send(client: FlaskClient, **changes: Any) -> Any:
    return client.post("/api/iot/sensors/data", json=sensor_data(**changes))


def test_a_reading_is_stored_once_however_often_it_is_sent(api_client: FlaskClient) -> None:
    answers = [send(api_client) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert answers[0].get_json()["success"] is True
    with unit_of_work() as session:
        reading = session.scalars(select(Reading)).one()
    assert reading.measured_at == datetime.fromtimestamp(1_790_000_000.5, UTC)
    assert (reading.temperature_c, reading.vibration_z, reading.power_percent) == (-18.5, 1.0, 42.0)
    assert (reading.sensor_quality, reading.quality) == (1.0, None)


def test_sensor_faults_are_kept_as_faults(api_client: FlaskClient) -> None:
    body = (
        '{"device_id":"FREEZER_7","timestamp":"2026-09-21T15:00:00+09:00","temperature":-127.0,'
        '"vibration":{"x":nan,"y":0.5,"z":-inf},"power_consumption":101,"audio_level":null}'
    )
    answer = api_client.post("/api/iot/sensors/data", data=body, content_type="application/json")
    assert answer.status_code == 200, answer.text
    with unit_of_work() as session:
        reading = session.scalars(select(Reading)).one()
    assert reading.measured_at == datetime(2026, 9, 21, 6, tzinfo=UTC)
    assert (reading.temperature_c, reading.vibration_x, reading.vibration_y, reading.power_percent) == (
        None,
        None,
        0.5,
        None,
    )
    assert reading.quality == {
        "temperature_c": {"code": "bad", "reason": "sensor_disconnected", "raw": -127.0},
        "vibration_x": {"code": "bad", "reason": "unreadable_number", "raw": "nan"},
        "vibration_z": {"code": "bad", "reason": "unreadable_number", "raw": "-inf"},
        "power_percent": {"code": "bad", "reason": "out_of_range", "raw": 101.0},
    }


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device_id": None}, "device_id"),
        ({"device_id": "a b"}, "device_id"),
        ({"device_id": 12}, "device_id"),
        ({"timestamp": 86_400_000}, "timestamp"),  # millis() since boot
        ({"timestamp": 946_684_799}, "timestamp"),
        ({"timestamp": (utc_now() + timedelta(days=2)).timestamp()}, "timestamp"),
        ({"timestamp": "NaN"}, "timestamp"),
        ({"timestamp": "2026-01-01T00:00:00"}, "timestamp"),
        ({"timestamp": True}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"temperature": "-18.5"}, "temperature"),
        ({"temperature": "NaN"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"vibration": [0, 0, 1]}, "vibration"),
        ({"vibration": {"x": 0, "y": 0}}, "vibration.z"),
        ({"power_consumption": {}}, "power_consumption"),
        ({"audio_level": "loud"}, "audio_level"),
    ],
)
def test_wrong_values_are_named_and_store_nothing(
    api_client: FlaskClient, changes: dict[str, Any], field: str
) -> None:
    assert_problem(send(api_client, **changes), 422, field)
    assert stored() == {}


@pytest.mark.parametrize(
    "field", ["device_id", "timestamp", "temperature", "vibration", "power_consumption", "audio_level"]
)
def test_missing_fields_are_named(api_client: FlaskClient, field: str) -> None:
    body = sensor_data()
    del body[field]
    assert_problem(api_client.post("/api/iot/sensors/data", json=body), 422, field)


@pytest.mark.parametrize(
    ("body", "content_type", "status", "field"),
    [
        (b"", "application/json", 400, "body"),
        (b'{"device_id": ', "application/json", 400, "body"),
        (b"\xff\xfe", "application/json", 400, "body"),
        (b"[1, 2]", "application/json", 422, "body"),
        (b"device_id=1", "application/x-www-form-urlencoded", 415, "Content-Type"),
    ],
)
def test_malformed_bodies_store_nothing(
    api_client: FlaskClient, body: bytes, content_type: str, status: int, field: str
) -> None:
    answer = api_client.post("/api/iot/sensors/data", data=body, content_type=content_type)
    assert_problem(answer, status, field)
    assert stored() == {}


def test_history_is_newest_first_and_only_for_the_shop(
    api_client: FlaskClient, fleet: FleetFixture, owner: Person
) -> None:
    now = utc_now().timestamp()
    for age in (30, 20, 10, 3 * 3600):
        send(api_client, device_id=fleet.device.device_id, timestamp=now - age, temperature=-age / 1000)
    path = f"/api/iot/sensors/data/{fleet.device.device_id}"
    answer = api_client.get(f"{path}?hours=1&limit=2", headers=signed_in(owner)).get_json()
    assert [row["temperature"] for row in answer["data"]] == [-0.01, -0.02]
    assert (answer["count"], answer["time_range"]["hours"]) == (2, 1)
    assert api_client.get(f"{path}?hours=-1", headers=signed_in(owner)).status_code == 422
    unknown = api_client.get("/api/iot/sensors/data/NOBODY", headers=signed_in(owner))
    assert_problem(unknown, 404, "device_id")
