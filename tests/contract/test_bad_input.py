"""Whatever is wrong with a request: 4xx, a problem document that names the field, and nothing stored."""

import io
import json
import struct
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import soundfile
from flask.testing import FlaskClient
from sqlalchemy import text
from starlette.testclient import TestClient

import signalcraft.tables
from people import Person, bearer
from signalcraft.db.session import unit_of_work

LEAKS = ("Traceback", "psycopg", "sqlalchemy", "site-packages", "object at 0x", "SELECT ", "INSERT ")
UNSTORABLE = ("\\u0000", "\\ud800", "a\\u0000b", "\\udfff")


def rows() -> dict[str, int]:
    """How many rows each table has."""
    with unit_of_work() as session:
        return {
            table.name: session.scalar(text(f'SELECT count(*) FROM "{table.name}"')) or 0  # noqa: S608
            for table in signalcraft.tables.Base.metadata.sorted_tables
        }


def assert_refused(
    status: int, document: str, media_type: str | None, statuses: set[int], field: str
) -> None:
    """A problem document of one of these statuses that names the field and tells nothing of the inside."""
    assert status in statuses, document
    assert media_type == "application/problem+json"
    problem = json.loads(document)
    assert (problem["status"], problem["success"]) == (status, False)
    assert problem["message"]
    assert problem["request_id"]
    assert field in [error["field"] for error in problem.get("errors", [])], problem
    assert [leak for leak in LEAKS if leak in document] == []


def message(**changes: str) -> str:
    """A sensor client's message with some values replaced, literally; "" leaves one out."""
    fields = {
        "device_id": '"FREEZER_7"',
        "timestamp": str(time.time()),
        "temperature": "-18.5",
        "vibration": '{"x": 0.1, "y": 0.2, "z": 1.0}',
        "power_consumption": "42",
        "audio_level": "130",
    } | changes
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items() if value) + "}"


def features(**changes: str) -> str:
    fields = {"device_id": '"ICE_STORE_24H_002"', "rms_energy": "812.250"} | changes
    return "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items() if value) + "}"


SENSORS = [
    ("", "body"),
    ("{", "body"),
    ("null", "body"),
    ("[]", "body"),
    (message() + "x", "body"),
    (message() * 2, "body"),
    ("[" * 10_000, "body"),
    (message(device_id=""), "device_id"),
    (message(device_id="null"), "device_id"),
    (message(device_id="7"), "device_id"),
    (message(device_id='"../../etc/passwd"'), "device_id"),
    (message(device_id='"x\\n"'), "device_id"),
    (message(device_id=f'"{"x" * 65}"'), "device_id"),
    *((message(device_id=f'"{value}"'), "device_id") for value in UNSTORABLE),
    *(
        (message(timestamp=value), "timestamp")
        for value in (
            *("", "null", "true", "[]", "{}", "nan", "inf", "1e400", "-1", "0", "81234567"),
            *(str(2**63), "9" * 5000, "4102444800", '"nan"', '"1e400"', '"yesterday"'),
            *('"1999-12-31T23:59:59Z"', '"9999-12-31T23:59:59-14:00"', '"0001-01-01T00:00:00+14:00"'),
            '"2026-01-01T00:00:00"',
        )
    ),
    *(
        (message(**{name: value}), name)
        for name in ("temperature", "power_consumption", "audio_level")
        for value in ("", '"-18"', "true", "[1]", "{}", "1e400", "9" * 400)
    ),
    *((message(vibration=value), "vibration") for value in ("", "1", '"x"', "[1, 2, 3]")),
    (message(vibration='{"x": 1, "y": 2}'), "vibration.z"),
    (message(vibration='{"x": "1", "y": 2, "z": 3}'), "vibration.x"),
    (message(vibration='{"x": 1e999, "y": 2, "z": 3}'), "vibration.x"),
    (message(temperature='"' + "x" * 300_000 + '"'), "body"),
]

FEATURES = [
    (features(rms_energy=""), "rms_energy"),
    (features(rms_energy='"loud"'), "rms_energy"),
    (features(rms_energy="true"), "rms_energy"),
    (features(device_id=""), "X-Device-ID"),
    (features(timestamp='"noon"'), "timestamp"),
    (features(timestamp="1e400"), "timestamp"),
    (features(mfcc='["x"]'), "mfcc.0"),
    (features(mfcc=str([0] * 65)), "mfcc"),
    (features(novel='{"deep": 1}'), "novel"),
    (features(novel="1e999"), "novel"),
    *((features(novel=f'"{value}"'), "novel") for value in UNSTORABLE),
    (features(**{f"field_{number}": "1" for number in range(80)}), "body"),
    (features(**{"x" * 65: "1"}), "body"),
]


@pytest.mark.parametrize(
    ("path", "table"), [("/api/iot/sensors/data", SENSORS), ("/api/esp32/features", FEATURES)]
)
def test_nodes_messages(api_client: FlaskClient, path: str, table: list[tuple[str, str]]) -> None:
    before = rows()
    for body, field in table:
        answer = api_client.post(path, data=body, content_type="application/json")
        assert_refused(answer.status_code, answer.text, answer.mimetype, {400, 413, 422}, field)
    wrong_kind = api_client.post(path, data=message(), content_type="text/plain")
    assert_refused(wrong_kind.status_code, wrong_kind.text, wrong_kind.mimetype, {415}, "Content-Type")
    assert rows() == before


LOGIN = [
    ('{"password": "x"}', "username"),
    ('{"username": 1, "password": "x"}', "username"),
    ('{"username": "a"}', "password"),
    ('{"username": "a", "password": "x", "delivery": "pigeon"}', "delivery"),
    (json.dumps({"username": "x" * 255, "password": "x"}), "username"),
    (json.dumps({"username": "a", "password": "x" * 1025}), "password"),
    *((f'{{"username": "{value}", "password": "x"}}', "username") for value in UNSTORABLE),
    ("[]", "body"),
    ("null", "body"),
]


def test_people_s_messages(gateway_client: TestClient) -> None:
    before = rows()
    for body, field in LOGIN:
        answer = gateway_client.post(
            "/api/auth/login", content=body, headers={"Content-Type": "application/json"}
        )
        assert_refused(answer.status_code, answer.text, answer.headers["Content-Type"], {422}, field)
    for comment in UNSTORABLE:
        answer = gateway_client.post(
            "/api/alarms/1/acknowledge",
            content=f'{{"comment": "{comment}"}}',
            headers={"Content-Type": "application/json"},
        )
        assert answer.status_code in {401, 422}
    assert rows() == before


ODD_NUMBERS = ("abc", "", "nan", "1e400", "-1", "0", str(2**63), "1" * 400, "%00", "1;drop")


@pytest.mark.parametrize(
    ("path", "parameter", "harmless"),
    [
        ("/api/alarms", "limit", set()),
        ("/api/alarms", "machine_id", set()),
        ("/api/alarms", "state", set()),
        ("/api/notifications", "limit", set()),
        ("/api/notifications/history", "limit", set()),
        ("/api/notifications/stream", "machine", set()),
        ("/api/notifications/stream", "last_event_id", {"0"}),
    ],
)
def test_query_parameters_of_the_people_s_tier(
    gateway_client: TestClient, admin: Person, path: str, parameter: str, harmless: set[str]
) -> None:
    headers = bearer(gateway_client, admin)
    for value in set(ODD_NUMBERS) - harmless:
        answer = gateway_client.get(f"{path}?{parameter}={value}", headers=headers)
        assert_refused(answer.status_code, answer.text, answer.headers["Content-Type"], {422}, parameter)


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/api/esp32/features/recent", "limit"),
        ("/api/esp32/features/recent", "hours"),
        ("/api/iot/sensors/data/FREEZER_7", "limit"),
        ("/api/iot/sensors/data/FREEZER_7", "hours"),
        ("/api/machines/1/readings", "points"),
        ("/api/machines/1/analyses", "limit"),
    ],
)
def test_query_parameters_of_the_machines_tier(
    api_client: FlaskClient, gateway_client: TestClient, admin: Person, path: str, parameter: str
) -> None:
    headers = bearer(gateway_client, admin)
    for value in ODD_NUMBERS:
        answer = api_client.get(f"{path}?{parameter}={value}", headers=headers)
        assert_refused(answer.status_code, answer.text, answer.mimetype, {422}, parameter)


def wav(seconds: float = 2.0) -> bytes:
    return encoded("WAV", np.random.default_rng(1).normal(0, 0.1, round(16_000 * seconds)))


def encoded(kind: str, samples: Any, subtype: str | None = None, rate_hz: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, format=kind, subtype=subtype)
    return file.getvalue()


def patched(position: int, form: str, value: int) -> bytes:
    """A WAV file with one number of its header replaced."""
    data = bytearray(wav())
    struct.pack_into(form, data, position, value)
    return bytes(data)


TWO_HOURS = np.zeros(8000 * 7200, np.int16)
FILES: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "text": lambda: b"hello world" * 100,
    "an MP3's first bytes, then noise": lambda: b"\xff\xfb" + np.random.default_rng(2).bytes(50_000),
    "a header alone": lambda: wav()[:44],
    "half a header": lambda: wav()[:20],
    "all but a byte": lambda: wav()[:-1],
    "half a FLAC": lambda: encoded("FLAC", np.zeros(32_000))[:-5],
    "half an OGG": lambda: encoded("OGG", np.random.default_rng(3).normal(0, 0.1, 32_000))[:3000],
    "half an MP3": lambda: encoded("MP3", np.random.default_rng(3).normal(0, 0.1, 32_000))[:3000],
    "two hours in 180 kB of FLAC": lambda: encoded("FLAC", TWO_HOURS, rate_hz=8000),
    "a promise of two hours": lambda: patched(40, "<I", 16_000 * 2 * 7200),
    "no sample rate": lambda: patched(24, "<I", 0),
    "an absurd sample rate": lambda: patched(24, "<I", 2**31),
    "no channels": lambda: patched(22, "<H", 0),
    "65535 channels": lambda: patched(22, "<H", 65_535),
    "no bits": lambda: patched(34, "<H", 0),
    "an unknown coding": lambda: patched(20, "<H", 99),
    "not numbers": lambda: encoded("WAV", np.full(32_000, np.nan, np.float32), "FLOAT"),
    "absurd numbers": lambda: encoded("WAV", np.full(32_000, 1e30, np.float32), "FLOAT"),
}


def test_files(api_client: FlaskClient, gateway_client: TestClient, admin: Person) -> None:
    headers = bearer(gateway_client, admin)
    before = rows()
    for make in FILES.values():
        data = make()
        for path in ("/api/ai/analyze", "/api/lightweight-analyze"):
            answer = api_client.post(path, data={"audio": (io.BytesIO(data), "a.wav")}, headers=headers)
            assert_refused(answer.status_code, answer.text, answer.mimetype, {422}, "audio")
    for body, kind in (
        ({"audio": "text"}, "multipart/form-data"),
        ({"other": (io.BytesIO(wav()), "a.wav")}, "multipart/form-data"),
        (wav(), "audio/wav"),
        (wav(), "multipart/form-data"),
    ):
        answer = api_client.post("/api/ai/analyze", data=body, content_type=kind, headers=headers)
        assert_refused(answer.status_code, answer.text, answer.mimetype, {422}, "audio")
    for query in (
        "wait=-1",
        "wait=11",
        "wait=nan",
        "wait=",
        "machine_id=0",
        f"machine_id={2**63}",
        "machine_id=x",
    ):
        answer = api_client.post(
            f"/api/ai/analyze?{query}", data={"audio": (io.BytesIO(wav()), "a.wav")}, headers=headers
        )
        assert_refused(answer.status_code, answer.text, answer.mimetype, {422}, query.partition("=")[0])
    assert rows() == before


OLD_FIRMWARE = [
    # esp32_microphone_firmware, ice_cream_sensor_final_install, _final_fixed and _final: contract 1a and 1c.
    (
        '{"device_id":"ICE_STORE_24H_002","timestamp":81234567,"sensor_number":"002",'
        '"store_type":"ice_cream_24h","location":"some_branch","rms_energy":nan,"spectral_centroid":7998.412,'
        '"zero_crossing_rate":0.113,"decibel_level":0.000,"compressor_state":1.000,"anomaly_score":0.120,'
        '"efficiency_score":0.880,"sound_type":1.000,"intensity_level":0.420}'
    ),
    (
        '{"device_id":"ICE_STORE_24H_4711","timestamp":4294967295,"rms_energy":1448.100,"spectral_centroid":inf,'
        '"spectral_rolloff":ovf,"zero_crossing_rate":0.100,"compressor_state":0.000,"anomaly_score":-nan,'
        '"temperature_estimate":-12.500,"efficiency_score":0.900,"mfcc":[1.0,nan,-inf,0,0,0,0,0,0,0,0,0,0]}'
    ),
    (
        '{"device_id":"ICE_STORE_24H_002","timestamp":0,"rms_energy":0.000,"spectral_centroid":nan,'
        '"spectral_rolloff":0.0,"zero_crossing_rate":0.0,"compressor_state":0.0,"anomaly_score":0.0,'
        '"temperature_estimate":-18.0,"efficiency_score":0.0,"spectral_bandwidth":1.0,"spectral_contrast":1.0,'
        '"spectral_flatness":1.0,"spectral_skewness":nan,"spectral_kurtosis":nan,"harmonic_ratio":0.5,'
        '"inharmonicity":0.1,"attack_time":0.1,"decay_time":0.1,"sustain_level":0.1,"release_time":0.1,'
        '"frequency_dominance":120.0,"mfcc":[0,0,0,0,0,0,0,0,0,0,0,0,0]}'
    ),
]


def test_the_known_sins_of_old_firmware_are_accepted_and_marked(api_client: FlaskClient) -> None:
    headers = {"X-Store-Type": "ice_cream_24h", "X-Device-ID": "ICE_STORE_24H_002"}
    for sent in OLD_FIRMWARE:
        answer = api_client.post(
            "/api/esp32/features", data=sent, content_type="application/json", headers=headers
        )
        assert answer.status_code == 200, answer.text
    now = time.time()
    for ago, (value, fault) in enumerate(
        [
            ("-127", "sensor_disconnected"),
            ("85", "power_on_value"),
            ("nan", "unreadable_number"),
            ("1e30", "out_of_range"),
        ]
    ):
        answer = api_client.post(
            "/api/iot/sensors/data",
            data=message(temperature=value, timestamp=str(now - ago)),
            content_type="application/json",
        )
        assert answer.status_code == 200, answer.text
        with unit_of_work() as session:
            newest = session.execute(
                text("SELECT temperature_c, quality FROM readings ORDER BY received_at DESC LIMIT 1")
            ).one()
        assert newest.temperature_c is None
        assert newest.quality["temperature_c"]["reason"] == fault
    assert rows()["readings"] == len(OLD_FIRMWARE) + 4
