"""The usual message with one reading, decoded at once: `wire.SensorData`, when nothing about it is odd.

Nothing is refused here. What is not exactly as usual (wrong, or only unusual: a bare `nan`, a further field)
is for `wire.SensorData`, which takes more and says what is wrong; what is taken means the same to both.
"""

import msgspec
from msgspec import UNSET, Struct, UnsetType

from signalcraft.telemetry.items import Axes, Item

BODY_LIMIT = 4096
"""The old firmware's buffer has 1 KiB."""


class _Lone(Struct, forbid_unknown_fields=True, gc=False):
    device_id: str
    timestamp: float | str
    temperature: float | None
    vibration: Axes | None
    power_consumption: float | None
    audio_level: float | None
    sensor_quality: float | UnsetType | None = UNSET


_decode = msgspec.json.Decoder(_Lone).decode


def usual_reading(body: bytes) -> Item | None:
    """The reading as a batch would hold it; None where the message is not as usual."""
    try:
        sent = _decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    # Two marks for each name and each text: more of them mean a name that stands twice, or an escaped mark.
    names = 6 + (sent.sensor_quality is not UNSET) + 3 * (sent.vibration is not None)
    texts = 1 + isinstance(sent.timestamp, str)
    if body.count(b'"') != 2 * (names + texts):
        return None
    return Item(
        sent.device_id,
        sent.timestamp,
        temperature=sent.temperature,
        vibration=sent.vibration,
        power_consumption=sent.power_consumption,
        audio_level=sent.audio_level,
        sensor_quality=1.0 if sent.sensor_quality is UNSET else sent.sensor_quality,
    )
