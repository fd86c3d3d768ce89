"""What nodes say over a WebSocket and what they are told: the shapes of the old firmware, and what is new.

`sensor_data` carries one of three clocks: `measured_at`; or `boot_id` with `uptime_ms`; or, from the old
firmware, `timestamp` alone, its `millis()`.
"""

import random
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from signalcraft.errors import SignalCraftError
from signalcraft.telemetry.items import Axes, Count, Item, ItemError, Number, Uptime

MESSAGE_LIMIT_BYTES = 4096
"""The old firmware's buffer has 1 KiB."""
RECONNECT_LEAST_MS, RECONNECT_MOST_MS = 1_000, 30_000
"""Between these every node draws by lot when it comes back, so that they do not come all at once."""

_Text = Annotated[str, Meta(max_length=100)]


class SensorData(Struct, tag_field="type", tag="sensor_data", forbid_unknown_fields=True):
    """One reading."""

    device_id: str
    timestamp: Uptime | UnsetType = UNSET
    """Milliseconds since the node started, as the old firmware says it."""
    measured_at: float | str | UnsetType = UNSET
    boot_id: Count | UnsetType = UNSET
    sequence: Count | UnsetType = UNSET
    uptime_ms: Uptime | UnsetType = UNSET
    temperature: Number = UNSET
    vibration: Axes | UnsetType | None = UNSET
    power_consumption: Number = UNSET
    audio_level: Number = UNSET
    sensor_quality: Number = UNSET

    def item(self) -> Item:
        """The reading as a batch would hold it."""
        return Item(
            self.device_id,
            self.measured_at,
            self.boot_id,
            self.sequence,
            self.timestamp if self.uptime_ms is UNSET else self.uptime_ms,
            self.temperature,
            self.vibration,
            self.power_consumption,
            self.audio_level,
            self.sensor_quality,
        )


class DeviceInfo(Struct, tag_field="type", tag="device_info"):
    """A node introduces itself when it connects."""

    device_id: str
    firmware_version: _Text | None = None
    hardware_version: _Text | None = None
    boot_id: Count | None = None


class Heartbeat(Struct, tag_field="type", tag="heartbeat"):
    """A node says how it is."""

    device_id: str
    boot_id: Count | None = None
    uptime: Uptime | None = None
    free_heap: Annotated[int, Meta(ge=0, le=2**40)] | None = None
    wifi_rssi: Annotated[int, Meta(ge=-200, le=100)] | None = None


class CommandAck(Struct, tag_field="type", tag="command_ack"):
    """A node has done what it was told, or could not."""

    device_id: str
    command_id: Count
    success: bool = True
    message: Annotated[str, Meta(max_length=500)] | None = None


Message = SensorData | DeviceInfo | Heartbeat | CommandAck

decode = msgspec.json.Decoder(Message).decode
encode = msgspec.json.Encoder().encode


def stored(message: SensorData) -> dict[str, Any]:
    """The acknowledgement: sent once the reading is committed."""
    answer: dict[str, Any] = {
        "type": "sensor_data_received",
        "device_id": message.device_id,
        "status": "success",
    }
    for name in ("timestamp", "measured_at", "sequence"):
        if (value := getattr(message, name)) is not UNSET:
            answer[name] = value
    return answer


def refused(message: Message | None, error: SignalCraftError | ItemError) -> dict[str, Any]:
    """Nothing was stored; with `retry_after_s` the same may be sent again."""
    if isinstance(error, ItemError):
        answer: dict[str, Any] = {"type": "error", "message": error.message, "field": error.field}
    else:
        answer = {"type": "error", "message": error.detail, "status": int(error.status)}
        if error.field is not None:
            answer["field"] = error.field
        if "Retry-After" in error.headers:
            answer["retry_after_s"] = int(error.headers["Retry-After"])
    if isinstance(message, SensorData):
        answer |= {name: value for name, value in stored(message).items() if name not in ("type", "status")}
    return answer


def hello(device_id: str, server_time: float) -> dict[str, Any]:
    """The answer to `device_info`: the time, and how to come back after the connection is lost."""
    return {
        "type": "hello",
        "device_id": device_id,
        "server_time": server_time,
        "reconnect_min_ms": RECONNECT_LEAST_MS,
        "reconnect_max_ms": RECONNECT_MOST_MS,
    }


def come_back() -> str:
    """The reason of a closing that many nodes are told at once: when to try again, by lot."""
    delay = random.randint(RECONNECT_LEAST_MS, RECONNECT_MOST_MS)  # noqa: S311
    return f"reconnect_after_ms={delay}"
