"""Lone readings over HTTP at the nodes' tier: the usual ones are stored, all others are handed on."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from starlette.testclient import TestClient

from people import FleetFixture
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.link import readings
from signalcraft.link.app import create_app
from signalcraft.operations.tiers import FULL_HANDLER, READING_PATH
from signalcraft.ratelimits.counters import get_counters
from signalcraft.ratelimits.policy import limits_in_force
from signalcraft.settings import Settings, get_settings
from signalcraft.telemetry.models import Reading


@pytest.fixture
def link(settings: Settings, database: None) -> Iterator[TestClient]:
    with TestClient(create_app(settings), client=("203.0.113.7", 4000)) as client:
        yield client


def message(**changes: Any) -> dict[str, Any]:
    return {
        "device_id": "FREEZER_7",
        "timestamp": 1_790_000_000.123457,
        "temperature": -18.5,
        "vibration": {"x": 0.1, "y": 0.2, "z": 1.0},
        "power_consumption": 42,
        "audio_level": None,
    } | changes


def is_handed_on(answer: Any) -> bool:
    return answer.status_code == 421 and answer.headers["X-Accel-Redirect"] == FULL_HANDLER


def stored() -> list[Reading]:
    with unit_of_work() as session:
        return list(session.scalars(select(Reading)))


def test_both_tiers_answer_alike_and_store_it_once(link: TestClient, api_client: FlaskClient) -> None:
    ours = link.post(READING_PATH, json=message(), headers={"X-Request-ID": "node-0001"})
    theirs = api_client.post(READING_PATH, json=message(), headers={"X-Request-ID": "node-0001"})
    assert (ours.status_code, theirs.status_code) == (200, 200)
    assert ours.json().keys() == theirs.get_json().keys()
    assert {name.lower() for name in ours.headers} == {name.lower() for name, _ in theirs.headers}
    varying = {"ratelimit", "content-length", "vary"}
    for name, value in ours.headers.items():
        assert name in varying or theirs.headers[name] == value, name
    [reading] = stored()
    assert (reading.temperature_c, reading.power_percent, reading.audio_level) == (-18.5, 42.0, None)
    assert reading.sensor_quality == 1.0


@pytest.mark.parametrize(
    "request_",
    [
        {"json": message(temperature="warm")},
        {"json": message(humidity=40)},
        {"json": message(timestamp=12)},
        {"json": message(device_id="a b")},
        {"json": message(audio_level="x" * 5000)},
        {"json": message(), "headers": {"Origin": "https://shop.example"}},
        {"json": message(), "headers": {"Content-Type": "text/plain"}},
        {"json": message(), "headers": {"X-Device-Key": "sck_wrong"}},
        {"content": b'{"device_id":"N1"', "headers": {"Content-Type": "application/json"}},
    ],
)
def test_what_is_not_usual_or_not_let_in_is_handed_on(link: TestClient, request_: dict[str, Any]) -> None:
    assert is_handed_on(link.post(READING_PATH, **request_))
    assert is_handed_on(link.get(READING_PATH))
    assert stored() == []


def test_the_device_s_key_decides(link: TestClient, fleet: FleetFixture) -> None:
    with unit_of_work() as session:
        session.scalars(select(Device).where(Device.id == fleet.device.id)).one().admission = "key"
    assert is_handed_on(link.post(READING_PATH, json=message(device_id=fleet.device.device_id)))
    assert stored() == []


def test_one_too_many_is_asked_to_come_back(link: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings, "AT_ONCE", 0)
    answer = link.post(READING_PATH, json=message(), headers={"X-Request-ID": "node-0001"})
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["request_id"] == "node-0001"
    assert stored() == []


def test_quotas_hold_here_as_in_the_api_tier(
    link: TestClient, api_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNALCRAFT_RATE_LIMITS", "open_device=2/day")
    caches = (get_settings, limits_in_force, get_counters)
    for cached in caches:
        cached.cache_clear()
    try:
        there = {"X-Forwarded-For": "203.0.113.7"}
        assert api_client.post(READING_PATH, json=message(), headers=there).status_code == 200
        answers = [link.post(READING_PATH, json=message()) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 429]
        assert answers[1].headers["RateLimit"].startswith('"open_device";r=0;t=')
        assert int(answers[1].headers["Retry-After"]) >= 1
    finally:
        monkeypatch.undo()
        for cached in caches:
            cached.cache_clear()
