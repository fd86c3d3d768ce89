"""How deployments ended, for Prometheus: out of the record, which every release adds its own to."""

from collections import Counter
from collections.abc import Iterable
from typing import get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from signalcraft.operations.instance import Instance
from signalcraft.operations.releases.record import Outcome, deployments


class Deployments(Collector):
    """One number for each way to end; those that never happened are 0."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def collect(self) -> Iterable[Metric]:
        """What is on record now."""
        ended = Counter[str](made.outcome for made in deployments(self._instance))
        family = CounterMetricFamily(
            "signalcraft_deployments", "Deployments and rollbacks by how they ended.", labels=["outcome"]
        )
        for outcome in get_args(Outcome):
            family.add_metric([outcome], ended[outcome])
        yield family
