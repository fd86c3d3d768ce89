"""The named profiles: loads that run one after the other, and those that are raised to the knee."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtests.loads import Load, clients, events, journey, mixed, nodes, offered, present, spike


@dataclass(frozen=True)
class Profile:
    """Loads that run one after the other against one fresh instance."""

    about: str
    loads: Sequence[Load] = ()
    people: int = 1000
    rounds: int = 1


@dataclass(frozen=True)
class Climb:
    """A load that is raised until it is no longer carried.

    Attributes
    ----------
    unit : of what `first` is a number.
    first : where the climb begins.
    limit_ms : p95 of `part` beyond which a load is not carried.
    """

    name: str
    script: str
    part: str
    unit: str
    first: float
    limit_ms: float

    def load(self, amount: float, seconds: int) -> Load:
        """The load at one step."""
        if self.script == "day":
            return mixed(self.name, amount, seconds)
        scenario = offered(amount, seconds)
        return journey(self.name, self.script, self.part, scenario, seconds, f"p(95)<{self.limit_ms:g}")


def _plan(number: int, seconds: int) -> list[Load]:
    """What the plan asks for, with so many people or clients."""
    return [
        journey("analysis", "analysis", "analysis", clients(number, seconds), seconds, "avg<2000"),
        journey("sign-in", "sign_in", "sign_in", offered(number / 5, seconds), seconds, "p(95)<1000"),
        journey("readings", "readings", "reading", offered(number * 10, seconds), seconds, "p(95)<250"),
        journey("batches", "batches", "batch", offered(number / 25, seconds), seconds, "p(95)<1000"),
        journey("dashboards", "dashboards", "page", clients(number, seconds), seconds, "p(95)<1000"),
        present(number, seconds, limit_ms=500),
        events(number, 2.0, seconds, limit_ms=250),
        nodes(number, seconds, limit_ms=250),
        mixed("day", number, seconds, streams=number, events_per_s=0.5),
    ]


def _token_checks(per_s: float) -> Load:
    """Requests that do nothing but prove who asks."""
    scenario = offered(per_s, 20)
    return journey(f"token-checks-{per_s:g}-per-s", "token_checks", "token_check", scenario, 20, "p(95)<250")


def _spike(name: str, script: str, part: str, calm_per_s: float) -> Load:
    """Ten times the calm for 15 s. How long answers take in it is shown, and not limited."""
    scenario = spike(calm_per_s, 10 * calm_per_s, calm_s=10, peak_s=15)
    return journey(name, script, part, scenario, 37, "p(95)<30000")


PROFILES: Mapping[str, Profile] = {
    "smoke": Profile(
        "Whether everything answers as it should, with hardly any load.", _plan(2, 3), people=50
    ),
    "baseline": Profile("The 15 people that the old servers were made for.", _plan(15, 20)),
    "target": Profile("The 50 people of the plan.", _plan(50, 30)),
    "bars": Profile(
        "The bars of the project, each a load of its own; three rounds show the spread.",
        [
            journey("analysis-50", "analysis", "analysis", clients(50, 25), 25, "avg<1000"),
            journey("analysis-20-per-s", "analysis", "analysis", offered(20, 25), 25, "p(95)<500"),
            present(200, 40, limit_ms=200),
            events(1000, 10.0, 30, limit_ms=250),
            journey("sign-in-40-per-s", "sign_in", "sign_in", offered(40, 25), 25, "p(95)<2000"),
            _token_checks(1500),
        ],
        rounds=3,
    ),
    "aims": Profile(
        "Beyond the bars: what the best would reach on two cores.",
        [
            journey("analysis-50", "analysis", "analysis", clients(50, 25), 25, "avg<400"),
            journey("analysis-20-per-s", "analysis", "analysis", offered(20, 25), 25, "p(95)<200"),
            present(1000, 40, limit_ms=250),
            events(1000, 10.0, 30, limit_ms=100),
            _token_checks(3000),
        ],
        rounds=3,
    ),
    "spike": Profile(
        "Ten times as much all at once, and calm again: nothing may be lost or stay slow.",
        [
            _spike("readings", "readings", "reading", 100),
            _spike("analysis", "analysis", "analysis", 2),
            _spike("dashboards", "dashboards", "page", 2),
        ],
    ),
}
"""Profiles of fixed loads. `stress` and `soak` are found while they run: `knee.py` and `soak` below."""


CLIMBS: Sequence[Climb] = (
    Climb("analysis", "analysis", "analysis", "clips/s", 10.0, 500.0),
    Climb("sign-in", "sign_in", "sign_in", "sign-ins/s", 15.0, 1000.0),
    Climb("readings", "readings", "reading", "readings/s", 400.0, 250.0),
    Climb("batches", "batches", "batch", "batches/s of 500 readings", 4.0, 1000.0),
    Climb("dashboards", "dashboards", "page", "visits/s of three pages", 10.0, 250.0),
    Climb("day", "day", "page", "shops", 100.0, 500.0),
)


def soak(shops: float, seconds: int) -> Profile:
    """The mixed day for long, at a load that is known to be half of what is carried."""
    streams = min(100, int(shops))
    load = mixed("day", shops, seconds, streams=streams, events_per_s=0.5, most_event_p99_ms=250)
    return Profile("Hours at half of the knee: memory stays flat, nothing fails.", [load])
