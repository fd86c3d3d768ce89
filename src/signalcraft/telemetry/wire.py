"""The messages that nodes and HTTP clients send, and the reading each of them means."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from signalcraft.fleet.schemas import DeviceId
from signalcraft.telemetry.quality import Flaws, bad
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.times import Moment
from signalcraft.texts import ONE_LINE, Normalised

_FIELDS: Mapping[str, str] = {
    "temperature": "temperature_c",
    "vibration.x": "vibration_x",
    "vibration.y": "vibration_y",
    "vibration.z": "vibration_z",
    "power_consumption": "power_percent",
    "audio_level": "audio_level",
    "sensor_quality": "sensor_quality",
}
"""Where the message keeps each field of a reading."""

LIST_LIMIT = 64
"""The longest list any firmware sends is `mfcc`, 13 numbers."""
FIELD_LIMIT = 64
"""The richest firmware sends 30 fields."""
NAME_LIMIT = 64
"""The longest name of a field is `zero_crossing_rate`, 18 characters."""

Label = Annotated[str, StringConstraints(max_length=200, pattern=ONE_LINE), Normalised]


def _simple(value: Any) -> Any:
    """A number, a short text, or a list of numbers."""
    if isinstance(value, list) and len(value) <= LIST_LIMIT:
        wrong = [item for item in value if not isinstance(item, int | float | None)]
    else:
        wrong = [] if isinstance(value, int | float | str | None) else [value]
    if wrong or (isinstance(value, str) and (len(value) > 200 or not re.match(ONE_LINE, value))):
        raise ValueError("a number, a short text or a list of numbers is expected")
    return value


Further = Annotated[Any, AfterValidator(_simple)]
"""A field of firmware that this version does not know by name."""


class Vibration(BaseModel):
    """Acceleration along three axes, in the unit of the device (g unless set otherwise)."""

    model_config = ConfigDict(strict=True)

    x: float | None
    y: float | None
    z: float | None


class SensorData(BaseModel):
    """One message of an HTTP sensor client. `null` says that this sensor has nothing to say now."""

    model_config = ConfigDict(strict=True)

    device_id: DeviceId
    timestamp: Moment
    temperature: float | None = Field(description="°C")
    vibration: Vibration | None
    power_consumption: float | None = Field(description="% of the current sensor's range")
    audio_level: float | None = Field(description="Mean of the absolute 16-bit samples")
    sensor_quality: float | None = Field(1.0, description="0 to 1")

    def reading(self, unreadable: Mapping[str, str]) -> ReadingIn:
        """The reading; `unreadable` are the tokens that stood where numbers should be, by path."""
        axes = self.vibration or Vibration(x=None, y=None, z=None)
        return ReadingIn(
            measured_at=self.timestamp,
            values={
                "temperature_c": self.temperature,
                "vibration_x": axes.x,
                "vibration_y": axes.y,
                "vibration_z": axes.z,
                "power_percent": self.power_consumption,
                "audio_level": self.audio_level,
                "sensor_quality": self.sensor_quality,
            },
            unreadable={_FIELDS[path]: token for path, token in unreadable.items() if path in _FIELDS},
        )


class FeatureMessage(BaseModel):
    """What field firmware computed on the node: known names below, further numbers as they come.

    Its `timestamp` is milliseconds since boot and its spectral values are not spectral; they are kept as
    sent, for the technician, and nothing is decided from them.
    """

    model_config = ConfigDict(strict=True, extra="allow")
    __pydantic_extra__: dict[str, Further]

    device_id: DeviceId | None = None
    timestamp: float | None = Field(None, description="Milliseconds since the node started")
    sensor_number: Label | None = None
    store_type: Label | None = None
    location: Label | None = None
    rms_energy: float | None = Field(description="0 to 32767; null where the firmware's sum overflowed")
    decibel_level: float | None = Field(
        None, description="20 log10 of rms_energy, not a sound pressure level"
    )
    zero_crossing_rate: float | None = None
    spectral_centroid: float | None = None
    compressor_state: float | None = Field(None, description="1 running, 0 not")
    anomaly_score: float | None = None
    efficiency_score: float | None = None
    sound_type: float | None = Field(None, description="0 silence, 1 compressor, 2 fan, 3 abnormal, 4 other")
    intensity_level: float | None = None
    temperature_estimate: float | None = Field(None, description="The firmware's guess, not a measurement")
    mfcc: Annotated[list[float | None], Field(max_length=LIST_LIMIT)] | None = None

    @model_validator(mode="after")
    def _few(self) -> Self:
        if len(self.__pydantic_extra__) > FIELD_LIMIT:
            raise ValueError(f"the message has more than {FIELD_LIMIT} further fields")
        if any(len(name) > NAME_LIMIT for name in self.__pydantic_extra__):
            raise ValueError(f"the name of a field is longer than {NAME_LIMIT} characters")
        return self

    def reading(self, unreadable: Mapping[str, str], *, measured_at: datetime) -> ReadingIn:
        """The reading. The node's own `timestamp` is no time; the caller says when it was."""
        sent = self.model_dump(exclude={"device_id", "timestamp"}, exclude_none=True)
        flaws: Flaws = {path: bad("unreadable_number", token) for path, token in unreadable.items()}
        return ReadingIn(
            measured_at=measured_at, extra={**sent, "device_millis": self.timestamp}, flaws=flaws
        )
