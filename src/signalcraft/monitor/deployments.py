"""How deployments ended, for Prometheus: out of the record, which every release adds its own to."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import get_args

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from signalcraft.operations.instance import Instance
from signalcraft.operations.releases.record import SUCCEEDED, Outcome, deployments


class Deployments(Collector):
    """One number for each way to end; those that never happened are 0."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def collect(self) -> Iterable[Metric]:
        """What is on record now."""
        record = deployments(self._instance)
        ended = Counter[str](made.outcome for made in record)
        family = CounterMetricFamily(
            "signalcraft_deployments", "Deployments and rollbacks by how they ended.", labels=["outcome"]
        )
        for outcome in get_args(Outcome):
            family.add_metric([outcome], ended[outcome])
        yield family
        last = record[-1] if record else None
        yield GaugeMetricFamily(
            "signalcraft_deployment_last_began_timestamp_seconds",
            "When the last deployment or rollback began, seconds since 1970; 0 where there is none.",
            value=datetime.fromisoformat(last.began_at).timestamp() if last else 0.0,
        )
        yield GaugeMetricFamily(
            "signalcraft_deployment_last_duration_seconds",
            "How long the last deployment or rollback took, building included.",
            value=last.seconds if last else 0.0,
        )
        yield GaugeMetricFamily(
            "signalcraft_deployment_last_success",
            "Whether the last deployment or rollback did what was asked: 1 or 0; 1 where there is none.",
            value=last is None or last.outcome == SUCCEEDED[last.kind],
        )
