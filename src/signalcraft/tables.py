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
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout, FirmwareUpdate
from signalcraft.fleet.models import (
    ClaimCode,
    Device,
    DeviceCommand,
    DeviceKey,
    DeviceState,
    Listening,
    Machine,
    NodeSettings,
    Shop,
)
from signalcraft.mail.models import OutgoingMail
from signalcraft.migration.models import ImportedRecord
from signalcraft.notifications.models import Notification
from signalcraft.observability.availability import Incident, JourneyHour, ProbeHour
from signalcraft.observability.backup_runs import BackupRun
from signalcraft.observability.monitor_samples import MonitorRelease, MonitorSample, MonitorSection
from signalcraft.observability.operator_alerts import OperatorAlert
from signalcraft.realtime.models import OutboxCounter, OutboxEvent
from signalcraft.runtime_settings.models import RuntimeSetting
from signalcraft.telemetry.models import (
    DeviceBoot,
    DeviceGravity,
    KeptSince,
    Reading,
    RollupBacklog,
    RollupMark,
    RollupProgress,
)
from signalcraft.telemetry.thresholds.models import Excursion, Threshold, ThresholdState, ThresholdWork

__all__ = [
    "AccountRequest",
    "AccountSession",
    "Alarm",
    "AlarmTransition",
    "Analysis",
    "ApiToken",
    "AuditHead",
    "AuditRecord",
    "BackupRun",
    "Base",
    "Baseline",
    "ClaimCode",
    "Clip",
    "ClipFragment",
    "Consent",
    "Device",
    "DeviceBoot",
    "DeviceCommand",
    "DeviceGravity",
    "DeviceKey",
    "DeviceState",
    "Excursion",
    "ExternalIdentity",
    "FirmwareImage",
    "FirmwareRollout",
    "FirmwareUpdate",
    "FormerResult",
    "Head",
    "ImportedRecord",
    "Incident",
    "Invitation",
    "JourneyHour",
    "KeptSince",
    "Label",
    "Listening",
    "Machine",
    "MonitorRelease",
    "MonitorSample",
    "MonitorSection",
    "NodeSettings",
    "Notification",
    "OneTimeToken",
    "OperatorAlert",
    "OutboxCounter",
    "OutboxEvent",
    "OutgoingMail",
    "ProbeHour",
    "Reading",
    "RecoveryCode",
    "RefreshToken",
    "RollupBacklog",
    "RollupMark",
    "RollupProgress",
    "RuntimeSetting",
    "SecondFactor",
    "Shop",
    "ShopMember",
    "StateModel",
    "Threshold",
    "ThresholdState",
    "ThresholdWork",
    "TrainingRun",
    "User",
]
