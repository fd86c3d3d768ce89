"""What metrics, logs and tracing cost: each tier with all, each and none of them side by side, in turns.

`python -m benchmarks.operations.cost --help`. Uses the databases of the running instance of
SIGNALCRAFT_DATA_DIR, and tiers of its own beside it; what it makes is synthetic and removed.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from time import monotonic, perf_counter, sleep
from typing import Annotated

import httpx
import typer

from benchmarks.cpu import tree_seconds
from benchmarks.stage import stage
from benchmarks.telemetry.fleet import Nodes, nodes
from benchmarks.telemetry.http import Answer, Connection
from benchmarks.telemetry.single import BODY
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.operations.ports import LOOPBACK, TIERS, Tier
from signalcraft.operations.tiers import READING_PATH
from signalcraft.ratelimits.policy import QUOTAS
from signalcraft.settings import Settings

AT_MOST, AIM = 0.10, 0.05
CLIENTS: dict[Tier, int] = {"gateway": 8, "api": 8, "link": 64}
"""Enough to keep the tier busy: the link waits a little before each commit, and only a crowd fills that."""
DEVICES = 200
START_SECONDS = 120.0
NO_QUOTAS = ";".join(f"{name}=1000000/second" for name in QUOTAS)

Request = Callable[[Connection, int], Awaitable[Answer]]
"""Sends request number n."""


Watchers = frozenset[str]
NONE: Watchers = frozenset()
ALL: Watchers = frozenset({"metrics", "logs", "tracing"})
VARIANTS: dict[str, Watchers] = {
    "none": NONE,
    **{name: frozenset({name}) for name in sorted(ALL)},
    "all": ALL,
}


@dataclass(frozen=True)
class Cost:
    """Medians over the rounds of one variant.

    cost, cpu_cost : share of the throughput that is lost against `none`, and of the processor's time that is
    added, from each pair of rounds. The second says more where others use the machine too.
    """

    per_s: float
    cpu_us: float
    cost: float
    cpu_cost: float


class Tracker(BaseHTTPRequestHandler):
    """Takes what the error tracker would get, at once, and forgets it."""

    def do_POST(self) -> None:  # the name that http.server looks for
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Server:
    """One tier of our own."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process = process
        self.origin = f"http://{LOOPBACK}:{port}"

    def wait(self) -> None:
        """Until it is ready."""
        deadline = monotonic() + START_SECONDS
        while monotonic() < deadline:
            try:
                if httpx.get(f"{self.origin}/ready", trust_env=False).status_code == httpx.codes.OK:
                    return
            except httpx.HTTPError:
                pass
            sleep(0.1)
        sys.exit(f"{self.origin} is not ready after {START_SECONDS:.0f} s.")

    def cpu_seconds(self) -> float:
        """Of the master and its workers, so far."""
        return tree_seconds(self._process.pid)

    def stop(self) -> None:
        """Gracefully."""
        self._process.terminate()
        self._process.wait()


def main(
    rounds: Annotated[int, typer.Option(min=2, help="Rounds of each variant of each tier.")] = 12,
    seconds: Annotated[float, typer.Option(min=1, help="Length of a round.")] = 2.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on the running instance of SIGNALCRAFT_DATA_DIR."""
    settings = local_settings()
    costs: dict[str, dict[str, Cost]] = {}
    with nodes(settings, DEVICES) as fleet, stage(1) as people, tracker() as dsn:
        token = _signed_in(public_url(settings, settings.gateway_port), people.username, people.password)
        for tier in TIERS:
            request = _request_of(tier, fleet, token)
            with variants(settings, tier, dsn) as servers:
                costs[tier] = asyncio.run(_compare(servers, request, rounds, seconds, CLIENTS[tier]))
            _print(tier, costs[tier])
    if json_file is not None:
        figures = {
            tier: {name: asdict(cost) for name, cost in found.items()} for tier, found in costs.items()
        }
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **figures}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if max(found["all"].cost for found in costs.values()) > AT_MOST:
        sys.exit(f"More than {AT_MOST:.0%} of the throughput is lost.")


@contextmanager
def tracker() -> Iterator[str]:
    """The address (DSN) of an error tracker that answers at once."""
    server = ThreadingHTTPServer((LOOPBACK, 0), Tracker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://{'0' * 32}@{LOOPBACK}:{server.server_address[1]}/1"
    server.shutdown()
    server.server_close()


@contextmanager
def variants(settings: Settings, tier: Tier, dsn: str) -> Iterator[dict[str, Server]]:
    """The tier with each of VARIANTS."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {}
        for name, watchers in VARIANTS.items():
            own = Path(folder, name)
            own.mkdir()
            log = stack.enter_context((own / "log").open("wb"))
            servers[name] = _start(
                tier, watchers, _environment(settings, tier, watchers, dsn, own), log.fileno()
            )
            stack.callback(servers[name].stop)
            servers[name].wait()
        yield servers


def _environment(
    settings: Settings, tier: Tier, watchers: Watchers, dsn: str, folder: Path
) -> dict[str, str]:
    return {
        **os.environ,
        "SIGNALCRAFT_DATA_DIR": str(settings.data_dir),
        "SIGNALCRAFT_PROCESS": tier,
        "SIGNALCRAFT_RATE_LIMITS": NO_QUOTAS,
        "SIGNALCRAFT_LOG_LEVEL": "INFO" if "logs" in watchers else "ERROR",
        "SENTRY_DSN": dsn if "tracing" in watchers else "",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
    }


def _start(tier: Tier, watchers: Watchers, environment: dict[str, str], log: int) -> Server:
    with ThreadingHTTPServer((LOOPBACK, 0), Tracker) as probe:
        port = probe.server_address[1]
    usual, bare = f"signalcraft.{tier}.app:create_app()", f"benchmarks.operations.bare:{tier}()"
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", f"python:signalcraft.{tier}.gunicorn_conf"),
        *("--bind", f"{LOOPBACK}:{port}", usual if "metrics" in watchers else bare),
    ]
    return Server(subprocess.Popen(command, env=environment, stdout=log, stderr=log), port)


def _signed_in(origin: str, username: str, password: str) -> str:
    answer = httpx.post(
        f"{origin}/api/auth/login",
        json={"username": username, "password": password, "delivery": "body"},
        headers={"X-Requested-With": "benchmark"},
        trust_env=False,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _request_of(tier: Tier, fleet: Nodes, token: str) -> Request:
    """What is asked: requests that cost little themselves, so that what watches them weighs the most."""
    headers = {"Authorization": f"Bearer {token}"}
    first = int(utc_now().timestamp()) - 86_400

    async def send_reading(connection: Connection, number: int) -> Answer:
        round_, device = divmod(number, len(fleet.names))
        body = BODY.format(name=fleet.names[device], second=first + round_).encode()
        return await connection.post(READING_PATH, body)

    async def read(connection: Connection, _: int) -> Answer:
        path = "/api/shops" if tier == "api" else "/api/notifications"
        return await connection.get(path, headers)

    return send_reading if tier == "link" else read


async def _compare(
    servers: dict[str, Server], request: Request, rounds: int, seconds: float, clients: int
) -> dict[str, Cost]:
    numbers = iter(range(sys.maxsize))
    for server in servers.values():
        await _round(server, request, numbers, 1.0, clients)  # to warm up
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
    for turn in range(rounds):
        for name in list(servers)[:: 1 if turn % 2 else -1]:
            found[name].append(await _round(servers[name], request, numbers, seconds, clients))
    return {
        name: Cost(
            per_s=median(rate for rate, _ in figures),
            cpu_us=median(cpu for _, cpu in figures),
            cost=median(
                1 - rate / alone for (rate, _), (alone, _) in zip(figures, found["none"], strict=True)
            ),
            cpu_cost=median(
                cpu / alone - 1 for (_, cpu), (_, alone) in zip(figures, found["none"], strict=True)
            ),
        )
        for name, figures in found.items()
    }


async def _round(
    server: Server, request: Request, numbers: Iterator[int], seconds: float, clients: int
) -> tuple[float, float]:
    """Answers a second, and microseconds of processor each."""
    start, cpu, answered = perf_counter(), server.cpu_seconds(), 0

    async def keep_asking() -> None:
        nonlocal answered
        connection = Connection(server.origin)
        while perf_counter() - start < seconds:
            answer = await request(connection, next(numbers))
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
            answered += 1
        connection.close()

    await asyncio.gather(*(keep_asking() for _ in range(clients)))
    passed = perf_counter() - start
    return answered / passed, (server.cpu_seconds() - cpu) / answered * 1e6


def _print(tier: str, costs: dict[str, Cost]) -> None:
    print(f"{tier}: at most {AT_MOST:.0%} with all, aim {AIM:.0%}")
    for name, cost in costs.items():
        print(
            f"  {name:8} {cost.per_s:7.0f} /s   cost {cost.cost:6.1%}"
            f"   CPU {cost.cpu_us:6.0f} us each, {cost.cpu_cost:+.1%}"
        )


if __name__ == "__main__":
    typer.run(main)
