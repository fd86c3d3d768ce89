"""What each web tier answers, how long it takes, how often it fails: from its own numbers (`metrics.py`)."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from signalcraft import metrics
from signalcraft.monitor.sampling import Look, Rates
from signalcraft.operations.ports import LOOPBACK, TIERS, Colour, Tier, metrics_port, tier_port

_PERCENTILES = (50, 95, 99)
_TIMEOUT_S = 3.0
_UNCOUNTED = frozenset({metrics.PATH, "/live", "/ready", "/version"})
"""Routes that the operator's own tools ask: their share would hide what people get."""

Buckets = Mapping[float, float]
"""Requests that took at most so many seconds."""

_open = build_opener(ProxyHandler({})).open


class Tiers:
    """Samples the web tiers of the colours at work, and what the worker counts."""

    def __init__(self, port_base: int, colours: Sequence[Colour]) -> None:
        self._base = port_base
        self._colours = colours
        self._rates = Rates()
        self._former: dict[Tier, Buckets] = {}
        self.releases: list[dict[str, str]] = []
        """Which releases answered at the last look, by colour."""

    def look(self) -> Look:
        tiers: dict[str, dict[str, float | bool]] = {}
        totals: dict[str, float] = {}
        numbers: dict[str, float] = {}
        samples = {tier: self._samples(tier) for tier in TIERS}
        for tier in TIERS:
            totals[f"{tier}.requests_per_s"] = _sum(
                _counted(samples[tier]), "signalcraft_http_requests_total"
            )
            totals[f"{tier}.errors_per_s"] = _sum(
                (one for one in _counted(samples[tier]) if one.labels.get("status", "").startswith("5")),
                "signalcraft_http_requests_total",
            )
            buckets = _buckets(_counted(samples[tier]))
            for percentile, seconds in percentiles(buckets, self._former.get(tier, {})).items():
                numbers[f"{tier}.p{percentile}_s"] = seconds
            self._former[tier] = buckets
        everything = [sample for found in samples.values() for sample in found] + self._worker()
        totals |= {
            "readings_per_s": _sum(
                (one for one in everything if one.labels.get("outcome") == "stored"),
                "signalcraft_readings_total",
            ),
            "clips_per_s": _sum(everything, "signalcraft_clips_total"),
            "analyses_per_s": _sum(everything, "signalcraft_analyses_total"),
            "events_per_s": _sum(everything, "signalcraft_events_emitted_total"),
        }
        numbers |= self._rates.of(totals) | {
            "event_streams": _sum(everything, "signalcraft_event_streams"),
            "connected_nodes": _sum(everything, "signalcraft_connected_nodes"),
            "pool_in_use": _sum(everything, "signalcraft_database_connections_in_use"),
            "pool_open": _sum(everything, "signalcraft_database_connections_open"),
        }
        for tier in TIERS:
            tiers[tier] = {"answers": bool(samples[tier])} | {
                name.removeprefix(f"{tier}."): value
                for name, value in numbers.items()
                if name.startswith(f"{tier}.")
            }
        self.releases = _releases(everything)
        rest = {name: value for name, value in numbers.items() if "." not in name}
        return Look({"tiers": tiers, "releases": self.releases, **rest}, numbers)

    def _samples(self, tier: Tier) -> list[Sample]:
        found = [_scrape(tier_port(self._base, tier, colour)) for colour in self._colours]
        return [sample for samples in found for sample in samples]

    def _worker(self) -> list[Sample]:
        found = [_scrape(metrics_port(self._base, "worker", colour)) for colour in self._colours]
        return [sample for samples in found for sample in samples]


def percentiles(now: Buckets, before: Buckets) -> dict[int, float]:
    """Percentiles in seconds of what was answered in between, as Prometheus' `histogram_quantile` has them.

    Empty where nothing was answered, or where the tier has begun to count anew.
    """
    edges = sorted(now)
    counts = [now[edge] - before.get(edge, 0.0) for edge in edges]
    if not counts or counts[-1] <= 0 or any(later < earlier for earlier, later in pairwise(counts)):
        return {}
    return {percentile: _quantile(edges, counts, percentile / 100) for percentile in _PERCENTILES}


def _quantile(edges: Sequence[float], counts: Sequence[float], share: float) -> float:
    rank = share * counts[-1]
    place = next(index for index, count in enumerate(counts) if count >= rank)
    lower, below = (edges[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    if edges[place] == float("inf"):
        return lower
    within = counts[place] - below
    return lower + (edges[place] - lower) * ((rank - below) / within if within else 0.0)


def _buckets(samples: Iterable[Sample]) -> Buckets:
    found: dict[float, float] = {}
    for sample in samples:
        if sample.name == "signalcraft_http_request_duration_seconds_bucket":
            edge = float(sample.labels["le"])
            found[edge] = found.get(edge, 0.0) + sample.value
    return found


def _counted(samples: Iterable[Sample]) -> Iterable[Sample]:
    return (sample for sample in samples if sample.labels.get("route") not in _UNCOUNTED)


def _sum(samples: Iterable[Sample], name: str) -> float:
    return sum(sample.value for sample in samples if sample.name == name)


def _releases(samples: Iterable[Sample]) -> list[dict[str, str]]:
    """Which releases answer, by colour."""
    found = {
        (sample.labels["colour"], sample.labels["release"])
        for sample in samples
        if sample.name == "signalcraft_release_info"
    }
    return [{"colour": colour, "release": release} for colour, release in sorted(found)]


def _scrape(port: int) -> list[Sample]:
    """What a process says now; nothing where none answers, as the other colour's most of the time."""
    try:
        with _open(f"http://{LOOPBACK}:{port}{metrics.PATH}", timeout=_TIMEOUT_S) as answer:
            text = answer.read().decode()
    except (URLError, TimeoutError, ConnectionError):
        return []
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
