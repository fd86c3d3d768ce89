"""What this tier answers where the answer is put together in the view: shapes that deployed clients read."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from signalcraft.acoustics.schemas import AnalysisDetail
from signalcraft.bilingual import Text

EpochSeconds = float


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    success: Literal[True]


class Registered(Answer):
    message: str
    device_id: str
    server_time: EpochSeconds


class NodeSettings(BaseModel):
    upload_interval: int = Field(description="Seconds.")
    sample_rate: int = Field(description="Hz.")
    buffer_size: int = Field(description="Samples.")
    max_retries: int
    timeout: int = Field(description="Seconds.")
    server_url: str
    status_url: str


class NodeConfig(Answer):
    device_id: str
    settings_version: int = Field(description="To be confirmed by the command `config`; 0: never set.")
    commands: list[dict[str, Any]] = Field(description="What the node is to do, and to confirm.")
    config: NodeSettings


class NodeStatus(BaseModel):
    device_id: str
    status: Literal["active", "offline"]
    last_seen: datetime
    sample_rate: int
    is_online: bool


class NodeStatuses(Answer):
    """`device_status` of the one that was named, else all that the person may see."""

    device_status: NodeStatus | None = None
    devices: dict[str, NodeStatus] | None = None
    total_devices: int | None = None


class AudioReceived(Answer):
    message: str
    device_id: str
    timestamp: EpochSeconds
    processing_status: Literal["queued", "collecting"]
    clip_id: UUID | None = Field(description="None while pieces are collected.")
    analysis_id: UUID | None
    duration_s: float


class FeaturesReceived(Answer):
    message: str
    device_id: str
    timestamp: float | None = Field(description="The node's own, milliseconds since it started.")
    data_size: int | None = Field(description="Bytes.")


class RecentFeatures(Answer):
    data: list[dict[str, Any]] = Field(description="As sent, with `device_id`, `received_at`, `quality`.")
    count: int


class SensorDataReceived(Answer):
    message: str
    timestamp: EpochSeconds


class ReadingError(BaseModel):
    index: int = Field(description="The reading's place in the body, from 0.")
    field: str = Field(description="As the sender wrote it.")
    message: str


class BatchReceived(Answer):
    stored: int = Field(description="Readings that are new.")
    duplicates: int = Field(description="Readings that were there already.")
    errors: list[ReadingError] = Field(description="What was not stored, and why.")


class SensorRow(BaseModel):
    device_id: str
    timestamp: EpochSeconds
    temperature: float | None
    vibration_x: float | None
    vibration_y: float | None
    vibration_z: float | None
    power_consumption: float | None
    audio_level: float | None
    sensor_quality: float | None
    quality: dict[str, Any]
    created_at: datetime


class TimeRange(BaseModel):
    start: datetime
    end: datetime
    hours: int


class SensorHistory(Answer):
    device_id: str
    vibration_unit: Literal["g", "m/s2"]
    data: list[SensorRow]
    count: int
    time_range: TimeRange


class ListedDevice(BaseModel):
    device_id: str
    device_name: str
    status: Literal["online", "offline"]
    last_seen: datetime
    firmware_version: str | None
    is_online: bool
    unauthenticated: bool = Field(description="Others than the node could be sending in its name.")


class DeviceList(Answer):
    devices: list[ListedDevice]


class ShopName(BaseModel):
    id: int
    name: str


class ShopList(Answer):
    shops: list[ShopName]


class ShopAnswer(Answer):
    shop: ShopName


class Job(BaseModel):
    id: UUID
    state: str
    progress: float = Field(ge=0, le=1)
    result: AnalysisDetail | None
    reason: str | None = Field(description="Why it failed.")


class JobAnswer(Answer):
    job: Job


class JobLinks(BaseModel):
    job: str


class JobAccepted(JobAnswer):
    links: JobLinks


class JobFinished(JobAnswer):
    result: AnalysisDetail


class OverloadFeatures(BaseModel):
    overload_ratio: float
    zero_crossing_rate: float
    spectral_centroid_hz: float
    spectral_rolloff_hz: float


class OverloadAnswer(Answer):
    status: Literal["success"]
    is_overload: bool
    confidence: float = Field(description="How far the thresholds are passed; not a probability.")
    processing_time_ms: float
    message: str
    text: Text
    timestamp: EpochSeconds
    model_type: str
    analysis_type: str
    diagnosis_type: str
    audio_file: str | None
    features: OverloadFeatures
