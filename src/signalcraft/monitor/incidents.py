"""When failed journeys are an incident, and when it is over. One rule, without database or clock.

An incident begins when a journey has failed twice in a row: one failure may be a request that was unlucky.
It is over when for two minutes nothing has failed, and has then ended with the first round of those: a
system that comes and goes is one incident, not many.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from signalcraft.systemtest import JourneyResult

OPENS_AFTER = 2
"""Attempts at one journey in a row."""
CLOSES_AFTER = 12
"""Rounds in a row, of 10 s each."""


@dataclass(frozen=True)
class Attempt:
    """A journey that was made."""

    at: datetime
    result: JourneyResult


@dataclass(frozen=True)
class Round:
    """What holds after a round.

    Attributes
    ----------
    failed : the journeys whose newest attempt failed, the one that fails longest first.
    began_at, cause : of an incident, if these make one; else None.
    well_since : the first of `CLOSES_AFTER` or more rounds in which nothing had failed; None before there
        are so many.
    """

    at: datetime
    failed: tuple[str, ...] = ()
    began_at: datetime | None = None
    cause: str | None = None
    well_since: datetime | None = None


@dataclass
class _Failing:
    since: datetime
    detail: str
    times: int = 1


@dataclass
class Judge:
    """Follows the journeys' results. A journey counts as failed until it is made again."""

    _failing: dict[str, _Failing] = field(default_factory=dict)
    _well: int = 0
    _well_since: datetime | None = None

    def note(self, attempts: Iterable[Attempt]) -> None:
        """Take in what came of some journeys, in the order in which they were made."""
        for attempt in attempts:
            result = attempt.result
            if result.ok:
                self._failing.pop(result.name, None)
            elif (known := self._failing.get(result.name)) is not None:
                known.times += 1
            else:
                self._failing[result.name] = _Failing(attempt.at, result.detail)

    def round(self, at: datetime) -> Round:
        """End a round."""
        if not self._failing:
            self._well_since = self._well_since or at
            self._well += 1
            return Round(at, well_since=self._well_since if self._well >= CLOSES_AFTER else None)
        self._well, self._well_since = 0, None
        by_age = sorted(self._failing.items(), key=lambda item: item[1].since)
        failed = tuple(name for name, _ in by_age)
        for name, failing in by_age:
            if failing.times >= OPENS_AFTER:
                return Round(at, failed, began_at=failing.since, cause=f"{name}: {failing.detail}")
        return Round(at, failed)
