"""What a shop owner reads about a clip, in Korean and English."""

from collections.abc import Sequence

from signalcraft.anomaly.diagnosis.conditions import UNKNOWN, Text
from signalcraft.anomaly.diagnosis.findings import Diagnosis

Finding = tuple[str, float, float, float]  # kind, low Hz, high Hz, difference in dB

NORMAL: Text = {"ko": "평소와 같은 소리입니다.", "en": "It sounds as usual."}
NORMAL_ADVICE: Text = {"ko": "하실 일이 없습니다.", "en": "Nothing needs to be done."}
ANOMALOUS_ADVICE: Text = {
    "ko": "기계 옆에서 직접 들어 보시고 팬, 고정 상태, 성에를 확인해 주세요. "
    "소리가 계속 다르면 기사에게 점검을 맡기세요.",
    "en": "Listen at the machine and look at its fan, its mounting and for ice. "
    "If it keeps sounding different, have a technician check it.",
}
GRAVE_ADVICE: Text = {
    "ko": "지금 기계와 보관 온도를 확인하고, 오늘 안에 기사에게 점검을 맡기세요.",
    "en": "Look at the machine and its temperature now, and have a technician check it today.",
}

_LOOK_NOW: Text = {
    "ko": "소리가 크게 달라졌으니 지금 기계와 보관 온도를 확인하세요.",
    "en": "The sound has changed a lot: look at the machine and its temperature now.",
}

REASONS: dict[str, Text] = {
    "too_short": {"ko": "녹음이 1초보다 짧습니다", "en": "the recording is shorter than one second"},
    "silent": {"ko": "소리가 거의 들리지 않습니다", "en": "almost nothing can be heard"},
    "clipped": {"ko": "소리가 너무 커서 잘렸습니다", "en": "the sound is so loud that it is cut off"},
    "dropouts": {"ko": "녹음이 중간중간 끊겼습니다", "en": "the recording has gaps"},
    "hum": {
        "ko": "마이크의 전기 잡음만 들립니다",
        "en": "only the electrical hum of the microphone can be heard",
    },
    "shorter": {
        "ko": "평소 녹음보다 너무 짧습니다",
        "en": "the recording is much shorter than the usual ones",
    },
    "other_rate": {
        "ko": "평소 녹음과 샘플링 속도가 달라 높은 소리를 비교할 수 없습니다",
        "en": "its sample rate is not that of the usual recordings, so high sounds cannot be compared",
    },
}
_NOTHING_STANDS_OUT: Text = {
    "ko": "특정 음역이 두드러지지는 않지만 소리의 전체 균형이 달라졌습니다",
    "en": "no single range stands out, but the balance of the sound as a whole has changed",
}
_LOW_BELOW_HZ, _HIGH_ABOVE_HZ = 250.0, 2000.0
_SPOKEN_FINDINGS = 2  # the rest is in the picture
_NAMED_FROM = 0.5  # a cause that is likelier than all others together is named as what it sounds like
_POSSIBLE_FROM = 0.25  # from here on it is named as a possibility


def learning(clips: int, needed: int) -> Text:
    """clips: healthy clips heard so far; needed: how many it takes until the machine can be judged."""
    return {
        "ko": f"이 기계의 평소 소리를 배우는 중입니다({needed}개 중 {clips}개). 아직 판단하지 않습니다.",
        "en": f"Still learning how this machine sounds ({clips} of {needed} clips): no judgement yet.",
    }


def not_assessable(reasons: Sequence[str]) -> Text:
    """reasons: as in `dsp.Quality`."""
    known = [REASONS[reason] for reason in reasons]
    return {
        "ko": f"판단할 수 없는 녹음입니다: {', '.join(text['ko'] for text in known)}. "
        "마이크를 확인해 주세요.",
        "en": f"This recording cannot be judged: {', '.join(text['en'] for text in known)}. "
        "Please check the microphone.",
    }


def anomalous(findings: Sequence[Finding]) -> Text:
    """findings: the most striking first; may be empty."""
    spoken = [_finding(*finding) for finding in findings[:_SPOKEN_FINDINGS]] or [_NOTHING_STANDS_OUT]
    return {
        "ko": f"평소와 소리가 다릅니다: {', '.join(text['ko'] for text in spoken)}.",
        "en": f"It does not sound as usual: {', '.join(text['en'] for text in spoken)}.",
    }


def summary(findings: Sequence[Finding], diagnosis: Diagnosis | None = None) -> Text:
    """What differs and, as far as the evidence goes, what it sounds like; findings as in `anomalous`."""
    differs = anomalous(findings)
    if diagnosis is None:
        return differs
    named = [finding for finding in diagnosis.findings if finding.condition != UNKNOWN]
    if not named or named[0].probability < _POSSIBLE_FROM:
        return {
            "ko": f"{differs['ko']} 원인은 아직 알 수 없습니다.",
            "en": f"{differs['en']} The cause is not known yet.",
        }
    first, share = named[0].about, _percent(named[0].probability)
    if named[0].probability >= _NAMED_FROM:
        return {
            "ko": f"{first.heard['ko']}로 들립니다(가능성 {share}). {differs['ko']}",
            "en": f"It sounds like {first.heard['en']} ({share} likely). {differs['en']}",
        }
    other = named[1] if len(named) > 1 and named[1].probability >= _POSSIBLE_FROM else None
    # "또는" needs no particle that would have to fit the word before the bracket.
    also_ko = f" 또는 {other.about.title['ko']}({_percent(other.probability)})" if other else ""
    also_en = f" or: {other.about.title['en']} ({_percent(other.probability)})" if other else ""
    return {
        "ko": f"{differs['ko']} 확실하지 않지만 {first.title['ko']}({share}){also_ko}일 수 있습니다.",
        "en": f"{differs['en']} It may be: {first.title['en']} ({share}){also_en}, but that is not certain.",
    }


def advice(diagnosis: Diagnosis | None, *, grave: bool) -> Text:
    """What to do next: for the named cause, else in general. A grave change is urgent whatever the cause."""
    named = diagnosis is not None and diagnosis.condition != UNKNOWN
    if diagnosis is None or not named or diagnosis.best.probability < _NAMED_FROM:
        return GRAVE_ADVICE if grave else ANOMALOUS_ADVICE
    first = diagnosis.best.about.first
    if not grave:
        return first
    return {"ko": f"{_LOOK_NOW['ko']} {first['ko']}", "en": f"{_LOOK_NOW['en']} {first['en']}"}


def _percent(probability: float) -> str:
    """Never certain, and no finer than such a judgement is."""
    return f"{min(max(round(20 * probability) * 5, 5), 95)} %"


def _finding(kind: str, low_hz: float, high_hz: float, delta_db: float) -> Text:
    more = delta_db > 0
    pitch_ko, pitch_en = _pitch(low_hz, high_hz)
    where_ko = f"{pitch_ko} 소리({_range(low_hz, high_hz, '~')})가"
    where_en = f"between {_range(low_hz, high_hz, ' and ')}"
    if kind == "level":
        word_ko, word_en = ("커짐", "louder") if more else ("작아짐", "quieter")
        # A level that a person can check at the machine, so with its size.
        amount = f"{abs(delta_db):.0f} dB"
        return {
            "ko": f"{where_ko} {amount} {word_ko}",
            "en": f"{pitch_en} sounds {word_en} by {amount} {where_en}",
        }
    word_ko, word_en = ("들쭉날쭉해짐", "more unsteady") if more else ("더 고르게 들림", "steadier")
    return {"ko": f"{where_ko} {word_ko}", "en": f"{pitch_en} sounds {word_en} {where_en}"}


def _pitch(low_hz: float, high_hz: float) -> tuple[str, str]:
    """In words for somebody to whom a frequency says nothing: hums, the body of a machine's sound, hisses."""
    middle_hz = (low_hz * high_hz) ** 0.5
    if middle_hz < _LOW_BELOW_HZ:
        return "낮은", "low"
    return ("높은", "high") if middle_hz > _HIGH_ABOVE_HZ else ("중간 높이", "middle")


def _range(low_hz: float, high_hz: float, between: str) -> str:
    if low_hz >= 1000:
        return f"{low_hz / 1000:.1f}{between}{high_hz / 1000:.1f} kHz"
    if high_hz >= 1000:
        return f"{low_hz:.0f} Hz{between}{high_hz / 1000:.1f} kHz"
    return f"{low_hz:.0f}{between}{high_hz:.0f} Hz"
