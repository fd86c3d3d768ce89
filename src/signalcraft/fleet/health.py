"""How well a machine is, 0 to 100, from its newest reading: pure arithmetic that explains each of its terms.

The formula of the old dashboard, a quarter each for temperature, vibration, power and sound, with what was
wrong in it mended: a motor that takes less than half its power earned more than a quarter; a sensor that was
not there counted like one that measured 0; vibration was taken with gravity in it; every machine was judged
as a freezer; and the last reading of a node that had fallen silent went on being "healthy".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from signalcraft.fleet.light import DeviceStatus
from signalcraft.fleet.models import FREEZER

Band = Literal["healthy", "warning", "critical"]
Value = TypeVar("Value", float, NDArray[np.float64])
SensorStatus = Literal["normal", "warning", "critical"]

HEALTHY_FROM = 80.0
WARNING_FROM = 60.0

QUARTER = 25.0
MIN_TERMS = 2
"""One sensor alone says too little of a machine."""

TARGET_C: Mapping[str, float] = {FREEZER: -20.0}
"""What a type of machine is to hold. A type that is not here is judged without its temperature."""
POINTS_PER_DEGREE = 2.0
POINTS_PER_G = 10.0
POWER_FREE_PERCENT = 50.0
POINTS_PER_PERCENT = 0.5
POINTS_PER_LEVEL = 0.025

STATUS_LIMITS: Mapping[str, tuple[float, float]] = {
    "vibration_g": (0.5, 1.0),
    "power_percent": (70.0, 80.0),
    "audio_level": (200.0, 500.0),
}
"""Up to the first the old servers call a value normal, up to the second a warning."""
FREEZER_STATUS_C = (-25.0, -15.0, -10.0)
"""Of a freezer: colder is a warning, normal up to, a warning up to."""


@dataclass(frozen=True)
class Term:
    """One sensor's share: `points` of `of`, and why, in both languages."""

    field: str
    value: float
    points: float
    of: float
    reason: dict[str, str]


@dataclass(frozen=True)
class Health:
    """The score with its terms; None with the reason where there is nothing to judge by."""

    score: float | None
    band: Band | None
    terms: tuple[Term, ...]
    quality: float
    reason: dict[str, str]


def health(
    *,
    temperature_c: float | None,
    vibration_g: float | None,
    power_percent: float | None,
    audio_level: float | None,
    sensor_quality: float | None,
    device_type: str,
    status: DeviceStatus,
) -> Health:
    """The score of a machine by its newest reading.

    Parameters
    ----------
    vibration_g : without gravity.
    sensor_quality : 0 to 1, as the node says; None counts as 1.
    status : what the node is; one that is offline has no health, only a past.
    """
    quality = 1.0 if sensor_quality is None else min(max(sensor_quality, 0.0), 1.0)
    if status == "offline":
        return Health(None, None, (), quality, _text("센서가 오프라인입니다", "The sensor node is offline"))
    terms = tuple(
        term
        for term in (
            _temperature(temperature_c, device_type),
            _vibration(vibration_g),
            _power(power_percent),
            _audio(audio_level),
        )
        if term is not None
    )
    if len(terms) < MIN_TERMS:
        return Health(
            None,
            None,
            terms,
            quality,
            _text("유효한 센서 값이 부족합니다", "Too few sensors have a valid value"),
        )
    share = sum(term.points for term in terms) / sum(term.of for term in terms)
    score = round(100.0 * share * quality, 1)
    return Health(score, band(score), terms, quality, _total(terms, quality, score))


def band(score: float) -> Band:
    """The old dashboard's words for a score."""
    if score >= HEALTHY_FROM:
        return "healthy"
    return "warning" if score >= WARNING_FROM else "critical"


def sensor_status(field: str, value: float | None, device_type: str) -> SensorStatus | None:
    """The live status of one value, by the limits that the old servers ran; None where there is none."""
    if value is None:
        return None
    if field == "temperature_c":
        if device_type != FREEZER:
            return None
        coldest, normal, warning = FREEZER_STATUS_C
        if value > warning:
            return "critical"
        return "normal" if coldest <= value <= normal else "warning"
    normal, warning = STATUS_LIMITS[field]
    if value > warning:
        return "critical"
    return "normal" if value <= normal else "warning"


def scores(values: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64]:
    """The scores of many machines, without the explanations of `health`.

    Parameters
    ----------
    values : [row, (temperature_c, vibration_g, power_percent, audio_level, sensor_quality)], NaN if missing.
    targets : what each is to hold in °C, NaN where its type has no target.

    Returns
    -------
    0 to 100, NaN where too few values are there.
    """
    temperature, vibration, power, audio, quality = values.T
    points = np.stack(
        [
            _temperature_points(temperature, targets),
            _vibration_points(vibration),
            _power_points(power),
            _audio_points(audio),
        ],
        axis=1,
    )
    terms = (~np.isnan(points)).sum(axis=1)
    share = np.nansum(np.clip(points, 0.0, QUARTER), axis=1) / (QUARTER * np.maximum(terms, 1))
    found = np.round(100.0 * share * np.clip(np.where(np.isnan(quality), 1.0, quality), 0.0, 1.0), 1)
    return np.where(terms >= MIN_TERMS, found, np.nan)


# Points before they are cut to a quarter: the same arithmetic for one value and for arrays of them.


def _temperature_points(value: Value, target: Value) -> Value:
    return QUARTER - POINTS_PER_DEGREE * abs(value - target)


def _vibration_points(value: Value) -> Value:
    return QUARTER - POINTS_PER_G * value


def _power_points(value: Value) -> Value:
    over = value - POWER_FREE_PERCENT
    return QUARTER - POINTS_PER_PERCENT * (abs(over) + over) / 2


def _audio_points(value: Value) -> Value:
    return QUARTER - POINTS_PER_LEVEL * value


def _temperature(value: float | None, device_type: str) -> Term | None:
    target = TARGET_C.get(device_type)
    if value is None or target is None:
        return None
    off = abs(value - target)
    return _term(
        "temperature_c",
        value,
        _temperature_points(value, target),
        f"목표 {target:g} °C에서 {off:.1f} °C 벗어남, 1 °C마다 {POINTS_PER_DEGREE:g}점 감점",
        f"{off:.1f} °C from the target of {target:g} °C, {POINTS_PER_DEGREE:g} points for each",
    )


def _vibration(value: float | None) -> Term | None:
    if value is None:
        return None
    return _term(
        "vibration_g",
        value,
        _vibration_points(value),
        f"진동 {value:.2f} g, 1 g마다 {POINTS_PER_G:g}점 감점",
        f"{value:.2f} g of vibration, {POINTS_PER_G:g} points for each g",
    )


def _power(value: float | None) -> Term | None:
    if value is None:
        return None
    return _term(
        "power_percent",
        value,
        _power_points(value),
        f"전력 {value:.0f} %, {POWER_FREE_PERCENT:g} %를 넘는 1 %마다 {POINTS_PER_PERCENT:g}점 감점",
        f"{value:.0f} % of power, {POINTS_PER_PERCENT:g} points for each % over {POWER_FREE_PERCENT:g} %",
    )


def _audio(value: float | None) -> Term | None:
    if value is None:
        return None
    return _term(
        "audio_level",
        value,
        _audio_points(value),
        f"소음 {value:.0f}, 1마다 {POINTS_PER_LEVEL:g}점 감점",
        f"sound level {value:.0f}, {POINTS_PER_LEVEL:g} points for each",
    )


def _term(field: str, value: float, points: float, ko: str, en: str) -> Term:
    return Term(field, value, min(max(points, 0.0), QUARTER), QUARTER, _text(ko, en))


def _total(terms: tuple[Term, ...], quality: float, score: float) -> dict[str, str]:
    points, of = sum(term.points for term in terms), sum(term.of for term in terms)
    return _text(
        f"{of:g}점 중 {points:.1f}점, 데이터 품질 {quality:.2f}: {score:g}점",
        f"{points:.1f} of {of:g} points, data quality {quality:.2f}: {score:g}",
    )


def _text(ko: str, en: str) -> dict[str, str]:
    return {"ko": ko, "en": en}
