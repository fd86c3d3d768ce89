"""Many times more readings than can be taken: nothing acknowledged is lost, memory stays, calm returns.

`python -m benchmarks.telemetry.overload --help`; `benchmarks/README.md` says what each line means.
"""

import asyncio
import json
import os
import resource
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Annotated

import numpy as np
import typer

from benchmarks.cpu import memory_bytes
from benchmarks.telemetry.batches import compare
from benchmarks.telemetry.fleet import Nodes, measured_at, nodes
from benchmarks.telemetry.http import Answer, Connection
from benchmarks.telemetry.rows import READINGS, Rows
from benchmarks.telemetry.single import BODY
from signalcraft.cli.local_instance import local_settings, public_url
from signalcraft.clock import iso, utc_now

DEVICES = 200
FIRST_DAY_AGO, DAYS = 25, 12
CALM_SECONDS = 0.25
"""An answer to a lone reading within this is normal again."""
CALM_ANSWERS = 10
PATIENCE_SECONDS = 60.0
CALM_WITHIN_S = 30.0
BATCH_PATH, SINGLE_PATH = "/api/iot/sensors/data/batch", "/api/iot/sensors/data"


@dataclass
class Pass:
    """What became of what was offered."""

    offered: int = 0
    """Different ones."""
    attempts: int = 0
    acknowledged: list[int] = field(default_factory=list)
    answers: dict[str, int] = field(default_factory=dict)
    without_retry_after: int = 0

    def next(self) -> int:
        self.offered += 1
        return self.offered - 1

    def count(self, answer: Answer | str) -> None:
        name = answer if isinstance(answer, str) else str(answer.status)
        self.answers[name] = self.answers.get(name, 0) + 1
        if not isinstance(answer, str) and answer.status in (429, 503):
            self.without_retry_after += "retry-after" not in answer.headers


@dataclass(frozen=True)
class Figures:
    seconds: float
    senders: int
    offered_readings_per_s: float
    stored_readings_per_s: float
    batch_answers: dict[str, int]
    single_answers: dict[str, int]
    without_retry_after: int
    memory_before_bytes: int
    memory_most_bytes: int
    missing: int
    wrong: int
    unexpected: int
    single_missing: int
    patient_median_s: float
    patient_most_s: float
    seconds_until_calm: float | None


def main(
    seconds: Annotated[float, typer.Option(min=1, help="How long.")] = 300.0,
    senders: Annotated[int, typer.Option(min=1, help="Senders of batches, none of whom waits.")] = 200,
    singles: Annotated[int, typer.Option(min=1, help="Nodes that send readings one by one.")] = 400,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Overload the running instance of SIGNALCRAFT_DATA_DIR; what it makes is synthetic and removed."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    settings = local_settings()
    today = utc_now().date()
    days = [today - timedelta(days=FIRST_DAY_AGO - ahead) for ahead in range(DAYS)]
    with nodes(settings, DEVICES + singles + 1, days) as fleet:
        crowd = Nodes(fleet.names[:DEVICES], fleet.keys[:DEVICES])
        lone = Nodes(fleet.names[DEVICES:], fleet.keys[DEVICES:])
        rows = Rows(crowd.names, days)
        overload = Overload(public_url(settings, settings.api_port), rows, lone.names)
        before = memory_bytes()
        asyncio.run(overload.run(seconds, senders))
        sent, single = overload.batches, overload.singles
        missing, wrong, unexpected = compare(rows, crowd, sent.acknowledged, sent.offered, 0)
        stored = {second for key in lone.keys for second in measured_at(key)}
        single_missing = len(set(single.acknowledged) - stored)
    figures = Figures(
        seconds=seconds,
        senders=senders + singles,
        offered_readings_per_s=(sent.attempts * READINGS + single.attempts) / seconds,
        stored_readings_per_s=(len(sent.acknowledged) * READINGS + len(single.acknowledged)) / seconds,
        batch_answers=sent.answers,
        single_answers=single.answers,
        without_retry_after=sent.without_retry_after + single.without_retry_after,
        memory_before_bytes=before,
        memory_most_bytes=overload.memory_bytes,
        missing=missing,
        wrong=wrong,
        unexpected=unexpected,
        single_missing=single_missing,
        patient_median_s=float(np.median(overload.patient_s)),
        patient_most_s=max(overload.patient_s),
        seconds_until_calm=overload.calm_after_s,
    )
    _print(figures)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), **asdict(figures)}
        json_file.write_text(json.dumps(document, indent=2) + "\n")
    if missing or wrong or unexpected or single_missing or overload.calm_after_s is None:
        sys.exit("Acknowledged readings are missing, or calm did not return.")


class Overload:
    """Everybody sends at once, and again at once whatever the answer: Retry-After is not kept."""

    def __init__(self, origin: str, rows: Rows, lone_names: Sequence[str]) -> None:
        self.batches, self.singles = Pass(), Pass()
        self.memory_bytes = 0
        self.patient_s: list[float] = []
        self.calm_after_s: float | None = None
        self._origin, self._rows, self._lone_names = origin, rows, lone_names
        self._again: deque[int] = deque()
        self._first_second = int(utc_now().timestamp()) - 20 * 86_400
        self._end = 0.0

    async def run(self, seconds: float, senders: int) -> None:
        self._end = perf_counter() + seconds
        *many, patient = self._lone_names
        works = [self._send_batches() for _ in range(senders)] + [self._send_singles(name) for name in many]
        await asyncio.gather(self._watch_memory(), self._send_patiently(patient), *works)
        self.calm_after_s = await self._until_calm()

    async def _send_batches(self) -> None:
        connection = Connection(self._origin)
        while perf_counter() < self._end:
            batch = self._again.popleft() if self._again else self.batches.next()
            if await self._offer(connection, BATCH_PATH, self._rows.body(batch), self.batches):
                self.batches.acknowledged.append(batch)
            else:
                self._again.append(batch)
        connection.close()

    async def _send_singles(self, name: str) -> None:
        connection = Connection(self._origin)
        while perf_counter() < self._end:
            await self._send_single(connection, name)
        connection.close()

    async def _send_patiently(self, name: str) -> None:
        """A node as nodes are: a reading a second, what was refused again; how long until each is stored."""
        connection = Connection(self._origin)
        while perf_counter() < self._end:
            asked = perf_counter()
            while not await self._send_single(connection, name):
                await asyncio.sleep(1.0)
            self.patient_s.append(perf_counter() - asked)
            await asyncio.sleep(1.0)
        connection.close()

    async def _send_single(self, connection: Connection, name: str) -> bool:
        second = self._first_second + self.singles.next()
        body = BODY.format(name=name, second=second).encode()
        stored = await self._offer(connection, SINGLE_PATH, body, self.singles)
        if stored:
            self.singles.acknowledged.append(second)
        return stored

    async def _offer(self, connection: Connection, path: str, body: bytes, counted: Pass) -> bool:
        counted.attempts += 1
        try:
            answer = await connection.post(path, body)
        except (OSError, asyncio.IncompleteReadError) as error:
            counted.count(type(error).__name__)
            await asyncio.sleep(0.1)
            return False
        counted.count(answer)
        return answer.status == HTTPStatus.OK

    async def _watch_memory(self) -> None:
        while perf_counter() < self._end:
            self.memory_bytes = max(self.memory_bytes, await asyncio.to_thread(memory_bytes))
            await asyncio.sleep(1.0)

    async def _until_calm(self) -> float | None:
        """Seconds until lone readings are answered as ever, several in a row; None where they never are."""
        began, in_a_row, connection = perf_counter(), 0, Connection(self._origin)
        while perf_counter() - began < PATIENCE_SECONDS:
            asked = perf_counter()
            stored = await self._send_single(connection, self._lone_names[-1])
            in_a_row = in_a_row + 1 if stored and perf_counter() - asked < CALM_SECONDS else 0
            if in_a_row == CALM_ANSWERS:
                return perf_counter() - began
        return None


def _print(figures: Figures) -> None:
    print(
        f"overload  {figures.senders} senders offered {figures.offered_readings_per_s:,.0f} readings/s for"
        f" {figures.seconds:.0f} s; {figures.stored_readings_per_s:,.0f}/s were stored"
    )
    print(f"answers   batches {figures.batch_answers}; single readings {figures.single_answers};")
    print(f"          429 and 503 without Retry-After: {figures.without_retry_after}")
    print(
        f"memory    {figures.memory_before_bytes / 1e6:,.0f} MB before,"
        f" {figures.memory_most_bytes / 1e6:,.0f} MB at most"
    )
    print(
        f"compared  {figures.missing + figures.single_missing} acknowledged readings missing,"
        f" {figures.wrong} other than sent, {figures.unexpected} that nobody sent"
    )
    print(
        f"meanwhile a node with a reading a second had each stored after {figures.patient_median_s:.2f} s"
        f" (median), {figures.patient_most_s:.2f} s (most)"
    )
    calm = figures.seconds_until_calm
    print(f"calm      {'never' if calm is None else f'after {calm:.1f} s'} (at most {CALM_WITHIN_S:.0f} s)")


if __name__ == "__main__":
    typer.run(main)
