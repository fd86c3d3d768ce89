"""The whole system under PM2: started, killed, stopped."""

import os
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from signalcraft.operations import kernel, launch
from system_instance import SystemInstance, system_instance

EVERYTHING_BACK_SECONDS = 90.0
BACK_SECONDS = 40.0
"""After everything was killed at once, on a machine that does other things too. One process alone is back
within seconds: benchmarks/operations/kills.py."""


@pytest.fixture
def system() -> Iterator[SystemInstance]:
    with system_instance() as instance:
        yield instance


@pytest.mark.system
@pytest.mark.timeout(240)
def test_the_system_starts_survives_and_stops(system: SystemInstance) -> None:
    first = system.start()
    assert first.returncode == 0, first.stderr
    assert "password" in first.stdout
    processes = system.processes()
    assert {process["state"] for process in processes.values()} == {"online"}

    again = system.run("up")
    assert again.returncode == 0, again.stderr
    assert "password" not in again.stdout
    assert {n: p["pid"] for n, p in system.processes().items()} == {n: p["pid"] for n, p in processes.items()}

    taken = system.run("up", SIGNALCRAFT_DATA_DIR=str(system.folder / "other"))
    assert taken.returncode == 1
    assert "SIGNALCRAFT_GATEWAY_PORT" in taken.stderr
    assert not (system.folder / "other" / "pm2" / "pm2.pid").exists()

    killed = {name: process["pid"] for name, process in processes.items() if name != "pm2"}
    for pid in killed.values():
        os.kill(pid, 9)
    _wait_until_back(system, killed)
    survivors = system.processes()
    assert {process["state"] for process in survivors.values()} == {"online"}
    # Who came back before the database or the queue may have had to begin once more.
    assert all(process["restarts"] >= 1 for name, process in survivors.items() if name != "pm2")
    assert system.run("logs", "-n", "5", "postgres").stdout.count("\n") == 5

    os.kill(survivors["pm2"]["pid"], 9)
    _wait_until_everything_is_new(system, survivors)
    survivors = system.processes()

    running = set().union(*(kernel.tree(process["pid"]) for process in survivors.values()))
    assert len(running) > 12
    stopped = system.run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert running & {process.pid for process in kernel.processes()} == set()
    assert system.run("status").returncode == 1
    assert system.run("down").returncode == 0


def _wait_until_everything_is_new(system: SystemInstance, old: dict[str, dict[str, Any]]) -> None:
    """PM2 is brought back by the watchdog, and starts everything anew."""
    deadline = time.monotonic() + EVERYTHING_BACK_SECONDS
    while not all(
        process["state"] == "online" and process["pid"] != old[name]["pid"]
        for name, process in system.processes().items()
    ):
        assert time.monotonic() < deadline, system.processes()
        time.sleep(0.5)


def _wait_until_back(system: SystemInstance, killed: dict[str, int]) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not _are_back(system, killed):
        assert time.monotonic() < deadline, system.processes()
        time.sleep(0.1)


def _are_back(system: SystemInstance, killed: dict[str, int]) -> bool:
    """Whether each is a new process, and both tiers, asked through the proxy, can do their work."""
    run_dir = system.folder / "data" / "run"
    sessions = {name: launch.record(run_dir, name).read_text().partition(" ")[0] for name in killed}
    if any(sessions[name] in {"", str(pid)} for name, pid in killed.items()):
        return False
    ready = [
        f"http://127.0.0.1:{port}{path}"
        for port in system.public_ports
        for path in ("/ready", "/api/flask/ready")
    ]
    try:
        return all(httpx.get(url, trust_env=False).is_success for url in ready)
    except httpx.HTTPError:
        return False
