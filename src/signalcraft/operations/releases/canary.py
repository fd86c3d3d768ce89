"""The canary: a release gets a small share of the traffic first, and is judged beside the one that runs.

The judgement is deliberately coarse. A release that is a little slower is a matter for the charts; what is to
be caught within a second or two is one that fails.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from signalcraft.operations.traffic import Figures

DEFAULT_INTERVAL_S = 10.0
"""How long a step is watched. At 100 requests a second a step of 5 % shows 50 of them."""
ROLLBACK_INTERVAL_S = 5.0
"""What is gone back to has served before."""

MIN_ERRORS = 3
"""One or two answers of 5xx may be anybody's bad luck."""
ERRORS_ABOVE = 0.01
"""Share of the answers that may be 5xx beyond the share of the release that runs."""
MIN_REQUESTS = 50
"""Fewer say nothing about the slowest of twenty."""
SLOWER = 2.0
SLOWER_S = 0.25
"""The slowest of twenty may take twice as long as those of the release that runs, and so much more: a release
that was just started has cold caches."""

_LOOK_S = 0.25


@dataclass(frozen=True)
class Step:
    """One step of the traffic, as it was seen."""

    percent: int
    """The new release's share."""
    seconds: float
    new: Figures
    old: Figures

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Step":
        """Out of the record."""
        figures = {name: Figures(**document[name]) for name in ("new", "old")}
        return cls(percent=document["percent"], seconds=document["seconds"], **figures)


class WorseError(Exception):
    """The new release does worse than the one that runs; the sentence says in what."""

    def __init__(self, reason: str, seen: Step) -> None:
        super().__init__(reason)
        self.seen = seen


def watch(percent: int, seconds: float, look: Callable[[], tuple[Figures, Figures]], usual: Figures) -> Step:
    """Watch one step to its end.

    Parameters
    ----------
    look : what the new and the old release have answered since the step began.
    usual : what the old one answers when it has enough to answer, for the steps that leave it none.

    Raises
    ------
    WorseError
        At once when the new release fails, at the end when it is slow.
    """
    began = time.monotonic()
    while True:
        passed = time.monotonic() - began
        new, old = look()
        seen = Step(percent, round(passed, 1), new, old)
        if reason := failing(new, old if old.requests else usual):
            raise WorseError(reason, seen)
        if passed >= seconds:
            break
        time.sleep(min(_LOOK_S, seconds - passed))
    if reason := slow(new, old if old.requests >= MIN_REQUESTS else usual):
        raise WorseError(reason, seen)
    return seen


def failing(new: Figures, old: Figures) -> str | None:
    """Why the new release fails more often than it may; None if it does not."""
    if new.errors < MIN_ERRORS:
        return None
    share, usual = new.errors / max(1, new.requests), old.errors / max(1, old.requests)
    if share <= usual + ERRORS_ABOVE:
        return None
    return f"{new.errors} of {new.requests} requests failed, {usual:.1%} with the release that runs"


def slow(new: Figures, old: Figures) -> str | None:
    """Why the new release is slower than it may be; None if it is not, or too few requests tell."""
    if min(new.requests, old.requests) < MIN_REQUESTS:
        return None
    took, usual = new.latency_p95_s or 0.0, old.latency_p95_s or 0.0
    if took <= usual * SLOWER + SLOWER_S:
        return None
    return f"one request in twenty took {took:.2f} s, {usual:.2f} s with the release that runs"


def steps_of(text: str) -> Sequence[int]:
    """Shares in percent out of `5,25,100`.

    Raises
    ------
    ValueError
        They are not whole numbers from 1 to 100 that rise and end at 100.
    """
    steps = [int(part) for part in text.split(",") if part.strip().isdecimal()]
    if len(steps) != text.count(",") + 1 or steps[-1] != 100 or steps[0] < 1 or sorted(set(steps)) != steps:
        raise ValueError("the shares rise and end at 100, such as 5,25,100")
    return steps
