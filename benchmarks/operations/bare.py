"""The web tiers without metrics, which `cost.py` starts beside the usual ones to see what counting costs."""

from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase

from signalcraft import metrics
from signalcraft.api.app import create_app as create_api
from signalcraft.gateway.app import create_app as create_gateway
from signalcraft.link.app import create_app as create_link


def _nothing(*_: Any, **__: Any) -> None:
    """In the place of whatever counts."""


def _itself(metric: MetricWrapperBase, *_: Any) -> MetricWrapperBase:
    return metric


def _count_nothing() -> None:
    metrics.count_request = _nothing
    for kind in (Counter, Gauge, Histogram):
        for way in ("inc", "dec", "set", "observe"):
            if hasattr(kind, way):
                setattr(kind, way, _nothing)
        kind.labels = _itself  # type: ignore[method-assign,assignment]


def api() -> Any:
    """The machines' tier."""
    _count_nothing()
    return create_api()


def gateway() -> Any:
    """The people's tier."""
    _count_nothing()
    return create_gateway()


def link() -> Any:
    """The nodes' tier."""
    _count_nothing()
    return create_link()
