"""When a value that passes its limit counts: hysteresis, then a delay before it begins and before it ends.

Pure: readings in the order of their measurement go in, states and changes come out. A hysteresis comparator
tells whether the value is beyond; two timers, as in ISA-18.2 (on-delay, off-delay), tell whether that lasts.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Literal

from signalcraft.telemetry.thresholds.rules import Rule

GAP_S = 1800.0
"""Readings further apart say nothing of the time between them: the timers begin anew. Twice the longest
interval that a node can be set to."""


@dataclass(frozen=True)
class State:
    """Where one limit stands after a reading.

    Attributes
    ----------
    beyond : whether the value is beyond the limit and has not come back inside by the hysteresis.
    since : when that last changed (or the readings began anew after a gap), seconds since 1970.
    at : of the newest reading; None before the first.
    on : whether it counts: it was beyond for long enough, and has not been back for long enough.
    value : what was measured at `at`.
    """

    beyond: bool = False
    on: bool = False
    since: float = 0.0
    at: float | None = None
    value: float = 0.0

    @property
    def is_at_rest(self) -> bool:
        """Nothing is beyond and nothing counts: what was before makes no difference to what follows."""
        return not self.beyond and not self.on

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


REST = State()


@dataclass(frozen=True)
class Change:
    """A limit began or ceased to count.

    since : when the value went beyond, or came back. at : when that had lasted long enough.
    """

    kind: Literal["begun", "ended"]
    since: float
    at: float
    value: float


def step(rule: Rule, state: State, at: float, value: float) -> State:
    """The state after one more reading, which is not older than those before."""
    beyond = rule.is_beyond(value) or (state.beyond and not rule.is_back(value))
    is_apart = state.at is None or at - state.at > GAP_S
    since = at if beyond != state.beyond or is_apart else state.since
    lasts_s = at - since
    on = lasts_s >= rule.delay_on_s if beyond and not state.on else state.on
    if not beyond and state.on:
        on = lasts_s < rule.delay_off_s
    return State(beyond, on, since, at, value)


def follow(rule: Rule, state: State, readings: Iterable[tuple[float, float]]) -> tuple[State, list[Change]]:
    """The state after these readings (seconds since 1970, value), oldest first, and what has changed."""
    changes = []
    for at, value in readings:
        after = step(rule, state, at, value)
        if after.on != state.on:
            changes.append(Change("begun" if after.on else "ended", after.since, at, value))
        state = after
    return state, changes
