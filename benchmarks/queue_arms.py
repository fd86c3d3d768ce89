"""What `queue_decision` compares: the api tier that analyses itself, and workers with other settings."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import httpx

from benchmarks.cpu import tree_seconds
from signalcraft.operations import kernel
from signalcraft.operations.ports import LOOPBACK
from signalcraft.settings import Settings

ROOT = Path(__file__).parents[1]
START_SECONDS = 60.0
_PORT_OFFSET = 70
"""In the instance's block of ports, where it has nothing itself."""


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is started with; `acks_late` false: a message counts as done when it is taken."""

    pool: str
    concurrency: int
    prefetch: int
    acks_late: bool = True

    @property
    def name(self) -> str:
        acks = "late" if self.acks_late else "early"
        return f"{self.pool} {self.concurrency}, prefetch {self.prefetch}, acks {acks}"


class Program:
    """One server or worker of ours beside the instance, in a session of its own."""

    def __init__(
        self, settings: Settings, name: str, process: str, *arguments: str, **variables: str
    ) -> None:
        counted = settings.data_dir / "run" / "metrics" / name
        counted.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "SIGNALCRAFT_PROCESS": process,
            "PROMETHEUS_MULTIPROC_DIR": str(counted),
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_ARENA_MAX": "2",
            "PYTHONPATH": str(ROOT),
            **variables,
        }
        with (settings.data_dir / "logs" / f"{name}.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def cpu_seconds(self) -> float:
        """Of all its processes, so far."""
        return tree_seconds(self._process.pid)

    @property
    def memory_bytes(self) -> int:
        """Of all its processes; what they share counts once."""
        return kernel.memory_bytes(kernel.tree(self._process.pid))

    def kill(self) -> None:
        """As the kernel does when memory is short: every process at once."""
        for pid in kernel.tree(self._process.pid):
            os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def stop(self) -> None:
        """What is at work is finished."""
        self._process.terminate()
        self._process.wait()


class ApiThatAnalyses:
    """The api tier with its analyses inside the request, as many processes and threads as it has."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        port = settings.internal_port_base + _PORT_OFFSET
        self.origin = f"http://{LOOPBACK}:{port}"
        self._bind = f"{LOOPBACK}:{port}"
        self.start()

    def start(self) -> None:
        """Returns when it is ready."""
        self.program = Program(
            self._settings,
            "api-in-request",
            "api",
            "gunicorn",
            "--config",
            "python:signalcraft.api.gunicorn_conf",
            "--bind",
            self._bind,
            "benchmarks.analysis_in_request:create_app()",
        )
        wait_until_ready(self.origin)


def start_worker(settings: Settings, wanted: WorkerSettings) -> Program:
    """A worker; where it is asked for again after a crash, the next one of the same name."""
    # A worker's share of the database is for one thing at a time, which four threads are not.
    process = "command" if wanted.pool == "threads" else "worker"
    return Program(
        settings,
        "worker-tried",
        process,
        *("celery", "--quiet", "--app", "signalcraft.worker.app:celery", "worker"),
        *("--hostname", "tried@%h", "--pool", wanted.pool, "--concurrency", str(wanted.concurrency)),
        *("--prefetch-multiplier", str(wanted.prefetch), "--without-mingle", "--without-gossip"),
        *("--loglevel", "WARNING", "--", f"task.acks_late={'yes' if wanted.acks_late else 'no'}"),
    )


def wait_until_ready(origin: str) -> None:
    """Returns when the tier at that address takes requests; ends the benchmark where it never does."""
    deadline = monotonic() + START_SECONDS
    while monotonic() < deadline:
        try:
            if httpx.get(f"{origin}/ready", trust_env=False).is_success:
                return
        except httpx.HTTPError:
            pass
        sleep(0.1)
    sys.exit(f"{origin} is not ready after {START_SECONDS:.0f} s.")


@contextmanager
def api_that_analyses(settings: Settings) -> Iterator[ApiThatAnalyses]:
    """It runs while the block does."""
    api = ApiThatAnalyses(settings)
    try:
        yield api
    finally:
        api.program.stop()
