"""How much one machine carries: arithmetic on costs that `benchmarks/capacity.py` measured.

What is asked of the system becomes rates; rates times the processor time of each unit become cores, by part;
beside them stand memory, open streams and the disk. A limit that is nearest decides. Nothing here is a
guarantee: the costs are of one machine on one day, and the document of the measurements says which.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import Literal

Unit = Literal["reading", "commit", "clip", "page", "page_machine", "delivery", "sign_in"]
"""What costs processor time. commit: of readings, which share one when they come close together.
page_machine: what each machine that it shows adds to a page."""

BUSY = 0.7
"""Share of the cores that may be at work: above it requests take more than twice as long as alone (two cores
and one queue: 1 / (1 - 0.7²)), and what a restart has held up could not be caught up."""
CATCHING_UP = 0.9
"""Share of a core that the remaining processes of a kind may use after one was lost."""
MEMORY_SHARE = 0.8
"""Of the memory; the rest is PostgreSQL's files in the system's cache."""
DISK_SHARE = 0.8
ALONE = ("link", "proxy", "valkey")
"""Parts that are one process, or compute in one, however many cores there are."""
MONTH_DAYS = 30
DAY_S = 86_400.0
HIGHEST = 1_000_000
"""More shops are not looked for."""


@dataclass(frozen=True)
class Demand:
    """What is asked of the system. Times in seconds.

    people_per_shop : with the overview open and its event stream, at the busiest time.
    page_every_s : how often each of them loads it.
    sign_ins_per_day : of each person; a quarter of a day's fall into its busiest hour.
    clip_s : length of a clip.
    """

    shops: int
    machines_per_shop: int = 4
    reading_every_s: float = 10.0
    clip_every_s: float = 600.0
    clip_s: float = 10.0
    people_per_shop: float = 1.0
    page_every_s: float = 60.0
    sign_ins_per_day: float = 2.0
    raw_retention_days: int = 30
    minute_retention_days: int = 365

    @property
    def machines(self) -> int:
        return self.shops * self.machines_per_shop

    @property
    def people(self) -> float:
        return self.shops * self.people_per_shop

    def rates(self) -> Mapping[Unit, float]:
        """Units a second at the busiest time."""
        clips = self.machines / self.clip_every_s
        pages = self.people / self.page_every_s
        return {
            "reading": self.machines / self.reading_every_s,
            "clip": clips,
            "page": pages,
            "page_machine": pages * self.machines_per_shop,
            # Each result is told to the people of its shop.
            "delivery": clips * self.people_per_shop,
            "sign_in": self.people * self.sign_ins_per_day / 4 / 3600,
        }


@dataclass(frozen=True)
class Measurements:
    """What `benchmarks/capacity.py` wrote; processor times in seconds by part (process as PM2 names it)."""

    measured_at: str
    cores: int
    idle_cores: Mapping[str, float]
    """Of a system of which nothing is asked."""
    cpu_s: Mapping[Unit, Mapping[str, float]]
    processes: Mapping[str, int]
    """Of the parts that have more of them on more cores, on `cores`."""
    commits_per_s: float
    """Of readings at most: what comes while one is under way goes into the next together."""
    streams_per_gateway: int
    base_memory_bytes: float
    bytes_per_stream: float
    bytes_per_reading: float
    bytes_per_minute_row: float
    bytes_per_clip_second: float
    """Of sound as it is stored."""
    bytes_per_analysis: float
    """Rows of a clip, its result and its events."""

    @classmethod
    def shipped(cls) -> "Measurements":
        """Those that came with this release."""
        text = files("signalcraft.operations").joinpath("capacity.json").read_text()
        return cls.read(text)

    @classmethod
    def read(cls, text: str) -> "Measurements":
        """From the benchmark's JSON."""
        return cls(**{name: value for name, value in json.loads(text).items() if name in cls.__annotations__})


@dataclass(frozen=True)
class Machine:
    """What there is. memory and disk in bytes."""

    cores: int
    memory_bytes: float
    disk_bytes: float


@dataclass(frozen=True)
class Limit:
    """One thing that may run out. share : used of what may be used; above 1 it is too much."""

    name: str
    share: float


def cores_by_part(measured: Measurements, rates: Mapping[Unit, float]) -> dict[str, float]:
    """How many cores each part uses."""
    used = dict(measured.idle_cores)
    commits = min(rates.get("reading", 0.0), measured.commits_per_s)
    for unit, per_s in {**rates, "commit": commits}.items():
        for part, seconds in measured.cpu_s[unit].items():
            used[part] = used.get(part, 0.0) + per_s * seconds
    return used


def memory_bytes(measured: Measurements, demand: Demand) -> float:
    """Of all processes."""
    return measured.base_memory_bytes + demand.people * measured.bytes_per_stream


def disk_bytes(measured: Measurements, demand: Demand, days: float) -> float:
    """What the first so many days need, of what is kept so long: readings, minutes, and all sound."""
    readings = min(days, demand.raw_retention_days) * DAY_S * demand.rates()["reading"]
    minutes = min(days, demand.minute_retention_days) * DAY_S / max(60.0, demand.reading_every_s)
    clips = days * DAY_S * demand.rates()["clip"]
    return (
        readings * measured.bytes_per_reading
        + minutes * demand.machines * measured.bytes_per_minute_row
        + clips * (demand.clip_s * measured.bytes_per_clip_second + measured.bytes_per_analysis)
    )


def limits(measured: Measurements, demand: Demand, machine: Machine) -> list[Limit]:
    """Everything that may run out, the nearest first."""
    used = cores_by_part(measured, demand.rates())
    found = [Limit("cores", sum(used.values()) / (machine.cores * BUSY))]
    number = {
        **{part: max(1, round(n * machine.cores / measured.cores)) for part, n in measured.processes.items()},
        **dict.fromkeys(ALONE, 1),
    }
    found += [Limit(part, used.get(part, 0.0) / _may_use(processes)) for part, processes in number.items()]
    found += [
        Limit("streams", demand.people / (number["gateway"] * measured.streams_per_gateway)),
        Limit("memory", memory_bytes(measured, demand) / (machine.memory_bytes * MEMORY_SHARE)),
        Limit("disk", disk_bytes(measured, demand, MONTH_DAYS) / (machine.disk_bytes * DISK_SHARE)),
    ]
    return sorted(found, key=lambda limit: -limit.share)


def most_shops(measured: Measurements, demand: Demand, machine: Machine, limit: str | None = None) -> int:
    """As many shops of this kind as one limit allows, or all of them; 0 where not even one fits."""

    def fits(shops: int) -> bool:
        found = limits(measured, replace(demand, shops=shops), machine)
        return all(one.share <= 1 for one in found if limit in (None, one.name))

    return _largest(fits)


def _may_use(processes: int) -> float:
    """Cores that a kind of process may use: one core each, and one of several may be lost at any time."""
    return BUSY if processes == 1 else (processes - 1) * CATCHING_UP


def _largest(fits: Callable[[int], bool]) -> int:
    if not fits(1):
        return 0
    low, high = 1, 2
    while high < HIGHEST and fits(high):
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
