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
    count: int = Field(description="Clips that showed the condition since it was raised.")
    analysis_id: UUID | None
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
