"""What a node does when the server is busy, away, or refuses."""

import json
import math
from datetime import UTC, datetime

import httpx
import pytest

from signalcraft.client import Measurement, NodeClient, Patience, ProblemError, UnreachableError
from signalcraft.client.patience import retry_after_seconds

BUSY = httpx.Response(503, headers={"Retry-After": "7"}, json={"detail": "Busy"})
REFUSED = httpx.Response(422, json={"detail": "X-Sample-Rate: not a number"})
TAKEN = httpx.Response(200, json={"success": True, "processing_status": "queued", "duration_s": 0.1})
NOON = datetime(2026, 8, 1, 12, tzinfo=UTC)


class Server:
    """Answers the given steps in turn, the last one for ever; an exception is raised as the network would."""

    def __init__(self, *steps: httpx.Response | Exception) -> None:
        self.steps = list(steps)
        self.requests: list[httpx.Request] = []
        self.pauses: list[float] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        step = self.steps.pop(0) if len(self.steps) > 1 else self.steps[0]
        if isinstance(step, Exception):
            raise step
        return step

    def client(self) -> NodeClient:
        longest = Patience(sleep=self.pauses.append, chance=lambda low, high: high)
        keys = {"ESP32_MIC_1": "scd_1"}
        return NodeClient(
            "http://node.test", keys=keys, patience=longest, transport=httpx.MockTransport(self)
        )


def test_a_clip_is_sent_as_the_firmware_sends_it() -> None:
    server = Server(TAKEN)
    with server.client() as client:
        client.send_clip("ESP32_MIC_1", b"\x01\x00" * 4, sample_rate_hz=16000)
    [request] = server.requests
    assert request.content == b"\x01\x00" * 4
    assert request.headers["Content-Type"] == "application/octet-stream"
    sent = {name: value for name, value in request.headers.items() if name.startswith("x-")}
    assert sent == {
        "x-requested-with": "signalcraft.client",
        "x-device-id": "ESP32_MIC_1",
        "x-device-key": "scd_1",
        "x-sample-rate": "16000",
        "x-bits-per-sample": "16",
        "x-priority": "normal",
    }


def test_a_reading_travels_in_the_servers_words_and_says_nothing_for_what_is_not_finite() -> None:
    server = Server(TAKEN)
    with server.client() as client:
        client.send_reading(Measurement("a", NOON, temperature_c=math.nan, vibration=(0.5, None, math.inf)))
    assert json.loads(server.requests[0].content) == {
        "device_id": "a",
        "timestamp": NOON.timestamp(),
        "temperature": None,
        "vibration": {"x": 0.5, "y": None, "z": None},
        "power_consumption": None,
        "audio_level": None,
    }


def test_waits_as_long_as_asked_and_longer_each_time() -> None:
    server = Server(BUSY, httpx.ConnectError("refused"), httpx.ConnectError("refused"), TAKEN)
    with server.client() as client:
        client.send_reading(Measurement("a", NOON))
    assert server.pauses == [7.5, 1.0, 2.0]


def test_pauses_are_drawn_by_lot() -> None:
    drawn = {Patience().pause_seconds(3) for _ in range(20)}
    assert len(drawn) > 10
    assert 0 <= min(drawn) <= max(drawn) <= 4.0


def test_a_refusal_is_final_and_says_why() -> None:
    server = Server(REFUSED)
    with server.client() as client, pytest.raises(ProblemError) as raised:
        client.send_clip("a", b"\0\0", sample_rate_hz=16000)
    assert str(raised.value) == "422: X-Sample-Rate: not a number"
    assert len(server.requests) == 1


def test_gives_up_when_patience_ends() -> None:
    server = Server(httpx.ConnectError("refused"))
    with server.client() as client, pytest.raises(UnreachableError, match="no connection"):
        client.send_reading(Measurement("a", NOON))
    assert 60 < sum(server.pauses) <= 120


def test_a_page_that_is_not_signalcraft_is_no_acceptance() -> None:
    server = Server(httpx.Response(200, text="<html>It works!</html>"))
    with server.client() as client, pytest.raises(UnreachableError, match="is the URL right"):
        client.fetch_config("a")


def test_many_readings_go_in_batches_and_keep_their_places() -> None:
    def answer(stored: int, index: int) -> httpx.Response:
        wrong = {"index": index, "field": "timestamp", "message": "too old"}
        return httpx.Response(
            200, json={"success": True, "stored": stored, "duplicates": 1, "errors": [wrong]}
        )

    server = Server(answer(998, 3), answer(198, 7))
    with server.client() as client:
        result = client.send_readings([Measurement("a", NOON)] * 1200)
    assert [len(json.loads(request.content)) for request in server.requests] == [1000, 200]
    assert (result.stored, result.duplicates) == (1196, 2)
    assert [error.index for error in result.errors] == [3, 1007]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("3", 3),
        ("Sat, 01 Aug 2026 00:00:30 GMT", 30),
        ("Sat, 01 Aug 2020 00:00:00 GMT", 0),
        ("x", 0),
    ],
)
def test_retry_after(value: str | None, seconds: float) -> None:
    assert retry_after_seconds(value, datetime(2026, 8, 1, tzinfo=UTC)) == seconds


def test_devices_with_keys_travel_apart_and_are_named_by_their_place() -> None:
    spoilt = {
        "success": True,
        "stored": 0,
        "duplicates": 0,
        "errors": [{"index": 0, "field": "a", "message": "b"}],
    }
    server = Server(httpx.Response(200, json=spoilt))
    readings = [Measurement(name, NOON) for name in ("a", "ESP32_MIC_1", "b", "ESP32_MIC_1")]
    with server.client() as client:
        result = client.send_readings(readings)
    assert [request.headers.get("X-Device-Key") for request in server.requests] == [None, "scd_1"]
    assert [error.index for error in result.errors] == [0, 1]
