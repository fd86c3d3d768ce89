"""What an engineer would look at: some thirty indicators, as deviations from the machine's own baseline.

An indicator is the mean of the feature values that tell the same thing (its members), minus what is usual for
this machine, in the features' unit and in robust deviations. What was not measured is NaN and counts as no
evidence. The bands are those of a machine's parts (motor and shaft below 250 Hz, housing to 1.5 kHz, contact
noise to 3.5 kHz, impacts and flow above), not of a data set.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from signalcraft.anomaly.diagnosis.conditions import Text
from signalcraft.anomaly.surroundings import Surroundings

Array = NDArray[np.float64]

_BANDS_HZ = {
    "low": (50.0, 250.0),
    "body": (250.0, 1500.0),
    "mid": (1500.0, 3500.0),
    "high": (3500.0, 8000.0),
}
# A smaller deviation cannot be heard, or is within what the sensor resolves, however steady the machine is.
_LEAST_SCALE = {
    "dB": 0.5,
    "Hz": 0.03,
    "%": 0.3,
    "": 0.3,
    "°C": 0.5,
    "°C/min": 0.03,
    "g": 0.02,
    "octaves": 0.15,
    "deviations": 1.0,
}

# Balls slip by some 1 % from clip to clip; multiples of the shaft, the mains and the fan are exact but for
# the resolution of the spectrum.
_SAME_RHYTHM, _MULTIPLE = 0.012, 0.005
# So much does the strongest of some 4,000 lines of a noise's envelope stand out by chance, and scatter.
_FOUND_RHYTHM_DB, _RHYTHM_SCALE_DB = 12.0, 2.0
_MAD_TO_SIGMA = 1.4826
# Of a fan on the mains, in per cent: it may be braked, but its motor drives it no faster.
_FAN_CHANGES = (-45.0, 4.0)
# The detectors add this to every scale, whatever its unit, so that a constant feature does not divide by
# zero; it would hide a change of slip.
_ADDED = 0.1
# Deviations that a finding of yes or no stands for: such a thing happens to healthy machines too.
_CLEARLY = 7.0
UNMOVED = 1.0  # deviations: such a one is no change
_MIN_USUAL = 5  # earlier surroundings that make a "usual"

# A fan's speed follows voltage and temperature; how much the sound swells depends on what else is there.
_LEAST_SCALE_OF = {"fan_speed": 1.5, "swell_slow": 1.0, "swell_fast": 1.0, "hiss_swell": 1.0}


class NamedValue(Protocol):
    """What a feature tells about itself, see `dsp.features.v1.Feature`."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def low_hz(self) -> float: ...
    @property
    def high_hz(self) -> float: ...


class Usual(Protocol):
    """The part of a detector's baseline that is needed here: float64 (p,) each, NaN where not measured."""

    @property
    def centre(self) -> Array: ...
    @property
    def scale(self) -> Array: ...


@dataclass(frozen=True)
class Indicator:
    """more, less, same: what a deviation upwards, downwards or none is called."""

    name: str
    unit: str
    more: Text
    less: Text
    same: Text

    def said(self, deviation: float) -> Text:
        return self.same if abs(deviation) < UNMOVED else self.more if deviation > 0 else self.less


def _indicator(
    name: str, unit: str, more: tuple[str, str], less: tuple[str, str], same: tuple[str, str]
) -> Indicator:
    texts = ({"ko": ko, "en": en} for ko, en in (more, less, same))
    return Indicator(name, unit, *texts)


def _as_usual(ko: str, en: str) -> tuple[str, str]:
    return f"{ko} 평소와 같음", f"{en} as usual"


def _louder(name: str, ko: str, en: str) -> Indicator:
    return _indicator(
        name, "dB", (f"{ko} 커짐", f"{en} louder"), (f"{ko} 작아짐", f"{en} quieter"), _as_usual(ko, en)
    )


def _more(name: str, unit: str, ko: str, en: str) -> Indicator:
    return _indicator(
        name, unit, (f"{ko} 늘어남", f"more {en}"), (f"{ko} 줄어듦", f"less {en}"), _as_usual(ko, en)
    )


def _higher(name: str, unit: str, ko: str, en: str) -> Indicator:
    return _indicator(
        name, unit, (f"{ko} 높아짐", f"{en} higher"), (f"{ko} 낮아짐", f"{en} lower"), _as_usual(ko, en)
    )


INDICATORS: tuple[Indicator, ...] = (
    _louder("floor_low", "250 Hz 아래 소리가", "sound below 250 Hz"),
    _louder("floor_body", "250 Hz~1.5 kHz 소리가", "sound from 250 Hz to 1.5 kHz"),
    _louder("floor_mid", "1.5~3.5 kHz 소리가", "sound from 1.5 to 3.5 kHz"),
    _louder("floor_high", "3.5 kHz 위 소리가", "sound above 3.5 kHz"),
    _more("unsteady_low", "dB", "낮은 소리의 출렁임이", "swing in the low sound"),
    _more("unsteady_high", "dB", "높은 소리의 출렁임이", "swing in the high sound"),
    _louder("hum", "전원 험(2배)이", "mains hum (2nd harmonic)"),
    _louder("hum_upper", "전원 험의 배음이", "upper harmonics of the hum"),
    _higher("slip", "Hz", "모터 미끄러짐이", "motor slip"),
    _more("slip_sidebands", "dB", "험 옆 측대역이", "side bands beside the hum"),
    _louder("shaft", "축 회전음(1배)이", "tone of the shaft (once a turn)"),
    _louder("shaft_upper", "축 회전음의 배음이", "harmonics of the shaft"),
    _louder("shaft_half", "축 반배음이", "half harmonic of the shaft"),
    _louder("fan", "팬 소리가", "tone of the fan"),
    _higher("fan_speed", "%", "팬 속도가", "fan speed"),
    _indicator(
        "fan_uneven",
        "deviations",
        ("팬이 한 바퀴마다 고르지 않음", "the fan is uneven once a turn"),
        ("팬이 고르게 돎", "the fan turns evenly"),
        ("팬 소리의 고르기가 평소와 같음", "the fan as even as usual"),
    ),
    _more("tonal", "", "음의 뚜렷함이", "tonal sound"),
    _more("knocks_low", "", "낮은 두드림이", "knocking below 1.5 kHz"),
    _more("knocks_mid", "", "1.5~3.5 kHz 충격이", "impacts from 1.5 to 3.5 kHz"),
    _more("knocks_high", "", "3.5 kHz 위 충격이", "impacts above 3.5 kHz"),
    _more("rhythm_low", "dB", "낮은 두드림의 박자가", "rhythm in the knocking below 1.5 kHz"),
    _more("rhythm_own", "dB", "축과 어긋난 충격 박자가", "rhythm of impacts out of step with the shaft"),
    _more("rhythm_shaft", "dB", "회전마다 한 번의 충격이", "impacts once a turn"),
    _more("swell_slow", "dB", "느린 출렁임이", "slow swelling"),
    _more("swell_fast", "dB", "빠른 떨림이", "fast trembling"),
    _more("hiss_swell", "dB", "쉿 소리의 끊김이", "stutter in the hissing"),
    _louder("hiss", "쉿 소리(2~8 kHz)가", "hissing (2 to 8 kHz)"),
    _more("steps", "dB", "녹음 중 모터 소리의 변화가", "change of the motor's sound within the clip"),
    _higher("power", "%", "전류가", "current"),
    _higher("temperature", "°C", "보관 온도가", "storage temperature"),
    _indicator(
        "warming",
        "°C/min",
        ("온도가 오르는 중", "getting warmer"),
        ("온도가 내려가는 중", "getting colder"),
        ("온도가 그대로임", "temperature steady"),
    ),
    _more("vibration", "g", "진동이", "vibration"),
    _more("starts", "octaves", "켜지는 횟수가", "starts an hour"),
    _indicator(
        "run_time",
        "octaves",
        ("한 번 도는 시간이 길어짐", "longer runs"),
        ("한 번 도는 시간이 짧아짐", "shorter runs"),
        _as_usual("한 번 도는 시간이", "length of a run"),
    ),
    _more("duty", "", "도는 시간의 비율이", "time running"),
)
PLACE: dict[str, int] = {indicator.name: i for i, indicator in enumerate(INDICATORS)}
_LEAST = np.array([_LEAST_SCALE_OF.get(one.name, _LEAST_SCALE[one.unit]) for one in INDICATORS])

_SINGLE = {
    "hum": ("hum_2_db",),
    "hum_upper": ("hum_4_db", "hum_6_db", "hum_8_db"),
    "slip": ("slip_hz",),
    "slip_sidebands": ("slip_sideband_db",),
    "shaft": ("shaft_1_db",),
    "shaft_upper": ("shaft_2_db", "shaft_3_db", "shaft_4_db"),
    "shaft_half": ("shaft_half_db",),
    "fan": ("fan_db",),
    "tonal": ("tonal_share",),
    "knocks_low": ("impact_kurtosis_low",),
    "knocks_mid": ("impact_kurtosis_mid",),
    "knocks_high": ("impact_kurtosis_high",),
    "rhythm_low": ("impact_prominence_low_db",),
    "rhythm_shaft": ("impact_shaft_low_db", "impact_shaft_mid_db", "impact_shaft_high_db"),
    "swell_slow": ("modulation_slow_db",),
    "swell_fast": ("modulation_fast_db",),
    "hiss_swell": ("hiss_modulation_db",),
    "hiss": ("hiss_dbfs",),
}
# How each field of the surroundings is read.
_AROUND: dict[str, Callable[[Surroundings], float | None]] = {
    "power": lambda s: s.power_percent,
    "temperature": lambda s: s.temperature_c,
    "warming": lambda s: s.temperature_slope_c_per_min,
    "vibration": lambda s: s.vibration_g,
    "starts": lambda s: _log2(s.starts_per_hour),
    "run_time": lambda s: _log2(s.run_s),
    "duty": lambda s: s.duty,
}
# What is usual, and its deviation, where nothing is known of the machine's own past. Makers of compressors
# allow some 6 to 12 starts an hour; a store in good order hardly warms or cools by 0.1 degrees a minute.
_EXPECTED = {"starts": (math.log2(4.0), 0.5), "warming": (0.0, 0.1)}


@dataclass(frozen=True)
class Indicators:
    """float64 (k,) each, in the order of INDICATORS, NaN where not known. deltas: in the indicator's unit;
    deviations: the same in robust standard deviations of what is usual for the machine."""

    deltas: Array
    deviations: Array


def measure(
    x: ArrayLike,
    usual: Usual,
    names: Sequence[NamedValue],
    surroundings: Surroundings | None = None,
    usual_surroundings: Sequence[Surroundings] = (),
) -> Indicators:
    """The indicators of a feature vector (p,) whose values `names` describes.

    usual_surroundings: those of the machine's healthy clips in the same state, in any order.
    """
    vector = np.asarray(x, dtype=np.float64)
    delta = vector - usual.centre
    deltas, scales = np.full(len(INDICATORS), np.nan), np.full(len(INDICATORS), np.nan)
    both_known = np.isfinite(delta) & np.isfinite(usual.scale)
    for place, members in _members(tuple(names)):
        known = members[both_known[members]]
        if known.size:
            # As `mean`, without what that asks first: it is called fifty times a clip.
            deltas[place] = np.add.reduce(delta[known]) / known.size
            # Members rise and fall together more than not: the mean deviates hardly less than each does.
            scales[place] = np.add.reduce(usual.scale[known]) / known.size - _ADDED
    _add_speed_and_rhythm(vector, usual, names, deltas, scales)
    if surroundings is not None:
        _add_surroundings(surroundings, usual_surroundings, deltas, scales)
    return Indicators(deltas, deltas / np.maximum(scales, _LEAST))


def measure_surroundings(now: Surroundings, past: Sequence[Surroundings]) -> Indicators:
    """The same of a clip that sounds exactly as usual."""
    deltas, scales = np.zeros(len(INDICATORS)), np.ones(len(INDICATORS))
    for name in _AROUND:
        deltas[PLACE[name]] = np.nan
    _add_surroundings(now, past, deltas, scales)
    return Indicators(deltas, deltas / np.maximum(scales, _LEAST))


@lru_cache(maxsize=8)
def _members(names: tuple[NamedValue, ...]) -> tuple[tuple[int, NDArray[np.intp]], ...]:
    """(place of the indicator, places of its features)."""
    by_name = {feature.name: i for i, feature in enumerate(names)}
    steady = "floor" if any(feature.kind == "floor" for feature in names) else "level"
    found: dict[str, list[int]] = {
        f"floor_{band}": _of_band(names, steady, band) for band in ("low", "body", "mid", "high")
    }
    found["unsteady_low"] = _of_band(names, "variation", "low")
    found["unsteady_high"] = _of_band(names, "variation", "mid") + _of_band(names, "variation", "high")
    for name, features in _SINGLE.items():
        found[name] = [by_name[feature] for feature in features if feature in by_name]
    return tuple((PLACE[name], np.array(members, np.intp)) for name, members in found.items() if members)


def _of_band(names: Sequence[NamedValue], kind: str, band: str) -> list[int]:
    low_hz, high_hz = _BANDS_HZ[band]
    return [
        i
        for i, feature in enumerate(names)
        if feature.kind == kind and low_hz <= (feature.low_hz + feature.high_hz) / 2 < high_hz
    ]


def _add_speed_and_rhythm(
    vector: Array, usual: Usual, names: Sequence[NamedValue], deltas: Array, scales: Array
) -> None:
    """The fan's speed in per cent of its own; the rhythm of impacts where it is not the shaft's; steps."""
    by_name = {feature.name: i for i, feature in enumerate(names)}

    def get(name: str) -> tuple[float, float, float]:
        i = by_name.get(name)
        if i is None:
            return _NOTHING
        return float(vector[i]), float(usual.centre[i]), float(usual.scale[i]) - _ADDED

    fan_hz, its_own, spread = get("fan_hz")
    change = 100 * (fan_hz / its_own - 1) if its_own > 0 else math.nan
    if _FAN_CHANGES[0] <= change <= _FAN_CHANGES[1]:  # else it is another fan that was found
        deltas[PLACE["fan_speed"]] = change
        scales[PLACE["fan_speed"]] = 100 * spread / its_own
    if math.isnan(its_own):
        # Equal blades make no tone at the fan's own frequency, so it is seldom found: now one is unlike the
        # others.
        deltas[PLACE["fan_uneven"]] = _CLEARLY if math.isfinite(fan_hz) else 0.0
        scales[PLACE["fan_uneven"]] = 1.0
    step, usual_step, spread = get("hum_step_db")
    deltas[PLACE["steps"]] = abs(step) - abs(usual_step)
    scales[PLACE["steps"]] = spread
    own = (get("shaft_hz")[0] / 2, get("mains_hz")[0], fan_hz)
    place = PLACE["rhythm_own"]
    for band in ("mid", "high"):
        rate_hz, usual_hz, _ = get(f"impact_rate_{band}_hz")
        prominence = get(f"impact_prominence_{band}_db")[0]
        if not math.isfinite(prominence) or not math.isfinite(own[0]):
            continue
        # A rhythm that is there newly counts with how much it stands out; of no other anything is known.
        rise = max(prominence - _FOUND_RHYTHM_DB, 0.0) if _is_new(rate_hz, usual_hz, own) else 0.0
        if not rise <= deltas[place]:
            deltas[place], scales[place] = rise, _RHYTHM_SCALE_DB


_NOTHING = (math.nan, math.nan, math.nan)


def _is_new(rate_hz: float, usual_hz: float, own_hz: Sequence[float]) -> bool:
    """Whether a rhythm is neither the usual one nor one of the shaft (half turns too), the mains or the fan.
    Bearings roll at 0.4, 3 to 3.6, 5 turns or so."""
    if not math.isfinite(rate_hz) or abs(rate_hz - usual_hz) < _SAME_RHYTHM * rate_hz:
        return False
    off = (abs(rate_hz - round(rate_hz / hz) * hz) for hz in own_hz if math.isfinite(hz) and hz > 0)
    return all(distance > _MULTIPLE * rate_hz for distance in off)


def _add_surroundings(now: Surroundings, past: Sequence[Surroundings], deltas: Array, scales: Array) -> None:
    for name, read in _AROUND.items():
        value = _number(read(now))
        known = [number for number in (_number(read(one)) for one in past) if math.isfinite(number)]
        if len(known) >= _MIN_USUAL:
            centre = float(np.median(known))
            scale = _MAD_TO_SIGMA * float(np.median(np.abs(np.array(known) - centre)))
        elif name in _EXPECTED:
            centre, scale = _EXPECTED[name]
        else:
            continue
        deltas[PLACE[name]], scales[PLACE[name]] = value - centre, scale


def _log2(value: float | None) -> float | None:
    return None if value is None or not value > 0 else math.log2(value)


def _number(value: float | None) -> float:
    return math.nan if value is None or not math.isfinite(value) else float(value)
