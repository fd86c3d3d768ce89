"""Runs one load against the system: k6, event streams, nodes, and looks at everything meanwhile."""

import json
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from time import perf_counter, sleep

from benchmarks.cpu import cpu_seconds, host_busy_seconds, own_seconds
from loadtests import k6
from loadtests.events import Delivered, Ticker, screens
from loadtests.loads import Load
from loadtests.results import Outcome, lost_share, missed_by, shares_of, times_of
from loadtests.sampling import Samples, wait_until_idle
from loadtests.saturation import OTHERS, usage
from loadtests.sockets import Acknowledged, Task
from loadtests.stage import Stage
from loadtests.system import System

SETTLE_SECONDS = 60.0
"""That the queue may take to empty before the next load begins."""
MOST_GROWTH = 0.05
"""Of memory in a soak, from after the warm-up to the end."""
WARM_UP_SHARE = 0.2
SERVERS = ("postgres", "valkey")
"""Their memory is a cache of a fixed size that fills: it says nothing of a leak."""


@dataclass
class Runner:
    """Runs loads against one system; counts them, so that each sends what none has sent before."""

    system: System
    stage: Stage
    samples: Samples
    cores: int
    done: int = 0

    def run(self, load: Load, *, flat_memory: bool = False) -> Outcome:
        """Run a load to its end and wait until what it left is worked off.

        Parameters
        ----------
        flat_memory : whether memory that grows counts as a threshold that did not hold.
        """
        folder = self.system.folder / f"load-{self.done}"
        folder.mkdir()
        since = perf_counter()
        busy, instance, own = host_busy_seconds(), sum(cpu_seconds().values()), own_seconds()
        run, delivered, nodes, began, ended = self._measure(load, folder)
        self.done += 1
        spent = sum(cpu_seconds().values()) - instance + own_seconds() - own
        others = (host_busy_seconds() - busy - spent) / (perf_counter() - since)
        missed = missed_by(load, run, delivered, nodes)
        if not wait_until_idle(SETTLE_SECONDS):
            missed.append(f"analyses were still unfinished {SETTLE_SECONDS:g} s after the end")
        growth = self._memory_growth(began, ended) if flat_memory else None
        if growth is not None and growth > MOST_GROWTH:
            missed.append(f"memory grew by {growth:.1%}")
        failed, dropped = shares_of(run) if run else (lost_share(delivered, nodes), 0.0)
        return Outcome(
            name=load.name,
            began_s=began,
            ended_s=ended,
            seconds=load.seconds,
            parts=times_of(run) if run else {},
            requests=int(run.statistics("http_reqs").get("count", 0)) if run else 0,
            failed=failed,
            dropped=dropped,
            failed_checks=run.failed_checks if run else {},
            delivered=delivered,
            acknowledged=nodes,
            missed=missed,
            used={
                **usage(self.samples.between(began, ended), self.cores),
                OTHERS: others / self.cores,
            },
            other_cores=others,
            memory_growth=growth,
        )

    def _measure(
        self, load: Load, folder: Path
    ) -> tuple[k6.Run | None, Delivered | None, Acknowledged | None, float, float]:
        """What was measured, and from when to when (monotonic clock)."""
        watched = self.stage.people if load.script else self.stage.audience
        with ExitStack() as stack:
            held = (
                stack.enter_context(screens(self.system, watched[: load.streams], folder))
                if load.streams
                else None
            )
            began = perf_counter()
            ticker = None
            if load.events_per_s:
                shops = sorted({person.shop_id for person in watched[: load.streams]})
                ticker = stack.enter_context(Ticker(shops, load.events_per_s))
            run, nodes = self._drive(load, folder)
            ended = perf_counter()
            if ticker is not None:
                ticker.stop()
            delivered = held.delivered(ticker, held.finish()) if held else None
        return run, delivered, nodes, began, ended

    def _drive(self, load: Load, folder: Path) -> tuple[k6.Run | None, Acknowledged | None]:
        if load.script is not None:
            self.stage.write(folder / "stage.json")
            environment = {
                "ORIGIN": self.system.origin,
                "STAGE": str(folder / "stage.json"),
                "PASSWORD": self.stage.password,
                "ROUND": str(self.done),
            }
            run = k6.run(
                load.script,
                scenarios=load.scenarios,
                thresholds=load.thresholds,
                environment=environment,
                folder=folder,
            )
            return run, None
        if load.sockets:
            return None, self._nodes(load)
        sleep(load.seconds)
        return None, None

    def _nodes(self, load: Load) -> Acknowledged:
        devices = [machine.device for shop in self.stage.shops for machine in shop.machines][: load.sockets]
        task = Task(self.system.settings.link_port, devices, load.seconds)
        done = subprocess.run(
            [sys.executable, "-m", "loadtests.sockets"],
            input=json.dumps(vars(task)),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return Acknowledged(**json.loads(done.stdout))

    def _memory_growth(self, began: float, ended: float) -> float:
        """Of the application's processes: the last tenth against the first after the warm-up."""
        start = began + WARM_UP_SHARE * (ended - began)
        tenth = (ended - start) / 10
        first, last = self._memory(start, start + tenth), self._memory(ended - tenth, ended)
        return last / first - 1

    def _memory(self, start: float, end: float) -> float:
        looks = [
            sample.numbers for sample in self.samples.between(start, end) if sample.section == "processes"
        ]
        return mean(
            numbers["memory_bytes"] - sum(numbers.get(f"{server}.memory_bytes", 0.0) for server in SERVERS)
            for numbers in looks
        )
