"""What the token check costs, how many sign-ins a second there are, and what a flood of them does to nodes.

    .venv/bin/python -m benchmarks.accounts [--json FILE]

It leaves sign-ins in the audit log, which nothing removes: only for an instance made for it. Sign-ins go to
the people's tier itself, as the proxy's do and in the names of many addresses, since one address may do few.
"""

import asyncio
import json
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from time import perf_counter
from typing import Annotated

import httpx
import numpy as np
import typer

from benchmarks.load import UPLOAD_TIMEOUT, Node
from benchmarks.stage import WATCHER_NAME, Stage, stage
from signalcraft.accounts.authentication import authenticate
from signalcraft.accounts.models import User
from signalcraft.accounts.passwords import hash_password
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import look, unit_of_work
from signalcraft.operations.ports import LOOPBACK, tier_port

CHECKS = 3000
REQUESTS = 2000
"""Under the quota of one account, 3000 a minute."""
CLIENTS = 8
GUESSERS = 32
"""Who sign in at once in the flood: more than may wait for their turn."""
UPLOADS_PER_SECOND = 2


@dataclass(frozen=True)
class Figures:
    """Times in seconds, rates a second."""

    check_median_s: float
    check_p95_s: float
    empty_statement_median_s: float
    """A statement that asks nothing, on the same kind of connection: what no check could go below."""
    requests_with_check_per_s: float
    requests_without_check_per_s: float
    sign_ins_per_s: float
    upload_p95_s: float
    upload_p95_in_flood_s: float
    flood: dict[str, int]
    """The answers to the flood, by status."""
    load_average: float


def main(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
    seconds: Annotated[int, typer.Option(min=2, help="Length of each pass with uploads or sign-ins.")] = 30,
) -> None:
    """Measure the running instance of SIGNALCRAFT_DATA_DIR; shop, devices and person are removed."""
    settings = local_settings()
    with stage(devices=4) as ready:
        figures = asyncio.run(_measure(ready, seconds))
    _print(figures)
    if json_file is not None:
        document = {
            "measured_at": iso(utc_now()),
            "release": settings.release,
            "cores": os.cpu_count(),
            **asdict(figures),
        }
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if not figures.upload_p95_in_flood_s:
        sys.exit("Not one upload came through the flood.")


async def _measure(ready: Stage, seconds: int) -> Figures:
    settings = local_settings()
    tier = f"http://{LOOPBACK}:{tier_port(settings.internal_port_base, 'gateway', settings.colour)}"
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    load_average = os.getloadavg()[0]
    async with (
        httpx.AsyncClient(base_url=tier, timeout=UPLOAD_TIMEOUT, limits=limits) as people,
        httpx.AsyncClient(
            base_url=public_url(settings, settings.gateway_port), timeout=UPLOAD_TIMEOUT, limits=limits
        ) as nodes,
    ):
        addresses = _addresses()
        token = await _token(people, ready, addresses)
        checks, empty = _times(lambda: _check(token)), _times(_nothing)
        bearer = {"Authorization": f"Bearer {token}"}
        checked = await _rate(lambda: people.get("/api/auth/verify", headers=bearer), REQUESTS)
        unchecked = await _rate(lambda: people.get("/live"), REQUESTS)
        signed_in = await _sign_ins(people, ready, addresses, seconds)
        devices = [Node(nodes, device_id, seed) for seed, device_id in enumerate(ready.device_ids)]
        await _uploads(devices, 2)  # warm
        calm = await _uploads(devices, seconds)
        async with _flood(people, addresses) as answers:
            flooded = await _uploads(devices, seconds)
    return Figures(
        check_median_s=float(np.median(checks)),
        check_p95_s=float(np.percentile(checks, 95)),
        empty_statement_median_s=float(np.median(empty)),
        requests_with_check_per_s=checked,
        requests_without_check_per_s=unchecked,
        sign_ins_per_s=signed_in,
        upload_p95_s=float(np.percentile(calm, 95)),
        upload_p95_in_flood_s=float(np.percentile(flooded, 95)) if flooded else 0.0,
        flood=dict(answers),
        load_average=load_average,
    )


def _addresses() -> Iterator[str]:
    """Of a network for benchmarks (RFC 2544), each once."""
    return (str(IPv4Address("198.18.0.1") + number) for number in count())


async def _token(people: httpx.AsyncClient, ready: Stage, addresses: Iterator[str]) -> str:
    answer = await _sign_in(people, ready.username, ready.password, next(addresses))
    answer.raise_for_status()
    return str(answer.json()["access_token"])


async def _sign_in(people: httpx.AsyncClient, name: str, password: str, address: str) -> httpx.Response:
    return await people.post(
        "/api/auth/login",
        json={"username": name, "password": password, "delivery": "body"},
        headers={"X-Forwarded-For": address},
    )


def _check(token: str) -> None:
    """What both doors do before each handler."""
    look(lambda connection: authenticate(connection, token))


def _nothing() -> None:
    look(lambda connection: connection.exec_driver_sql("SELECT"))


def _times(work: Callable[[], None]) -> list[float]:
    times = []
    for _ in range(CHECKS):
        began = perf_counter()
        work()
        times.append(perf_counter() - began)
    return times[CHECKS // 10 :]


async def _rate(ask: Callable[[], Awaitable[httpx.Response]], requests: int) -> float:
    """Good answers a second, with `CLIENTS` at once."""

    async def repeat() -> None:
        for _ in range(requests // CLIENTS):
            (await ask()).raise_for_status()

    began = perf_counter()
    await asyncio.gather(*(repeat() for _ in range(CLIENTS)))
    return requests / (perf_counter() - began)


async def _sign_ins(people: httpx.AsyncClient, ready: Stage, addresses: Iterator[str], seconds: int) -> float:
    """Sessions opened a second, with as many at once as wait for their turn without being sent away.

    Each signs in as somebody else: the sign-ins of one person take turns.
    """
    opened = 0
    began = perf_counter()

    async def repeat(name: str) -> None:
        nonlocal opened
        while perf_counter() - began < seconds:
            answer = await _sign_in(people, name, ready.password, next(addresses))
            opened += answer.is_success

    await asyncio.gather(*(repeat(name) for name in _colleagues(ready)))
    return opened / (perf_counter() - began)


def _colleagues(ready: Stage) -> list[str]:
    """The names of as many more people as there are clients, with the same password."""
    names = [f"{ready.username}-{number}" for number in range(CLIENTS)]
    with unit_of_work() as session:
        hashed = hash_password(ready.password)
        session.add_all(
            User(username=name, full_name=WATCHER_NAME, role="user", password_hash=hashed) for name in names
        )
    return names


async def _uploads(devices: list[Node], seconds: int) -> list[float]:
    """How long each accepted clip took, with a fixed number begun a second."""
    begun = []
    start = perf_counter()
    for number in range(seconds * UPLOADS_PER_SECOND):
        await asyncio.sleep(start + number / UPLOADS_PER_SECOND - perf_counter())
        begun.append(asyncio.create_task(devices[number % len(devices)].upload()))
    done = await asyncio.gather(*begun)
    return [upload.answered - upload.began for upload in done if upload.failure is None]


@asynccontextmanager
async def _flood(people: httpx.AsyncClient, addresses: Iterator[str]) -> AsyncIterator[Counter[str]]:
    """Guessers from everywhere while the block runs; each waits for its answer, then guesses again."""
    answers: Counter[str] = Counter()

    async def guess() -> None:
        while True:
            answer = await _sign_in(people, "nobody", "a guess of nobody", next(addresses))
            answers[str(answer.status_code)] += 1

    guessers = [asyncio.create_task(guess()) for _ in range(GUESSERS)]
    try:
        yield answers
    finally:
        for guesser in guessers:
            guesser.cancel()
        await asyncio.gather(*guessers, return_exceptions=True)


def _print(figures: Figures) -> None:
    check, empty = figures.check_median_s * 1000, figures.empty_statement_median_s * 1000
    calm, flooded = figures.upload_p95_s, figures.upload_p95_in_flood_s
    print(f"load average before: {figures.load_average:.1f}")
    print(
        f"token check           median {check:.3f} ms, p95 {figures.check_p95_s * 1000:.3f} ms"
        f" (aim < 0.2 ms; a statement that asks nothing: {empty:.3f} ms)"
    )
    print(
        f"requests a second     {figures.requests_with_check_per_s:.0f} with the check and its counting,"
        f" {figures.requests_without_check_per_s:.0f} without (/live)"
    )
    print(f"sign-ins a second     {figures.sign_ins_per_s:.1f}")
    print(
        f"upload answered p95   {calm * 1000:.0f} ms; in the flood {flooded * 1000:.0f} ms,"
        f" {flooded / calm:.2f} times (aim: at most 2)"
    )
    print(f"the flood's answers   {figures.flood}")


if __name__ == "__main__":
    typer.run(main)
