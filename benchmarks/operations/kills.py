"""Every process killed in turns under load: how soon each is back, what was lost, how many requests failed.

    .venv/bin/python -m benchmarks.operations.kills [--minutes 10] [--json FILE]

It brings a system of its own, with default settings and without quotas, and removes it.
`benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from statistics import median
from time import monotonic
from typing import Annotated

import psycopg
import typer

from benchmarks.operations.back import PM2, Return, leader
from benchmarks.own_instance import own_instance
from benchmarks.telemetry import fleet
from benchmarks.victims import Victim, victims
from signalcraft.cli.local_instance import public_url
from signalcraft.clock import iso, utc_now
from signalcraft.operations import instance
from signalcraft.operations.instance import Instance
from signalcraft.settings import Settings
from systemtest.chaos.invariants import Database, missing, violations
from systemtest.chaos.load import STEADY, Load, devices_needed

EVERY_SECONDS = 10.0
AT_LEAST_BACK_S, AIM_BACK_S = 5.0, 2.0
AT_LEAST_AVAILABLE, AIM_AVAILABLE = 0.995, 0.9995
LOOK_SECONDS = 0.05
GIVEN_UP_SECONDS = 60.0
SETTLE_SECONDS = 60.0

Kind = tuple[str, str]
"""Name and role."""


@dataclass(frozen=True)
class Kill:
    """One kill; `back_s` is None where it was not back after GIVEN_UP_SECONDS."""

    name: str
    role: str
    at_s: float
    back_s: float | None


def main(
    minutes: Annotated[float, typer.Option(min=0.5, help="How long, with a kill every ten seconds.")] = 10.0,
    only: Annotated[list[str] | None, typer.Option(help="Only this process; may be repeated.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice among children of one kind.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """SIGKILL of each process in turns, under readings, clips, alarms, pages and open event streams."""
    out = json_file.open("w") if json_file else None  # while we may still write there
    with own_instance() as settings:
        load = Load(public_url(settings, settings.gateway_port), fleet.make(devices_needed(minutes * 60)))
        kills = asyncio.run(
            _play(instance.load(), settings, load, minutes * 60, only or (), random.Random(seed))
        )
        lost = _violated(load, settings)
    longest = max((kill.back_s or GIVEN_UP_SECONDS for kill in kills), default=0.0)
    _print(kills, load, lost)
    met = longest <= AT_LEAST_BACK_S and load.availability >= AT_LEAST_AVAILABLE and not lost
    if out is not None:
        document = {
            "measured_at": iso(utc_now()),
            "cores": os.cpu_count(),
            "minutes": minutes,
            "kills": [asdict(kill) for kill in kills],
            "longest_back_s": longest,
            "asked": load.asked,
            "failed": load.failed,
            "sent_again": sum(node.again for node in load.nodes),
            "availability": load.availability,
            "violations": lost,
            "met": met,
        }
        with out:
            out.write(json.dumps(document, indent=2) + "\n")
    if not met:
        sys.exit("Missed.")


async def _play(
    own: Instance,
    settings: Settings,
    load: Load,
    seconds: float,
    only: Collection[str],
    chance: random.Random,
) -> list[Kill]:
    kills: list[Kill] = []

    async def during() -> None:
        await asyncio.sleep(EVERY_SECONDS / 2)
        kinds = await asyncio.to_thread(_kinds, own)
        for kind in cycle(kind for kind in kinds if not only or kind[0] in only):
            due = load.now() + EVERY_SECONDS
            kills.append(await _kill(own, load, kind, chance))
            print(_line(kills[-1]), flush=True)
            if due + EVERY_SECONDS > seconds:
                return
            await asyncio.sleep(due - load.now())

    async def until() -> None:
        database, deadline = Database(settings), monotonic() + SETTLE_SECONDS
        while monotonic() < deadline:
            with suppress(psycopg.Error):
                if not await asyncio.to_thread(lambda: list(missing(load, database))):
                    return
            await asyncio.sleep(0.5)

    await load.run(during, until)
    return kills


def _kinds(own: Instance) -> list[Kind]:
    """Every kind of process there is, in an order that does not kill the same thing twice in a row."""
    kinds = {(victim.name, victim.role) for victim in victims(own)}
    masters = sorted(kind for kind in kinds if kind[1] == "master")
    children = sorted(kinds.difference(masters))
    return [*masters, ("watchdog", "master"), *children, (PM2, "master")]


async def _kill(own: Instance, load: Load, kind: Kind, chance: random.Random) -> Kill:
    victim = await asyncio.to_thread(_found, own, kind, chance)
    place = Return(own, victim)
    os.kill(victim.pid, signal.SIGKILL)
    began, at_s = monotonic(), load.now()
    while monotonic() - began < GIVEN_UP_SECONDS:
        if await asyncio.to_thread(place.is_done):
            return Kill(*kind, at_s, monotonic() - began)
        await asyncio.sleep(LOOK_SECONDS)
    return Kill(*kind, at_s, None)


def _found(own: Instance, kind: Kind, chance: random.Random) -> Victim:
    """One process of that kind."""
    name, role = kind
    if role == "master" and (pid := leader(own, name)):
        return Victim(name, "master", pid)
    return chance.choice([victim for victim in victims(own) if (victim.name, victim.role) == kind])


def _violated(load: Load, settings: Settings) -> list[str]:
    found = violations(load, settings, settings.data_dir / "objects")
    return [f"{one.invariant}: {one.what}" for one in found]


def _line(kill: Kill) -> str:
    back = f"back after {kill.back_s:5.2f} s" if kill.back_s is not None else "NOT BACK"
    return f"  {kill.at_s:6.1f} s  {kill.name:<13} {kill.role:<7} {back}"


def _print(kills: Sequence[Kill], load: Load, lost: Sequence[str]) -> None:
    by_kind: dict[Kind, list[float]] = {}
    for kill in kills:
        by_kind.setdefault((kill.name, kill.role), []).append(kill.back_s or GIVEN_UP_SECONDS)
    print(f"back      at most {AT_LEAST_BACK_S:g} s, aim {AIM_BACK_S:g} s")
    for (name, role), seconds in by_kind.items():
        times = f"median {median(seconds):5.2f} s, longest {max(seconds):5.2f} s"
        print(f"  {name:<13} {role:<7} {len(seconds)} times, {times}")
    print(f"answered  {load.availability:.3%}, at least {AT_LEAST_AVAILABLE:.2%}, aim {AIM_AVAILABLE:.2%}")
    for kind in STEADY:
        print(f"  {kind:<13} {load.asked[kind] - load.failed[kind]} of {load.asked[kind]}")
    again = sum(node.again for node in load.nodes)
    print(f"again     {again} readings, {load.failed['clip']} clips: sent until they were taken")
    print(f"streams   opened {', '.join(str(heard.came) for heard in load.listeners)} times")
    print(f"lost      {len(lost)} invariants violated")
    for one in lost:
        print(f"  {one}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
