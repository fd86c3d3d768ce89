"""The same analysis inside the request and through the queue; then workers with other settings.

    .venv/bin/python -m benchmarks.queue_decision [--quick] [--json FILE]

It brings a system of its own, with default settings and without quotas, and removes it. Both ways go to their
api tier itself, without the proxy. `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Annotated, TypeVar

import httpx
import typer
from sqlalchemy import text

from benchmarks.cpu import cpu_seconds
from benchmarks.load import UPLOAD_TIMEOUT, Node, Watcher, teach
from benchmarks.own_instance import own_instance
from benchmarks.queue_arms import ApiThatAnalyses, WorkerSettings, api_that_analyses
from benchmarks.queue_backlog import (
    Backlog,
    WorkerCrash,
    crash,
    do_backlog,
    newest_analyses,
    unfinished_since,
)
from benchmarks.queue_load import (
    Bystanders,
    Cell,
    Diagnosed,
    Times,
    UploadFailedError,
    inside_request,
    measure,
    through_queue,
)
from benchmarks.stage import Stage, stage
from signalcraft.cli.local_instance import public_url
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.operations import instance, kernel
from signalcraft.operations.pm2 import Pm2
from signalcraft.operations.ports import LOOPBACK, tier_port
from signalcraft.queue import make_celery
from signalcraft.settings import Settings

Figure = TypeVar("Figure")

REQUEST, QUEUE = "in the request", "through the queue"
CRASH_CLIENTS = 30
CRASH_AFTER_S = 2.0
CRASH_PATIENCE_S = 45.0
"""Lease, sweep and a margin: what is not analysed by then waits for somebody to notice."""
PREFORK_2 = WorkerSettings("prefork", 2, 1)
WORKERS = (
    PREFORK_2,
    WorkerSettings("prefork", 1, 1),
    WorkerSettings("prefork", 4, 1),
    WorkerSettings("prefork", 2, 4),
    WorkerSettings("prefork", 2, 1, acks_late=False),
    WorkerSettings("threads", 2, 1),
    WorkerSettings("threads", 4, 1),
    WorkerSettings("solo", 1, 1),
)
CRASHED = (PREFORK_2, WorkerSettings("prefork", 2, 1, acks_late=False), WorkerSettings("prefork", 2, 4))


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    clients: tuple[int, ...]
    seconds: float
    backlog: int
    person: int


WHOLE = Plan((1, 15, 30, 50, 100), 8.0, 160, 8)
QUICK = Plan((1, 15, 50), 4.0, 48, 3)


@dataclass(frozen=True)
class Crash:
    """SIGKILL while 30 clients upload, each in its closed loop.

    unanswered: uploads under way of which nobody knows whether they were taken. without_analysis: clips taken
    that had none at that moment; whole_after_s: until all of them had one, None where they never got it.
    """

    arm: str
    killed: str
    unanswered: int
    without_analysis: int
    still_without: int
    whole_after_s: float | None


def main(
    quick: Annotated[bool, typer.Option(help="Fewer clients, for less time.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on a system of its own, in a temporary folder."""
    plan = QUICK if quick else WHOLE
    out = json_file.open("w") if json_file else None  # while we may still write there
    load_average = os.getloadavg()[0]
    with own_instance() as settings, stage(max(plan.clients)) as ready:
        make_celery(settings)
        cells, crashes = asyncio.run(_under_load(settings, ready, plan))
        ids = newest_analyses(plan.backlog)
        backlogs = [_said(do_backlog(settings, wanted, ids, plan.person)) for wanted in WORKERS]
        worker_crashes = [_said(crash(settings, wanted, ids)) for wanted in CRASHED]
    print(_tables(cells, crashes, backlogs, worker_crashes))
    print(f"\nload average before: {load_average:.1f}; {os.cpu_count()} cores")
    if out is not None:
        document = {
            "measured_at": iso(utc_now()),
            "cores": os.cpu_count(),
            "load_average": load_average,
            "cells": [asdict(cell) for cell in cells],
            "crashes": [asdict(one) for one in crashes],
            "backlogs": [asdict(one) for one in backlogs],
            "worker_crashes": [asdict(one) for one in worker_crashes],
        }
        with out:
            out.write(json.dumps(document, indent=2) + "\n")


async def _under_load(settings: Settings, ready: Stage, plan: Plan) -> tuple[list[Cell], list[Crash]]:
    origin = public_url(settings, settings.gateway_port)
    base, colour = settings.internal_port_base, settings.colour
    usual = f"http://{LOOPBACK}:{tier_port(base, 'api', colour)}"
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    bystanders = Bystanders(f"http://{LOOPBACK}:{tier_port(base, 'gateway', colour)}", ready)
    with api_that_analyses(settings) as api:
        async with (
            Watcher(origin, ready.username, ready.password).watching() as watcher,
            httpx.AsyncClient(base_url=usual, timeout=UPLOAD_TIMEOUT, limits=limits) as to_usual,
            httpx.AsyncClient(base_url=api.origin, timeout=UPLOAD_TIMEOUT, limits=limits) as to_ours,
        ):
            first = Node(to_usual, ready.device_ids[0], 0)
            await teach([first], watcher, 2 * settings.baseline_clips)
            _teach_the_others(ready.device_ids)
            # All with the one compressor's sound: it is the load that is measured here.
            queued, own = (
                [Node(http, device, 0, first.bodies) for device in ready.device_ids]
                for http in (to_usual, to_ours)
            )
            arms: list[tuple[str, list[Node], Diagnosed, str]] = [
                (QUEUE, queued, through_queue(watcher), usual),
                (REQUEST, own, inside_request(), api.origin),
            ]

            def spent() -> float:
                return sum(cpu_seconds().values()) + api.program.cpu_seconds

            cells = []
            for clients in (0, *plan.clients):
                for arm, nodes, diagnosed, tier in arms:
                    cell = await measure(
                        arm,
                        nodes[:clients],
                        diagnosed,
                        bystanders,
                        tier,
                        seconds=plan.seconds,
                        cpu_seconds=spent,
                    )
                    cells.append(_said(cell))
            crashes = await _crashes(settings, arms, api)
        await bystanders.close()
    return cells, crashes


async def _crashes(
    settings: Settings, arms: list[tuple[str, list[Node], Diagnosed, str]], api: ApiThatAnalyses
) -> list[Crash]:
    (_, queued, told, _), (_, own, answered, _) = arms
    worker, tier = f"worker-{settings.colour}", f"api-{settings.colour}"
    found = [
        await _crash(QUEUE, worker, queued, told, lambda: _kill(worker)),
        await _crash(QUEUE, tier, queued, told, lambda: _kill(tier)),
    ]
    # Without a queue there is no worker that sweeps.
    await asyncio.to_thread(Pm2(instance.load()).delete, [worker])
    found.append(await _crash(REQUEST, tier, own, answered, api.program.kill))
    await asyncio.to_thread(api.start)
    return found


async def _crash(
    arm: str, killed: str, nodes: list[Node], diagnosed: Diagnosed, kill: Callable[[], None]
) -> Crash:
    since, unanswered, is_killed = utc_now(), 0, False

    async def keep_sending(node: Node) -> None:
        nonlocal unanswered
        while not is_killed:
            try:
                await diagnosed(node)
            except UploadFailedError:
                unanswered += 1

    clients = [asyncio.create_task(keep_sending(node)) for node in nodes[:CRASH_CLIENTS]]
    await asyncio.sleep(CRASH_AFTER_S)
    is_killed = True
    kill()
    at, without = monotonic(), unfinished_since(since)
    while (left := unfinished_since(since)) and monotonic() - at < CRASH_PATIENCE_S:
        await asyncio.sleep(0.1)
    whole_after_s = None if left else monotonic() - at
    for client in clients:
        client.cancel()
    await asyncio.gather(*clients, return_exceptions=True)
    return _said(Crash(arm, killed, unanswered, without, left, whole_after_s))


def _kill(name: str) -> None:
    """End all processes of one of the instance's entries; its process manager starts it again."""
    file = next((instance.load().pm2_home / "pids").glob(f"{name}-*.pid"))
    for pid in kernel.tree(int(file.read_text())):
        os.kill(pid, signal.SIGKILL)


def _teach_the_others(device_ids: list[str]) -> None:
    """Give every machine what the first one has learned."""
    columns = {
        "baselines": "version, run_state, kind, status, features, detector, arrays, clips, made_from",
        "state_models": "version, features, method, arrays, clips",
    }
    with unit_of_work() as session:
        for table, copied in columns.items():
            taught = ", ".join(f"t.{column}" for column in copied.split(", "))
            statement = (
                f"INSERT INTO {table} (machine_id, {copied}) SELECT d.machine_id, {taught}"  # noqa: S608
                f" FROM {table} t, devices d, devices first WHERE first.device_id = :first"
                " AND t.machine_id = first.machine_id AND d.device_id = ANY(:others)"
            )
            session.execute(text(statement), {"first": device_ids[0], "others": device_ids[1:]})


def _said(figure: Figure) -> Figure:
    """Shown as it comes, for whoever waits."""
    print(figure, file=sys.stderr, flush=True)
    return figure


def _tables(
    cells: list[Cell], crashes: list[Crash], backlogs: list[Backlog], worker_crashes: list[WorkerCrash]
) -> str:
    under_load = [
        f"| {c.clients} | {c.arm} | {c.clips_per_s:.1f} | {_ms(c.diagnosis.median_s)} | {_p95(c.diagnosis)}"
        f" | {_p95(c.upload)} | {_p95(c.sign_in)} | {_p95(c.reading)} | {c.cpu_ms_per_clip:.1f}"
        f" | {sum(t.failed for t in (c.diagnosis, c.sign_in, c.reading))} |"
        for c in cells
    ]
    crashed = [
        f"| {c.arm} | {c.killed} | {c.unanswered} | {c.without_analysis} | {_whole(c.whole_after_s)} |"
        for c in crashes
    ]
    variants = [
        f"| {b.worker} | {b.clips_per_s:.1f} | {b.cpu_ms_per_clip:.1f} | {_ms(b.person_waits_s)}"
        f" | {b.memory_mb:.0f} |"
        for b in backlogs
    ]
    crashed_workers = [
        f"| {c.worker} | {c.unfinished} | {_whole(c.whole_after_s)} | {c.repeated} |" for c in worker_crashes
    ]
    return "\n".join(
        [
            "| clients | way | clips/s | diagnosis median | p95 | upload answered p95 | sign-in p95"
            " | reading p95 | CPU ms/clip | failed |",
            "|---|---|---|---|---|---|---|---|---|---|",
            *under_load,
            "\n| way | killed | unanswered uploads | clips without analysis | all analysed after |",
            "|---|---|---|---|---|",
            *crashed,
            "\n| worker | clips/s | CPU ms/clip | a person waits | memory MB |",
            "|---|---|---|---|---|",
            *variants,
            "\n| worker killed | clips without analysis | all analysed after | claimed twice |",
            "|---|---|---|---|",
            *crashed_workers,
        ]
    )


def _p95(times: Times) -> str:
    return _ms(times.p95_s)


def _ms(seconds: float | None) -> str:
    return "–" if seconds is None else f"{seconds * 1000:,.0f} ms"


def _whole(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"


if __name__ == "__main__":
    typer.run(main)
