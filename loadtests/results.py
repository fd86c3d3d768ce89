"""What a load test found, as it is written to JSON and read by the reports."""

import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from loadtests.events import Delivered
from loadtests.k6 import Run
from loadtests.loads import Load
from loadtests.sockets import Acknowledged

MOST_DROPPED = 0.001
"""Of the journeys that were to begin and did not, since all clients were still waiting."""
_PART = re.compile(r"journey\{part:(\w+)\}")


@dataclass(frozen=True)
class Times:
    """Of one part of a journey that went well, in ms."""

    count: int
    mean_ms: float
    median_ms: float
    p95_ms: float
    p99_ms: float
    longest_ms: float


@dataclass(frozen=True)
class Outcome:
    """One load, once.

    Attributes
    ----------
    began_s, ended_s : on the monotonic clock, with k6's own start.
    seconds : how long the load was applied: what rates are counted over.
    failed : share of the journeys that were refused, wrong or without an answer; without k6, what was lost.
    dropped : share of those that never began.
    missed : the thresholds that did not hold, as sentences.
    used : share of each limit (`saturation.usage`).
    other_cores : what neither the system nor the load generator used: others on this host.
    """

    name: str
    began_s: float
    ended_s: float
    seconds: float
    parts: Mapping[str, Times]
    requests: int
    failed: float
    dropped: float
    failed_checks: Mapping[str, int]
    delivered: Delivered | None
    acknowledged: Acknowledged | None
    missed: Sequence[str]
    used: Mapping[str, float]
    other_cores: float
    memory_growth: float | None = None

    @property
    def held(self) -> bool:
        """Whether every threshold held."""
        return not self.missed


@dataclass(frozen=True)
class Machine:
    """What the figures are of."""

    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str

    @classmethod
    def here(cls) -> "Machine":
        cpu = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return cls(
            processor=cpu[1] if cpu else platform.machine(),
            cores=os.cpu_count() or 1,
            memory_gib=round(memory / 2**30, 1),
            kernel=platform.release(),
            python=platform.python_version(),
        )


@dataclass
class Report:
    """Everything that one command found."""

    profile: str
    about: str
    command: str
    measured_at: str
    release: str
    machine: Machine
    load_average: float
    outcomes: list[Outcome] = field(default_factory=list)
    climbs: list[dict[str, Any]] = field(default_factory=list)
    saturated: str = ""

    @property
    def held(self) -> bool:
        return all(outcome.held for outcome in self.outcomes) if self.profile != "stress" else True


def times_of(run: Run) -> dict[str, Times]:
    """The times of each part that has a threshold of its own: k6 tells no others apart."""
    found = {}
    for name in sorted(run.metrics):
        values = run.statistics(name)
        if (part := _PART.fullmatch(name)) and values.get("count"):
            found[part[1]] = Times(
                int(values["count"]),
                values["avg"],
                values["med"],
                values["p(95)"],
                values["p(99)"],
                values["max"],
            )
    return found


def shares_of(run: Run) -> tuple[float, float]:
    """Share of the journeys that failed, and of those that never began."""
    failed = run.statistics("failed").get("rate", 0.0)
    dropped = run.statistics("dropped_iterations").get("count", 0.0)
    begun = run.statistics("iterations").get("count", 0.0)
    return failed, dropped / (begun + dropped) if begun + dropped else 0.0


def lost_share(delivered: Delivered | None, nodes: Acknowledged | None) -> float:
    """Share of the events that never came, or of the readings that were never acknowledged."""
    if delivered is not None and delivered.expected:
        return delivered.lost / delivered.expected
    return 1 - nodes.acknowledged / nodes.sent if nodes is not None else 0.0


def missed_by(
    load: Load, run: Run | None, delivered: Delivered | None, nodes: Acknowledged | None
) -> list[str]:
    """Every threshold of the load that did not hold."""
    missed = list(run.crossed) if run else []
    if run is not None:
        if not run.statistics("done").get("count"):
            missed.append("nothing was done")
        if (dropped := shares_of(run)[1]) > MOST_DROPPED:
            missed.append(f"{dropped:.1%} of the journeys never began")
    if delivered is not None:
        wrong = {"lost": delivered.lost, "doubled": delivered.doubled, "streams refused": delivered.refused}
        missed += [f"{number} {what}" for what, number in wrong.items() if number]
        limit = load.most_event_p99_ms
        if limit is not None and delivered.p99_ms > limit:
            missed.append(f"event to screen: p99 {delivered.p99_ms:.0f} ms > {limit:g} ms")
    if nodes is not None:
        if nodes.refused or nodes.lost:
            missed.append(f"{nodes.refused} readings refused, {nodes.lost} never answered")
        if load.most_ack_p99_ms is not None and nodes.p99_ms > load.most_ack_p99_ms:
            missed.append(f"acknowledgement: p99 {nodes.p99_ms:.0f} ms > {load.most_ack_p99_ms:g} ms")
    return missed
