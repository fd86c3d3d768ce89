"""Which faults come when: a function of the seed and nothing else, so that a run can be played again."""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

APPLICATIONS = ("gateway-blue", "api-blue", "link-blue", "worker-blue", "scheduler", "monitor", "proxy")
SERVERS = ("database", "redis")

KINDS: dict[str, tuple[str, ...]] = {
    "kill": APPLICATIONS,
    "kill-child": ("gateway-blue", "api-blue", "link-blue", "worker-blue", "proxy"),
    "freeze": APPLICATIONS,
    "delay": SERVERS,
    "stall": SERVERS,
    "drops": SERVERS,
    "cut": SERVERS,
    "half-open": SERVERS,
    "crash": SERVERS,
    "restart": SERVERS,
    "flush": ("redis",),
    "connections": ("database",),
    "disk": ("instance", "database"),
    "clock": ("instance",),
    "supervisor": ("pm2",),
}
"""What can happen, and to what; `docs/chaos.md` says what each is."""

LONG_RUN_SECONDS = 60.0
"""From here on faults last longer, and PM2 itself is killed, too: then everything starts anew."""
CALM_SECONDS = 2.0
"""Before the first fault, so that every client is at work."""
_SHORT, _LONG = 1.5, 8.0
_GAP = (0.05, 0.4)
"""Between two faults, as a share of the longest."""
_TOGETHER = 0.25
"""Of the faults: the next one begins before this one is over."""


@dataclass(frozen=True)
class Fault:
    """One fault.

    at_s : when it begins, in seconds of the run. lasts_s : for how long.
    target : what it happens to. chance : from 0 to 1, for which child, how slow, how far.
    """

    number: int
    at_s: float
    lasts_s: float
    kind: str
    target: str
    chance: float

    def __str__(self) -> str:
        return f"#{self.number} {self.kind} {self.target} ({self.lasts_s:.1f} s) at {self.at_s:.1f} s"


def schedule(seed: int, seconds: float, only: Collection[str] = ()) -> list[Fault]:
    """The faults of a run of so many seconds, of these kinds only where some are named.

    Raises
    ------
    ValueError
        There is no such kind.
    """
    if unknown := set(only) - KINDS.keys():
        raise ValueError(f"There is no fault {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}.")
    is_long = seconds >= LONG_RUN_SECONDS
    kinds = [kind for kind in KINDS if (kind in only if only else is_long or kind != "supervisor")]
    chance = random.Random(seed)
    longest = _LONG if is_long else _SHORT
    faults: list[Fault] = []
    at = CALM_SECONDS
    for kind, target in _dealt(kinds, chance):
        lasts = chance.uniform(longest / 5, longest)
        if at + lasts > seconds:
            return faults
        faults.append(Fault(len(faults) + 1, at, lasts, kind, target, chance.random()))
        overlap = chance.random() < _TOGETHER
        at += lasts * chance.random() if overlap else lasts + longest * chance.uniform(*_GAP)
    return faults


def _dealt(kinds: list[str], chance: random.Random) -> Iterator[tuple[str, str]]:
    """Kinds and targets without end, as from a pack of cards: each kind once before any comes again."""
    while True:
        for kind in chance.sample(kinds, len(kinds)):
            yield kind, chance.choice(KINDS[kind])
