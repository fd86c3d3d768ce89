"""What people read where no detector had a say."""

Text = dict[str, str]

NO_MACHINE = {
    "ko": "비교할 기계를 지정하지 않아 판단하지 않았습니다. 소리의 품질은 분석할 수 있는 수준입니다.",
    "en": "No machine was named to compare with, so there is no judgement. The sound itself can be analysed.",
}
UNREADABLE = {
    "ko": "저장된 소리를 읽을 수 없어 분석하지 못했습니다.",
    "en": "The stored sound could not be read, so it was not analysed.",
}
LEFT_OPEN = {
    "ko": "지난 30분 동안의 녹음 대부분에서 문이 열려 있었습니다.",
    "en": "it was open in most recordings of the last half hour.",
}
_STANDING_STILL = {
    "ko": "기계가 멈춰 있을 때의 녹음입니다. 판단할 소리가 없습니다.",
    "en": "The machine stood still: there was nothing of it to judge.",
}
_UNKNOWN_STATE = {
    "ko": "기계가 어떤 상태였는지 알 수 없어 판단하지 않았습니다.",
    "en": "What the machine was doing cannot be told from this recording: no judgement.",
}
_STATES = {
    "starting": ("켜지는 중", "while it starts"),
    "running": ("도는 중", "while it runs"),
    "stopping": ("꺼지는 중", "while it stops"),
    "defrost": ("제상 중", "while it defrosts"),
    "door_open": ("문이 열린 동안", "with its door open"),
}


def told_by_sensors(title: Text, evidence: Text | None) -> Text:
    """A condition that cannot be heard, and what speaks for it."""
    return {
        language: title[language] + (f": {evidence[language]}" if evidence else "")
        for language in ("ko", "en")
    }


def not_judged(state: str, clips: int, needed: int) -> Text:
    """A clip of a machine that is known, in a state that is not: clips of `needed` have been heard in it."""
    if state == "off":
        return _STANDING_STILL
    if state not in _STATES:
        return _UNKNOWN_STATE
    ko, en = _STATES[state]
    return {
        "ko": f"{ko}의 녹음입니다. 이 상태의 평소 소리는 아직 배우는 중이라({needed}개 중 {clips}개) "
        "판단하지 않습니다.",
        "en": f"Recorded {en}. How the machine sounds then is still being learned "
        f"({clips} of {needed} clips): no judgement.",
    }
