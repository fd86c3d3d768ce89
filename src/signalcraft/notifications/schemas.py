"""Notifications as people and old clients see them."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from signalcraft.bilingual import Text
from signalcraft.notifications.models import Notification


class NotificationOut(BaseModel):
    id: int
    type: str
    message: str = Field(description="The Korean text, as old clients expect it.")
    text: Text
    priority: str
    timestamp: datetime
    machine_id: int | None
    alarm_id: int | None
    channels: list[str] = ["websocket"]

    @classmethod
    def of(cls, notification: Notification) -> "NotificationOut":
        return cls(
            id=notification.id,
            type=notification.type,
            message=notification.text["ko"],
            text=Text(**notification.text),
            priority=notification.priority,
            timestamp=notification.created_at,
            machine_id=notification.machine_id,
            alarm_id=notification.alarm_id,
        )


class NotificationList(BaseModel):
    success: Literal[True] = True
    notifications: list[NotificationOut]
    total: int


class NotificationHistory(BaseModel):
    success: Literal[True] = True
    history: list[NotificationOut]
    total: int
