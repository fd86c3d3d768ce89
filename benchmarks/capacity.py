"""What a reading, a clip, a page, a stream and a sign-in cost, for `signalcraft capacity`; then a mixed load
that the costs were not made from, beside what they foretell.

    .venv/bin/python -m benchmarks.capacity [--seconds 12] [--json FILE]

It brings a system of its own and removes it. Processor times depend far less than times on what else the host
does. `--json src/signalcraft/operations/capacity.json` is what the command ships with.
"""

import asyncio
import json
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Annotated

import typer
from sqlalchemy import text

from benchmarks.capacity_clients import Clients, RefusedError
from benchmarks.cpu import cpu_seconds, memory_bytes
from benchmarks.own_instance import own_instance
from benchmarks.stage import Stage, stage
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.limits import STREAMS as STREAMS_PER_GATEWAY
from signalcraft.operations import capacity as model
from signalcraft.operations.tiers import process_count
from signalcraft.settings import Settings

OWNED = 4
"""Machines of the shop whose owner loads pages; the administrator sees all of them."""
DEVICES = 44
STREAMS = 200
EVENTS_PER_S = 10.0
MIXED: Mapping[model.Unit, float] = {"reading": 60.0, "clip": 4.0, "page": 6.0, "sign_in": 2.0}
"""A second, in the mixed load, with `STREAMS` open."""
BYTES_PER_READING, BYTES_PER_MINUTE_ROW = 124.8, 514.0
"""With their indexes; measured by `benchmarks.telemetry.charts`, which takes millions of rows."""

AT_WORK = ("proxy", "gateway", "api", "link", "worker", "postgres", "valkey")
"""Who has a part in what is asked; the others work by the clock, and are in what an idle system uses."""
LONE_PER_S, CROWD = 20.0, 32
_SIZES = text(
    "SELECT sum(size_bytes) / sum(duration_s),"
    " (pg_total_relation_size('clips') + pg_total_relation_size('analyses')"
    "  + pg_total_relation_size('outbox'))::float8 / count(*) FROM clips"
)

Ask = Callable[[], Awaitable[None]]


class Cpu(Counter[str]):
    """Seconds by part."""

    def per(self, number: float) -> dict[str, float]:
        """Of each of so many."""
        return {part: seconds / number for part, seconds in self.items() if seconds > 0}


@dataclass(frozen=True)
class Check:
    """The mixed load: cores by part, as foretold and as used."""

    rates_per_s: Mapping[model.Unit, float]
    foretold_cores: Mapping[str, float]
    used_cores: Mapping[str, float]
    failed: Mapping[str, int]
    off: float
    """By which share the sum was foretold too high (negative: too low)."""


def main(
    seconds: Annotated[float, typer.Option(min=4, help="For each unit; the mixed load takes thrice.")] = 12.0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure on a system of its own, in a temporary folder."""
    out = json_file.open("w") if json_file else None  # while we may still write there
    load_average = os.getloadavg()[0]
    with own_instance() as settings, stage(DEVICES) as ready:
        measured, check = asyncio.run(_measure(settings, ready, seconds))
    _print(measured, check)
    print(f"load average before: {load_average:.1f}; {os.cpu_count()} cores")
    if out is not None:
        document = {**asdict(measured), "load_average": load_average, "check": asdict(check)}
        with out:
            out.write(json.dumps(document, indent=2) + "\n")


async def _measure(settings: Settings, ready: Stage, seconds: float) -> tuple[model.Measurements, Check]:
    async with Clients.of(settings, ready, OWNED) as clients:
        idle = (await _spent(asyncio.sleep(2 * seconds))).per(2 * seconds)

        async def cost(ask: Ask, per_s: float) -> dict[str, float]:
            return await _cost(ask, per_s, seconds, idle)

        lone = await cost(clients.send_reading, LONE_PER_S)
        before = await clients.commits()
        readings = await _cost_at_once(clients.send_reading, CROWD, seconds, idle)
        commits_per_s = (await clients.commits() - before) / seconds
        # A crowd's readings share a commit in hundreds; one that comes alone has its own.
        commits = {part: max(0.0, used - readings.get(part, 0.0)) for part, used in lone.items()}
        clips = await cost(clients.send_clip, 3.0)
        few, many = await cost(clients.own_page, 8.0), await cost(clients.whole_page, 8.0)
        machine = {part: max(0.0, many[part] - few.get(part, 0.0)) / (DEVICES - OWNED) for part in many}
        page = {part: max(0.0, used - OWNED * machine.get(part, 0.0)) for part, used in few.items()}
        sign_ins = await cost(clients.sign_in, 4.0)
        before, of_gateway = memory_bytes(), memory_bytes("gateway")
        async with clients.streams(STREAMS):
            grown = (memory_bytes("gateway") - of_gateway) / STREAMS
            events = int(seconds * EVENTS_PER_S)
            spent = await _spent(_paced(clients.emit, EVENTS_PER_S, seconds, Counter()))
            delivery = _above(spent, idle, seconds).per(events * STREAMS)
        measured = model.Measurements(
            measured_at=str(iso(utc_now())),
            cores=os.cpu_count() or 1,
            idle_cores=idle,
            cpu_s={
                "reading": readings,
                "commit": commits,
                "clip": clips,
                "page": page,
                "page_machine": machine,
                "delivery": delivery,
                "sign_in": sign_ins,
            },
            processes={kind: process_count(kind) for kind in ("gateway", "api", "worker")},
            commits_per_s=commits_per_s,
            streams_per_gateway=STREAMS_PER_GATEWAY,
            base_memory_bytes=before,
            bytes_per_stream=max(0.0, grown),
            bytes_per_reading=BYTES_PER_READING,
            bytes_per_minute_row=BYTES_PER_MINUTE_ROW,
            **_sizes(),
        )
        async with clients.streams(STREAMS):
            return measured, await _check(clients, measured, 3 * seconds)


async def _check(clients: Clients, measured: model.Measurements, seconds: float) -> Check:
    """All at once, at rates at which nobody waits."""
    asks: dict[model.Unit, Ask] = {
        "reading": clients.send_reading,
        "clip": clients.send_clip,
        "page": clients.own_page,
        "sign_in": clients.sign_in,
    }
    failed = Counter[str]()
    spent = await _spent(
        asyncio.gather(*(_paced(asks[unit], rate, seconds, failed) for unit, rate in MIXED.items()))
    )
    rates: dict[model.Unit, float] = {
        **MIXED,
        "page_machine": MIXED["page"] * OWNED,
        "delivery": MIXED["clip"] * STREAMS,
    }
    foretold, used = model.cores_by_part(measured, rates), spent.per(seconds)
    off = sum(foretold.values()) / sum(used.values()) - 1
    return Check(rates, foretold, used, dict(failed), off)


async def _cost(ask: Ask, per_s: float, seconds: float, idle: Mapping[str, float]) -> dict[str, float]:
    """Seconds of each part for one unit, above what it uses when idle, at a rate that leaves room: what comes
    close together shares wake-ups and caches, and is cheaper."""
    await ask()  # to warm up
    spent = await _spent(_paced(ask, per_s, seconds, Counter()))
    return _above(spent, idle, seconds).per(int(per_s * seconds))


async def _cost_at_once(
    ask: Ask, at_once: int, seconds: float, idle: Mapping[str, float]
) -> dict[str, float]:
    """The same where so many ask again and again."""
    done = 0
    await ask()  # to warm up

    async def repeat() -> None:
        nonlocal done
        while perf_counter() - began < seconds:
            await ask()
            done += 1

    began = perf_counter()
    spent = await _spent(asyncio.gather(*(repeat() for _ in range(at_once))))
    return _above(spent, idle, perf_counter() - began).per(done)


async def _paced(ask: Ask, per_s: float, seconds: float, failed: Counter[str]) -> None:
    """Begin so many a second, whatever the answers; returns when the last one is answered."""
    start = perf_counter()

    async def once() -> None:
        try:
            await ask()
        except (OSError, RefusedError) as error:
            failed[f"{type(error).__name__} {error}"] += 1

    under_way = []
    for number in range(int(seconds * per_s)):
        await asyncio.sleep(start + number / per_s - perf_counter())
        under_way.append(asyncio.create_task(once()))
    await asyncio.gather(*under_way)


async def _spent(doing: Awaitable[object]) -> Cpu:
    """What the parts use meanwhile."""
    before = cpu_seconds()
    await doing
    return Cpu({part: used - before.get(part, 0.0) for part, used in cpu_seconds().items()})


def _above(spent: Cpu, idle: Mapping[str, float], seconds: float) -> Cpu:
    return Cpu({part: max(0.0, spent[part] - idle.get(part, 0.0) * seconds) for part in AT_WORK})


def _sizes() -> dict[str, float]:
    with unit_of_work() as session:
        sound, rows = session.execute(_SIZES).one()
    return {"bytes_per_clip_second": float(sound), "bytes_per_analysis": float(rows)}


def _print(measured: model.Measurements, check: Check) -> None:
    parts = sorted({*measured.idle_cores, *check.used_cores})
    print(f"| CPU ms | {' | '.join(parts)} | all |\n|---|{'---|' * (len(parts) + 1)}")
    for unit, cpu in measured.cpu_s.items():
        print(_row(unit, {part: 1000 * seconds for part, seconds in cpu.items()}, parts))
    print(f"\n| cores | {' | '.join(parts)} | all |\n|---|{'---|' * (len(parts) + 1)}")
    print(_row("idle", measured.idle_cores, parts))
    print(_row("mixed, foretold", check.foretold_cores, parts))
    print(_row("mixed, used", check.used_cores, parts))
    print(f"\nforetold {check.off:+.0%}; failed in the mixed load: {check.failed or 'nothing'}")
    print(
        f"memory {measured.base_memory_bytes / 1e6:.0f} MB and {measured.bytes_per_stream / 1e3:.0f} kB a"
        f" stream; a second of sound {measured.bytes_per_clip_second / 1e3:.1f} kB, rows of a clip"
        f" {measured.bytes_per_analysis / 1e3:.1f} kB"
    )


def _row(name: str, figures: Mapping[str, float], parts: list[str]) -> str:
    each = " | ".join(f"{figures[part]:.3f}" if part in figures else "" for part in parts)
    return f"| {name} | {each} | {sum(figures.values()):.3f} |"


if __name__ == "__main__":
    typer.run(main)
