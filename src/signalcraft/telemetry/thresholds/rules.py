"""The limits: what is watched, when it is too much, for how long, and what follows.

The defaults are those that the old servers had for each purpose: values that ring, with the duration that was
stored and never applied, and values that are only recorded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from signalcraft.telemetry.quality import RANGES

Field = Literal["temperature_c", "vibration_g", "power_percent", "audio_level"]
Direction = Literal["above", "below"]
Severity = Literal["low", "medium", "high", "critical"]

FIELDS: tuple[Field, ...] = ("temperature_c", "vibration_g", "power_percent", "audio_level")
UNITS: Mapping[Field, str] = {
    "temperature_c": "°C",
    "vibration_g": "g",
    "power_percent": "%",
    "audio_level": "",
}
POSSIBLE: Mapping[Field, tuple[float, float]] = {
    "temperature_c": RANGES["temperature_c"],
    "vibration_g": (0.0, 28.0),  # the longest vector of a ±16 g sensor
    "power_percent": RANGES["power_percent"],
    "audio_level": RANGES["audio_level"],
}
"""What the sensors can measure: a limit outside would never be passed, or always."""

LONGEST_DELAY_S = 86_400.0


@dataclass(frozen=True)
class Rule:
    """A limit on one field.

    Attributes
    ----------
    limit : the last value that is still in order, in UNITS.
    hysteresis : how far inside the limit a value must be to count as back, so that noise does not ring.
    delay_on_s : for how long the value must be beyond before anything follows.
    delay_off_s : for how long it must be back before it is over.
    alarm : whether it rings; else it is only recorded.
    """

    name: str
    field: Field
    direction: Direction
    limit: float
    hysteresis: float
    delay_on_s: float
    delay_off_s: float
    severity: Severity
    alarm: bool
    enabled: bool = True

    def is_beyond(self, value: float) -> bool:
        """Whether the value is on the wrong side of the limit; the limit itself is not."""
        return value > self.limit if self.direction == "above" else value < self.limit

    def is_back(self, value: float) -> bool:
        """Whether the value is inside the limit by at least the hysteresis."""
        return value <= self.turning_point if self.direction == "above" else value >= self.turning_point

    @property
    def turning_point(self) -> float:
        """Where a value that was beyond counts as back."""
        inwards = -self.hysteresis if self.direction == "above" else self.hysteresis
        return self.limit + inwards


def _above(
    name: str, field: Field, limit: float, hysteresis: float, severity: Severity, ring_after_s: float | None
) -> Rule:
    delay_on_s = 0.0 if ring_after_s is None else ring_after_s
    return Rule(
        name, field, "above", limit, hysteresis, delay_on_s, 60.0, severity, alarm=ring_after_s is not None
    )


DEFAULTS: tuple[Rule, ...] = (
    # What rings.
    _above("temperature_alert", "temperature_c", 5.0, 1.0, "critical", 300.0),
    _above("vibration_alert", "vibration_g", 2.0, 0.3, "high", 60.0),
    _above("power_alert", "power_percent", 90.0, 5.0, "medium", 180.0),
    # What is only recorded, at once.
    Rule("temperature_low", "temperature_c", "below", -25.0, 1.0, 0.0, 60.0, "medium", alarm=False),
    _above("temperature_high", "temperature_c", 5.0, 1.0, "high", None),
    _above("temperature_critical", "temperature_c", 10.0, 1.0, "critical", None),
    _above("vibration_high", "vibration_g", 2.0, 0.3, "high", None),
    _above("vibration_critical", "vibration_g", 5.0, 0.5, "critical", None),
    _above("power_high", "power_percent", 80.0, 5.0, "high", None),
    _above("power_critical", "power_percent", 95.0, 5.0, "critical", None),
    _above("audio_high", "audio_level", 1000.0, 100.0, "high", None),
    _above("audio_critical", "audio_level", 2000.0, 200.0, "critical", None),
)
NAMES = frozenset(rule.name for rule in DEFAULTS)

SETTABLE = ("limit", "hysteresis", "delay_on_s", "delay_off_s", "severity", "alarm", "enabled")
"""The fields of a rule that a type or a device may have otherwise."""


def merged(*changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Rule]:
    """The rules in force: the defaults, then each of these changes (name to fields) over what was before."""
    rules = {rule.name: rule for rule in DEFAULTS}
    for change in changes:
        for name, fields in change.items():
            if name in rules:  # a rule that a later version no longer knows changes nothing
                rules[name] = replace(rules[name], **fields)
    return rules


def flaws(rules: Sequence[Rule]) -> list[tuple[str, str, str]]:
    """What is wrong with these rules together: (name of the rule, its field, sentence)."""
    found = []
    for rule in rules:
        lowest, highest = POSSIBLE[rule.field]
        if not lowest <= rule.limit <= highest:
            found.append(
                (rule.name, "limit", f"The sensor measures {lowest:g} to {highest:g} {UNITS[rule.field]}.")
            )
        elif not lowest <= rule.turning_point <= highest:
            found.append(
                (rule.name, "hysteresis", "The value could never come back: the sensor does not measure it.")
            )
    enabled = [rule for rule in rules if rule.enabled]
    for above in (rule for rule in enabled if rule.direction == "above"):
        for below in enabled:
            is_pair = below.field == above.field and below.direction == "below"
            if is_pair and above.turning_point <= below.turning_point:
                found.append(
                    (
                        above.name,
                        "hysteresis",
                        f"Together with {below.name} no value would be in order: the two limits must be"
                        " further apart than both hystereses.",
                    )
                )
    return found
