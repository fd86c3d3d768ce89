"""Alarms as people and programs see them."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.alarms.models import Alarm
from signalcraft.bilingual import Text
from signalcraft.fleet.models import Machine
from signalcraft.texts import Comment

Severity = Literal["critical", "high", "medium", "low"]
AlarmState = Literal["active_unacknowledged", "active_acknowledged", "cleared"]


class ReadingEvidence(BaseModel):
    """The measured value that an alarm rests on, or for how long nothing was measured."""

    device_id: str
    field: str = Field(
        description="`temperature_c`, `vibration_g`, `power_percent`, `audio_level` or `silence`"
    )
    value: float
    unit: str
    limit: float
    since: datetime = Field(description="When the value went beyond the limit, by the device's clock.")
    measured_at: datetime


class AlarmOut(BaseModel):
    """One condition of one machine, from raised to cleared."""

    id: int
    machine_id: int
    machine_name: str
    shop_id: int | None
    condition: str
    severity: Severity
    state: AlarmState
    raised_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    cleared_at: datetime | None
    count: int = Field(description="How often it was borne out since it was raised.")
    analysis_id: UUID | None = Field(description="The newest evidence, of an alarm about sound.")
    reading: ReadingEvidence | None = Field(description="... of an alarm about readings.")
    summary: Text
    advice: Text

    @classmethod
    def of(cls, alarm: Alarm, machine: Machine, acknowledged_by: str | None) -> "AlarmOut":
        return cls(
            id=alarm.id,
            machine_id=machine.id,
            machine_name=machine.name,
            shop_id=machine.shop_id,
            condition=alarm.condition,
            severity=alarm.severity,
            state=alarm.state,
            raised_at=alarm.raised_at,
            last_seen_at=alarm.last_seen_at,
            acknowledged_at=alarm.acknowledged_at,
            acknowledged_by=acknowledged_by,
            cleared_at=alarm.cleared_at,
            count=alarm.count,
            analysis_id=alarm.analysis_id,
            reading=None if alarm.reading is None else ReadingEvidence.model_validate(alarm.reading),
            summary=Text(**alarm.summary),
            advice=Text(**alarm.advice),
        )


class AlarmList(BaseModel):
    success: Literal[True] = True
    alarms: list[AlarmOut]


class AlarmAnswer(BaseModel):
    success: Literal[True] = True
    alarm: AlarmOut


class AcknowledgeIn(BaseModel):
    model_config = ConfigDict(extra="forbid")

    comment: Comment | None = None
