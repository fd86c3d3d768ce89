"""What processes, host, database and queue do while a load runs: the monitor's own samplers, more often."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, perf_counter, sleep

from benchmarks.cpu import own_seconds
from loadtests.system import System
from signalcraft.monitor.database import Database
from signalcraft.monitor.host import Host
from signalcraft.monitor.loop import Job, run_until
from signalcraft.monitor.processes import Processes
from signalcraft.monitor.queue import Redis, waiting
from signalcraft.monitor.sampling import Look, Rates
from signalcraft.monitor.tiers import Tiers
from signalcraft.operations import instance

OFTEN_SECONDS, SELDOM_SECONDS = 2.0, 5.0
"""Looking costs, too: the database's sizes and statements are looked at less often."""


@dataclass(frozen=True)
class Sample:
    """The numbers of one section at a moment of the monotonic clock."""

    at: float
    section: str
    numbers: Mapping[str, float]


class Samples:
    """Everything that was seen, in the order of time."""

    def __init__(self) -> None:
        self._seen: list[Sample] = []
        self._lock = threading.Lock()

    def add(self, sample: Sample) -> None:
        with self._lock:
            self._seen.append(sample)

    def between(self, start: float, end: float) -> list[Sample]:
        with self._lock:
            return [sample for sample in self._seen if start <= sample.at <= end]

    def series(self, section: str, name: str) -> list[tuple[float, float]]:
        """Moment and value of one number."""
        with self._lock:
            return [
                (one.at, one.numbers[name])
                for one in self._seen
                if one.section == section and name in one.numbers
            ]

    def names(self, section: str, ending: str) -> list[str]:
        """The numbers of a section whose names end so."""
        with self._lock:
            found = {
                name
                for one in self._seen
                if one.section == section
                for name in one.numbers
                if name.endswith(ending)
            }
        return sorted(found)


@contextmanager
def sampling(system: System) -> Iterator[Samples]:
    """Look at the system while the block runs."""
    samples, stopping = Samples(), threading.Event()
    jobs = [
        Job(section, interval, _noting(samples, section, look))
        for section, (interval, look) in _looks(system).items()
    ]
    thread = threading.Thread(target=run_until, args=(stopping, jobs), daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stopping.set()
        thread.join()


def _looks(system: System) -> dict[str, tuple[float, Callable[[], Look]]]:
    settings = system.settings
    return {
        "processes": (OFTEN_SECONDS, _with_busiest(Processes(instance.load()))),
        "host": (OFTEN_SECONDS, Host(settings.data_dir).look),
        "tiers": (OFTEN_SECONDS, Tiers(settings.internal_port_base, [settings.colour]).look),
        "queue": (OFTEN_SECONDS, waiting),
        "generator": (OFTEN_SECONDS, _generator(Rates())),
        "redis": (SELDOM_SECONDS, Redis().look),
        "database": (SELDOM_SECONDS, _with_limit(Database())),
    }


def _noting(samples: Samples, section: str, look: Callable[[], Look]) -> Callable[[], None]:
    def run() -> None:
        samples.add(Sample(perf_counter(), section, look().numbers))

    return run


def _with_busiest(processes: Processes) -> Callable[[], Look]:
    """Beside the sums: the busiest single process of each kind, for one Python process fills one core."""

    def look() -> Look:
        seen = processes.look()
        busiest = {
            f"{row['name']}.busiest_percent": max(worker["cpu_percent"] for worker in row["workers"])
            for row in seen.document["processes"]
            if row["workers"]
        }
        return Look(seen.document, {**seen.numbers, **busiest})

    return look


def _with_limit(database: Database) -> Callable[[], Look]:
    def look() -> Look:
        seen = database.look()
        limit = float(seen.document["connections_limit"])
        return Look(seen.document, {**seen.numbers, "connections_limit": limit})

    return look


def _generator(rates: Rates) -> Callable[[], Look]:
    """What k6, the streams and this process take of the cores that the system runs on."""

    def look() -> Look:
        cores = rates.of({"cores": own_seconds()})
        return Look({}, {"cpu_percent": cores["cores"] * 100} if cores else {})

    return look


def wait_until_idle(seconds: float) -> bool:
    """Wait until no analysis is unfinished, at most so long; whether that is so."""
    deadline = monotonic() + seconds
    while waiting().numbers["analyses"]:
        if monotonic() > deadline:
            return False
        sleep(0.5)
    return True
