"""What every sampler gives, and keeping it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.observability import monitor_samples


@dataclass(frozen=True)
class Look:
    """One look at a section."""

    document: Mapping[str, Any]
    """What the page shows of it now; only the newest is kept."""
    numbers: Mapping[str, float] = field(default_factory=dict)
    """What is kept for seven days. Only what can be averaged: no totals."""


def keeping(section: str, look: Callable[[], Look]) -> Callable[[], None]:
    """The work of a job: look, and store what was seen."""

    def run() -> None:
        taken_at = utc_now()
        seen = look()
        with unit_of_work() as session:
            monitor_samples.store(session, section, taken_at, seen.document, seen.numbers)

    return run


class Rates:
    """Growth per second of totals between two looks."""

    def __init__(self) -> None:
        self._at: float | None = None
        self._totals: Mapping[str, float] = {}

    def of(self, totals: Mapping[str, float]) -> dict[str, float]:
        """By name; a total that is new or has begun anew has no rate yet."""
        now = monotonic()
        elapsed = None if self._at is None else now - self._at
        rates = {
            name: (total - self._totals[name]) / elapsed
            for name, total in totals.items()
            if elapsed and name in self._totals and total >= self._totals[name]
        }
        self._at, self._totals = now, dict(totals)
        return rates
