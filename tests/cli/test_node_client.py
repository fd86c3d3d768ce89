"""What a node does when the server is busy, away, or refuses."""

from datetime import UTC, datetime

import httpx
import pytest

from signalcraft.cli.node_client import NodeClient, retry_after_seconds

BUSY = httpx.Response(503, headers={"Retry-After": "7"}, json={"detail": "Busy"})
REFUSED = httpx.Response(422, json={"detail": "X-Sample-Rate: not a number"})
TAKEN = httpx.Response(200, json={"success": True, "processing_status": "queued"})


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
        return NodeClient("http://node.test", transport=httpx.MockTransport(self), sleep=self.pauses.append)


def test_a_clip_is_sent_as_the_firmware_sends_it() -> None:
    server = Server(TAKEN)
    with server.client() as client:
        assert client.send_clip("ESP32_MIC_1", b"\x01\x00" * 4, sample_rate_hz=16000).accepted
    [request] = server.requests
    assert request.content == b"\x01\x00" * 4
    assert request.headers["Content-Type"] == "application/octet-stream"
    sent = {name: value for name, value in request.headers.items() if name.startswith("x-")}
    assert sent == {
        "x-device-id": "ESP32_MIC_1",
        "x-sample-rate": "16000",
        "x-bits-per-sample": "16",
        "x-priority": "normal",
    }


def test_waits_as_long_as_asked_and_longer_each_time() -> None:
    server = Server(BUSY, httpx.ConnectError("refused"), httpx.ConnectError("refused"), TAKEN)
    with server.client() as client:
        assert client.send_reading({"device_id": "a"}).accepted
    assert server.pauses == [7.0, 1.0, 2.0]


def test_a_refusal_is_final_and_says_why() -> None:
    server = Server(REFUSED)
    with server.client() as client:
        outcome = client.send_clip("a", b"\0\0", sample_rate_hz=16000)
    assert not outcome.accepted
    assert outcome.reason == "422: X-Sample-Rate: not a number"
    assert len(server.requests) == 1


def test_gives_up_when_patience_ends() -> None:
    server = Server(httpx.ConnectError("refused"))
    with server.client() as client:
        outcome = client.send_reading({})
    assert not outcome.accepted
    assert "no connection" in outcome.reason
    assert 60 < sum(server.pauses) <= 120


def test_a_page_that_is_not_signalcraft_is_no_acceptance() -> None:
    server = Server(httpx.Response(200, text="<html>It works!</html>"))
    with server.client() as client:
        assert not client.fetch_config("a").accepted


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
