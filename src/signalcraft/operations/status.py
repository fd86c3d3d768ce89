"""What every process of an instance is doing."""

import time
from dataclasses import dataclass

import httpx

from signalcraft.operations import kernel
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2, State
from signalcraft.operations.ports import LOOPBACK
from signalcraft.operations.processes import Process, catalogue


@dataclass(frozen=True)
class ProcessStatus:
    """One line of `signalcraft status`."""

    name: str
    state: str
    """PM2's word; `not ready` for a web tier that runs and does not answer 200 at /ready."""
    pid: int | None
    memory_bytes: int
    """Proportional set size of the process and all its descendants."""
    restarts: int
    uptime_seconds: float | None
    port: int | None
    version: str

    @property
    def well(self) -> bool:
        return self.state == "online"


def status(instance: Instance) -> list[ProcessStatus]:
    """Every process that should run, and PM2 itself."""
    pm2 = Pm2(instance)
    states = {state.name: state for state in pm2.states()}
    with httpx.Client(trust_env=False, timeout=3.0) as client:
        rows = [_of(process, states.get(process.name), client) for process in catalogue(instance)]
    return [*rows, _of_pm2(pm2)]


def _of(process: Process, state: State | None, client: httpx.Client) -> ProcessStatus:
    online = state is not None and state.status == "online" and state.pid is not None
    word, version = (state.status if state else "stopped"), process.version
    if online and process.kind == "tier":
        word, version = _tier(process, client)
    return ProcessStatus(
        name=process.name,
        state=word,
        pid=state.pid if state and online else None,
        memory_bytes=kernel.memory_bytes(kernel.tree(state.pid)) if state and state.pid and online else 0,
        restarts=state.restarts if state else 0,
        uptime_seconds=max(0.0, time.time() - state.started_ms / 1000) if state and online else None,
        port=process.port,
        version=version,
    )


def _tier(process: Process, client: httpx.Client) -> tuple[str, str]:
    """State and release of a web tier, as it answers itself."""
    address = f"http://{LOOPBACK}:{process.port}"
    try:
        release = str(client.get(f"{address}/version").json()["release"])
        ready = client.get(f"{address}/ready").status_code == httpx.codes.OK
    except (httpx.HTTPError, ValueError, KeyError):
        return "not ready", ""
    return ("online" if ready else "not ready"), release


def _of_pm2(pm2: Pm2) -> ProcessStatus:
    pid = pm2.pid
    return ProcessStatus(
        name="pm2",
        state="stopped" if pid is None else "online",
        pid=pid,
        memory_bytes=0 if pid is None else kernel.memory_bytes({pid}),
        restarts=0,
        uptime_seconds=None,
        port=None,
        version="",
    )
