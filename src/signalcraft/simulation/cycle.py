"""When a virtual machine runs, defrosts and has its door open: a timeline that can be asked anywhere.

Time is cut into blocks that begin with a defrost, some hours long. A block is made from its number alone, so
that any moment can be asked first.
"""

import math
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from signalcraft.simulation.faults import HEALTHY, Effect, Fault, effect

State = Literal["off", "starting", "running", "stopping", "defrost", "door_open"]

DAY_S = 86_400.0
STARTING_S = 8.0  # inrush and the first build-up of pressure
STOPPING_S = 4.0  # run-down of shaft and fan
OPEN_H = (9.0, 22.0)
"""Hours of the day with customers; machine time 0 is midnight."""

_TOLD_S = 1.0  # a start or stop must be this far from a clip's end to be heard in it
_DOOR_SHARE = 0.3  # of a clip with an open door that make it one
_AJAR = 0.1  # gap from which a door counts as open
_RECOVERY_S = 1500.0  # run after a defrost, at least
_PUMP_DOWN_S = 20.0  # a machine with hot gas stands still while its valves change over
_CONTINUOUS = 0.96  # a duty above which the thermostat never switches off
_SHORTEST_PAUSE_S = 45.0
_BLOCK, _JITTER, _DOORS = 20, 21, 22  # streams of random numbers


class Span(NamedTuple):
    start: float
    end: float


@dataclass(frozen=True)
class Habits:
    """cycle_s: mean length of run and pause together. duty: mean share of the run. defrost_every_s,
    defrost_phase_s, defrost_s: its defrosts. hot_gas: the compressor defrosts, not a heater. doors_per_hour:
    openings while the shop is open."""

    cycle_s: float
    duty: float
    defrost_every_s: float
    defrost_phase_s: float
    defrost_s: float
    hot_gas: bool
    doors_per_hour: float


@dataclass(frozen=True)
class Block:
    """defrost: it begins with one. runs: of the compressor, ascending, none beyond the block's end."""

    defrost: Span
    end: float
    runs: tuple[Span, ...]


class Timeline:
    """Times are seconds of machine time, from 0 on."""

    def __init__(self, seed: int, habits: Habits, fault: Fault | None) -> None:
        self._seed = seed
        self._habits = habits
        self._fault = fault
        self._blocks: dict[int, Block] = {}
        self._latest: Block | None = None  # most questions are of neighbouring moments
        self._doors: dict[int, tuple[Span, ...]] = {}

    def effect(self, at: float) -> Effect:
        """What the fault does at that time."""
        severity = self._fault.severity(at) if self._fault else 0.0
        return effect(self._fault.kind, severity) if self._fault and severity else HEALTHY

    def block(self, at: float) -> Block:
        if at < 0:
            raise ValueError(f"machine time starts at 0, not at {at}")
        if self._latest is not None and self._latest.defrost.start <= at < self._latest.end:
            return self._latest
        every = self._habits.defrost_every_s
        number = math.floor((at - self._habits.defrost_phase_s) / every)
        while at < self._start(number):
            number -= 1
        while at >= self._start(number + 1):
            number += 1
        if number not in self._blocks:
            self._blocks[number] = self._made(number)
        self._latest = self._blocks[number]
        return self._latest

    def run(self, at: float) -> Span | None:
        """The run that is under way, if any."""
        runs = self.block(at).runs
        place = bisect_right(runs, at, key=lambda run: run.start)
        return runs[place - 1] if place and at < runs[place - 1].end else None

    def pause(self, at: float) -> Span:
        """The pause that is under way while no run is."""
        block = self.block(at)
        place = bisect_right(block.runs, at, key=lambda run: run.start)
        start = block.runs[place - 1].end if place else block.defrost.start
        end = block.runs[place].start if place < len(block.runs) else block.end
        return Span(start, end)

    def switches(self, start: float, end: float) -> list[tuple[float, bool]]:
        """(time, switched on?) from the last switch at or before `start` up to `end`, ascending."""
        found: list[tuple[float, bool]] = []
        blocks = [self.block(start)]
        if blocks[0].defrost.start > 0:
            blocks.insert(0, self.block(blocks[0].defrost.start - 1))
        while blocks[-1].end < end:
            blocks.append(self.block(blocks[-1].end))
        for block in blocks:
            for run in block.runs:
                found += [(run.start, True), (run.end, False)]
        earlier = [switch for switch in found if switch[0] <= start]
        return earlier[-1:] + [switch for switch in found if start < switch[0] <= end]

    def in_defrost(self, at: float) -> bool:
        return at < self.block(at).defrost.end

    def doors(self, start: float, end: float) -> list[Span]:
        """Openings by people that overlap a time, ascending."""
        hours = range(int(max(start, 0) // 3600) - 1, int(end // 3600) + 1)
        return [span for hour in hours for span in self._hour(hour) if span.start < end and span.end > start]

    def state(self, at: float, duration_s: float = 0.0) -> State:
        """At a moment; or of a clip from then on, where a start or a stop within it counts first."""
        end = at + max(duration_s - _TOLD_S, 0.0)
        since, on = (self.switches(at, end) or [(-math.inf, False)])[-1]
        if on and since > at - STARTING_S:
            return "starting"
        if not on and since > at - STOPPING_S:
            return "stopping"
        middle = at + duration_s / 2
        if self.in_defrost(middle):
            return "defrost"
        if self.effect(middle).gap >= _AJAR or self._open_share(at, duration_s) >= _DOOR_SHARE:
            return "door_open"
        return "running" if on else "off"

    def _open_share(self, at: float, duration_s: float) -> float:
        """Share of a clip, or 1 or 0 for a moment, with the door open."""
        if not duration_s:
            return float(any(span.start <= at < span.end for span in self.doors(at - 1, at + 1)))
        spans = self.doors(at, at + duration_s)
        open_s = sum(min(span.end, at + duration_s) - max(span.start, at) for span in spans)
        return open_s / duration_s

    def _start(self, number: int) -> float:
        jitter = float(np.random.default_rng([self._seed, _JITTER, number + 1]).uniform(-600, 600))
        if number < 0:
            jitter = -2400.0 * -number  # before the first defrost: certainly before 0
        return self._habits.defrost_phase_s + number * self._habits.defrost_every_s + jitter

    def _made(self, number: int) -> Block:
        rng = np.random.default_rng([self._seed, _BLOCK, number + 1])
        start, end = self._start(number), self._start(number + 1)
        defrost_end = start + self._habits.defrost_s * rng.uniform(0.8, 1.2)
        first = start + _PUMP_DOWN_S if self._habits.hot_gas else defrost_end
        recovered = defrost_end + _RECOVERY_S * rng.uniform(1.0, 1.3)
        runs = [Span(first, recovered)]
        for run in self._thermostat(recovered, end, rng):
            if run.start == runs[-1].end:
                runs[-1] = Span(runs[-1].start, run.end)
            else:
                runs.append(run)
        runs = [Span(run.start, min(run.end, end)) for run in runs if run.start < end]
        return Block(Span(start, defrost_end), end, tuple(runs))

    def _thermostat(self, at: float, end: float, rng: np.random.Generator) -> Iterator[Span]:
        """Runs after pauses, until the block's end."""
        while at < end:
            does = self.effect(max(at, 0.0))
            cycle_s = self._habits.cycle_s * rng.uniform(0.9, 1.1) / does.starts
            duty = self._habits.duty + rng.uniform(-0.06, 0.06) + 0.01 * warmer_c(at) + does.duty
            pause = 0.0 if duty > _CONTINUOUS else max((1 - duty) * cycle_s, _SHORTEST_PAUSE_S)
            yield Span(at + pause, at + max(cycle_s, pause + _SHORTEST_PAUSE_S))
            at += max(cycle_s, pause + _SHORTEST_PAUSE_S)

    def _hour(self, hour: int) -> tuple[Span, ...]:
        """Customers, mostly for some seconds; now and then somebody fills the shelves."""
        if hour < 0:
            return ()
        if hour not in self._doors:
            rng = np.random.default_rng([self._seed, _DOORS, hour])
            by_day = OPEN_H[0] <= hour % 24 < OPEN_H[1]
            count = rng.poisson(self._habits.doors_per_hour if by_day else 0.1)
            starts = np.sort(rng.uniform(0, 3600, count)) + 3600.0 * hour
            lengths = np.clip(rng.lognormal(math.log(14.0), 0.6, count), 4.0, 90.0)
            spans = [Span(float(a), float(a + b)) for a, b in zip(starts, lengths, strict=True)]
            if by_day and rng.random() < 0.03:
                filled = 3600.0 * hour + rng.uniform(0, 3000)
                spans.append(Span(filled, filled + rng.uniform(120, 400)))
            self._doors[hour] = tuple(sorted(spans))
        return self._doors[hour]


def warmer_c(at: float) -> float:
    """How much warmer than usual the shop is: the day's course and some days' weather, about -6 to 6."""
    day = 2.5 * math.sin(2 * math.pi * (at / DAY_S - 9 / 24))  # warmest at 15 h
    return (
        day
        + 2.0 * math.sin(2 * math.pi * at / (3.7 * DAY_S))
        + 1.5 * math.sin(2 * math.pi * at / (11.3 * DAY_S))
    )


def is_open(at: float) -> bool:
    """Whether the shop has customers."""
    return OPEN_H[0] <= at / 3600 % 24 < OPEN_H[1]
