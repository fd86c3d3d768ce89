"""Kill any process of the running instance under load: what was acknowledged is there, and once.

`python -m benchmarks.telemetry.kill_rounds --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import Annotated

import redis
import typer

from benchmarks.telemetry.fleet import nodes
from benchmarks.telemetry.senders import Node, Sender, crowd
from benchmarks.telemetry.told import Verdict, judged
from benchmarks.victims import chosen, victims
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import utc_now
from signalcraft.operations import instance
from signalcraft.operations.instance import Instance
from signalcraft.settings import Settings

NODES = 9
BACK_SECONDS = 90.0
"""From a kill until every node is told again that its readings are stored; a cold start is some 10 s."""
FLUSH_SHARE = 0.2
"""Of the rounds: Redis is emptied as well."""


@dataclass(frozen=True)
class Round:
    victim: str
    flushed: bool
    back_seconds: float


def main(
    rounds: Annotated[int, typer.Option(min=1)] = 200,
    seed: Annotated[int, typer.Option()] = 1,
    out: Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")] = None,
) -> None:
    """SIGKILL at random, under load on all ways in; then each acknowledged reading is looked for."""
    settings = local_settings()
    own = instance.load()
    with nodes(settings, NODES) as made:
        first_us = int((utc_now() - timedelta(hours=12)).timestamp()) * 1_000_000
        senders = crowd(iter(made.names), first_us)
        origin = public_url(settings, settings.api_port)
        done = asyncio.run(_run(own, settings, senders, origin, rounds, random.Random(seed)))
        told = [node for node, _ in senders]
        verdict = judged(settings, told, dict(zip(made.names, made.keys, strict=True)))
        document = {
            "seed": seed,
            "rounds": [asdict(one) for one in done],
            "verdict": asdict(verdict),
            "again": sum(node.again for node in told),
            "unexpected": [reason for node in told for reason in node.unexpected][:20],
        }
        if out is not None:
            out.write_text(json.dumps(document, indent=2))
        _print(done, verdict, told)
    if not verdict.clean or document["unexpected"]:
        raise typer.Exit(1)


async def _run(
    own: Instance,
    settings: Settings,
    senders: Sequence[Sender],
    origin: str,
    rounds: int,
    chance: random.Random,
) -> list[Round]:
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for node, send in senders:
            tasks.create_task(send(node, origin, stop))
        told = [node for node, _ in senders]
        try:
            await _all_told(told)
            done = [await _round(own, settings, told, chance) for _ in range(rounds)]
        finally:
            stop.set()
    return done


async def _round(own: Instance, settings: Settings, told: Sequence[Node], chance: random.Random) -> Round:
    await asyncio.sleep(chance.uniform(0.0, 1.5))
    victim = chosen(await asyncio.to_thread(victims, own), chance)
    flush = chance.random() < FLUSH_SHARE
    with suppress(ProcessLookupError):  # it has begun anew since: a round like the others, without a kill
        os.kill(victim.pid, signal.SIGKILL)
    if flush:
        await asyncio.to_thread(_flush, settings)
    began = monotonic()
    await _all_told(told)
    return Round(f"{victim.name} {victim.role}", flush, monotonic() - began)


def _flush(settings: Settings) -> None:
    with (
        suppress(redis.ConnectionError),  # it was the one that was killed: it comes back empty by itself
        redis.Redis.from_url(settings.redis_url.get_secret_value()) as server,
    ):
        server.flushall()


async def _all_told(told: Sequence[Node]) -> None:
    """Until each node is told of two more messages: the second was sent after now.

    Raises
    ------
    TimeoutError
        One is not.
    """
    before = [node.acknowledged for node in told]
    sizes = [max(1, node.sent - node.acknowledged) for node in told]
    async with asyncio.timeout(BACK_SECONDS):
        while any(
            node.acknowledged < at + 2 * size for node, at, size in zip(told, before, sizes, strict=True)
        ):
            await asyncio.sleep(0.02)


def _print(done: Sequence[Round], verdict: Verdict, told: Sequence[Node]) -> None:
    by_victim: dict[str, list[float]] = {}
    for one in done:
        by_victim.setdefault(one.victim, []).append(one.back_seconds)
    for victim, seconds in sorted(by_victim.items()):
        print(f"{victim:<24} {len(seconds):>4} times   back after {max(seconds):6.2f} s at most")
    print(f"Redis emptied            {sum(one.flushed for one in done):>4} times")
    print(f"sent again               {sum(node.again for node in told):>4} times")
    print(
        f"acknowledged {verdict.acknowledged}: lost {verdict.lost}, doubled {verdict.doubled}, "
        f"wrong {verdict.wrong}, never sent {verdict.unknown}"
    )
    for node in told:
        for reason in node.unexpected[:3]:
            print(f"unexpected: {node.device_id}: {reason}", file=sys.stderr)


if __name__ == "__main__":
    typer.run(main)
