"""What metrics, logs and tracing cost: each tier with all of them and with none, side by side, in turns.

    .venv/bin/python -m benchmarks.operations.cost --json cost.json

It makes an instance of its own, starts tiers beside it, and removes everything in the end. Four minutes.

Two processes of the same program differ by some percent in speed, by where their memory lies, and a machine
differs from second to second. So the tier without is started twice: what the second one seems to cost is what
this benchmark cannot tell from nothing. All of them are started anew several times, and asked in turns of a
quarter of a second; what counts is the middle of the differences within a turn.
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
from math import sqrt
from pathlib import Path
from statistics import fmean, median
from time import monotonic, perf_counter, sleep
from typing import Annotated

import httpx
import typer

from benchmarks.operations.own_instance import NO_QUOTAS, ROOT, own_instance
from benchmarks.stage import stage
from benchmarks.telemetry.fleet import Nodes, nodes
from benchmarks.telemetry.http import Answer, Connection
from benchmarks.telemetry.single import BODY
from signalcraft.cli.local_instance import public_url
from signalcraft.clock import iso, utc_now
from signalcraft.operations import kernel
from signalcraft.operations.ports import LOOPBACK, TIERS, Tier
from signalcraft.operations.tiers import READING_PATH
from signalcraft.settings import Settings, get_settings

AT_MOST, AIM = 0.10, 0.05
CLIENTS: dict[Tier, int] = {"gateway": 8, "api": 8, "link": 64}
"""Enough to keep the tier busy: the link waits a little before each commit, and only a crowd fills that."""
DEVICES = 200
START_SECONDS = 120.0
WARM_SECONDS = 1.0

Request = Callable[[Connection, int], Awaitable[Answer]]
"""Sends request number n."""

Watchers = frozenset[str]
NONE: Watchers = frozenset()
PARTS = ("metrics", "logs", "tracing")
ALONE, AGAIN, ALL = "none", "none again", "all"
USUAL: dict[str, Watchers] = {ALONE: NONE, AGAIN: NONE, ALL: frozenset(PARTS)}


@dataclass(frozen=True)
class Middle:
    """A median with the half width of its 95 % interval."""

    value: float
    within: float

    def __str__(self) -> str:
        return f"{self.value:+6.1%} ± {self.within:.1%}"


@dataclass(frozen=True)
class Cost:
    """What one variant did, over all turns.

    cost, cpu_cost : share of the throughput that is lost against none, and of the processor's time that is
        added. The second says more where others use the machine too.
    """

    per_s: float
    cpu_us: float
    cost: Middle
    cpu_cost: Middle


@dataclass(frozen=True)
class Slice:
    """A quarter of a second of one server: answers a second, microseconds of processor each."""

    per_s: float
    cpu_us: float


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
    """One tier of our own, and how many ask it at once."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, clients: int) -> None:
        self._process = process
        self.origin = f"http://{LOOPBACK}:{port}"
        self._clients = clients

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

    async def asked(self, request: Request, numbers: Iterator[int], seconds: float) -> Slice:
        """Ask with all clients at once; between slices a tier would close their connections."""
        start, cpu, answered = perf_counter(), self._cpu_seconds(), 0

        async def keep_asking() -> None:
            nonlocal answered
            connection = Connection(self.origin)
            while perf_counter() - start < seconds:
                answer = await request(connection, next(numbers))
                if answer.status != 200:
                    raise RuntimeError(f"{answer.status}: {answer.body.decode()}")
                answered += 1
            connection.close()

        await asyncio.gather(*(keep_asking() for _ in range(self._clients)))
        passed = perf_counter() - start
        return Slice(answered / passed, (self._cpu_seconds() - cpu) / answered * 1e6)

    def _cpu_seconds(self) -> float:
        """Of the master and its workers, so far, to the nanosecond: in ticks a slice would be 25 of them."""
        tasks = (
            task
            for pid in kernel.tree(self._process.pid)
            for task in Path(f"/proc/{pid}/task").glob("*/schedstat")
        )
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def stop(self) -> None:
        """Gracefully."""
        self._process.terminate()
        self._process.wait()


def main(
    starts: Annotated[int, typer.Option(min=1, help="How often each tier is started anew.")] = 3,
    turns: Annotated[int, typer.Option(min=10, help="Turns after each start.")] = 24,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of a slice of a turn.")] = 0.25,
    parts: Annotated[
        bool, typer.Option(help="Metrics, logs and tracing alone, too: twice the time.")
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure, with an instance that is removed in the end."""
    json_file = json_file.resolve() if json_file else None
    variants = USUAL | ({name: frozenset({name}) for name in PARTS} if parts else {})
    costs: dict[str, dict[str, Cost]] = {}
    with own_instance(), tracker() as dsn:
        settings = get_settings()
        with nodes(settings, DEVICES) as fleet, stage(1) as people:
            token = _signed_in(public_url(settings, settings.gateway_port), people.username, people.password)
            for tier in TIERS:
                found: list[dict[str, Slice]] = []
                numbers = iter(range(sys.maxsize))
                for _ in range(starts):
                    with running(settings, tier, variants, dsn) as servers:
                        request = _request_of(tier, fleet, token)
                        found += asyncio.run(_in_turns(servers, request, numbers, turns, seconds))
                costs[tier] = {name: _cost(name, found) for name in variants}
                _print(tier, costs[tier])
    if json_file is not None:
        figures = {tier: {name: asdict(cost) for name, cost in by.items()} for tier, by in costs.items()}
        document = {
            "measured_at": iso(utc_now()),
            "cores": os.cpu_count(),
            "load": os.getloadavg(),
            **figures,
        }
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if max(by[ALL].cost.value for by in costs.values()) > AT_MOST:
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
def running(
    settings: Settings, tier: Tier, variants: dict[str, Watchers], dsn: str
) -> Iterator[dict[str, Server]]:
    """The tier in each variant, ready."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        servers = {}
        for name, watchers in variants.items():
            own = Path(folder, name)
            own.mkdir()
            log = stack.enter_context((own / "log").open("wb"))
            servers[name] = _start(
                tier, watchers, _environment(settings, tier, watchers, dsn, own), log.fileno()
            )
            stack.callback(servers[name].stop)
        for server in servers.values():
            server.wait()
        yield servers


def _environment(
    settings: Settings, tier: Tier, watchers: Watchers, dsn: str, folder: Path
) -> dict[str, str]:
    return {
        **os.environ,
        "SIGNALCRAFT_DATA_DIR": str(settings.data_dir),
        "SIGNALCRAFT_PROCESS": tier,
        "SIGNALCRAFT_RATE_LIMITS": NO_QUOTAS,
        "SENTRY_DSN": dsn if "tracing" in watchers else "",
        "PROMETHEUS_MULTIPROC_DIR": str(folder),
        "PYTHONHASHSEED": "0",  # or each of them has dictionaries of another order
        "PYTHONPATH": str(ROOT),
    }


def _start(tier: Tier, watchers: Watchers, environment: dict[str, str], log: int) -> Server:
    with ThreadingHTTPServer((LOOPBACK, 0), Tracker) as probe:
        port = probe.server_address[1]
    application = f"benchmarks.operations.bare:app('{tier}', {'metrics' in watchers}, {'logs' in watchers})"
    command = [
        *(sys.executable, "-m", "gunicorn", "--config", f"python:signalcraft.{tier}.gunicorn_conf"),
        *("--bind", f"{LOOPBACK}:{port}", application),
    ]
    return Server(subprocess.Popen(command, env=environment, stdout=log, stderr=log), port, CLIENTS[tier])


def _signed_in(origin: str, username: str, password: str) -> str:
    answer = httpx.post(
        f"{origin}/api/auth/login",
        json={"username": username, "password": password, "delivery": "body"},
        headers={"X-Requested-With": "benchmark"},
        trust_env=False,
        timeout=60,
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def _request_of(tier: Tier, fleet: Nodes, token: str) -> Request:
    """What is asked: requests that cost little themselves, so that what watches them weighs the most."""
    # As the proxy would say it: with the begin of a trace, and for whom it asks.
    headers = {
        "Authorization": f"Bearer {token}",
        "sentry-trace": f"{'ab' * 16}-{'cd' * 8}",
        "X-Request-ID": "ab" * 16,
    }
    first = int(utc_now().timestamp()) - 86_400

    async def send_reading(connection: Connection, number: int) -> Answer:
        round_, device = divmod(number, len(fleet.names))
        body = BODY.format(name=fleet.names[device], second=first + round_).encode()
        return await connection.post(READING_PATH, body)

    async def read(connection: Connection, _: int) -> Answer:
        path = "/api/shops" if tier == "api" else "/api/notifications"
        return await connection.get(path, headers)

    return send_reading if tier == "link" else read


async def _in_turns(
    servers: dict[str, Server], request: Request, numbers: Iterator[int], turns: int, seconds: float
) -> list[dict[str, Slice]]:
    for server in servers.values():
        await server.asked(request, numbers, WARM_SECONDS)
    names, found = list(servers), []
    for turn in range(turns):
        place = turn % len(names)
        order = [*names[place:], *names[:place]]
        found.append({name: await servers[name].asked(request, numbers, seconds) for name in order})
    return found


def _cost(name: str, turns: list[dict[str, Slice]]) -> Cost:
    # Against both of those without, except for the second of them.
    others = [ALONE] if name in {ALONE, AGAIN} else [ALONE, AGAIN]
    lost = [1 - turn[name].per_s / fmean(turn[other].per_s for other in others) for turn in turns]
    added = [turn[name].cpu_us / fmean(turn[other].cpu_us for other in others) - 1 for turn in turns]
    return Cost(
        per_s=median(turn[name].per_s for turn in turns),
        cpu_us=median(turn[name].cpu_us for turn in turns),
        cost=_middle(lost),
        cpu_cost=_middle(added),
    )


def _middle(values: list[float]) -> Middle:
    """The median; how far the ranks are apart that enclose it with 95 % (binomial, by its normal limit)."""
    ordered, count = sorted(values), len(values)
    reach = 0.98 * sqrt(count)
    lower = ordered[max(0, int(count / 2 - reach))]
    upper = ordered[min(count - 1, int(count / 2 + reach))]
    return Middle(median(values), (upper - lower) / 2)


def _print(tier: str, costs: dict[str, Cost]) -> None:
    print(f"{tier}: at most {AT_MOST:.0%} of the throughput with all, aim {AIM:.0%}")
    for name, cost in costs.items():
        print(
            f"  {name:10} {cost.per_s:7.0f} /s, lost {cost.cost}   "
            f"{cost.cpu_us:6.0f} us of processor each, added {cost.cpu_cost}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
