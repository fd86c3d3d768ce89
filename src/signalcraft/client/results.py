"""What the server answers, as typed values. Members that a newer server adds are passed over."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class Result(BaseModel):
    """Base of all results: immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Text(Result):
    """The same sentence in Korean and English."""

    ko: str
    en: str


class Shop(Result):
    id: int
    name: str


class Device(Result):
    """A node, and what it last told of itself. `status` goes by its own rhythm."""

    device_id: str
    status: Literal["online", "late", "offline"]
    last_seen_at: datetime
    machine_id: int | None = None
    machine_name: str | None = None
    shop_id: int | None = None
    vibration_unit: Literal["g", "m/s2"] | None = None
    firmware_version: str | None = None
    hardware_version: str | None = None
    boot_count: int | None = None
    rssi_dbm: int | None = None
    free_heap_bytes: int | None = None
    open_commands: int = 0


class Command(Result):
    """Something a node is to do. `message` is what it said about it."""

    id: int
    kind: str
    state: Literal["queued", "delivered", "acknowledged", "failed", "expired", "cancelled"]
    created_at: datetime
    expires_at: datetime
    delivered_at: datetime | None = None
    finished_at: datetime | None = None
    message: str | None = None


class Reading(Result):
    """The newest measurement of a device; None where there is no valid value."""

    measured_at: datetime
    received_at: datetime
    temperature_c: float | None = None
    vibration_x: float | None = None
    vibration_y: float | None = None
    vibration_z: float | None = None
    vibration_unit: Literal["g", "m/s2"] = "g"
    power_percent: float | None = None
    audio_level: float | None = None
    quality: dict[str, Any] = {}


class Latest(Result):
    """The newest valid values of a machine, vibration without gravity; None where there are none."""

    machine_id: int
    machine_name: str
    device_id: str | None = None
    status: Literal["online", "late", "offline"] | None = None
    measured_at: datetime | None = None
    received_at: datetime | None = None
    temperature_c: float | None = None
    vibration_g: float | None = None
    power_percent: float | None = None
    audio_level: float | None = None


class Fields(Result):
    """Columns of equal length, oldest first; None where a value is missing."""

    temperature_c: list[float | None]
    vibration_g: list[float | None]
    power_percent: list[float | None]
    audio_level: list[float | None]


class Series(Result):
    """Readings for a chart: of more than were asked for, the extremes of equal steps of time.

    measured_at : milliseconds since 1970, one for each place of the columns. A place where all columns are
        None is a gap.
    count : how many readings the range holds. late : how many of them came late.
    level : what the points are drawn from.
    """

    start: datetime = Field(validation_alias="from")
    end: datetime = Field(validation_alias="to")
    measured_at: list[int]
    fields: Fields
    count: int
    reduced: bool
    level: Literal["raw", "minute", "hour", "day"]
    late: int


class StoredReading(Result):
    """One reading as it was stored, in the device's unit of vibration."""

    device_id: str
    measured_at: datetime = Field(validation_alias="timestamp")
    received_at: datetime = Field(validation_alias="created_at")
    temperature_c: float | None = Field(validation_alias="temperature")
    vibration_x: float | None
    vibration_y: float | None
    vibration_z: float | None
    power_percent: float | None = Field(validation_alias="power_consumption")
    audio_level: float | None
    quality: dict[str, Any]


class Analysis(Result):
    """What was found in one clip. Scores: higher is more anomalous; `ratio` is score over limit."""

    id: UUID
    clip_id: UUID
    state: Literal["queued", "decoding", "features", "scoring", "done", "failed"]
    verdict: Literal["normal", "anomalous", "learning", "not_assessable"] | None = None
    reasons: list[str] = []
    score: float | None = None
    limit: float | None = None
    ratio: float | None = None
    condition: str | None = None
    run_state: str | None = None
    summary: Text | None = None
    measured_at: datetime | None = None
    received_at: datetime


class Alarm(Result):
    """One condition of one machine, from raised to cleared."""

    id: int
    machine_id: int
    machine_name: str
    shop_id: int | None = None
    condition: str
    severity: Literal["critical", "high", "medium", "low"]
    state: Literal["active_unacknowledged", "active_acknowledged", "cleared"]
    raised_at: datetime
    last_seen_at: datetime
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    cleared_at: datetime | None = None
    count: int
    analysis_id: UUID | None = None
    summary: Text
    advice: Text


class Machine(Result):
    """A machine with its traffic light and what is newest of it."""

    id: int
    name: str
    model: str | None = None
    shop_id: int | None = None
    light: str
    light_reason: Text
    synthetic: bool
    device: Device | None = None
    latest_reading: Reading | None = None
    latest_analysis: Analysis | None = None
    open_alarm: Alarm | None = None


class ReadingError(Result):
    """Why one reading of a batch was not stored; `index` is its place among those sent."""

    index: int
    field: str
    message: str


class BatchResult(Result):
    """What became of a batch: new readings, those that were there already, and those that are wrong."""

    stored: int
    duplicates: int
    errors: list[ReadingError] = []


class ClipReceived(Result):
    """A clip is taken; it is analysed in the background. No ids while short pieces are collected."""

    processing_status: Literal["queued", "collecting"]
    clip_id: UUID | None = None
    analysis_id: UUID | None = None
    duration_s: float
