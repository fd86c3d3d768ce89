"""Dirt by kind, and sentences about what a person has to decide."""

from collections import Counter

from signalcraft.bilingual import Text
from signalcraft.migration.plan import Plan

REASONS: dict[str, Text] = {
    "time_since_boot": Text(
        ko="시각이 장치를 켠 뒤의 밀리초(2020년 이전)", en="time counts since the node's start (before 2020)"
    ),
    "time_in_milliseconds": Text(ko="시각이 초가 아니라 밀리초", en="time in milliseconds, not seconds"),
    "time_as_text": Text(ko="시각이 숫자가 아니라 글자", en="time is text where the table holds seconds"),
    "time_in_the_future": Text(ko="시각이 2038년 이후", en="time after 2038"),
    "time_not_positive": Text(ko="시각이 0이거나 음수", en="time is zero or negative"),
    "time_missing": Text(ko="시각이 없음", en="no time"),
    "same_device_and_time_other_values": Text(
        ko="앞선 행과 장치·시각이 같고 값이 다름", en="device and time of an earlier row, other values"
    ),
    "device_id_empty": Text(ko="장치 이름이 비어 있음", en="device id is empty"),
    "device_id_holds_nul": Text(ko="장치 이름에 NUL 바이트", en="device id holds a NUL byte"),
    "device_id_holds_control_characters": Text(
        ko="장치 이름에 제어 문자", en="device id holds control characters"
    ),
    "device_id_is_not_text": Text(ko="장치 이름이 글자가 아님", en="device id is not text"),
    "device_id_too_long": Text(ko="장치 이름이 64자를 넘음", en="device id longer than 64 characters"),
    "device_id_unknown": Text(ko="알 수 없는 장치", en="unknown device"),
    "no_email": Text(ko="이메일이 없거나 이메일이 아님", en="no e-mail, or not one"),
    "unknown_person": Text(ko="없는 사람을 가리킴", en="names a person who does not exist"),
    "unknown_shop": Text(ko="없는 매장을 가리킴", en="names a shop that does not exist"),
    "not_json": Text(ko="JSON이 아님", en="not JSON"),
    "device_unknown": Text(ko="장치를 알 수 없음", en="no device named"),
    "not_sound": Text(ko="소리가 아님", en="not sound"),
}
"""Why a row or file was rejected, for people."""


def reason(word: str, language: str) -> str:
    known = REASONS.get(word)
    return str(getattr(known, language)) if known else word.replace("_", " ")


def dirt(plan: Plan) -> list[Text]:
    """What the survey found that needs care, before anything is moved."""
    found: list[Text] = []
    for file in plan.files:
        for table in file.found.tables:
            name = f"{file.copy.source} {table.name}"
            if table.damaged:
                found.append(
                    Text(
                        ko=f"{name}: 손상된 페이지 ({table.damaged})",
                        en=f"{name}: damaged page ({table.damaged})",
                    )
                )
            for column in table.columns:
                if column.mixed:
                    kinds = ", ".join(f"{n} {kind}" for kind, n in column.classes.items() if n)
                    found.append(
                        Text(
                            ko=f"{name}.{column.name}: 여러 형식 ({kinds})",
                            en=f"{name}.{column.name}: several types ({kinds})",
                        )
                    )
        if file.found.foreign_key_violations:
            n = file.found.foreign_key_violations
            found.append(
                Text(
                    ko=f"{file.copy.source}: 없는 행을 가리키는 외래 키 {n}개",
                    en=f"{file.copy.source}: {n} foreign keys to rows that do not exist",
                )
            )
        if file.copy.note:
            found.append(
                Text(
                    ko=f"{file.copy.source}: {file.copy.method}, {file.copy.note}",
                    en=f"{file.copy.source}: {file.copy.method}, {file.copy.note}",
                )
            )
    names = Counter(table.name for file in plan.files for table in file.found.tables)
    found += [
        Text(ko=f"같은 이름의 표가 {n}개: {name}", en=f"{n} tables of one name: {name}")
        for name, n in sorted(names.items())
        if n > 1
    ]
    found += [
        Text(
            ko=f"{file.source}: 읽을 수 없음 ({file.reason})",
            en=f"{file.source}: cannot be read ({file.reason})",
        )
        for file in plan.refused
    ]
    return found
