"""The web tiers with less of what watches them, for `cost.py` to start beside each other."""

from importlib import import_module
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from structlog.stdlib import BoundLogger

from signalcraft import metrics


def app(tier: str, counts: bool, logs: bool) -> Any:
    """The application of a tier; without the metrics or without the log where they are not wanted."""
    module = import_module(f"signalcraft.{tier}.app")
    if not counts:
        _count_nothing()
    if not logs:
        BoundLogger.info = _nothing  # type: ignore[method-assign]
    return module.create_app()


def _nothing(*_: Any, **__: Any) -> None:
    """In the place of whatever counts or logs."""


def _itself(metric: MetricWrapperBase, *_: Any) -> MetricWrapperBase:
    return metric


def _count_nothing() -> None:
    metrics.count_request = _nothing
    for kind in (Counter, Gauge, Histogram):
        for way in ("inc", "dec", "set", "observe"):
            if hasattr(kind, way):
                setattr(kind, way, _nothing)
        kind.labels = _itself  # type: ignore[method-assign,assignment]
