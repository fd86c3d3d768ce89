"""The virtual nodes: their rows, and what they send on the simulated clock."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from signalcraft.cli.node_client import NodeClient
from signalcraft.cli.virtual_fleet import OPERATOR, Schedule, VirtualNode, settle, step
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ConflictError
from signalcraft.fleet import service as fleet
from signalcraft.simulation.machine import VirtualMachine

START = datetime(2026, 8, 1, tzinfo=UTC)


def test_a_second_run_finds_the_same_machines(database: None) -> None:
    made = []
    for _ in range(2):
        with unit_of_work() as session:
            device_id, machine = settle(session, shop_number=1, machine_number=2, seed=3)
        made.append((device_id, machine.id, machine.shop_id, machine.synthetic))
    assert made[0] == made[1]
    assert made[0][0] == "SIM-3-1-2"
    assert made[0][3] is True
    with unit_of_work() as session:
        assert len(fleet.list_shops(session, OPERATOR)) == 1


def test_a_real_machine_is_never_written_to(database: None) -> None:
    with unit_of_work() as session:
        device_id, machine = settle(session, 1, 1, seed=3)
        machine.synthetic = False
    with pytest.raises(ConflictError, match=device_id), unit_of_work() as session:
        settle(session, 1, 1, seed=3)


def test_nodes_send_readings_always_and_sound_while_they_run() -> None:
    requests: list[httpx.Request] = []

    def server(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"success": True})

    compressor = VirtualMachine(seed=5)
    node = VirtualNode("SIM-5-1-1", 1, "Compressor", compressor, next_clip_at=START)
    schedule = Schedule(START, START + timedelta(hours=2), timedelta(minutes=1), timedelta(minutes=5))
    with (
        NodeClient("http://node.test", transport=httpx.MockTransport(server)) as client,
        ThreadPoolExecutor(1) as threads,
    ):
        for moment in schedule.moments():
            step([node], moment, schedule, client, threads)
    clips = [request for request in requests if request.url.path.endswith("/upload")]
    heard = [datetime.fromisoformat(request.headers["X-Measured-At"]) for request in clips]
    due = [START + timedelta(minutes=minute) for minute in range(0, 120, 5)]
    running = [
        moment
        for moment in due
        if compressor.is_running(moment.timestamp()) and compressor.is_running(moment.timestamp() + 10)
    ]
    assert 0 < len(running) < len(due)
    assert heard == running
    assert (node.readings, node.clips) == (120, len(running)) == (len(requests) - len(clips), len(clips))
    assert {request.headers["X-Synthetic"] for request in clips} == {"true"}
    assert {len(request.content) for request in clips} == {2 * 16_000 * 10}
