"""What can be wrong with a refrigeration machine, in the words of its owner.

The names follow ISO 13379-1 in spirit: a condition is what somebody would repair, not what was measured.
`unknown_anomaly` is a condition too: something differs, and the evidence does not say what.
"""

from dataclasses import dataclass
from typing import Literal

Text = dict[str, str]
"""The same words in Korean (`ko`) and English (`en`)."""

Urgency = Literal["watch", "week", "today", "now"]
"""How soon somebody should act: keep an eye on it, within a week, today, at once."""

UNKNOWN = "unknown_anomaly"


@dataclass(frozen=True)
class Condition:
    """name: as stored and in the API. title: a few words for a list. heard: a clause that ends a sentence
    after "sounds like" (`ko`: a noun phrase before 로/으로 들립니다). first: what to do first. urgency: if
    nothing is done, how soon it becomes expensive."""

    name: str
    title: Text
    heard: Text
    first: Text
    urgency: Urgency


def _condition(
    name: str, urgency: Urgency, title: tuple[str, str], heard: tuple[str, str], first: tuple[str, str]
) -> Condition:
    title_, heard_, first_ = ({"ko": ko, "en": en} for ko, en in (title, heard, first))
    return Condition(name, title_, heard_, first_, urgency)


_ALL = (
    _condition(
        "bearing_wear",
        "week",
        ("베어링 마모", "Worn bearing"),
        ("베어링이 닳는 소리", "a bearing wearing out"),
        (
            "이번 주 안에 기사에게 베어링 점검을 맡기세요. 쇳소리가 커지거나 뜨거워지면 바로 부르세요.",
            "Have a technician check the bearings this week; at once if it grows shriller or hot.",
        ),
    ),
    _condition(
        "imbalance",
        "week",
        ("회전 불균형", "Out of balance"),
        ("회전하는 부품의 균형이 틀어진 소리", "a turning part that is out of balance"),
        (
            "전원을 끄고 팬 날개에 먼지나 성에가 붙었는지 보신 뒤, 떨림이 계속되면 기사를 부르세요.",
            "Switch it off and look for dirt or ice on the fan; if it still shakes, call a technician.",
        ),
    ),
    _condition(
        "loose_mount",
        "week",
        ("고정 풀림", "Loose mounting"),
        ("나사나 받침이 풀려 떨리는 소리", "a loose screw or foot that rattles"),
        (
            "기계가 수평인지, 손으로 눌렀을 때 소리가 멎는 판이나 배관이 있는지 보고 고정하세요.",
            "Check that it stands level; press panels and pipes, and fasten the one that falls silent.",
        ),
    ),
    _condition(
        "friction",
        "today",
        ("마찰", "Rubbing"),
        ("부품이 서로 쓸리는 소리", "parts rubbing against each other"),
        (
            "팬이나 벨트에 닿는 것이 없는지 보시고, 없으면 오늘 기사에게 윤활 점검을 맡기세요.",
            "See whether something touches the fan or belt; if not, have the lubrication checked today.",
        ),
    ),
    _condition(
        "valve_leak",
        "week",
        ("압축기 밸브 누설", "Leaking compressor valve"),
        ("압축기 밸브가 새는 소리", "a compressor valve that leaks"),
        (
            "보관 온도를 지켜보시고, 이번 주 안에 기사에게 압축기 밸브와 압력 점검을 맡기세요.",
            "Keep an eye on the temperature; have the valves and pressures checked this week.",
        ),
    ),
    _condition(
        "liquid_slugging",
        "today",
        ("액냉매 유입", "Liquid in the compressor"),
        ("압축기가 액체 냉매를 때리는 소리", "the compressor hitting liquid refrigerant"),
        (
            "증발기에 성에가 두꺼운지 보시고 오늘 기사를 부르세요. 그대로 두면 압축기가 깨질 수 있습니다.",
            "Look for thick ice inside and call a technician today: it can break the compressor.",
        ),
    ),
    _condition(
        "overload",
        "today",
        ("과부하", "Overload"),
        ("압축기가 무리하게 도는 소리", "a compressor working too hard"),
        (
            "뒤쪽 통풍구와 응축기 먼지를 치우고, 짐을 너무 많이 넣지 않았는지 보세요. "
            "계속되면 오늘 기사를 부르세요.",
            "Free the air vents, clean dust off the condenser, and see that it is not overfilled. "
            "If it goes on, call a technician today.",
        ),
    ),
    _condition(
        "refrigerant_loss",
        "today",
        ("냉매 부족", "Refrigerant lost"),
        ("냉매가 모자란 소리", "too little refrigerant"),
        (
            "보관 온도를 확인하고 오늘 기사에게 냉매 누설 점검을 맡기세요. 냉매만 채우는 것은 답이 아닙니다.",
            "Check the temperature and have a technician look for the leak today; refilling alone won't do.",
        ),
    ),
    _condition(
        "fan_fault",
        "today",
        ("팬 막힘·손상", "Fan blocked or damaged"),
        ("팬이 막히거나 상한 소리", "a fan that is blocked or damaged"),
        (
            "전원을 끄고 팬에 얼음, 먼지, 비닐이 걸렸는지 보고 치우세요. 날개가 깨졌으면 기사를 부르세요.",
            "Switch it off and clear ice, dust or wrapping from the fan; a broken blade needs a technician.",
        ),
    ),
    _condition(
        "short_cycling",
        "week",
        ("잦은 켜짐·꺼짐", "Starts too often"),
        ("너무 자주 켜졌다 꺼지는 소리", "a compressor that starts and stops too often"),
        (
            "응축기 먼지와 문 닫힘을 확인하시고, 계속되면 이번 주 안에 온도조절기 점검을 맡기세요.",
            "Check the condenser for dust and the door for gaps; if it goes on, have the thermostat checked "
            "this week.",
        ),
    ),
    _condition(
        "door_open",
        "now",
        ("문 열림", "Door open"),
        ("문이 열려 있는 소리", "an open door"),
        (
            "문이 꼭 닫혔는지 확인해 주세요. 닫혀 있으면 고무 패킹을 보세요.",
            "See that the door is shut; if it is, look at its seal.",
        ),
    ),
    _condition(
        UNKNOWN,
        "week",
        ("원인을 모르는 변화", "Unknown change"),
        ("아직 원인을 모르는 변화", "a change whose cause is not known yet"),
        (
            "기계 옆에서 직접 들어 보시고 팬, 고정 상태, 성에를 확인해 주세요. "
            "소리가 계속 다르면 기사에게 점검을 맡기세요.",
            "Listen at the machine and look at its fan, its mounting and for ice. "
            "If it keeps sounding different, have a technician check it.",
        ),
    ),
)

CONDITIONS: dict[str, Condition] = {condition.name: condition for condition in _ALL}
FAULTS: tuple[str, ...] = tuple(name for name in CONDITIONS if name != UNKNOWN)
"""Every condition that evidence can name, in the order of the table."""
