"""The usual message means the same read at once and read with care."""

import json
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from signalcraft.errors import SignalCraftError
from signalcraft.strict_json import parse_json
from signalcraft.telemetry.batches import Batch, of_reading
from signalcraft.telemetry.items import Columnar
from signalcraft.telemetry.lone import usual_reading
from signalcraft.telemetry.wire import SensorData

NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**6), 10**25) | st.none()
ODD = st.one_of(NUMBERS, st.booleans(), st.text(max_size=5), st.lists(st.integers(), max_size=2))
MOMENTS = st.one_of(
    st.floats(9.4e8, 1.79e9),
    st.integers(946_684_800, 1_790_000_000),
    st.integers(946_684_800_000, 1_790_000_000_000),
    st.datetimes(timezones=st.timezones()).map(lambda moment: moment.isoformat()),
    st.sampled_from(["1790000000.25", " 2026-01-01T00:00:00Z ", "2026-01-01T00:00:00", "soon", "nan"]),
)
NAMES = st.sampled_from(["N1", "AA:BB:CC:DD:EE:FF", "a b", "", "N\n", "x" * 65, 'quoted"', "\x00"])
USUAL: dict[str, st.SearchStrategy[Any]] = {
    "device_id": NAMES,
    "timestamp": MOMENTS,
    "temperature": NUMBERS,
    "vibration": st.none() | st.fixed_dictionaries(dict.fromkeys("xyz", NUMBERS)),
    "power_consumption": NUMBERS,
    "audio_level": NUMBERS,
}
MESSAGES = st.fixed_dictionaries(USUAL, optional={"sensor_quality": NUMBERS})


def with_care(body: bytes) -> Batch | None:
    """What the handler of the api tier makes of it, None where it refuses it."""
    try:
        document, unreadable = parse_json(body, lenient=True)
        sent = SensorData.model_validate(document)
    except (SignalCraftError, ValidationError):
        return None
    return of_reading(sent.device_id, sent.reading(unreadable))


def at_once(body: bytes) -> Batch | None:
    item = usual_reading(body)
    if item is None:
        return None
    columnar = Columnar([item])
    return None if columnar.errors else columnar.batch


def assert_same(body: bytes) -> None:
    quick = at_once(body)
    if quick is None:
        return
    careful = with_care(body)
    assert careful is not None
    assert (quick.names, quick.name.tolist()) == (list(careful.names), careful.name.tolist())
    for column in ("measured_at_us", "boot", "sequence", "uptime_us", "fields"):
        assert np.array_equal(getattr(quick, column), getattr(careful, column), equal_nan=True), column
    assert quick.quality.tolist() == careful.quality.tolist()
    assert quick.extra.tolist() == careful.extra.tolist()


@given(message=MESSAGES, ascii_only=st.booleans())
def test_what_is_read_at_once_is_read_the_same_with_care(message: dict[str, Any], ascii_only: bool) -> None:
    assert_same(json.dumps(message, ensure_ascii=ascii_only).encode())


@given(
    message=MESSAGES,
    change=st.dictionaries(st.sampled_from([*USUAL, "sensor_quality", "humidity"]), ODD, max_size=2),
    left_out=st.sets(st.sampled_from([*USUAL]), max_size=1),
)
def test_odd_messages_too(message: dict[str, Any], change: dict[str, Any], left_out: set[str]) -> None:
    odd = {name: value for name, value in (message | change).items() if name not in left_out}
    assert_same(json.dumps(odd).encode())


@given(data=st.data())
def test_a_spoilt_byte_too(data: st.DataObject) -> None:
    body = json.dumps(data.draw(MESSAGES)).encode()
    place = data.draw(st.integers(0, len(body)))
    more = data.draw(
        st.sampled_from([b"", b'"', b"nan", b",", b'"vibration":null,', b"\\", b"9", b" ", b"\xff"])
    )
    cut = data.draw(st.integers(0, 3))
    assert_same(body[:place] + more + body[place + cut :])


def test_the_usual_message_is_read_at_once() -> None:
    message = {
        "device_id": "FREEZER_7",
        "timestamp": 1_790_000_000.123456,
        "temperature": -18.5,
        "vibration": {"x": 0.1, "y": None, "z": 1},
        "power_consumption": 42,
        "audio_level": None,
    }
    for changes in ({}, {"sensor_quality": 0.5}, {"vibration": None}, {"timestamp": "2026-01-01T00:00:00Z"}):
        body = json.dumps(message | changes).encode()
        assert at_once(body) is not None
        assert_same(body)


def test_what_is_not_usual_is_left_to_who_reads_with_care() -> None:
    twice = (
        b'{"device_id":"N1","timestamp":1790000000,"temperature":1,"temperature":2,"vibration":null,'
        b'"power_consumption":1,"audio_level":1}'
    )
    bare_nan = twice.replace(b'"temperature":1,"temperature":2', b'"temperature":nan')
    further = twice.replace(b'"temperature":1,', b'"humidity":1,')
    for body in (twice, bare_nan, further, b"", b"[]", b"\xff", b"[" * 5000):
        assert usual_reading(body) is None
