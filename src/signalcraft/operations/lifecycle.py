"""Starting and stopping the whole system, in the right order, as often as one likes."""

import fcntl
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx
from kombu.exceptions import OperationalError

from signalcraft.db import migrate
from signalcraft.operations import connections, database, launch, logs, prometheus, proxy
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2, State, ecosystem
from signalcraft.operations.ports import LOOPBACK, is_free
from signalcraft.operations.postgres import Postgres
from signalcraft.operations.processes import Process, catalogue
from signalcraft.operations.valkey import Valkey
from signalcraft.queue import make_celery

Say = Callable[[str], None]

_SERVER_SECONDS = 60.0
_READY_SECONDS = 90.0
"""A small machine on its first start, with cold caches; usually it is a few seconds."""


def public_url(instance: Instance) -> str:
    """Where a browser on this machine finds the system."""
    address = instance.settings.bind_address
    host = "localhost" if address in {LOOPBACK, "0.0.0.0", "::"} else address  # noqa: S104 - compared, not bound
    return f"http://{host}:{instance.settings.gateway_port}"


def up(instance: Instance, say: Say) -> None:
    """Start whatever does not run yet or runs from something older, and return when all of it is ready.

    Raises
    ------
    OperationsError
        A port is taken, a server does not start, or a process does not become ready.
    """
    with _alone(instance):
        pm2 = Pm2(instance)
        wanted = catalogue(instance)
        running = {state.name: state for state in pm2.states()}
        if any(_outdated(process, running) for process in wanted if process.kind == "server"):
            say("A server's configuration has changed: everything restarts")
            _stop_all(instance, pm2, say)
            running = {}
        starting = [process for process in wanted if not _current(process, running)]
        absent = [process for process in starting if process.name not in running]
        # What outlived its PM2 goes on answering until its successor's launcher ends it.
        left = {
            process.name: pid
            for process in absent
            if (pid := launch.survivor(instance.run_dir, process.name))
        }
        ended = [process for process in absent if process.name not in left]
        for process in ended:
            launch.reap(instance.run_dir, process.name)
        _check_ports(instance, ended)
        instance.ecosystem_file.write_text(ecosystem(instance, wanted), encoding="utf-8")
        prometheus.write_targets(instance)
        servers = [process for process in starting if process.kind == "server"]
        _start_servers(instance, pm2, servers, left, say)
        say("Bringing the database up to date")
        with database.failing_with_a_sentence():
            connections.check(instance.settings)
            migrate.upgrade(instance.settings)
        # Migrations suit the older code too, so it answers until the last moment.
        if gone := sorted(
            running.keys() - {process.name for process in wanted if _current(process, running)}
        ):
            say(f"Stopping what runs from an older state: {', '.join(gone)}")
            pm2.delete(gone)
        _start_applications(instance, pm2, starting, say)
        _wait_for_successors(instance, left)
        _wait_for_all(instance, wanted, starting, say)


def down(instance: Instance, say: Say) -> None:
    """Stop everything: first what takes requests, last what keeps the data. Harmless when nothing runs."""
    with _alone(instance):
        _stop_all(instance, Pm2(instance), say)


def _current(process: Process, running: dict[str, State]) -> bool:
    state = running.get(process.name)
    return state is not None and state.status == "online" and state.fingerprint == process.fingerprint


def _outdated(process: Process, running: dict[str, State]) -> bool:
    state = running.get(process.name)
    return state is not None and state.fingerprint != process.fingerprint


@contextmanager
def _alone(instance: Instance) -> Iterator[None]:
    """Two commands on one instance at the same time take turns."""
    with (instance.run_dir / "lifecycle.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _check_ports(instance: Instance, starting: Sequence[Process]) -> None:
    settings = instance.settings
    for process in starting:
        if process.kind == "proxy":
            public = (
                ("SIGNALCRAFT_GATEWAY_PORT", settings.gateway_port),
                ("SIGNALCRAFT_API_PORT", settings.api_port),
                ("SIGNALCRAFT_LINK_PORT", settings.link_port),
            )
            for variable, port in public:
                if not is_free(settings.bind_address, port):
                    raise OperationsError(
                        f"Port {port} of {settings.bind_address} is taken or not allowed."
                        f" Free it, or set {variable} to another one."
                    )
        elif process.port is not None and not is_free(LOOPBACK, process.port):
            raise OperationsError(
                f"Port {process.port}, which {process.name} uses, is taken by another program."
                f" End that program; the ports of this instance are in {settings.instance_file}."
            )


def _start_servers(
    instance: Instance, pm2: Pm2, starting: Sequence[Process], left: Mapping[str, int], say: Say
) -> None:
    names = [process.name for process in starting]
    postgres = Postgres(instance) if instance.embeds_postgres else None
    valkey = Valkey(instance) if instance.embeds_valkey else None
    if names:
        say(f"Starting {' and '.join(names)}")
        if postgres and "postgres" in names:
            postgres.prepare()
        if valkey and "valkey" in names:
            valkey.prepare()
        pm2.start(names)
        _wait_for_successors(instance, {name: pid for name, pid in left.items() if name in names})
    if postgres:
        postgres.wait(_SERVER_SECONDS)
        postgres.make_database()
    if valkey:
        valkey.wait(_SERVER_SECONDS)


def _start_applications(instance: Instance, pm2: Pm2, starting: Sequence[Process], say: Say) -> None:
    names = [process.name for process in starting if process.kind != "server"]
    if not names:
        return
    if "proxy" in names:
        proxy.prepare(instance)
    say(f"Starting {', '.join(names)}")
    pm2.start(names)


def _wait_for_successors(instance: Instance, left: Mapping[str, int]) -> None:
    """Until what outlived its PM2 is gone: it would pass for what was started in its place."""
    deadline = time.monotonic() + _READY_SECONDS
    while time.monotonic() < deadline:
        if not any(launch.survivor(instance.run_dir, name) == pid for name, pid in left.items()):
            return
        time.sleep(0.05)


def _wait_for_all(
    instance: Instance, wanted: Sequence[Process], starting: Sequence[Process], say: Say
) -> None:
    say("Waiting until every process is ready")
    deadline = time.monotonic() + _READY_SECONDS
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        for process in wanted:
            if process.kind == "tier":
                _wait_until(lambda p=process: _tier_ready(client, p), instance, process, deadline)  # type: ignore[misc]
        for process in wanted:
            if process.kind == "proxy":
                _wait_until(lambda: _proxy_ready(client, instance), instance, process, deadline)
    for process in starting:
        if process.name.startswith("worker"):
            _wait_until(lambda p=process: _worker_ready(instance, p), instance, process, deadline)  # type: ignore[misc]


def _wait_until(ready: Callable[[], bool], instance: Instance, process: Process, deadline: float) -> None:
    while not ready():
        if time.monotonic() > deadline:
            lines = "\n  ".join(line.text for line in logs.tail(instance.logs_dir, [process.name], 5))
            raise OperationsError(
                f"{process.name} is not ready after {_READY_SECONDS:.0f} s"
                f" (`signalcraft logs {process.name}`):\n  {lines}"
            )
        time.sleep(0.1)


def _tier_ready(client: httpx.Client, process: Process) -> bool:
    address = f"http://{LOOPBACK}:{process.port}"
    try:
        release = client.get(f"{address}/version").json().get("release")
        return release == process.version and client.get(f"{address}/ready").status_code == httpx.codes.OK
    except (httpx.HTTPError, ValueError):
        return False


def _proxy_ready(client: httpx.Client, instance: Instance) -> bool:
    settings = instance.settings
    host = LOOPBACK if settings.bind_address == "0.0.0.0" else settings.bind_address  # noqa: S104 - compared, not bound
    host = f"[{host}]" if ":" in host else host
    try:
        answers = [client.get(f"http://{host}:{port}/live") for port in proxy.public_ports(settings)]
    except httpx.HTTPError:
        return False
    return all(answer.status_code == httpx.codes.OK for answer in answers)


def _worker_ready(instance: Instance, process: Process) -> bool:
    """Whether the worker answers Celery's ping."""
    node = f"{process.name}@{socket.gethostname()}"
    with make_celery(instance.settings) as celery:
        try:
            return bool(celery.control.ping(destination=[node], timeout=1.0))
        except OperationalError:
            return False


def _stop_all(instance: Instance, pm2: Pm2, say: Say) -> None:
    known = {state.name for state in pm2.states()}
    kinds = {process.name: process.kind for process in catalogue(instance)}
    # Requests stop arriving first; whoever writes to a server stops before it.
    for stage in ({"proxy"}, {"tier", "task"}):
        if names := [name for name in known if kinds.get(name, "task") in stage]:
            say(f"Stopping {', '.join(sorted(names))}")
            pm2.delete(names)
    if servers := [name for name in known if kinds.get(name) == "server"]:
        say(f"Stopping {', '.join(sorted(servers))}")
        _delete_servers(instance, pm2, servers)
    pm2.kill()
    for record in instance.run_dir.glob("*.session"):
        launch.reap(instance.run_dir, record.stem)
        record.unlink()


def _delete_servers(instance: Instance, pm2: Pm2, names: list[str]) -> None:
    """After PM2's SIGTERM PostgreSQL waits for every client, a forgotten psql too: in 2 s it is hurried."""
    hurry = threading.Timer(2.0, Postgres(instance).hasten_shutdown)
    if "postgres" in names:
        hurry.start()
    try:
        pm2.delete(names)
    finally:
        hurry.cancel()
