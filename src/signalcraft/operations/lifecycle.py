"""Starting and stopping the whole system, in the right order, as often as one likes."""

import fcntl
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

import httpx
from kombu.exceptions import OperationalError
from prometheus_client.parser import text_string_to_metric_families

from signalcraft import metrics
from signalcraft.db import migrate
from signalcraft.observability.draining import drain_file
from signalcraft.operations import colours, connections, database, launch, logs, prometheus, proxy
from signalcraft.operations.colours import CHECKOUT, COLOURS, Colours, Release
from signalcraft.operations.errors import OperationsError
from signalcraft.operations.instance import Instance
from signalcraft.operations.pm2 import Pm2, State, ecosystem
from signalcraft.operations.ports import LOOPBACK, Colour, Tier, is_free, proxy_port, tier_port
from signalcraft.operations.postgres import Postgres
from signalcraft.operations.processes import Process, catalogue, describe, remember
from signalcraft.operations.tiers import GRACE_SECONDS
from signalcraft.operations.valkey import Valkey
from signalcraft.operations.whole_files import write_whole
from signalcraft.queue import make_celery

Say = Callable[[str], None]

_CONNECTED = {"signalcraft_event_streams", "signalcraft_connected_nodes"}
_SERVER_SECONDS = 60.0
_RUNS = 4
"""A process that has begun so often and is not ready will not be."""
_READY_SECONDS = 90.0
"""A small machine on its first start, with cold caches; usually it is a few seconds."""


def public_url(instance: Instance) -> str:
    """Where a browser on this machine finds the system."""
    address = instance.settings.bind_address
    host = "localhost" if address in {LOOPBACK, "0.0.0.0", "::"} else address  # noqa: S104 - compared, not bound
    return f"http://{host}:{instance.settings.gateway_port}"


def hand_over(instance: Instance) -> None:
    """Become the `signalcraft up` of the active release, unless it is this one or was never deployed.

    Raises
    ------
    OperationsError
        That release is not there any more.
    """
    found = colours.load(instance)
    active = found.releases[found.active]
    if active is None or active.is_this or active.id == CHECKOUT:
        return
    try:
        os.execv(active.program, [str(active.program), "up"])  # noqa: S606 - a release that we have built
    except OSError as error:
        raise OperationsError(
            f"Release {active.id} was deployed and cannot be started: {active.program}: {error.strerror}."
            f" Put its folder back, or remove {instance.run_dir / 'colours.json'} to start this code instead."
        ) from None


def up(instance: Instance, say: Say) -> None:
    """Start whatever does not run yet or runs from something older, and return when all of it is ready.

    In the middle of a deployment that is both colours; one that gets no traffic is not waited for.

    Raises
    ------
    OperationsError
        A port is taken, a server does not start, or a process does not become ready.
    """
    with _alone(instance):
        pm2 = Pm2(instance)
        found = _with_this_checkout(colours.load(instance))
        colours.save(instance, found)
        remember(instance, found.active)
        for colour in COLOURS:
            # Left by a deployment that was cut off.
            drain_file(instance.data_dir, colour).unlink(missing_ok=True)
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
        _write_ecosystem(instance)
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
        if state := {name: state for name, state in running.items() if name not in gone}.get("proxy"):
            proxy.refresh(instance, state.pid)
        _wait_for_successors(instance, left)
        served = [process for process in wanted if not process.colour or found.weights[process.colour]]
        _wait_for_all(instance, served, starting, _READY_SECONDS, say)


def _with_this_checkout(found: Colours) -> Colours:
    """What nobody has built is whatever folder `make up` is called in, also when that was moved."""
    active = found.releases[found.active]
    if active is None or active.id != CHECKOUT:
        return found
    return replace(found, releases={**found.releases, found.active: colours.this_release()})


def start_colour(instance: Instance, colour: Colour, release: Release, seconds: float, say: Say) -> None:
    """Start this release as that colour beside what runs, and return when it is ready.

    It gets no traffic by this. From now on `signalcraft up` brings it back, too.

    Parameters
    ----------
    release : how the code that calls this is to be known.
    seconds : how long its processes may take until they are ready.

    Raises
    ------
    OperationsError
        A port is taken, or a process does not become ready; `stop_colour` takes away what was started.
    """
    with _alone(instance):
        found = colours.load(instance)
        if colour == found.active:
            raise OperationsError(f"{colour} is the active colour; another release starts as the other one.")
        pm2 = Pm2(instance)
        own = [process for process in describe(instance, colour) if process.colour == colour]
        _delete(pm2, colour)
        for process in own:
            launch.reap(instance.run_dir, process.name)
        _check_ports(instance, own)
        remember(instance, colour)
        colours.save(instance, replace(found, releases={**found.releases, colour: release}))
        _write_ecosystem(instance)
        _start_applications(instance, pm2, own, say)
        _wait_for_all(instance, own, own, seconds, say)


def make_active(instance: Instance, colour: Colour, say: Say) -> None:
    """Let what there is one of (scheduler, monitor, proxy, …) be of this release, which runs as that colour.

    Called by the release that becomes active. The proxy goes on running; it takes a changed configuration
    without losing a request.

    Raises
    ------
    OperationsError
        The release of that colour is not the one that calls this.
    """
    with _alone(instance):
        found = colours.load(instance)
        release = found.releases[colour]
        if release is None or not release.is_this:
            raise OperationsError(f"Only the release that runs as {colour} can make {colour} active.")
        colours.save(instance, replace(found, active=colour))
        pm2 = Pm2(instance)
        running = {state.name: state for state in pm2.states()}
        single = [process for process in catalogue(instance) if process.colour is None]
        moving = [process for process in single if process.kind == "task" and not _current(process, running)]
        _write_ecosystem(instance)
        pm2.delete(process.name for process in moving if process.name in running)
        _start_applications(instance, pm2, moving, say)
        if state := running.get("proxy"):
            proxy.refresh(instance, state.pid)


def stop_colour(instance: Instance, colour: Colour, say: Say) -> None:
    """Stop the processes of a colour that gets no traffic any more, after what they have in hand.

    Raises
    ------
    OperationsError
        It is the active colour.
    """
    with _alone(instance):
        found = colours.load(instance)
        if colour == found.active:
            raise OperationsError(f"{colour} is the active colour; `signalcraft down` stops everything.")
        pm2 = Pm2(instance)
        if found.weights[colour] == 0 and any(state.name == f"gateway-{colour}" for state in pm2.states()):
            say(f"Sending away who is still connected to {colour}")
            _send_away(instance, colour)
        say(f"Stopping {colour}")
        _delete(pm2, colour)
        drain_file(instance.data_dir, colour).unlink(missing_ok=True)
        colours.save(instance, replace(found, releases={**found.releases, colour: None}))
        _write_ecosystem(instance)


def _send_away(instance: Instance, colour: Colour) -> None:
    """Have the streams and sockets of a colour end, and wait until they have."""
    drain_file(instance.data_dir, colour).touch(mode=0o600)
    base = instance.settings.internal_port_base
    tiers: tuple[Tier, ...] = ("gateway", "link")
    deadline = time.monotonic() + GRACE_SECONDS
    with httpx.Client(trust_env=False, timeout=5.0) as client:
        while (
            any(_connected(client, tier_port(base, tier, colour)) for tier in tiers)
            and time.monotonic() < deadline
        ):
            time.sleep(0.5)


def _connected(client: httpx.Client, port: int) -> float:
    """How many streams and sockets a tier says that it has; none where it does not answer."""
    try:
        text = client.get(f"http://{LOOPBACK}:{port}{metrics.PATH}").text
    except httpx.HTTPError:
        return 0
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return sum(sample.value for sample in samples if sample.name in _CONNECTED)


def _delete(pm2: Pm2, colour: Colour) -> None:
    pm2.delete(state.name for state in pm2.states() if state.name.endswith(f"-{colour}"))


def _write_ecosystem(instance: Instance) -> None:
    write_whole(instance.ecosystem_file, ecosystem(instance, catalogue(instance)))


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
            for colour in COLOURS:
                _check_internal(instance, process, proxy_port(settings.internal_port_base, colour))
        elif process.port is not None:
            _check_internal(instance, process, process.port)


def _check_internal(instance: Instance, process: Process, port: int) -> None:
    if not is_free(LOOPBACK, port):
        raise OperationsError(
            f"Port {port}, which {process.name} uses, is taken by another program."
            f" End that program; the ports of this instance are in {instance.settings.instance_file}."
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
    instance: Instance, wanted: Sequence[Process], starting: Sequence[Process], seconds: float, say: Say
) -> None:
    say("Waiting until every process is ready")
    deadline = time.monotonic() + seconds
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
    runs: set[str] = set()
    while not ready():
        with suppress(FileNotFoundError):
            runs.add(launch.record(instance.run_dir, process.name).read_text())
        if time.monotonic() > deadline or len(runs) > _RUNS:
            what = "keeps ending" if len(runs) > _RUNS else "is not ready in time"
            lines = "\n  ".join(line.text for line in logs.tail(instance.logs_dir, [process.name], 5))
            raise OperationsError(f"{process.name} {what} (`signalcraft logs {process.name}`):\n  {lines}")
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
    kinds = {process.name: process.kind for colour in COLOURS for process in describe(instance, colour)}
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
