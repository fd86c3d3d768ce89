"""What people are told of a value beyond its limit, in both languages."""

from collections.abc import Mapping

from signalcraft.telemetry.thresholds.rules import UNITS, Field, Rule

_KO: Mapping[Field, str] = {
    "temperature_c": "온도가",
    "vibration_g": "진동이",
    "power_percent": "전력이",
    "audio_level": "소음이",
}
_EN: Mapping[Field, str] = {
    "temperature_c": "temperature",
    "vibration_g": "vibration",
    "power_percent": "power",
    "audio_level": "sound level",
}

ADVICE: Mapping[Field, dict[str, str]] = {
    "temperature_c": {
        "ko": "문이 닫혔는지, 성에가 끼지 않았는지 확인하고, 계속되면 제품을 옮기고 기사를 불러 주세요.",
        "en": "See whether the door is closed and the coil free of ice; if it goes on, move the goods and"
        " call a technician.",
    },
    "vibration_g": {
        "ko": "기계의 발과 고정 나사를 확인하고, 계속되면 압축기를 점검받으세요.",
        "en": "Check the feet and the mounting bolts; if it goes on, have the compressor inspected.",
    },
    "power_percent": {
        "ko": "응축기가 막히지 않았는지, 팬이 도는지 확인해 주세요.",
        "en": "See whether the condenser is clogged and whether its fan turns.",
    },
    "audio_level": {
        "ko": "가까이에서 들어 보고, 최근 녹음을 확인해 주세요.",
        "en": "Listen to it from near by, and to its newest recordings.",
    },
}

BACK: Mapping[Field, dict[str, str]] = {
    field: {
        "ko": f"{_KO[field]} 정상 범위로 돌아왔습니다.",
        "en": f"its {_EN[field]} is in order again.",
    }
    for field in _EN
}


def summary(rule: Rule, value: float, device_id: str) -> dict[str, str]:
    """What is wrong, how much, and since how long it has to be so before anybody is told."""
    unit = f" {UNITS[rule.field]}".rstrip()
    for_ko, for_en = _duration(rule.delay_on_s)
    side_ko, side_en = ("높습니다", "above") if rule.direction == "above" else ("낮습니다", "below")
    return {
        "ko": f"{_KO[rule.field]} {for_ko}한계 {rule.limit:g}{unit}보다 {side_ko}:"
        f" 지금 {value:.1f}{unit} (센서 {device_id}).",
        "en": f"The {_EN[rule.field]} has been {side_en} {rule.limit:g}{unit}{for_en}:"
        f" now {value:.1f}{unit} (sensor node {device_id}).",
    }


def _duration(seconds: float) -> tuple[str, str]:
    if seconds <= 0:
        return "", ""
    if seconds < 120:
        return f"{seconds:g}초 넘게 ", f" for more than {seconds:g} seconds"
    return f"{seconds / 60:.0f}분 넘게 ", f" for more than {seconds / 60:.0f} minutes"
