"""The traffic light of a machine and of a shop: one table of rules, no input or output.

The order of the rules is the meaning. An open alarm outranks everything, because it stands until somebody or
the machine itself clears it; silence of the node outranks what it said last: old good news is no news.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Light = Literal["red", "yellow", "green", "blue", "grey"]
DeviceStatus = Literal["online", "late", "offline"]

DEFAULT_RHYTHM_S = 30.0
"""The interval in which the deployed firmware sends: the rhythm of a node whose own is not known."""
LATE_RHYTHMS = 3
OFFLINE_RHYTHMS = 10
"""Of the default rhythm that is 300 s: the old server's limit, which shop owners know."""
SHORTEST_LATE_S = 20.0
SHORTEST_OFFLINE_S = 60.0
"""A node that sends each second is not late because an access point changed its channel."""

URGENT_SEVERITIES = frozenset({"critical", "high"})

_WORST_FIRST: tuple[Light, ...] = ("red", "yellow", "grey", "blue", "green")


@dataclass(frozen=True)
class Signal:
    """A colour and why, in both languages."""

    light: Light
    reason: dict[str, str]


def late_after(rhythm_s: float | None) -> timedelta:
    """How long a node of this rhythm (None: not known) may be silent and still be called online."""
    return timedelta(seconds=max(LATE_RHYTHMS * (rhythm_s or DEFAULT_RHYTHM_S), SHORTEST_LATE_S))


def offline_after(rhythm_s: float | None) -> timedelta:
    """After how long a silence the node is offline."""
    return timedelta(seconds=max(OFFLINE_RHYTHMS * (rhythm_s or DEFAULT_RHYTHM_S), SHORTEST_OFFLINE_S))


def device_status(last_seen_at: datetime, now: datetime, rhythm_s: float | None = None) -> DeviceStatus:
    """How long the node has been silent, measured by its own rhythm, in three words.

    The one definition of online: screens, old answers and alarms use it.
    """
    silence = now - last_seen_at
    if silence <= late_after(rhythm_s):
        return "online"
    return "late" if silence <= offline_after(rhythm_s) else "offline"


def machine_light(
    *,
    alarm_severity: str | None,
    verdict: str | None,
    baseline_ready: bool,
    device_status: DeviceStatus | None,
) -> Light:
    """What an owner should see at a glance.

    red: somebody must act. yellow: something is unusual, or the node needs a look. green: heard and healthy.
    blue: still learning. grey: nothing is known (no device, or it is silent).
    """
    return machine_signal(
        alarm_severity=alarm_severity,
        verdict=verdict,
        baseline_ready=baseline_ready,
        device_status=device_status,
    ).light


def machine_signal(
    *,
    alarm_severity: str | None,
    verdict: str | None,
    baseline_ready: bool,
    device_status: DeviceStatus | None,
) -> Signal:
    """The light with its reason; the first rule that fits decides.

    Parameters
    ----------
    alarm_severity : severity of the gravest open alarm, None where none is open.
    verdict : of the newest finished analysis, None where there is none.
    baseline_ready : whether the machine knows its own normal sound.
    device_status : None for a machine without a node.
    """
    if alarm_severity in URGENT_SEVERITIES:
        return _signal("red", "경보가 열려 있습니다", "An alarm is open")
    if alarm_severity is not None:
        return _signal("yellow", "주의 알림이 열려 있습니다", "A minor alarm is open")
    if device_status is None:
        return _signal("grey", "연결된 센서가 없습니다", "No sensor node is attached")
    if device_status == "offline":
        return _signal("grey", "센서와 연결이 끊겼습니다", "The sensor node is offline")
    if verdict == "anomalous":
        return _signal("yellow", "최근 소리가 평소와 다릅니다", "The newest recording sounds unusual")
    if verdict == "not_assessable":
        return _signal(
            "yellow",
            "최근 소리를 판단할 수 없습니다. 마이크를 확인해 주세요",
            "The newest recording cannot be assessed: check the microphone",
        )
    if device_status == "late":
        return _signal("yellow", "센서 데이터가 늦어지고 있습니다", "The sensor node is late")
    if not baseline_ready:
        return _signal("blue", "정상 소리를 학습하고 있습니다", "Learning the sound of the healthy machine")
    return _signal("green", "정상입니다", "Healthy")


def shop_light(lights: Iterable[Light]) -> Light:
    """The light of a shop is that of the machine most in need of a look; grey for a shop without machines."""
    return min(lights, key=_WORST_FIRST.index, default="grey")


def _signal(light: Light, ko: str, en: str) -> Signal:
    return Signal(light, {"ko": ko, "en": en})
