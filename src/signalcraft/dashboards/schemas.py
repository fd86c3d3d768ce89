"""The shapes that people's screens read: one model per meaning, for the answers and for OpenAPI."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from signalcraft.clock import iso
from signalcraft.fleet.light import DeviceStatus, Light

Moment = Annotated[datetime, PlainSerializer(iso, return_type=str, when_used="json")]
"""A time in UTC, written as ISO 8601 with Z."""


class Answer(BaseModel):
    """Base of every answer: `from_attributes` reads rows as well as objects."""

    model_config = ConfigDict(from_attributes=True)


class Text(Answer):
    """A sentence for people."""

    ko: str
    en: str


class Flaw(Answer):
    """Why a measured value is not shown as a value."""

    code: Literal["bad", "uncertain"]
    reason: str
    raw: Any = Field(None, description="What the sensor sent.")


class ReadingOut(Answer):
    """The newest measurement of a device."""

    measured_at: Moment
    received_at: Moment
    temperature_c: float | None
    vibration_x: float | None
    vibration_y: float | None
    vibration_z: float | None
    vibration_unit: Literal["g", "m/s2"]
    power_percent: float | None
    audio_level: float | None = Field(
        description="Mean absolute microphone sample, 0 to 32767."
    )
    quality: Annotated[dict[str, Flaw], BeforeValidator(lambda value: value or {})]


class BaselineOut(Answer):
    """How far the machine's own idea of normal is."""

    state: Literal["learning", "ready"]
    clips: int = Field(description="Healthy recordings so far.")
    needed: int
    version: int | None


class AnalysisSummary(Answer):
    """One diagnosis of one recording."""

    id: UUID
    clip_id: UUID
    state: Literal["queued", "decoding", "features", "scoring", "done", "failed"]
    verdict: Literal["normal", "anomalous", "learning", "not_assessable"] | None
    reasons: list[str]
    score: float | None = Field(description="The detector's distance: higher is more unusual.")
    limit: float | None = Field(description="The highest score among the healthy recordings of the baseline.")
    ratio: float | None = Field(description="score / limit: above 1 is anomalous.")
    tail_probability: float | None = Field(
        description="At most so often a healthy recording scores this."
    )
    condition: str | None
    summary: Text | None
    measured_at: Moment | None
    received_at: Moment
    finished_at: Moment | None
    synthetic: bool


class Band(Answer):
    """A range of frequencies that differs from the healthy machine."""

    low_hz: float
    high_hz: float
    delta_db: float
    deviations: float
    kind: Literal["level", "variation"]


class Explanation(Answer):
    bands: list[Band]


class Versions(Answer):
    """What made the result, so that it can be made again."""

    features: str | None
    detector: str | None
    baseline: int | None


class SoundQuality(Answer):
    rms_dbfs: float | None
    peak_dbfs: float | None
    clipped_fraction: float | None
    duration_s: float | None


class AnalysisDetail(AnalysisSummary):
    """A diagnosis with its evidence."""

    explanation: Explanation | None
    versions: Versions
    quality: SoundQuality | None
    attempts: int


class AlarmOut(Answer):
    """One open or past condition of a machine."""

    id: int
    machine_id: int
    machine_name: str
    shop_id: int | None
    condition: str
    severity: Literal["critical", "high", "medium", "low"]
    state: Literal["active_unacknowledged", "active_acknowledged", "cleared"]
    raised_at: Moment
    acknowledged_at: Moment | None
    acknowledged_by: str | None
    cleared_at: Moment | None
    count: int = Field(description="How often the condition was found while the alarm was open.")
    analysis_id: UUID | None
    summary: Text
    advice: Text


class DeviceOut(Answer):
    device_id: str
    status: DeviceStatus
    last_seen_at: Moment


class MachineCard(Answer):
    """Everything the overview shows of one machine."""

    id: int
    name: str
    shop_id: int | None
    light: Light
    light_reason: Text
    synthetic: bool
    device: DeviceOut | None
    latest_reading: ReadingOut | None
    latest_analysis: AnalysisSummary | None
    baseline: BaselineOut
    open_alarm: AlarmOut | None


class ShopOut(Answer):
    id: int
    name: str


class ShopCard(ShopOut):
    light: Light
    machines: list[MachineCard]


class Overview(Answer):
    """A snapshot; `last_event_id` is where the stream of events continues it without a gap."""

    success: Literal[True] = True
    generated_at: Moment
    last_event_id: int
    shops: list[ShopCard]
    unclaimed: list[MachineCard] = Field(
        description="Devices nobody has claimed; administrators only."
    )


class MachineAnswer(Answer):
    success: Literal[True] = True
    machine: MachineCard
    shop: ShopOut | None


class Series(Answer):
    """Columns of equal length, oldest first; null where a value is missing."""

    temperature_c: list[float | None]
    vibration_g: list[float | None] = Field(description="Length of the acceleration vector.")
    power_percent: list[float | None]
    audio_level: list[float | None]


class ReadingsAnswer(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    success: Literal[True] = True
    from_: Moment = Field(serialization_alias="from", validation_alias="from")
    to: Moment
    measured_at: list[int] = Field(description="Milliseconds since 1970, UTC.")
    fields: Series
    count: int = Field(description="How many readings the range holds.")
    reduced: bool = Field(description="Whether fewer points than readings are returned.")


class AnalysesAnswer(Answer):
    success: Literal[True] = True
    analyses: list[AnalysisSummary]


class AnalysisAnswer(Answer):
    success: Literal[True] = True
    analysis: AnalysisDetail


class ClipOut(Answer):
    """A recording; its sound is at `/api/clips/{id}/audio`."""

    id: UUID
    device_id: str | None
    machine_id: int | None
    measured_at: Moment | None
    received_at: Moment
    duration_s: float | None
    sample_rate_hz: int | None
    size_bytes: int
    synthetic: bool


class ClipAnswer(Answer):
    success: Literal[True] = True
    clip: ClipOut
