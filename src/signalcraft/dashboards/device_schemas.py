"""Devices as people's screens and programs see them."""

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from signalcraft.accounts.roles import Permission
from signalcraft.bilingual import Text
from signalcraft.fleet.light import DeviceStatus

Band = Literal["healthy", "warning", "critical"]


class TermOut(BaseModel):
    """One sensor's share of the score."""

    field: str
    value: float
    points: float
    of: float
    reason: Text


class HealthOut(BaseModel):
    """0 to 100 with what it is made of; null with the reason where there is nothing to judge by."""

    score: float | None
    band: Band | None = Field(description="healthy from 80, warning from 60.")
    quality: float = Field(description="Factor: what the node says of its data, 0 to 1.")
    reason: Text
    terms: list[TermOut]


class ValuesOut(BaseModel):
    """The newest reading; null where it held no valid value."""

    measured_at: datetime
    temperature_c: float | None
    vibration_g: float | None = Field(description="Without gravity.")
    power_percent: float | None
    audio_level: float | None
    sensor_quality: float | None


class DeviceCard(BaseModel):
    """A device in a list."""

    device_id: str
    machine_id: int
    machine_name: str
    shop_id: int | None
    shop_name: str | None
    device_type: str
    vibration_unit: Literal["g", "m/s2"]
    status: DeviceStatus
    last_seen_at: datetime
    rhythm_s: float = Field(description="Seconds between two deliveries of readings.")
    late_after_s: float
    offline_after_s: float
    firmware_version: str | None
    hardware_version: str | None
    boot_count: int = Field(description="Starts that were noticed.")
    rssi_dbm: int | None
    free_heap_bytes: int | None
    uptime_ms: int | None
    told_at: datetime | None = Field(description="When the node last told of boot, signal, memory.")
    id_conflict_at: datetime | None = Field(description="When two nodes last spoke under this name.")
    open_commands: int
    values: ValuesOut | None
    health: HealthOut


class DeviceCards(BaseModel):
    success: Literal[True] = True
    devices: list[DeviceCard]


class SettingsOut(BaseModel):
    """How a node is to work, and how far it has followed."""

    version: int = Field(description="0: what the node does by itself.")
    upload_interval_s: int
    sample_rate_hz: int
    changed_at: datetime | None
    applied_version: int | None
    applied_at: datetime | None


class SettingsAnswer(BaseModel):
    success: Literal[True] = True
    settings: SettingsOut


class CommandOut(BaseModel):
    """Something a node is to do."""

    id: int
    kind: str
    body: dict[str, Any]
    state: Literal["queued", "delivered", "acknowledged", "failed", "expired", "cancelled"]
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None
    deliveries: int
    finished_at: datetime | None
    message: str | None


class CommandAnswer(BaseModel):
    success: Literal[True] = True
    command: CommandOut


class CommandList(BaseModel):
    success: Literal[True] = True
    commands: list[CommandOut]


class ClockOut(BaseModel):
    """How the count of a node without the time of day is placed in time."""

    drift_ppm: float | None = Field(description="How much slower than ours it runs; null until it is known.")
    learned_at: datetime


class DeviceDetail(BaseModel):
    """All that is known of one device."""

    success: Literal[True] = True
    device: DeviceCard
    settings: SettingsOut
    commands: list[CommandOut] = Field(description="The newest ten.")
    clock: ClockOut | None = Field(description="Null where the node sends the time of day itself.")
    may: list[Permission] = Field(description="What the person who asks may do with it.")


class HealthAnswer(BaseModel):
    success: Literal[True] = True
    device_id: str
    health: HealthOut
