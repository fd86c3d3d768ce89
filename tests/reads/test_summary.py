"""The old dashboard's and the old server's questions: their shapes, and true figures in them."""

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from reading_side import Reader, reader
from sqlalchemy import text
from starlette.testclient import TestClient

from people import FleetFixture, Person
from signalcraft.alarms.models import Alarm
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.admission import Caller
from signalcraft.fleet.models import Device
from signalcraft.telemetry import presence, rollups
from signalcraft.telemetry.batches import of_reading
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.thresholds.models import Excursion
from signalcraft.telemetry.writer import get_writer

NOW = utc_now().replace(microsecond=0)
VALUES = {"temperature_c": -20.0, "power_percent": 45.0, "audio_level": 100.0}


@pytest.fixture
def caller(
    monkeypatch: pytest.MonkeyPatch, api_client: FlaskClient, gateway_client: TestClient, owner: Person
) -> Reader:
    monkeypatch.setattr(presence, "NOTE_INTERVAL_S", 0.0)
    return reader(api_client, gateway_client, owner)


def send(fleet: FleetFixture, ago: timedelta, **values: float) -> None:
    name = fleet.device.device_id
    batch = of_reading(name, ReadingIn(NOW - ago, values))
    assert get_writer().submit(batch, [Caller(name, None, None)]).result(10).stored == 1


def roll() -> None:
    for level in ("minute", "hour"):
        with unit_of_work() as session:
            session.execute(text("UPDATE rollup_marks SET noted_at = noted_at - interval '1 hour'"))
            rollups.roll(session, level)  # type: ignore[arg-type]


def alarm(fleet: FleetFixture, severity: str, *, days_ago: int, cleared: bool = False) -> None:
    at = NOW - timedelta(days=days_ago)
    with unit_of_work() as session:
        session.add(
            Alarm(
                machine_id=fleet.machine.id,
                condition=f"test_{severity}",
                severity=severity,
                state="cleared" if cleared else "active_unacknowledged",
                raised_at=at,
                last_seen_at=at,
                cleared_at=at if cleared else None,
                summary={"ko": "시험", "en": "Test"},
                advice={"ko": "시험", "en": "Test"},
            )
        )


def excursion(fleet: FleetFixture) -> None:
    with unit_of_work() as session:
        session.add(
            Excursion(
                device_id=fleet.device.id,
                name="temperature_high",
                field="temperature_c",
                severity="high",
                limit_value=5.0,
                since=NOW - timedelta(minutes=30),
                confirmed_at=NOW - timedelta(minutes=29),
                value=7.5,
            )
        )


def test_the_summary_counts_what_is_there(
    caller: Reader, fleet: FleetFixture, stranger: Person, owner: Person
) -> None:
    send(fleet, timedelta(days=9), **VALUES)
    send(fleet, timedelta(0), **VALUES | {"power_percent": 54.0})
    roll()
    alarm(fleet, "critical", days_ago=0)
    alarm(fleet, "low", days_ago=1)
    alarm(fleet, "high", days_ago=10, cleared=True)
    answer = caller.get("/api/dashboard/summary").get_json()
    overview = answer["summary"]["overview"]
    assert overview.pop("avg_uptime_percentage") is None, "nothing came in the last seven whole days"
    assert overview == {
        "total_stores": 1,
        "total_compressors": 1,
        "online_compressors": 1,
        "offline_compressors": 0,
        "critical_alerts": 1,
        "warning_alerts": 1,
        "total_energy_cost": None,
    }
    assert answer["summary"]["health_distribution"] == {
        "healthy": 1,
        "warning": 0,
        "critical": 0,
        "unknown": 0,
    }
    assert answer["summary"]["recent_trends"]["alert_trend"] == 0.0
    assert answer["energy_data"]["values"] == [54.0]
    assert answer["device_status"] == {"online": 1, "late": 0, "offline": 0, "maintenance": None, "error": 0}
    assert caller.get(f"/api/dashboard/summary?store_id={fleet.shop.id}").get_json()["success"]
    [other] = stranger.principal.shop_roles
    for path in (f"summary?store_id={other}", f"stores/{other}", f"analytics?store_id={other}"):
        assert caller.get(f"/api/dashboard/{path}").status_code == 404


def test_a_silent_machine_has_no_health(caller: Reader, fleet: FleetFixture) -> None:
    send(fleet, timedelta(0), **VALUES)
    with unit_of_work() as session:
        session.get_one(Device, fleet.device.id).last_seen_at = NOW - timedelta(days=1)
    answer = caller.get("/api/dashboard/summary").get_json()
    assert answer["device_status"]["offline"] == 1
    assert answer["summary"]["health_distribution"]["unknown"] == 1
    health = caller.get(f"/api/iot/sensors/health/{fleet.device.device_id}").get_json()["health"]
    assert (health["status"], health["temperature_status"], health["overall_health"]) == (
        "offline",
        "offline",
        None,
    )


def test_shops_and_devices_as_the_old_dashboard_listed_them(caller: Reader, fleet: FleetFixture) -> None:
    send(fleet, timedelta(0), **VALUES)
    alarm(fleet, "high", days_ago=0)
    store = {
        "store_id": fleet.shop.id,
        "store_name": fleet.shop.name,
        "devices": 1,
        "online": 1,
        "machines": 1,
        "open_alarms": 1,
    }
    listed = caller.get("/api/dashboard/stores").get_json()
    assert (listed["stores"], listed["count"]) == ([store], 1)
    assert caller.get(f"/api/dashboard/stores/{fleet.shop.id}").get_json()["store"] == store
    [device] = caller.get("/api/dashboard/devices").get_json()["devices"]
    assert (device["health_score"], device["health_band"]) == (pytest.approx(96.7), "healthy")
    assert caller.get(f"/api/dashboard/devices/{fleet.device.device_id}").get_json()["device"] == device
    assert caller.get("/api/dashboard/devices/ESP32_MIC_0099").status_code == 404


def test_analytics_by_day(caller: Reader, fleet: FleetFixture) -> None:
    for days in range(4):
        send(fleet, timedelta(days=days), temperature_c=-20.0 + days)
    roll()
    excursion(fleet)
    answer = caller.get("/api/dashboard/analytics?days=5").get_json()
    assert answer["analytics"]["temperature"]["values"] == [-17.0, -18.0, -19.0, -20.0]
    assert sum(answer["analytics"]["anomaly"]["values"]) == 1
    assert answer["trends"] == [{"field": "temperature_c", "per_day": -1.0}]
    assert answer["patterns"] == [{"name": "temperature_high", "count": 1, "devices": 1}]
    assert [day["readings"] for day in answer["performance"]] == [1, 1, 1, 1]


def test_sensors_as_the_old_server_told_of_them(caller: Reader, fleet: FleetFixture) -> None:
    name = fleet.device.device_id
    send(fleet, timedelta(seconds=1), **VALUES)
    send(fleet, timedelta(0), temperature_c=-127.0, power_percent=75.0)
    roll()
    excursion(fleet)
    health = get(caller, f"/api/iot/sensors/health/{name}")["health"]
    assert health | {"last_seen": None} == {
        "status": "warning",
        "last_seen": None,
        "uptime": None,
        "data_quality": 0.5,
        "anomaly_count": 1,
        "temperature_status": "error",
        "vibration_status": "error",
        "power_status": "warning",
        "audio_status": "error",
        "overall_health": None,
    }
    assert get(caller, "/api/iot/sensors/health") == {"success": True, "devices": {name: health}, "count": 1}
    [anomaly] = get(caller, f"/api/iot/sensors/anomalies?device_id={name}")["anomalies"]
    assert (anomaly["anomaly_type"], anomaly["sensor_data"]) == (
        "temperature_high",
        {"temperature_c": 7.5, "limit": 5.0},
    )
    found = get(caller, f"/api/iot/sensors/statistics/{name}?date={NOW:%Y-%m-%d}")["statistics"]
    assert (found["avg_temperature"], found["max_power_consumption"]) == (-20.0, 75.0)
    assert (found["total_readings"], found["anomaly_count"]) == (2, 1)
    assert caller.get(f"/api/iot/sensors/statistics/{name}?date=2020-01-01").status_code == 404
    assert caller.get(f"/api/iot/sensors/statistics/{name}?date=soon").status_code == 422
    status = get(caller, "/api/iot/sensors/status")["system_status"]
    assert (status["monitoring"]["total_devices"], status["monitoring"]["warning_devices"]) == (1, 1)
    assert status["database"] is None, "administrators only"


def test_an_administrator_sees_what_the_database_holds(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person
) -> None:
    status = get(reader(api_client, gateway_client, admin), "/api/iot/sensors/status")["system_status"]
    assert status["database"]["database_size_bytes"] > 1_000_000
    assert status["database"]["devices"] == 0
    assert not status["monitoring"]["is_monitoring"]


def get(caller: Reader, path: str) -> dict[str, Any]:
    answer = caller.get(path)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.get_json()
    return document
