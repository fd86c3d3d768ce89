"""Limits as people and programs see and set them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.telemetry.thresholds.rules import LONGEST_DELAY_S, UNITS, Direction, Rule, Severity
from signalcraft.telemetry.thresholds.rules import Field as FieldName


class ThresholdOut(BaseModel):
    """A limit in force."""

    name: str
    field: FieldName
    unit: str
    direction: Direction
    limit: float = Field(description="The last value that is still in order.")
    hysteresis: float = Field(description="How far inside the limit a value must be to count as back.")
    delay_on_s: float = Field(description="For how long it must be beyond.")
    delay_off_s: float = Field(description="For how long it must be back.")
    severity: Severity
    alarm: bool = Field(description="Whether it rings; else it is only recorded.")
    enabled: bool
    set_here: bool = Field(description="Whether it is set for this very type or device.")

    @classmethod
    def of(cls, rule: Rule, *, set_here: bool) -> "ThresholdOut":
        return cls(
            name=rule.name,
            field=rule.field,
            unit=UNITS[rule.field],
            direction=rule.direction,
            limit=rule.limit,
            hysteresis=rule.hysteresis,
            delay_on_s=rule.delay_on_s,
            delay_off_s=rule.delay_off_s,
            severity=rule.severity,
            alarm=rule.alarm,
            enabled=rule.enabled,
            set_here=set_here,
        )


class ThresholdIn(BaseModel):
    """What is otherwise; what is left out is as it is for the type, or by default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    limit: float | None = Field(None, ge=-1e6, le=1e6)
    hysteresis: float | None = Field(None, ge=0, le=1e6)
    delay_on_s: float | None = Field(None, ge=0, le=LONGEST_DELAY_S)
    delay_off_s: float | None = Field(None, ge=0, le=LONGEST_DELAY_S)
    severity: Severity | None = None
    alarm: bool | None = Field(None, strict=True)
    enabled: bool | None = Field(None, strict=True)

    def fields(self) -> dict[str, Any]:
        """What is given."""
        return self.model_dump(exclude_none=True)


ThresholdName = Literal[
    "temperature_alert",
    "vibration_alert",
    "power_alert",
    "temperature_low",
    "temperature_high",
    "temperature_critical",
    "vibration_high",
    "vibration_critical",
    "power_high",
    "power_critical",
    "audio_high",
    "audio_critical",
]
"""Those of `rules.DEFAULTS`; a test says so."""


class ThresholdSet(BaseModel):
    """All that is otherwise, by the names of the limits; it replaces what was set before."""

    model_config = ConfigDict(extra="forbid")

    thresholds: dict[ThresholdName, ThresholdIn] = Field(max_length=12)

    def changes(self) -> dict[str, dict[str, Any]]:
        """By name, those that change anything."""
        given = {name: threshold.fields() for name, threshold in self.thresholds.items()}
        return {name: fields for name, fields in given.items() if fields}


class DeviceThresholds(BaseModel):
    success: Literal[True] = True
    device_id: str
    device_type: str
    thresholds: list[ThresholdOut]


class TypeThresholds(BaseModel):
    success: Literal[True] = True
    device_type: str
    thresholds: list[ThresholdOut]


class ThresholdTypes(BaseModel):
    """The defaults, and what is set for types of device."""

    success: Literal[True] = True
    defaults: list[ThresholdOut]
    types: list[TypeThresholds]


class ExcursionOut(BaseModel):
    """A value that was beyond its limit."""

    id: int
    device_id: str
    name: str
    field: FieldName
    unit: str
    severity: Severity
    limit: float
    value: float = Field(description="What was measured when it began to count.")
    since: datetime = Field(description="By the device's clock.")
    confirmed_at: datetime = Field(description="When it had lasted for as long as the limit asks.")
    ended_at: datetime | None = Field(description="Null while it lasts.")


class ExcursionList(BaseModel):
    success: Literal[True] = True
    excursions: list[ExcursionOut]
