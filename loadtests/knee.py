"""Raises a load step by step to the most that is carried: the knee."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

GROWTH = 1.6
"""From step to step, until one is not carried."""
HALVINGS = 2
"""Of the gap between the last that was carried and the first that was not."""
MOST_STEPS = 9
ACHIEVED = 0.97
"""Of what was offered, that must have been done in the same time."""
MOST_FAILED = 0.001


@dataclass(frozen=True)
class Step:
    """One load: amounts in the climb's unit, times in ms, `failed` a share of what was begun."""

    amount: float
    achieved: float
    p95_ms: float
    failed: float
    limit_ms: float

    @property
    def carried(self) -> bool:
        """Whether as much was done as was offered, in time, and nothing failed."""
        return (
            self.achieved >= ACHIEVED * self.amount
            and self.p95_ms <= self.limit_ms
            and self.failed <= MOST_FAILED
        )


def climb(first: float, measure: Callable[[float], Step]) -> list[Step]:
    """Measure growing loads until one is not carried, then between it and the one before.

    Returns
    -------
    Every step in the order in which it was measured.
    """
    steps: list[Step] = []
    low, high = 0.0, 0.0
    amount = first
    while len(steps) < MOST_STEPS:
        steps.append(measure(amount))
        if not steps[-1].carried:
            high = amount
            break
        low = amount
        amount *= GROWTH
    for _ in range(HALVINGS if high else 0):
        between = (low + high) / 2
        steps.append(measure(between))
        if steps[-1].carried:
            low = between
        else:
            high = between
    return steps


def knee_of(steps: Sequence[Step]) -> float | None:
    """The greatest amount that was carried, below the least that was not; None where none was."""
    least_missed = min((step.amount for step in steps if not step.carried), default=float("inf"))
    return max((step.amount for step in steps if step.carried and step.amount < least_missed), default=None)
