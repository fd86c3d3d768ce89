"""Processor time of what is done most, in this process, without network: to find what stands out, and to
compare before and after a change whatever else the host does.

    .venv/bin/python -m benchmarks.hot_paths [--only analysis] [--json FILE]
    .venv/bin/py-spy record -f raw -o profile.txt -- .venv/bin/python -m benchmarks.hot_paths --only analysis

It starts a PostgreSQL and a Valkey of its own in a temporary folder and ends with them.
"""

import asyncio
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import count, cycle, islice
from pathlib import Path
from time import process_time
from typing import Annotated, Any
from uuid import UUID

import httpx
import structlog
import typer
from celery import current_app
from flask.testing import FlaskClient

from benchmarks.cpu import own_seconds
from benchmarks.load import Node
from benchmarks.migration import instance
from benchmarks.own_instance import NO_QUOTAS
from benchmarks.stage import Stage, stage
from benchmarks.telemetry.single import BODY
from signalcraft.accounts.authentication import authenticate
from signalcraft.acoustics.analysis import work_on
from signalcraft.api.app import create_app as create_api
from signalcraft.clock import iso, utc_now
from signalcraft.db.session import look
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.settings import Settings

ROUNDS = 3
"""The cheapest one counts: it was disturbed least."""
PCM = {
    "Content-Type": "application/octet-stream",
    "X-Sample-Rate": "16000",
    "X-Bits-Per-Sample": "16",
    "X-Synthetic": "true",
}
BATCH = 500


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time for one: of this process, and with PostgreSQL and Valkey."""

    path: str
    own_ms: float
    all_ms: float


class Paths:
    """One function for each hot path."""

    def __init__(
        self, settings: Settings, ready: Stage, runner: asyncio.Runner, gateway: httpx.AsyncClient
    ) -> None:
        self._ready, self._runner, self._gateway = ready, runner, gateway
        self._api: FlaskClient = create_api(settings).test_client()
        current_app.conf.broker_url = "memory://"  # nobody works on it here but ourselves
        self._node = Node(httpx.AsyncClient(), ready.device_ids[0], 0)
        self._bodies = cycle(self._node.bodies)
        self._seconds = count(int(utc_now().timestamp()) - 80_000)
        self._token = str(self.sign_in().json()["access_token"])
        self._bearer = {"Authorization": f"Bearer {self._token}"}
        self._waiting: list[UUID] = []

    def all(self) -> dict[str, tuple[Callable[[], Any], int]]:
        """Name to what is done and how often a round does it."""
        return {
            "token check": (lambda: look(lambda connection: authenticate(connection, self._token)), 500),
            "GET /live": (lambda: self._people("/live"), 200),
            "GET /api/auth/verify": (lambda: self._people("/api/auth/verify"), 200),
            "sign-in": (self.sign_in, 20),
            "GET /api/dashboard/overview": (lambda: self._machines("/api/dashboard/overview"), 50),
            "GET /api/dashboard/summary": (lambda: self._machines("/api/dashboard/summary"), 50),
            "reading": (self._reading, 200),
            f"batch of {BATCH} readings": (self._batch, 20),
            "clip upload": (self._upload, 20),
            "analysis": (self._analysis, 20),
        }

    def teach(self, clips: int) -> None:
        """Let the node's machine learn how it sounds."""
        for pcm in islice(self._node.lessons(), clips):
            self._upload(pcm)
            self._analysis()

    def sign_in(self) -> httpx.Response:
        body = {"username": self._ready.username, "password": self._ready.password, "delivery": "body"}
        return self._good(self._runner.run(self._gateway.post("/api/auth/login", json=body)))

    def _people(self, path: str) -> None:
        self._good(self._runner.run(self._gateway.get(path, headers=self._bearer)))

    def _machines(self, path: str) -> None:
        answer = self._api.get(path, headers=self._bearer)
        assert answer.status_code == httpx.codes.OK, answer.data

    def _reading(self) -> None:
        self._send("/api/iot/sensors/data", self._one())

    def _batch(self) -> None:
        self._send("/api/iot/sensors/data/batch", f"[{','.join(self._one() for _ in range(BATCH))}]")

    def _one(self) -> str:
        return BODY.format(name=self._ready.device_ids[0], second=next(self._seconds))

    def _send(self, path: str, body: str) -> None:
        answer = self._api.post(path, data=body, content_type="application/json")
        assert answer.status_code == httpx.codes.OK, answer.data

    def _upload(self, pcm: bytes | None = None) -> None:
        headers = {**PCM, "X-Device-ID": self._ready.device_ids[0]}
        answer = self._api.post("/api/esp32/audio/upload", data=pcm or next(self._bodies), headers=headers)
        assert answer.status_code == httpx.codes.OK, answer.data
        self._waiting.append(UUID(answer.get_json()["analysis_id"]))

    def _analysis(self) -> None:
        work_on(self._waiting.pop(0), redelivered=False)

    def prepare(self, path: str, times: int) -> None:
        """What is to be there before."""
        if path == "analysis":
            for _ in range(times):
                self._upload()

    @staticmethod
    def _good(answer: httpx.Response) -> httpx.Response:
        answer.raise_for_status()
        return answer


def main(
    only: Annotated[str, typer.Option(help="Paths with this in their name.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here too.")] = None,
) -> None:
    """Measure in this process."""
    os.environ["SIGNALCRAFT_RATE_LIMITS"] = NO_QUOTAS
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    costs = []
    for cost in _measure(only):
        print(f"{cost.path:30} {cost.own_ms:8.3f} ms, with the servers {cost.all_ms:8.3f} ms", flush=True)
        costs.append(cost)
    if json_file is not None:
        document = {"measured_at": iso(utc_now()), "cores": os.cpu_count(), "costs": list(map(asdict, costs))}
        json_file.write_text(json.dumps(document, indent=2) + "\n")


def _measure(only: str) -> Iterator[Cost]:
    with ExitStack() as stack:
        settings, _ = stack.enter_context(instance())
        ready = stack.enter_context(stage(devices=4))
        runner = stack.enter_context(asyncio.Runner())
        app = create_gateway(settings)
        lifespan = app.router.lifespan_context(app)
        runner.run(lifespan.__aenter__())
        transport = httpx.ASGITransport(app, client=("198.18.0.1", 1))
        headers = {"X-Requested-With": "benchmark"}
        gateway = httpx.AsyncClient(transport=transport, base_url="http://signalcraft", headers=headers)
        paths = Paths(settings, ready, runner, gateway)
        paths.teach(settings.baseline_clips + 2)
        for name, (work, times) in paths.all().items():
            if only in name:
                yield min(
                    (_round(paths, name, work, times) for _ in range(ROUNDS)), key=lambda cost: cost.own_ms
                )
        runner.run(lifespan.__aexit__(None, None, None))


def _round(paths: Paths, name: str, work: Callable[[], Any], times: int) -> Cost:
    paths.prepare(name, times + 1)
    work()
    own, everything = process_time(), own_seconds()
    for _ in range(times):
        work()
    return Cost(name, 1000 * (process_time() - own) / times, 1000 * (own_seconds() - everything) / times)


if __name__ == "__main__":
    typer.run(main)
