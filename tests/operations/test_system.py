"""The whole system under PM2: started, killed piece by piece, stopped."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from signalcraft.operations import kernel, launch

BACK_SECONDS = 10.0
"""A killed process is back within seconds, on a machine that does other things too."""


class System:
    """An instance in a folder of its own, driven as an operator does."""

    def __init__(self, folder: Path, public_ports: tuple[int, int]) -> None:
        self.folder = folder
        self.public_ports = public_ports
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("SIGNALCRAFT_", "PM2_"))
        }
        for name in ("DATABASE_URL", "REDIS_URL", "OBJECT_STORE_URL", "SENTRY_DSN"):
            kept.pop(name, None)
        self.environment = {
            **kept,
            "SIGNALCRAFT_DATA_DIR": str(folder / "data"),
            "SIGNALCRAFT_GATEWAY_PORT": str(public_ports[0]),
            "SIGNALCRAFT_API_PORT": str(public_ports[1]),
        }

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        program = Path(sys.prefix) / "bin" / "signalcraft"
        return subprocess.run(
            [program, *arguments],
            cwd=self.folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )

    def processes(self) -> dict[str, dict[str, Any]]:
        document = json.loads(self.run("status", "--json").stdout)
        return {process["name"]: process for process in document["processes"]}


@pytest.fixture
def system(public_ports: tuple[int, int]) -> Iterator[System]:
    # Not pytest's folder: its path is too long for Unix sockets.
    folder = Path(tempfile.mkdtemp(prefix="sc-", dir="/tmp"))
    system = System(folder, public_ports)
    yield system
    system.run("down")
    shutil.rmtree(folder)


@pytest.mark.system
@pytest.mark.timeout(240)
def test_the_system_starts_survives_and_stops(system: System) -> None:
    first = system.run("up")
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

    for name in [name for name in processes if name != "pm2"]:
        os.kill(processes[name]["pid"], 9)
        _wait_until_back(system, name, processes[name]["pid"])
    survivors = system.processes()
    assert {process["state"] for process in survivors.values()} == {"online"}
    assert {process["restarts"] for name, process in survivors.items() if name != "pm2"} == {1}
    assert system.run("logs", "-n", "5", "postgres").stdout.count("\n") == 5

    running = set().union(*(kernel.tree(process["pid"]) for process in survivors.values()))
    assert len(running) > 12
    stopped = system.run("down")
    assert stopped.returncode == 0, stopped.stderr
    assert running & {process.pid for process in kernel.processes()} == set()
    assert system.run("status").returncode == 1
    assert system.run("down").returncode == 0


def _wait_until_back(system: System, name: str, killed: int) -> None:
    deadline = time.monotonic() + BACK_SECONDS
    while not _is_back(system, name, killed):
        assert time.monotonic() < deadline, system.processes()[name]
        time.sleep(0.05)


def _is_back(system: System, name: str, killed: int) -> bool:
    """Whether there is a new process, and both tiers, asked through the proxy, can do their work."""
    session, _ = launch.record(system.folder / "data" / "run", name).read_text().split()
    ready = [
        f"http://127.0.0.1:{port}{path}"
        for port in system.public_ports
        for path in ("/ready", "/api/flask/ready")
    ]
    try:
        return int(session) != killed and all(httpx.get(url, trust_env=False).is_success for url in ready)
    except httpx.HTTPError:
        return False
