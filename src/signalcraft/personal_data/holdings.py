"""Where data of a person is held: the one table that export and erasure both follow.

A test compares it with the schema: a table that refers to a person cannot be forgotten here.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Table

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
)
from signalcraft.acoustics.learning.models import Label, TrainingRun
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.db.base import Base
from signalcraft.fleet.firmware.models import FirmwareImage, FirmwareRollout
from signalcraft.fleet.models import ClaimCode, DeviceCommand, DeviceKey, NodeSettings
from signalcraft.mail.models import OutgoingMail
from signalcraft.migration.models import ImportedRecord
from signalcraft.runtime_settings.models import RuntimeSetting
from signalcraft.telemetry.thresholds.models import Threshold


@dataclass(frozen=True)
class Holding:
    """Rows of one table that are about a person.

    Attributes
    ----------
    model : the table.
    by : the columns that hold their number, or their e-mail address (`email`, `recipient`).
    shown : the columns that they are given. Secrets and their hashes are nobody's to see.
    goes : whether the rows are deleted with the person; others keep a number that means nobody any more.
    """

    model: type[Base]
    by: tuple[str, ...]
    shown: tuple[str, ...]
    goes: bool

    @property
    def table(self) -> Table:
        return Base.metadata.tables[self.model.__tablename__]

    @property
    def columns(self) -> list[Column[Any]]:
        return [self.table.c[name] for name in self.shown]


ADDRESSES = frozenset({"email", "recipient"})
"""Columns that hold an e-mail address in place of a number."""

HOLDINGS = (
    Holding(ShopMember, ("user_id",), ("shop_id", "role", "expires_at", "granted_at"), goes=True),
    Holding(
        AccountSession,
        ("user_id",),
        ("id", "created_at", "last_used_at", "address", "user_agent", "ended_at", "end_reason"),
        goes=True,
    ),
    Holding(RefreshToken, ("user_id",), ("family", "created_at", "expires_at", "used_at"), goes=True),
    Holding(SecondFactor, ("user_id",), ("created_at", "confirmed_at"), goes=True),
    Holding(RecoveryCode, ("user_id",), ("used_at",), goes=True),
    Holding(ExternalIdentity, ("user_id",), ("issuer", "subject", "linked_at", "last_used_at"), goes=True),
    Holding(Consent, ("user_id",), ("kind", "given", "at"), goes=True),
    Holding(
        ApiToken,
        ("user_id",),
        ("id", "name", "permissions", "shop_ids", "created_at", "expires_at", "last_used_at", "revoked_at"),
        goes=True,
    ),
    Holding(AccountRequest, ("user_id", "email"), ("kind", "email", "created_at"), goes=True),
    Holding(OneTimeToken, ("user_id", "email"), ("purpose", "email", "created_at", "used_at"), goes=True),
    Holding(
        Invitation,
        ("email",),
        ("shop_id", "email", "role", "created_at", "accepted_at", "revoked_at"),
        goes=True,
    ),
    Holding(
        Invitation,
        ("invited_by", "accepted_by"),
        ("shop_id", "role", "created_at", "accepted_at"),
        goes=False,
    ),
    Holding(OutgoingMail, ("recipient",), ("template", "created_at", "state", "finished_at"), goes=True),
    Holding(ImportedRecord, ("user_id",), ("kind", "at", "body"), goes=True),
    Holding(Label, ("author_id",), ("analysis_id", "at", "verdict", "condition", "reason"), goes=False),
    Holding(AlarmTransition, ("user_id",), ("alarm_id", "at", "kind", "comment"), goes=False),
    Holding(Alarm, ("acknowledged_by",), ("id", "acknowledged_at"), goes=False),
    Holding(Clip, ("uploaded_by",), ("id", "machine_id", "received_at", "duration_s"), goes=False),
    Holding(Analysis, ("requested_by",), ("id", "clip_id", "heard_at", "verdict"), goes=False),
    Holding(TrainingRun, ("requested_by",), ("id", "kind", "machine_id", "requested_at"), goes=False),
    Holding(DeviceKey, ("created_by",), ("id", "device_id", "created_at"), goes=False),
    Holding(ClaimCode, ("created_by",), ("id", "shop_id", "created_at"), goes=False),
    Holding(NodeSettings, ("changed_by",), ("device_id", "version", "changed_at"), goes=False),
    Holding(DeviceCommand, ("created_by",), ("id", "device_id", "kind", "created_at"), goes=False),
    Holding(FirmwareImage, ("uploaded_by",), ("id", "version", "uploaded_at"), goes=False),
    Holding(FirmwareRollout, ("created_by",), ("id", "image_id", "created_at"), goes=False),
    Holding(Threshold, ("changed_by",), ("id", "name", "changed_at"), goes=False),
    Holding(RuntimeSetting, ("changed_by",), ("name", "changed_at"), goes=False),
)
