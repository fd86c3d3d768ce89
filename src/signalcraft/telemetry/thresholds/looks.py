"""One device's limits on their way from one look at its readings to the next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from signalcraft.telemetry.thresholds.machine import Change, State
from signalcraft.telemetry.thresholds.models import ThresholdState
from signalcraft.telemetry.thresholds.rules import Field, Rule

States = dict[str, State]
"""Name of a rule to its state; one that is missing is at rest."""
Course = list[tuple[float, float]]
"""The valid values of a field with their times, in seconds since 1970, oldest first."""
Courses = dict[Field, Course]


@dataclass
class Look:
    """From where a device is followed this time.

    Attributes
    ----------
    states : as they were at `after`; readings later than that are followed.
    decided_until : changes up to here were told of before.
    row : what is stored of the device, None where everything was at rest.
    is_full : whether it begins at the checkpoint, so that a new one can be set on the way.
    is_cut : whether more readings wait than are followed at once.
    """

    device: int
    after: datetime
    states: States
    decided_until: datetime
    row: ThresholdState | None
    is_full: bool
    is_cut: bool = False


@dataclass
class Followed:
    """What became of a look: the states at the end, the changes of each rule that nobody was told of yet."""

    look: Look
    rules: Mapping[str, Rule]
    states: States
    until: datetime
    checkpoint: States
    checkpoint_until: datetime
    changes: list[tuple[Rule, Change]]
    is_at_rest: bool


def as_json(states: States) -> dict[str, dict[str, object]]:
    """As `threshold_states` keeps them."""
    return {name: state.as_json() for name, state in states.items()}


def from_json(document: Mapping[str, Mapping[str, object]]) -> States:
    """Back from what `threshold_states` keeps."""
    return {name: State(**fields) for name, fields in document.items()}  # type: ignore[arg-type]
