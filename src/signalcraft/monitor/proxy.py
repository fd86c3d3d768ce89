"""The proxy, for Prometheus: whether it answers, its connections, what it answered with 500 and above."""

from collections.abc import Iterable

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from signalcraft.operations import proxy, proxy_numbers
from signalcraft.operations.instance import Instance


class Proxy(Collector):
    """Asked for whenever Prometheus asks."""

    def __init__(self, instance: Instance) -> None:
        self._instance = instance

    def collect(self) -> Iterable[Metric]:
        """What there is to say now."""
        errors = CounterMetricFamily(
            "signalcraft_proxy_errors",
            "Answers of 500 and above that left the proxy, by the tier that was asked.",
            labels=["tier", "status"],
        )
        is_up = True
        try:
            for (tier, status), count in proxy_numbers.errors(self._instance).items():
                errors.add_metric([tier, status], count)
        except OSError:
            is_up = False
        yield errors
        yield GaugeMetricFamily("signalcraft_proxy_up", "Whether the proxy answers: 1 or 0.", value=is_up)
        yield GaugeMetricFamily(
            "signalcraft_proxy_connections",
            "Open connections of clients to the public ports.",
            value=proxy_numbers.connections(set(proxy.public_ports(self._instance.settings))),
        )
