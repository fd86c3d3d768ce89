"""What every process counts and times, and how it is written out for Prometheus.

One catalogue for all of it: a name means the same wherever it is counted. Every label has few values that
the code knows beforehand (route templates, kinds, states), never what a caller wrote: each new value would
stay in memory and in Prometheus for good.

The processes of one server (a tier's workers, the worker's pool) share a folder of memory-mapped files, one
set for each *place* among them, and whoever is asked adds all of them up. A place outlives its process: the
one that comes next goes on where the last one ended, so nothing is lost and no file is left over. The folder
is named by PROMETHEUS_MULTIPROC_DIR, which the client library reads itself, and emptied by the launcher; in a
process without it the numbers are its own.
"""

from collections.abc import Collection
from itertools import count

from prometheus_client import (
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
    start_http_server,
    values,
)
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from prometheus_client.registry import Collector

from signalcraft.logging import get_logger

log = get_logger(__name__)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PATH = "/metrics"
UNMATCHED = "unmatched"
"""The route of what no route answers: guessed addresses are not kept apart."""

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SHARED = bool(values.ValueClass._multiprocess)
"""Whether there is a folder: the library has chosen its class by it."""
_MASTER = "master"
_place = _MASTER

if _SHARED:
    # By place rather than by pid: files of pids that are gone could neither be removed nor kept for ever.
    values.ValueClass = values.MultiProcessValue(lambda: _place)  # type: ignore[no-untyped-call]

_REQUEST_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_TASK_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 300.0)
_DELAY_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0)

RELEASE = Gauge(
    "signalcraft_release_info",
    "1 for the release and colour that this process is of.",
    ("release", "colour"),
    multiprocess_mode="livemax",
)

# --- requests
REQUESTS = Counter(
    "signalcraft_http_requests", "Requests answered, by route template.", ("method", "route", "status")
)
REQUEST_SECONDS = Histogram(
    "signalcraft_http_request_duration_seconds",
    "From a request's arrival in this tier to the start of its answer, by route template.",
    ("method", "route"),
    buckets=_REQUEST_SECONDS,
)

# --- what comes in
READINGS = Counter(
    "signalcraft_readings", "Readings by what became of them: stored, duplicate, refused.", ("outcome",)
)
READINGS_COMMIT_SECONDS = Histogram(
    "signalcraft_readings_commit_duration_seconds",
    "Time to store one group of readings.",
    buckets=_REQUEST_SECONDS,
)
READINGS_WAITING = Gauge(
    "signalcraft_readings_waiting",
    "Readings taken in and not committed yet.",
    multiprocess_mode="livesum",
)
CLIPS = Counter("signalcraft_clips", "Clips stored, by source.", ("source",))

# --- analyses
ANALYSES = Counter("signalcraft_analyses", "Analyses finished, by verdict; `failed` has none.", ("verdict",))
ANALYSIS_DELAY_SECONDS = Histogram(
    "signalcraft_analysis_delay_seconds",
    "From the receipt of a clip to its result.",
    buckets=_DELAY_SECONDS,
)

# --- alarms, events, streams, connected nodes
ALARM_STEPS = Counter(
    "signalcraft_alarm_transitions", "Steps of alarms: raised, escalated, cleared …", ("kind", "severity")
)
EVENTS = Counter("signalcraft_events_emitted", "Durable events committed, by type.", ("type",))
EVENTS_DELIVERED = Counter("signalcraft_events_delivered", "Durable events handed to open streams.")
STREAMS = Gauge("signalcraft_event_streams", "Open event streams.", multiprocess_mode="livesum")
STREAMS_CUT_OFF = Counter(
    "signalcraft_event_streams_cut_off", "Streams ended because their client did not read."
)
NODES = Gauge(
    "signalcraft_connected_nodes", "Open sockets of nodes that stay connected.", multiprocess_mode="livesum"
)
NODE_MESSAGES = Counter("signalcraft_node_messages", "Messages of connected nodes, by kind.", ("kind",))

# --- tasks
TASKS = Counter("signalcraft_tasks", "Tasks that the worker has ended, by state.", ("task", "state"))
TASK_SECONDS = Histogram(
    "signalcraft_task_duration_seconds", "Duration of tasks.", ("task",), buckets=_TASK_SECONDS
)
SCHEDULED = Counter("signalcraft_scheduled_tasks", "Periodic tasks put on the queue.", ("task",))

# --- database
CONNECTIONS_IN_USE = Gauge(
    "signalcraft_database_connections_in_use",
    "Connections of the pool that somebody works with.",
    multiprocess_mode="livesum",
)
CONNECTIONS_OPEN = Gauge(
    "signalcraft_database_connections_open",
    "Connections that the pool has open.",
    multiprocess_mode="livesum",
)


def count_request(method: str, route: str | None, status: int, seconds: float) -> None:
    """Note an answered request. route: its template, None where no route answers."""
    method = method if method in _METHODS else "other"
    route = route or UNMATCHED
    REQUESTS.labels(method, route, status).inc()
    REQUEST_SECONDS.labels(method, route).observe(seconds)


def registry() -> CollectorRegistry:
    """All numbers of the server that this process belongs to."""
    if not _SHARED:
        return REGISTRY
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all)  # type: ignore[no-untyped-call]
    return of_all


def exposition() -> bytes:
    """The same in Prometheus' text format. Takes tens of milliseconds: keep it out of an event loop."""
    return generate_latest(registry())


def serve(port: int, *others: Collector) -> None:
    """Answer with the numbers, and those of the other collectors, on a loopback port: for a process that
    serves nothing else.

    A port that is taken is logged and no more: the process has its work to do.
    """
    said = registry()
    for other in others:
        said.register(other)
    try:
        start_http_server(port, addr="127.0.0.1", registry=said)
    except OSError as error:
        log.error("metrics_not_served", port=port, reason=str(error))


def free_place(taken: Collection[str]) -> str:
    """The lowest place that no living sibling has."""
    return next(place for number in count() if (place := str(number)) not in taken)


def take_place(place: str) -> None:
    """This process, just forked, goes on with the files of that place among its siblings.

    No living sibling has it. Sums go on where the one before ended; what is only true while a process lives
    (open streams, connections in use) begins at nothing.
    """
    global _place
    leave_place(place)
    _place = place


def leave_place(place: str) -> None:
    """The process of that place is dead: what it held open is not open any more."""
    if _SHARED:
        mark_process_dead(place)  # type: ignore[no-untyped-call]
