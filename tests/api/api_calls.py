"""What the tests of the machines' tier send, and what they look at afterwards."""

from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from people import Person, sign_in
from signalcraft.db.session import unit_of_work

PCM_HEADERS = {
    "X-Device-ID": "ESP32_MIC_0042",
    "X-Sample-Rate": "16000",
    "X-Bits-Per-Sample": "16",
    "X-Priority": "normal",
}


def signed_in(person: Person) -> dict[str, str]:
    """Headers of a program that is signed in as this person."""
    return {"Authorization": f"Bearer {sign_in(person.username, person.password).access_token}"}


def upload(client: FlaskClient, pcm: bytes, **changes: str | None) -> TestResponse:
    """Send PCM as a node does; `changes` replace headers (`X_Sample_Rate="8000"`), None leaves one out."""
    headers = PCM_HEADERS | {name.replace("_", "-"): value for name, value in changes.items()}  # type: ignore[dict-item]
    given = {name: value for name, value in headers.items() if value is not None}
    return client.post(
        "/api/esp32/audio/upload", data=pcm, headers=given, content_type="application/octet-stream"
    )


def sensor_data(**changes: Any) -> dict[str, Any]:
    """One message of an HTTP sensor client, with some fields replaced."""
    return {
        "device_id": "FREEZER_7",
        "timestamp": 1_790_000_000.5,
        "temperature": -18.5,
        "vibration": {"x": 0.1, "y": 0.2, "z": 1.0},
        "power_consumption": 42,
        "audio_level": 130,
    } | changes


def stored() -> dict[str, int]:
    """How many rows the tables that nodes fill have."""
    tables = ("devices", "machines", "clips", "clip_fragments", "analyses", "readings", "outbox")
    with unit_of_work() as session:
        counts = {
            table: session.scalar(text(f"SELECT count(*) FROM {table}"))  # noqa: S608
            for table in tables
        }
    return {table: count for table, count in counts.items() if count}


def assert_problem(answer: TestResponse, status: int, field: str) -> None:
    """The answer is a problem document that names the field in the caller's words."""
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem = answer.get_json()
    assert problem["success"] is False
    assert problem["request_id"] == answer.headers["X-Request-ID"]
    assert field in [error["field"] for error in problem["errors"]], problem
