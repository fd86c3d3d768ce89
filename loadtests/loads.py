"""How hard a journey is run, and what must hold: the loads that profiles are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Scenario = Mapping[str, Any]
"""How k6 runs one function of a script (its `scenarios`)."""

MOST_FAILED = "rate<=0.001"
"""Of journeys that were refused, wrong or without an answer."""
DAY_PARTS = ("reading", "batch", "clip", "look", "arrive", "upload")
PARTS = {"look": "page", "arrive": "sign_in", "upload": "analysis"}
"""What a scenario of the day notes, where it is not its own name."""
DAY_PER_S: Mapping[str, float] = {
    "reading": 50.0,
    "batch": 0.1,
    "clip": 1.7,
    "look": 5.0,
    "arrive": 0.2,
    "upload": 0.1,
}
"""Fifty shops of ten machines: a reading of each every 10 s, a clip of each every 5 min; 100 people who look,
each every 20 s; every 5 s somebody signs in; every 10 s a shop's gateway catches up on what it could not
send, and somebody uploads a recording."""


def clients(number: int, seconds: int) -> Scenario:
    """A closed loop: each client goes on as soon as it has its result."""
    return {"executor": "constant-vus", "vus": number, "duration": f"{seconds}s", "gracefulStop": "60s"}


def offered(per_s: float, seconds: int, *, function: str = "default", most_at_once: int = 250) -> Scenario:
    """An open flow: so many begin each second, however long the ones before take.

    There are clients for journeys of five seconds; what comes when all of them wait never begins.
    """
    return {
        "executor": "constant-arrival-rate",
        # k6 takes whole numbers only; the clips of a day are fewer than one a second.
        "rate": max(1, round(per_s * 60)),
        "timeUnit": "1m",
        "duration": f"{seconds}s",
        "preAllocatedVUs": min(most_at_once, max(10, round(per_s * 5))),
        "gracefulStop": "60s",
        "exec": function,
    }


def spike(calm_per_s: float, peak_per_s: float, *, calm_s: int, peak_s: int) -> Scenario:
    """Calm, all at once a peak, and calm again."""
    stages = [
        (calm_per_s, calm_s),
        (peak_per_s, 1),
        (peak_per_s, peak_s),
        (calm_per_s, 1),
        (calm_per_s, calm_s),
    ]
    return {
        "executor": "ramping-arrival-rate",
        "startRate": round(calm_per_s * 60),
        "timeUnit": "1m",
        "preAllocatedVUs": 300,
        "stages": [{"target": round(rate * 60), "duration": f"{seconds}s"} for rate, seconds in stages],
        "gracefulStop": "60s",
    }


def day(shops: float, seconds: int) -> dict[str, Scenario]:
    """The mixed day of so many shops."""
    return {
        part: offered(DAY_PER_S[part] * shops / 50, seconds, function=part, most_at_once=100)
        for part in DAY_PARTS
    }


@dataclass(frozen=True)
class Load:
    """One journey under one load.

    Attributes
    ----------
    name : in the report, unique in a profile.
    script : file in this folder without `.js`, or None for event streams alone.
    part : what of the script the figures are of (`note` in `lib/outcome.js`).
    thresholds : k6's expressions by metric; errors are always limited.
    streams : event streams that are open meanwhile, one for each of the first people.
    events_per_s : events that everybody with a stream is sent.
    most_event_p99_ms : that the slowest event in a hundred may take from its commit to the screen.
    sockets : nodes that hold a WebSocket meanwhile and send a reading a second.
    """

    name: str
    script: str | None
    part: str = ""
    scenarios: Mapping[str, Scenario] = field(default_factory=dict)
    thresholds: Mapping[str, Sequence[str]] = field(default_factory=dict)
    seconds: int = 30
    streams: int = 0
    events_per_s: float = 0.0
    most_event_p99_ms: float | None = None
    sockets: int = 0
    most_ack_p99_ms: float | None = None


def journey(
    name: str, script: str, part: str, scenario: Scenario, seconds: int, limit: str, **further: Any
) -> Load:
    """A load of one scenario whose `part` has one limit, such as `p(95)<500` in ms."""
    thresholds = {f"journey{{part:{part}}}": [limit], "failed": [MOST_FAILED]}
    return Load(name, script, part, {"load": scenario}, thresholds, seconds, **further)


def mixed(name: str, shops: float, seconds: int, **further: Any) -> Load:
    """The mixed day: each part is measured by itself, and errors are limited over all."""
    limits = {"reading": 250, "batch": 1000, "clip": 3000, "look": 500, "arrive": 1000, "upload": 3000}
    thresholds = {
        f"journey{{part:{PARTS.get(part, part)}}}": [f"p(95)<{limit}"] for part, limit in limits.items()
    }
    return Load(
        name, "day", "", day(shops, seconds), {**thresholds, "failed": [MOST_FAILED]}, seconds, **further
    )


def present(number: int, seconds: int, *, limit_ms: int) -> Load:
    """People who sign in and stay, each with an event stream, each loading a page every five seconds."""
    return journey(
        f"people-{number}",
        "people",
        "page",
        clients(number, seconds),
        seconds,
        f"p(95)<{limit_ms}",
        streams=number,
    )


def events(number: int, per_s: float, seconds: int, *, limit_ms: int) -> Load:
    """Event streams alone: from an event's commit until each screen has it."""
    return Load(
        f"streams-{number}",
        None,
        seconds=seconds,
        streams=number,
        events_per_s=per_s,
        most_event_p99_ms=limit_ms,
    )


def nodes(number: int, seconds: int, *, limit_ms: int) -> Load:
    """Connected nodes alone: from a reading's send until its acknowledgement is read."""
    return Load(f"sockets-{number}", None, seconds=seconds, sockets=number, most_ack_p99_ms=limit_ms)
