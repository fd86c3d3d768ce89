"""Every table of the system. Entry points import it: a foreign key needs its target's table to be known."""

from signalcraft.accounts.models import RefreshToken, ShopMember, User
from signalcraft.acoustics.learning.models import Baseline, Head, Label, StateModel, TrainingRun
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment, FormerResult
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.db.base import Base
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout, FirmwareUpdate
from signalcraft.fleet.models import (
    Device,
    DeviceCommand,
    DeviceState,
    Listening,
    Machine,
    NodeSettings,
    Shop,
)
from signalcraft.migration.models import ImportedRecord
from signalcraft.notifications.models import Notification
from signalcraft.realtime.models import OutboxCounter, OutboxEvent
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
    "Alarm",
    "AlarmTransition",
    "Analysis",
    "Base",
    "Baseline",
    "Clip",
    "ClipFragment",
    "Device",
    "DeviceBoot",
    "DeviceCommand",
    "DeviceGravity",
    "DeviceState",
    "Excursion",
    "FirmwareImage",
    "FirmwareRollout",
    "FirmwareUpdate",
    "FormerResult",
    "Head",
    "ImportedRecord",
    "KeptSince",
    "Label",
    "Listening",
    "Machine",
    "NodeSettings",
    "Notification",
    "OutboxCounter",
    "OutboxEvent",
    "Reading",
    "RefreshToken",
    "RollupBacklog",
    "RollupMark",
    "RollupProgress",
    "Shop",
    "ShopMember",
    "StateModel",
    "Threshold",
    "ThresholdState",
    "ThresholdWork",
    "TrainingRun",
    "User",
]
