"""The traffic light of a machine and of a shop: one table of rules, no input or output.

The order is the meaning. An open alarm outranks everything, because it stands until somebody or the machine
itself clears it; silence of the node outranks what it said last, because old good news is no news.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Light = Literal["red", "yellow", "green", "blue", "grey"]
DeviceStatus = Literal["online", "late", "offline"]

LATE_AFTER = timedelta(seconds=90)
"""Three of the 30 s intervals in which the deployed firmware sends."""
OFFLINE_AFTER = timedelta(seconds=300)
"""The old server's limit, which shop owners know."""

URGENT_SEVERITIES = frozenset({"critical", "high"})


@dataclass(frozen=True)
class Condition:
    """What the light of a machine depends on.

    `verdict` is that of the newest finished analysis, `severity` that of the gravest open alarm; each is None
    where there is none. `device` is None for a machine whose sound is uploaded by hand.
    """

    severity: str | None
    device: DeviceStatus | None
    has_data: bool
    verdict: str | None
    learning: bool


@dataclass(frozen=True)
class Signal:
    """A colour and why, in both languages."""

    light: Light
    reason: dict[str, str]


def device_status(last_seen_at: datetime, now: datetime) -> DeviceStatus:
    """How long the node has been silent, in three words."""
    silence = now - last_seen_at
    if silence <= LATE_AFTER:
        return "online"
    return "late" if silence <= OFFLINE_AFTER else "offline"


def machine_light(condition: Condition) -> Signal:
    """The first rule that fits decides."""
    if condition.severity in URGENT_SEVERITIES:
        return _signal("red", "경보가 열려 있습니다", "An alarm is open")
    if condition.severity is not None:
        return _signal("yellow", "주의 알림이 열려 있습니다", "A minor alarm is open")
    if not condition.has_data:
        return _signal("grey", "아직 받은 데이터가 없습니다", "No data has arrived yet")
    if condition.device == "offline":
        return _signal("grey", "센서와 연결이 끊겼습니다", "The sensor node is offline")
    if condition.verdict == "anomalous":
        return _signal("yellow", "최근 소리가 평소와 다릅니다", "The newest recording sounds unusual")
    if condition.verdict == "not_assessable":
        return _signal(
            "yellow",
            "최근 소리를 판단할 수 없습니다. 마이크를 확인해 주세요",
            "The newest recording cannot be assessed: check the microphone",
        )
    if condition.device == "late":
        return _signal("yellow", "센서 데이터가 늦어지고 있습니다", "The sensor node is late")
    if condition.learning:
        return _signal(
            "blue", "정상 소리를 학습하고 있습니다", "Learning what the healthy machine sounds like"
        )
    if condition.verdict is None:
        return _signal("grey", "아직 진단한 소리가 없습니다", "No recording has been diagnosed yet")
    return _signal("green", "정상입니다", "Healthy")


_WORST_FIRST: tuple[Light, ...] = ("red", "yellow", "grey", "blue", "green")


def shop_light(lights: Iterable[Light]) -> Light:
    """The light of a shop is that of the machine most in need of a look; grey for a shop without machines."""
    return min(lights, key=_WORST_FIRST.index, default="grey")


def _signal(light: Light, ko: str, en: str) -> Signal:
    return Signal(light, {"ko": ko, "en": en})
