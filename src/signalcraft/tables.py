"""Every table of the system. Entry points import it: a foreign key needs its target's table to be known."""

from signalcraft.accounts.models import (
    AccountRequest,
    AccountSession,
    ApiToken,
    Consent,
    ExternalIdentity,
    Invitation,
    OneTimeToken,
    RecoveryCode,
    RefreshToken,
    SecondFactor,
    ShopMember,
    User,
)
from signalcraft.acoustics.learning.models import Baseline, Head, Label, StateModel, TrainingRun
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment, FormerResult
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.audit.models import AuditHead, AuditRecord
from signalcraft.db.base import Base
from signalcraft.fleet.models import ClaimCode, Device, DeviceKey, Machine, Shop
from signalcraft.mail.models import OutgoingMail
from signalcraft.migration.models import ImportedRecord
from signalcraft.notifications.models import Notification
from signalcraft.realtime.models import OutboxCounter, OutboxEvent
from signalcraft.runtime_settings.models import RuntimeSetting
from signalcraft.telemetry.models import Reading

__all__ = [
    "AccountRequest",
    "AccountSession",
    "Alarm",
    "AlarmTransition",
    "Analysis",
    "ApiToken",
    "AuditHead",
    "AuditRecord",
    "Base",
    "Baseline",
    "ClaimCode",
    "Clip",
    "ClipFragment",
    "Consent",
    "Device",
    "DeviceKey",
    "ExternalIdentity",
    "FormerResult",
    "Head",
    "ImportedRecord",
    "Invitation",
    "Label",
    "Machine",
    "Notification",
    "OneTimeToken",
    "OutboxCounter",
    "OutboxEvent",
    "OutgoingMail",
    "Reading",
    "RecoveryCode",
    "RefreshToken",
    "RuntimeSetting",
    "SecondFactor",
    "Shop",
    "ShopMember",
    "StateModel",
    "TrainingRun",
    "User",
]
