"""Nodes: what deployed firmware sends is taken, what is wrong is named and leaves no trace."""

import numpy as np
import pytest
from api_calls import PCM_HEADERS, assert_problem, signed_in, stored, upload
from flask.testing import FlaskClient
from sqlalchemy import select

from people import FleetFixture, Person
from signalcraft.acoustics.models import Clip
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device, Machine
from signalcraft.settings import Settings
from signalcraft.telemetry.models import Reading


@pytest.fixture(scope="module")
def hum() -> bytes:
    """One second of 120 Hz hum with noise, 16 kHz."""
    noise = np.random.default_rng(1).normal(0, 500, 16_000)
    tone = 4000 * np.sin(2 * np.pi * 120 * np.arange(16_000) / 16_000)
    return bytes((tone + noise).astype("<i2").tobytes())


def test_a_clip_of_an_unknown_node_is_kept_for_the_administrator(api_client: FlaskClient, hum: bytes) -> None:
    answer = upload(api_client, hum)
    assert answer.status_code == 200, answer.text
    document = answer.get_json()
    assert (document["success"], document["device_id"], document["processing_status"]) == (
        True,
        "ESP32_MIC_0042",
        "queued",
    )
    assert stored() == {"devices": 1, "machines": 1, "clips": 1, "analyses": 1, "outbox": stored()["outbox"]}
    with unit_of_work() as session:
        assert session.scalars(select(Machine)).one().shop_id is None
        assert session.scalars(select(Device)).one().claimed_at is None


def test_the_oldest_sketch_names_no_bit_depth(api_client: FlaskClient, hum: bytes) -> None:
    answer = upload(
        api_client,
        hum,
        X_Sample_Rate="10000",
        X_Bits_Per_Sample=None,
        X_Timestamp="81234567",
        X_Store_Type="ice_cream",
    )
    assert answer.status_code == 200, answer.text
    with unit_of_work() as session:
        clip = session.scalars(select(Clip)).one()
    assert (clip.sample_rate_hz, clip.measured_at) == (10_000, None)


def test_a_clip_with_its_time_sent_again_is_one_clip(api_client: FlaskClient, hum: bytes) -> None:
    first, second = (upload(api_client, hum, X_Measured_At="1790000000.25") for _ in range(2))
    assert first.get_json()["clip_id"] == second.get_json()["clip_id"]
    assert stored()["clips"] == 1


def test_simulated_sound_says_so(api_client: FlaskClient, fleet: FleetFixture, hum: bytes) -> None:
    upload(api_client, hum, X_Synthetic="true")
    upload(api_client, hum, X_Synthetic="true", X_Device_ID=fleet.device.device_id)
    with unit_of_work() as session:
        assert [clip.synthetic for clip in session.scalars(select(Clip))] == [True, True]
        labels = {machine.id: machine.synthetic for machine in session.scalars(select(Machine))}
    assert labels.pop(fleet.machine.id) is False  # a header must not relabel a shop's machine
    assert list(labels.values()) == [True]


@pytest.mark.parametrize(
    ("size", "changes", "status", "field"),
    [
        (0, {}, 400, "body"),
        (2047, {}, 422, "body"),
        (2048, {"X_Device_ID": None}, 422, "X-Device-ID"),
        (2048, {"X_Device_ID": "../../etc/passwd"}, 422, "X-Device-ID"),
        (2048, {"X_Device_ID": "x" * 65}, 422, "X-Device-ID"),
        (2048, {"X_Sample_Rate": None}, 422, "X-Sample-Rate"),
        (2048, {"X_Sample_Rate": "fast"}, 422, "X-Sample-Rate"),
        (2048, {"X_Sample_Rate": "nan"}, 422, "X-Sample-Rate"),
        (2048, {"X_Sample_Rate": "1"}, 422, "X-Sample-Rate"),
        (2048, {"X_Sample_Rate": "9999999999"}, 422, "X-Sample-Rate"),
        (2048, {"X_Bits_Per_Sample": None}, 422, "X-Bits-Per-Sample"),
        (2048, {"X_Bits_Per_Sample": "24"}, 422, "X-Bits-Per-Sample"),
        (2048, {"X_Measured_At": "1999-12-31T23:59:59Z"}, 422, "X-Measured-At"),
        (2048, {"X_Measured_At": "4102444800"}, 422, "X-Measured-At"),
        (2048, {"X_Measured_At": "2026-01-01T00:00:00"}, 422, "X-Measured-At"),
        (2048, {"X_Measured_At": "yesterday"}, 422, "X-Measured-At"),
    ],
)
def test_bad_sound_is_refused_by_name_and_stores_nothing(
    api_client: FlaskClient, size: int, changes: dict[str, str | None], status: int, field: str
) -> None:
    assert_problem(upload(api_client, bytes(size), **changes), status, field)
    assert stored() == {}


def test_too_long_a_clip_stores_nothing(api_client: FlaskClient, settings: Settings) -> None:
    seconds = int(settings.clip_limit_seconds) + 1
    assert_problem(upload(api_client, bytes(seconds * 8000 * 2), X_Sample_Rate="8000"), 422, "body")
    assert stored() == {}


def test_a_node_registers_is_configured_and_asked_about(api_client: FlaskClient) -> None:
    registered = api_client.post("/api/esp32/register", json={"device_id": "NODE_1", "sample_rate": 44_100})
    assert registered.status_code == 200
    config = api_client.get(
        "/api/esp32/config?device_id=NODE_1", headers={"Host": "old.example:8000"}
    ).get_json()
    assert config["config"]["sample_rate"] == 44_100
    assert config["config"]["server_url"] == "http://old.example:8000/api/esp32/audio/upload"
    status = api_client.get("/api/esp32/status?device_id=NODE_1").get_json()["device_status"]
    assert (status["is_online"], status["sample_rate"]) == (True, 44_100)


def test_unknown_nodes_and_missing_names(api_client: FlaskClient, admin: Person) -> None:
    assert_problem(api_client.get("/api/esp32/status?device_id=NOBODY"), 404, "device_id")
    assert_problem(api_client.get("/api/esp32/status"), 422, "device_id")
    assert_problem(api_client.get("/api/esp32/config"), 422, "device_id")
    assert_problem(api_client.post("/api/esp32/register", json={"device_id": 7}), 422, "device_id")
    assert stored() == {}
    listed = api_client.get("/api/esp32/status", headers=signed_in(admin)).get_json()
    assert listed["total_devices"] == 0


def test_features_of_field_firmware_with_its_sins(api_client: FlaskClient, admin: Person) -> None:
    sent = (
        '{"device_id":"ICE_STORE_24H_002","timestamp":4294967295,"sensor_number":"002","store_type":"ice_cream_24h",'
        '"location":"x","rms_energy":nan,"spectral_centroid":8000.125,"decibel_level":0.000,'
        '"compressor_state":1.000,"mfcc":[1.5,inf],"zero_crossing_rate":0.25}'
    )
    before = utc_now()
    answer = api_client.post(
        "/api/esp32/features",
        data=sent,
        content_type="application/json",
        headers={"X-Device-ID": "ICE_STORE_24H_002", "X-Location": "강남점".encode().decode("latin-1")},
    )
    assert answer.status_code == 200, answer.text
    with unit_of_work() as session:
        reading = session.scalars(select(Reading)).one()
    assert reading.measured_at >= before  # millis() is no time: the arrival counts
    assert reading.extra == {
        "sensor_number": "002",
        "store_type": "ice_cream_24h",
        "location": "강남점",
        "spectral_centroid": 8000.125,
        "decibel_level": 0.0,
        "compressor_state": 1.0,
        "mfcc": [1.5, None],
        "zero_crossing_rate": 0.25,
        "device_millis": 4294967295,
    }
    assert reading.quality is not None
    assert {field: (flaw["reason"], flaw["raw"]) for field, flaw in reading.quality.items()} == {
        "rms_energy": ("unreadable_number", "nan"),
        "mfcc.1": ("unreadable_number", "inf"),
    }
    recent = api_client.get("/api/esp32/features/recent", headers=signed_in(admin)).get_json()
    assert [(row["device_id"], row["spectral_centroid"]) for row in recent["data"]] == [
        ("ICE_STORE_24H_002", 8000.125)
    ]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ("", 400, "body"),
        ("{", 400, "body"),
        ("[]", 422, "body"),
        ('{"device_id": "A"}', 422, "rms_energy"),
        ('{"rms_energy": 1}', 422, "X-Device-ID"),
        ('{"device_id": "A", "rms_energy": "loud"}', 422, "rms_energy"),
        ('{"device_id": "A", "rms_energy": 1, "mfcc": ["x"]}', 422, "mfcc.0"),
        ('{"device_id": "A", "rms_energy": 1, "novel": {"deep": 1}}', 422, "novel"),
        ('{"device_id": "A", "rms_energy": 1, "store_type": "\\u0000"}', 422, "store_type"),
    ],
)
def test_bad_features_store_nothing(api_client: FlaskClient, body: str, status: int, field: str) -> None:
    answer = api_client.post("/api/esp32/features", data=body, content_type="application/json")
    assert_problem(answer, status, field)
    assert stored() == {}


def test_invented_names_end_at_the_limit(
    api_client: FlaskClient, settings: Settings, hum: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = settings.model_copy(update={"unclaimed_devices_limit": 2})
    monkeypatch.setattr("signalcraft.fleet.service.get_settings", lambda: few)
    answers = [upload(api_client, hum, X_Device_ID=f"INVENTED_{number}") for number in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert upload(api_client, hum, X_Device_ID="INVENTED_0").status_code == 200
    assert stored()["devices"] == 2


def test_a_failure_inside_shows_nothing_of_the_inside(
    api_client: FlaskClient, hum: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("/secret/path")

    monkeypatch.setattr("signalcraft.storage.objects.put", fail)
    answer = upload(api_client, hum, X_Request_ID="node-0001")
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")
    assert answer.headers["X-Request-ID"] == answer.get_json()["request_id"] == "node-0001"
    assert "secret" not in answer.text
    assert stored() == {}


def test_an_insane_request_id_is_replaced(api_client: FlaskClient) -> None:
    answer = api_client.get("/live", headers={**PCM_HEADERS, "X-Request-ID": "a b{}"})
    assert len(answer.headers["X-Request-ID"]) == 32
