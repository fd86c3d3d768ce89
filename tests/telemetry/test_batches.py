"""Batches over HTTP: stored whole, each bad reading named and left out, hostile bodies refused."""

import gzip
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from threading import BoundedSemaphore
from typing import Any

import cbor2
import pytest
import zstandard
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError, MalformedRequestError
from signalcraft.telemetry.formats import MEDIA_TYPES, decode
from signalcraft.telemetry.models import Reading

START = datetime(2026, 9, 21, 6, tzinfo=UTC).timestamp()
PATH = "/api/iot/sensors/data/batch"


def reading(place: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "device_id": "FREEZER_7",
        "timestamp": START + place,
        "temperature": -18.5 + place / 100,
        "vibration": {"x": 0.1, "y": 0.2, "z": 1.0},
        "power_consumption": 42,
    } | changes


def readings(number: int) -> list[dict[str, Any]]:
    return [reading(place) for place in range(number)]


def send(
    client: FlaskClient, body: bytes | list[Any], kind: str = "application/json", encoding: str = ""
) -> TestResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Content-Encoding": encoding} if encoding else {}
    return client.post(PATH, data=data, content_type=kind, headers=headers)


def stored() -> list[Reading]:
    with unit_of_work() as session:
        return list(session.scalars(select(Reading).order_by(Reading.device_id, Reading.measured_at)))


def lines(documents: list[Any]) -> bytes:
    return b"\n".join(json.dumps(document).encode() for document in documents)


@pytest.mark.parametrize(
    ("kind", "write"),
    [
        ("application/json", lambda documents: json.dumps(documents).encode()),
        ("application/x-ndjson", lines),
        ("application/cbor", cbor2.dumps),
    ],
)
@pytest.mark.parametrize("encoding", ["", "gzip", "zstd"])
def test_every_form_stores_the_same_readings(
    api_client: FlaskClient, kind: str, write: Callable[[list[Any]], bytes], encoding: str
) -> None:
    press = {"": bytes, "gzip": gzip.compress, "zstd": zstandard.compress}[encoding]
    answer = send(api_client, press(write(readings(3))), kind, encoding)
    assert answer.get_json() == {"success": True, "stored": 3, "duplicates": 0, "errors": []}
    rows = stored()
    assert [row.measured_at for row in rows] == [
        datetime.fromtimestamp(START, UTC) + timedelta(seconds=place) for place in range(3)
    ]
    assert (rows[0].temperature_c, rows[0].power_percent, rows[0].audio_level) == (-18.5, 42.0, None)


def test_sent_again_in_any_order_nothing_is_stored_twice(api_client: FlaskClient) -> None:
    assert send(api_client, readings(4)).get_json()["stored"] == 4
    again = [*reversed(readings(6)), reading(5)]
    assert send(api_client, again).get_json() == {
        "success": True,
        "stored": 2,
        "duplicates": 5,
        "errors": [],
    }
    assert len(stored()) == 6


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"temperature": "cold"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"vibration": {"x": 0, "y": 0}}, "vibration.z"),
        ({"vibration": {"x": 0, "y": 0, "z": []}}, "vibration.z"),
        ({"vibration": [0, 0, 1]}, "vibration"),
        ({"timestamp": 86_400}, "timestamp"),
        ({"timestamp": -1}, "timestamp"),
        ({"timestamp": 1e300}, "timestamp"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2026-09-21T06:00:00"}, "timestamp"),
        ({"timestamp": None}, "timestamp"),
        ({"device_id": "a b"}, "device_id"),
        ({"device_id": "x\n"}, "device_id"),
        ({"device_id": 7}, "device_id"),
        ({"sequence": -1}, "sequence"),
        ({"humidity": 40}, "humidity"),
        ({str(number): number for number in range(10_000)}, "0"),
    ],
)
@pytest.mark.parametrize("kind", MEDIA_TYPES)
def test_one_bad_reading_spoils_only_itself(
    api_client: FlaskClient, bad: dict[str, Any], field: str, kind: str
) -> None:
    documents = readings(5)
    documents[3] |= bad
    write = {"application/x-ndjson": lines, "application/cbor": cbor2.dumps}.get(
        kind, lambda documents: json.dumps(documents).encode()
    )
    answer = send(api_client, write(documents), kind).get_json()
    assert (answer["stored"], len(answer["errors"])) == (4, 1)
    assert (answer["errors"][0]["index"], answer["errors"][0]["field"]) == (3, field)
    assert len(stored()) == 4


@pytest.mark.parametrize(
    "text",
    [
        '{"device_id": "A", "timestamp": 1790000000, "temperature": 1, "temperature": 2}',
        '{"device_id": "A", "timestamp": 1790000000, "temperature": 1, "temp\\u0065rature": 2}',
        '{"device_id": "A", "timestamp": 1790000000, "vibration": {"x": 1, "x": 2, "y": 1, "z": 1}}',
    ],
)
def test_a_name_that_stands_twice_is_refused(api_client: FlaskClient, text: str) -> None:
    body = f"[{text}, {json.dumps(reading())}]".encode()
    answer = send(api_client, body).get_json()
    assert (answer["stored"], answer["errors"][0]["index"]) == (1, 0)
    assert "more than once" in answer["errors"][0]["message"]


def test_a_batch_without_a_sound_reading_is_refused_reading_by_reading(api_client: FlaskClient) -> None:
    answer = send(api_client, [reading(timestamp=1), {}, 7])
    assert answer.status_code == 422
    assert [(error["index"], error["field"]) for error in answer.get_json()["errors"]] == [
        (0, "timestamp"),
        (1, "device_id"),
        (2, "body"),
    ]


@pytest.mark.parametrize(
    ("body", "kind", "encoding", "status", "field"),
    [
        (b"[", "application/json", "", 400, "body"),
        (b"[1,2", "application/json", "", 400, "body"),
        (b"\xff\xfe", "application/json", "", 400, "body"),
        (b"[" * 100_000, "application/json", "", 400, "body"),
        (
            b'[{"device_id":"A","timestamp":1790000000,"temperature":NaN}]',
            "application/json",
            "",
            400,
            "body",
        ),
        (b"{}", "application/json", "", 422, "body"),
        (b"[]", "application/json", "", 422, "body"),
        (b"\n\n", "application/x-ndjson", "", 422, "body"),
        (b"[" + b"0," * 200_000 + b"0]", "application/json", "", 413, "body"),
        (b"{}\n" * 5001, "application/x-ndjson", "", 413, "body"),
        (b"0\n" * 900_000, "application/x-ndjson", "", 413, "body"),
        (cbor2.dumps([0] * 5001), "application/cbor", "", 413, "body"),
        (cbor2.dumps([0])[:1], "application/cbor", "", 400, "body"),
        (b"\x81" * 1000, "application/cbor", "", 400, "body"),
        (b"\x9f\x01\xff", "application/cbor", "", 400, "body"),
        (b"\x9b" + b"\xff" * 8, "application/cbor", "", 400, "body"),
        (b" " * (2 * 1024 * 1024 + 1), "application/json", "", 413, "body"),
        (gzip.compress(b" " * 50_000_000, mtime=0), "application/json", "gzip", 413, "body"),
        (zstandard.compress(b" " * 50_000_000), "application/json", "zstd", 413, "body"),
        (gzip.compress(b"[]" * 99, mtime=0)[:-9], "application/json", "gzip", 400, "body"),
        (zstandard.compress(b"[]" * 99)[:-3], "application/json", "zstd", 400, "body"),
        (gzip.compress(b"[]", mtime=0) * 2, "application/json", "gzip", 400, "body"),
        (b"[]", "application/json", "gzip", 400, "body"),
        (b"[]", "application/json", "br", 415, "Content-Encoding"),
        (b"[]", "text/csv", "", 415, "Content-Type"),
    ],
)
def test_what_is_no_batch_is_refused_and_stores_nothing(
    api_client: FlaskClient, body: bytes, kind: str, encoding: str, status: int, field: str
) -> None:
    answer = send(api_client, body, kind, encoding)
    assert answer.status_code == status, answer.text
    assert field in [error["field"] for error in answer.get_json()["errors"]]
    assert stored() == []


def test_sensor_faults_stand_beside_the_value_they_replace(api_client: FlaskClient) -> None:
    documents = [
        reading(0, temperature=-127.0, power_consumption=101),
        reading(1, temperature=85.0, vibration=None),
        reading(2, temperature=1e-40),
    ]
    assert send(api_client, documents).get_json()["stored"] == 3
    first, second, third = stored()
    assert (first.temperature_c, first.power_percent, first.vibration_z) == (None, None, 1.0)
    assert first.quality == {
        "temperature_c": {"code": "bad", "reason": "sensor_disconnected", "raw": -127.0},
        "power_percent": {"code": "bad", "reason": "out_of_range", "raw": 101.0},
    }
    assert second.quality == {"temperature_c": {"code": "bad", "reason": "power_on_value", "raw": 85.0}}
    assert (third.temperature_c, third.quality) == (0.0, None)


def test_a_node_without_a_clock_is_placed_in_time_and_known_again(api_client: FlaskClient) -> None:
    def counted(sequence: int) -> dict[str, Any]:
        document = reading(boot_id=77, sequence=sequence, uptime_ms=60_000 + sequence * 1000)
        del document["timestamp"]
        return document

    assert send(api_client, [counted(1), counted(3)]).get_json()["stored"] == 2
    answer = send(api_client, [counted(sequence) for sequence in range(4)]).get_json()
    assert (answer["stored"], answer["duplicates"]) == (2, 2)
    moments = [row.measured_at for row in stored()]
    assert [later - moments[0] for later in moments] == [timedelta(seconds=second) for second in range(4)]
    assert abs(moments[-1] - utc_now()) < timedelta(seconds=10)
    far = counted(4) | {"uptime_ms": 10**11}
    errors = send(api_client, [far]).get_json()["errors"]
    assert [(error["index"], error["field"]) for error in errors] == [(0, "uptime_ms")]


def test_one_batch_may_hold_many_devices(api_client: FlaskClient) -> None:
    documents = [reading(place // 10, device_id=f"NODE_{place % 10}") for place in range(100)]
    assert send(api_client, documents).get_json()["stored"] == 100
    with unit_of_work() as session:
        counts = session.execute(select(Reading.device_id, func.count()).group_by(Reading.device_id)).all()
    assert [count for _, count in counts] == [10] * 10


@given(st.binary(max_size=200), st.sampled_from(MEDIA_TYPES))
def test_whatever_is_sent_is_read_or_refused(body: bytes, kind: str) -> None:
    with suppress(MalformedRequestError, InvalidInputError):
        decoded = decode(body, kind)
        assert len(decoded.index) + len(decoded.errors) > 0


_values = st.none() | st.floats(width=32) | st.integers() | st.text(max_size=5) | st.booleans()


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(list(reading())), _values, max_size=5), max_size=4))
def test_each_reading_is_taken_or_named_once(documents: list[dict[str, Any]]) -> None:
    sent = [reading(place) | document for place, document in enumerate(documents)] + [reading(99)]
    decoded = decode(cbor2.dumps(sent), "application/cbor")
    named = [error.index for error in decoded.errors]
    assert sorted([*decoded.index.tolist(), *named]) == list(range(len(sent)))


def test_more_batches_than_places_are_asked_to_come_back(
    api_client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = BoundedSemaphore(1)
    monkeypatch.setattr("signalcraft.api.readings._places", places)
    with places:
        answer = send(api_client, readings(1))
    assert (answer.status_code, stored()) == (503, [])
    assert int(answer.headers["Retry-After"]) > 0
    assert send(api_client, readings(1)).status_code == 200
