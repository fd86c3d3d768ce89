"""Every table of the system. Entry points import it: a foreign key needs its target's table to be known."""

from signalcraft.accounts.models import (
    AccountSession,
    ExternalIdentity,
    RecoveryCode,
    RefreshToken,
    SecondFactor,
    ShopMember,
    User,
)
from signalcraft.acoustics.learning.models import Baseline, Head, Label, StateModel, TrainingRun
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment, FormerResult
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.db.base import Base
from signalcraft.fleet.models import Device, Machine, Shop
from signalcraft.migration.models import ImportedRecord
from signalcraft.notifications.models import Notification
from signalcraft.realtime.models import OutboxCounter, OutboxEvent
from signalcraft.telemetry.models import Reading

__all__ = [
    "AccountSession",
    "Alarm",
    "AlarmTransition",
    "Analysis",
    "Base",
    "Baseline",
    "Clip",
    "ClipFragment",
    "Device",
    "ExternalIdentity",
    "FormerResult",
    "Head",
    "ImportedRecord",
    "Label",
    "Machine",
    "Notification",
    "OutboxCounter",
    "OutboxEvent",
    "Reading",
    "RecoveryCode",
    "RefreshToken",
    "SecondFactor",
    "Shop",
    "ShopMember",
    "StateModel",
    "TrainingRun",
    "User",
]
