"""Makes events and finds out how long each took from its commit to every screen that may see it."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from loadtests.screens import MOST_SECONDS, Task
from loadtests.stage import PersonOnStage
from loadtests.system import System
from signalcraft.db.session import after_commit, unit_of_work
from signalcraft.realtime.publish import emit

TYPE = "load_test.tick"
OPENING_PATIENCE_SECONDS = 90.0


@dataclass(frozen=True)
class Delivered:
    """How events reached the screens; times in ms from the commit.

    expected : one for each event and each screen that may see it. lost and doubled must be 0.
    """

    screens: int
    events: int
    expected: int
    lost: int
    doubled: int
    refused: int
    reopened: int
    mean_ms: float
    median_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float


class Ticker:
    """Commits events at a steady pace, to one shop after the other, until it is told to stop."""

    def __init__(self, shops: Sequence[int], per_s: float) -> None:
        self._shops, self._pause = shops, 1 / per_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.committed: dict[int, float] = {}
        """When each event was committed (monotonic clock), by its serial number."""

    def __enter__(self) -> "Ticker":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Commit no more; what was committed is known when this returns."""
        self._stopping.set()
        self._thread.join()

    def shop_of(self, serial: int) -> int:
        return self._shops[serial % len(self._shops)]

    def _note(self, serial: int) -> None:
        self.committed[serial] = perf_counter()

    def _run(self) -> None:
        start, serial = perf_counter(), 0
        while not self._stopping.wait(max(0.0, start + serial * self._pause - perf_counter())):
            with unit_of_work() as session:
                # Registered before the event's own: it is run first, so that announcing counts as time.
                after_commit(session, partial(self._note, serial))
                emit(session, TYPE, {"serial": serial}, shop_id=self.shop_of(serial))
            serial += 1


class Screens:
    """The process that holds the streams."""

    def __init__(self, system: System, people: Sequence[PersonOnStage], folder: Path) -> None:
        self._file = folder / "received.npy"
        self._people = people
        task = Task(
            "127.0.0.1",
            system.settings.gateway_port,
            [(person.id, person.session) for person in people],
            str(self._file),
        )
        self._process = subprocess.Popen(
            [sys.executable, "-m", "loadtests.screens"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(vars(task)) + "\n")
        self._process.stdin.flush()
        self._said: dict[str, int] = {}
        self._await_open()

    @property
    def pid(self) -> int:
        return self._process.pid

    def _await_open(self) -> None:
        """Return when every stream is open.

        Raises
        ------
        RuntimeError
            They did not open in time.
        """
        assert self._process.stdout is not None
        hurry = threading.Timer(OPENING_PATIENCE_SECONDS, self._process.kill)
        hurry.start()
        word = self._process.stdout.readline().strip()
        hurry.cancel()
        if word != "open":
            raise RuntimeError("Not all event streams could be opened.")

    def finish(self) -> NDArray[np.float64]:
        """Close the streams when the last events have come: rows of screen, serial number, moment."""
        said, _ = self._process.communicate(timeout=2 * MOST_SECONDS)
        self._said = json.loads(said)
        received: NDArray[np.float64] = np.load(self._file)
        return received

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def delivered(self, ticker: Ticker | None, received: NDArray[np.float64]) -> Delivered:
        """Compare what came with what was committed."""
        committed = {} if ticker is None else ticker.committed
        shops = {place: person.shop_id for place, person in enumerate(self._people)}
        expected = {
            (place, serial)
            for serial in committed
            for place, shop in shops.items()
            if ticker is not None and shop == ticker.shop_of(serial)
        }
        seen = [(int(place), int(serial)) for place, serial, _ in received]
        times = (
            np.array([(at - committed[int(serial)]) * 1000 for _, serial, at in received])
            if seen
            else np.zeros(1)
        )
        return Delivered(
            screens=len(self._people),
            events=len(committed),
            expected=len(expected),
            lost=len(expected - set(seen)),
            doubled=len(seen) - len(set(seen)),
            refused=self._said["refused"],
            reopened=self._said["reopened"],
            mean_ms=float(times.mean()),
            median_ms=float(np.median(times)),
            p95_ms=float(np.percentile(times, 95)),
            p99_ms=float(np.percentile(times, 99)),
            longest_ms=float(times.max()),
        )


@contextmanager
def screens(system: System, people: Sequence[PersonOnStage], folder: Path) -> Iterator[Screens]:
    """Streams of all these people while the block runs."""
    held = Screens(system, people, folder)
    try:
        yield held
    finally:
        held.close()
