"""The shapes that people's screens read; what a domain shows of itself is that domain's own model."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from signalcraft.acoustics.schemas import AnalysisDetail, AnalysisSummary, BaselineProgress
from signalcraft.alarms.schemas import AlarmOut
from signalcraft.bilingual import Text
from signalcraft.fleet.light import DeviceStatus, Light
from signalcraft.telemetry import schemas as telemetry


class Flaw(BaseModel):
    """Why a measured value is not shown as a value; codes as in OPC UA."""

    code: Literal["bad", "uncertain"]
    reason: str
    raw: Any = Field(None, description="What the sensor sent.")


class ReadingOut(BaseModel):
    """The newest measurement of a device."""

    measured_at: datetime
    received_at: datetime
    temperature_c: float | None
    vibration_x: float | None
    vibration_y: float | None
    vibration_z: float | None
    vibration_unit: Literal["g", "m/s2"]
    power_percent: float | None
    audio_level: float | None = Field(description="Mean absolute microphone sample, 0 to 32767.")
    quality: Annotated[dict[str, Flaw], BeforeValidator(lambda value: value or {})]


class DeviceOut(BaseModel):
    device_id: str
    status: DeviceStatus
    last_seen_at: datetime
    unauthenticated: bool = Field(description="Others than the node could be sending in its name.")


class MachineCard(BaseModel):
    """Everything the overview shows of one machine."""

    id: int
    name: str
    model: str | None
    shop_id: int | None
    light: Light
    light_reason: Text
    synthetic: bool
    device: DeviceOut | None
    latest_reading: ReadingOut | None
    latest_analysis: AnalysisSummary | None
    baseline: BaselineProgress
    open_alarm: AlarmOut | None


class ShopOut(BaseModel):
    id: int
    name: str


class ShopCard(ShopOut):
    light: Light
    machines: list[MachineCard]


class Overview(BaseModel):
    """A snapshot; `last_event_id` is where the stream of events continues it without a gap."""

    success: Literal[True] = True
    generated_at: datetime
    last_event_id: int
    shops: list[ShopCard]
    unclaimed: list[MachineCard] = Field(description="Devices nobody has claimed; administrators only.")


class MachineAnswer(BaseModel):
    success: Literal[True] = True
    machine: MachineCard
    shop: ShopOut | None


class Series(BaseModel):
    """Columns of equal length, oldest first; null where a value is missing, in all of them at a gap."""

    temperature_c: list[float | None]
    vibration_g: list[float | None] = Field(description="Length of acceleration without gravity.")
    power_percent: list[float | None]
    audio_level: list[float | None]


class ReadingsAnswer(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    success: Literal[True] = True
    from_: datetime = Field(serialization_alias="from", validation_alias="from")
    to: datetime
    measured_at: list[int] = Field(description="Milliseconds since 1970, UTC.")
    fields: Series
    count: int = Field(description="How many readings the range holds.")
    reduced: bool = Field(description="Whether these are the extremes of time steps.")
    level: Literal["raw", "minute", "hour", "day"] = Field(description="The coarsest it was read from.")
    late: int = Field(description="How many came more than a minute after they were measured.")


def readings_answer(found: telemetry.Series, start: datetime, end: datetime) -> ReadingsAnswer:
    """The chart of a range as it is answered."""
    return ReadingsAnswer.model_validate({"from": start, "to": end, **vars(found)})


class LatestMachine(BaseModel):
    """A machine with what its nodes last measured; values that are missing or not valid are null."""

    machine_id: int
    machine_name: str
    device_id: str | None
    status: DeviceStatus | None
    measured_at: datetime | None
    received_at: datetime | None
    temperature_c: float | None
    vibration_g: float | None = Field(description="Length of acceleration without gravity.")
    power_percent: float | None
    audio_level: float | None


class LatestAnswer(BaseModel):
    """A row for each device, and one for each machine without; up to five seconds old."""

    success: Literal[True] = True
    shop_id: int
    machines: list[LatestMachine]


class AnalysesAnswer(BaseModel):
    success: Literal[True] = True
    analyses: list[AnalysisSummary]


class AnalysisAnswer(BaseModel):
    success: Literal[True] = True
    analysis: AnalysisDetail


class ClipOut(BaseModel):
    """A recording; its sound is at `/api/clips/{id}/audio`."""

    id: UUID
    device_id: str | None
    machine_id: int | None
    measured_at: datetime | None
    received_at: datetime
    duration_s: float | None
    sample_rate_hz: int | None
    size_bytes: int
    synthetic: bool


class ClipAnswer(BaseModel):
    success: Literal[True] = True
    clip: ClipOut
