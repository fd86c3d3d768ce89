"""The Python client against the running system."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx
import numpy as np
import pytest
import soundfile
from pyarrow import parquet

from signalcraft.client import (
    Measurement,
    NodeClient,
    NotFoundError,
    NotSignedInError,
    Patience,
    ProblemError,
    SignalCraft,
)
from signalcraft.client.credentials import Session
from signalcraft.client.events import parse
from system_instance import SystemInstance

pytestmark = pytest.mark.system

NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def server(running_system: SystemInstance) -> Iterator[SignalCraft]:
    system = running_system
    with SignalCraft.sign_in(system.url, system.username, system.password) as server:
        yield server


@pytest.fixture
def node(running_system: SystemInstance) -> Iterator[NodeClient]:
    with NodeClient(running_system.node_url) as node:
        yield node


def test_readings_in_bulk_are_stored_once_and_the_bad_ones_are_named(
    server: SignalCraft, node: NodeClient
) -> None:
    sound = [
        Measurement("BULK-1", NOW - timedelta(seconds=i), temperature_c=-30 + i / 64) for i in range(2100)
    ]
    sent = [*sound[:1500], Measurement("BULK-1", datetime(1990, 1, 1, tzinfo=UTC)), *sound[1500:]]
    first = node.send_readings(sent)
    assert (first.stored, first.duplicates) == (2100, 0)
    assert [(error.index, error.field) for error in first.errors] == [(1500, "timestamp")]
    assert node.send_readings(sent).duplicates == 2100
    stored = server.readings("BULK-1", limit=10_000)
    assert [(row.measured_at, row.temperature_c) for row in stored] == [
        (reading.measured_at, reading.temperature_c) for reading in sound
    ]


def test_what_a_device_measured_is_charted_and_exported(
    server: SignalCraft, node: NodeClient, tmp_path: Path
) -> None:
    span = [NOW - timedelta(seconds=i) for i in range(600)]
    node.send_readings([Measurement("CHART-1", at, temperature_c=-18.5) for at in span])
    during = {"start": span[-1], "end": NOW + timedelta(seconds=1)}
    series = server.device_series("CHART-1", **during)
    assert series.count == 600
    assert set(series.fields.temperature_c) == {-18.5}
    server.export_readings("CHART-1", tmp_path / "a.parquet", **during)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.column("temperature_c").to_pylist() == [-18.5] * 600
    server.export_readings("CHART-1", tmp_path / "a.csv", format="csv", **during)
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 601
    with pytest.raises(NotFoundError):
        server.export_readings("NOBODY", tmp_path / "b.csv", **during)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.parquet"]


def test_a_device_is_listed_and_told_what_to_do(server: SignalCraft, node: NodeClient) -> None:
    node.send_reading(Measurement("OBEYS-1", NOW, temperature_c=-18.0))
    command = server.order("OBEYS-1", "calibrate")
    assert [(one.id, one.state) for one in server.commands("OBEYS-1")] == [(command.id, "queued")]
    [listed] = [device for device in server.devices() if device.device_id == "OBEYS-1"]
    assert (listed.status, listed.open_commands) == ("online", 1)
    server.change_settings("OBEYS-1", upload_interval_s=60)
    assert [one.kind for one in server.commands("OBEYS-1")] == ["config", "calibrate"]


def test_a_batch_of_nothing_but_errors_says_so_for_each(node: NodeClient) -> None:
    result = node.send_readings([Measurement("not a name!", NOW)] * 3)
    assert result.stored == 0
    assert [error.field for error in result.errors] == ["device_id"] * 3


def test_a_recording_is_analysed(server: SignalCraft, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(1).normal(0, 0.05, 32_000), 16_000)
    analysis = server.analyze(path)
    assert analysis.state == "done"
    assert analysis.verdict is not None


def test_refusals_carry_the_servers_words(server: SignalCraft, running_system: SystemInstance) -> None:
    with pytest.raises(NotFoundError) as raised:
        server.machine(2**40)
    assert raised.value.status == 404
    assert raised.value.request_id
    with pytest.raises(ProblemError) as bad:
        server.alarms(limit=501)
    assert [error.field for error in bad.value.errors] == ["limit"]
    stranger = SignalCraft.sign_in(running_system.url, running_system.username, "not the password")
    with stranger, pytest.raises(NotSignedInError):
        stranger.shops()


def test_an_ended_session_is_renewed_once_however_many_threads_notice(
    running_system: SystemInstance,
) -> None:
    paths: list[str] = []
    lock = threading.Lock()

    class Watched(httpx.HTTPTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            with lock:
                paths.append(request.url.path)
            return super().handle_request(request)

    session = Session(running_system.username, running_system.password)
    with SignalCraft(running_system.url, session, transport=Watched()) as server:
        server.shops()
        assert paths == ["/api/auth/login", "/api/shops"]
        session.access_token = "ended"
        threads = [threading.Thread(target=server.shops) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert paths.count("/api/auth/refresh") == 1
    assert paths.count("/api/auth/login") == 1


def test_events_go_on_where_they_stopped(server: SignalCraft, node: NodeClient) -> None:
    """A new device is an event; so are the analyses of its sound."""
    noise = np.random.default_rng(2).normal(0, 900, 16_000).astype("<i2").tobytes()
    received = [node.send_clip("EVENTFUL-1", noise, sample_rate_hz=16_000) for _ in range(2)]
    clips = {str(clip.clip_id) for clip in received}
    told: list[str] = []
    seen: list[int] = []
    for event in server.events(after=0):
        assert event.id is not None
        seen.append(event.id)
        if event.type == "analysis.finished" and event.data["analysis"]["clip_id"] in clips:
            told.append(event.data["analysis"]["clip_id"])
        if len(told) == 2:
            break
    assert set(told) == clips
    again = list(islice(server.events(after=seen[-2]), 1))
    assert again[0].id == seen[-1]


def test_a_stream_is_cut_into_events() -> None:
    lines = ["retry: 2000", 'data: {"type": "connected"}', "", ": heartbeat", "", "id: 7", 'data: {"type":']
    lines += ['data: "x"}', "", 'data: {"type": "reading"}', "", "id: 8", 'data: {"type": "cut off"']
    assert [(event.id, event.type) for event in parse(lines)] == [
        (None, "connected"),
        (7, "x"),
        (None, "reading"),
    ]


def test_the_stream_comes_back_after_it_was_cut() -> None:
    asked: list[str | None] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers.get("Last-Event-ID"))
        if len(asked) == 2:
            raise httpx.ConnectError("away")
        number = 5 + len(asked)
        return httpx.Response(200, text=f'id: {number}\ndata: {{"type": "test"}}\n\n')

    patience = Patience(30.0, sleep=lambda seconds: None)
    transport = httpx.MockTransport(answer)
    with SignalCraft("http://node.test", httpx.Auth(), patience=patience, transport=transport) as server:
        assert [event.id for event in islice(server.events(after=5), 3)] == [6, 8, 9]
    assert asked == ["5", "6", "6", "8"]
