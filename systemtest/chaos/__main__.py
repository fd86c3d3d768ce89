"""`python -m systemtest.chaos --help`; docs/chaos.md says what each fault and invariant is."""

import asyncio
import json
import secrets
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer

from benchmarks.telemetry import fleet
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry import partitions
from systemtest.chaos import faults
from systemtest.chaos.arena import Arena, arena
from systemtest.chaos.invariants import STUCK_SECONDS, Database, Violation, missing, violations
from systemtest.chaos.load import Load, devices_needed
from systemtest.chaos.schedule import Fault, schedule

SETTLE_SECONDS = 60.0
"""After the last fault: then everything is back and everything is told."""
LOOK_SECONDS = 2.0


class Run:
    """One schedule played against one arena."""

    def __init__(self, arena: Arena, load: Load, seconds: float) -> None:
        self.begun: list[tuple[float, Fault]] = []
        self.skipped: dict[str, str] = {}
        self.violations: list[Violation] = []
        self.settled_s: float | None = None
        self._arena, self._load, self._seconds = arena, load, seconds
        self._database = Database(arena.settings)

    async def play(self, planned: Sequence[Fault]) -> None:
        """Each fault at its time, with the load at work; then everything must come to rest."""

        async def during() -> None:
            async with asyncio.TaskGroup() as tasks:
                looking = tasks.create_task(self._look_for_stuck_jobs())
                playing = [tasks.create_task(self._one(fault)) for fault in planned]
                await asyncio.gather(*playing, asyncio.sleep(self._seconds - self._load.now()))
                looking.cancel()

        await self._load.run(during, self._settle)

    def fault_before(self, at_s: float) -> str:
        """The fault that had begun last at this second."""
        before = [fault for begun_s, fault in self.begun if begun_s <= at_s]
        return f"after {before[-1]}" if before else "before any fault"

    async def _one(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s - self._load.now())
        self.begun.append((self._load.now(), fault))
        print(f"  {fault}", flush=True)
        try:
            await faults.play(self._arena, fault)
        except faults.Impossible as reason:
            self.skipped[f"{fault.kind} {fault.target}"] = str(reason)
            print(f"     skipped: {reason}", flush=True)

    async def _look_for_stuck_jobs(self) -> None:
        known: set[str] = set()
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                stuck = await asyncio.to_thread(self._database.stuck_jobs)
            except psycopg.Error:
                continue  # it is its turn to be away
            for job in set(stuck) - known:
                what = f"analysis {job}"
                self.violations.append(
                    Violation(f"no job waits longer than {STUCK_SECONDS} s", what, self._load.now())
                )
            known.update(stuck)

    async def _settle(self) -> None:
        began, last = self._load.now(), ["nobody looked"]
        while self._load.now() - began < SETTLE_SECONDS:
            last = await asyncio.to_thread(self._unsettled)
            if not last:
                self.settled_s = self._load.now() - began
                return
            await asyncio.sleep(0.5)
        for what in last:
            self.violations.append(
                Violation(f"{SETTLE_SECONDS:.0f} s later all is back and told", what, self._load.now())
            )

    def _unsettled(self) -> list[str]:
        try:
            waiting = list(missing(self._load, self._database))
        except psycopg.Error as error:
            return [f"the database: {error}"]
        for path in ("/ready", "/api/flask/ready"):
            try:
                answer = httpx.get(f"{self._load.origin}{path}", trust_env=False)
            except httpx.TransportError as error:
                waiting.append(f"{path}: {type(error).__name__}")
            else:
                if not answer.is_success or any(answer.json()["checks"].values()):
                    waiting.append(f"{path}: {answer.text}")
        # Asking PM2 takes a second of a core, so that comes last.
        return waiting or [
            f"{name} is {process['state']}"
            for name, process in self._arena.system.processes().items()
            if process["state"] != "online"
        ]


def main(
    seed: Annotated[int | None, typer.Option(help="Of the schedule; a new one if none is given.")] = None,
    seconds: Annotated[float, typer.Option(min=5, help="Length of the run, without start and end.")] = 60.0,
    only: Annotated[list[str] | None, typer.Option(help="Only this kind of fault; may be repeated.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write what happened here, too.")] = None,
) -> None:
    """Faults by a seed against an instance of its own, and a look at what must be true after them."""
    seed = secrets.randbelow(1_000_000) if seed is None else seed
    planned = schedule(seed, seconds, only or ())
    replay = f".venv/bin/python -m systemtest.chaos --seed {seed} --seconds {seconds:g}"
    replay += "".join(f" --only {kind}" for kind in only or ())
    print(f"seed {seed}: {len(planned)} faults in {seconds:g} s; again: {replay}", flush=True)
    with arena() as ring:
        with unit_of_work() as session:
            partitions.ensure_days(session, [])
        load = Load(ring.system.url, fleet.make(devices_needed(seconds)))
        run = Run(ring, load, seconds)
        asyncio.run(run.play(planned))
        found = [*run.violations, *violations(load, ring.settings, ring.data_dir / "objects")]
    _report(run, load, found, replay)
    if json_file is not None:
        document = {
            "seed": seed,
            "seconds": seconds,
            "faults": [str(fault) for _, fault in run.begun],
            "skipped": run.skipped,
            "settled_s": run.settled_s,
            "acknowledged": _acknowledged(load),
            "asked": load.asked,
            "failed": load.failed,
            "violations": [
                asdict(one) | {"fault": run.fault_before(one.at_s), "replay": replay} for one in found
            ],
        }
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if found:
        raise typer.Exit(1)


def _acknowledged(load: Load) -> dict[str, int]:
    return {
        "readings": sum(node.acknowledged for node in load.nodes),
        "clips": sum(clip.acknowledged_at is not None for clip in load.clips),
        "alarms": sum(ring.acknowledged_at is not None for ring in load.rings),
        "events": len(load.listeners[0].ids),
    }


def _report(run: Run, load: Load, found: Sequence[Violation], replay: str) -> None:
    given = ", ".join(f"{number} {what}" for what, number in _acknowledged(load).items())
    again = sum(node.again for node in load.nodes)
    came = ", ".join(str(heard.came) for heard in load.listeners)
    print(f"acknowledged: {given}; readings were sent again {again} times, streams opened {came} times")
    print(f"answered: {load.availability:.2%} of the requests that come at their own pace, and once")
    if run.settled_s is not None:
        print(f"all back and all told {run.settled_s:.1f} s after the last fault")
    for one in found:
        print(f"VIOLATED  {one.invariant}: {one.what}", file=sys.stderr)
        print(
            f"          at {one.at_s:.1f} s, {run.fault_before(one.at_s)}; again: {replay}", file=sys.stderr
        )
    print(f"{len(found)} violations")


if __name__ == "__main__":
    typer.run(main)
