"""The health score: the old formula with its arithmetic mended, each term explained."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signalcraft.fleet.health import band, health, sensor_status

PERFECT = {
    "temperature_c": -20.0,
    "vibration_g": 0.0,
    "power_percent": 50.0,
    "audio_level": 0.0,
    "sensor_quality": 1.0,
    "device_type": "freezer",
    "status": "online",
}


@pytest.mark.parametrize(
    ("changes", "score"),
    [
        ({}, 100.0),
        ({"power_percent": 10.0}, 100.0),  # the old one gave 120
        ({"temperature_c": -15.0}, 90.0),
        ({"temperature_c": 10.0}, 75.0),
        ({"vibration_g": 1.0}, 90.0),
        ({"power_percent": 80.0}, 85.0),
        ({"audio_level": 400.0}, 90.0),
        ({"sensor_quality": 0.5}, 50.0),
        ({"sensor_quality": None}, 100.0),
        # A sensor that is not there is left out; the old one took it for one that measured 0.
        ({"vibration_g": None, "temperature_c": -15.0}, 86.7),
        ({"device_type": "compressor", "temperature_c": 40.0}, 100.0),
        ({"vibration_g": None, "temperature_c": None, "power_percent": None}, None),
        ({"status": "offline"}, None),
    ],
)
def test_the_score_and_what_it_is_made_of(changes: dict[str, object], score: float | None) -> None:
    found = health(**(PERFECT | changes))  # type: ignore[arg-type]
    assert found.score == score
    assert found.reason["ko"] != found.reason["en"] != ""
    if score is not None:
        of = sum(term.of for term in found.terms)
        points = sum(term.points for term in found.terms)
        assert found.score == pytest.approx(100 * points / of * found.quality, abs=0.05)


_number = st.none() | st.floats(-200, 40_000)


@given(_number, _number, _number, _number, st.none() | st.floats(-1, 2))
def test_whatever_is_measured_the_score_is_between_0_and_100(
    temperature_c: float | None,
    vibration_g: float | None,
    power_percent: float | None,
    audio_level: float | None,
    sensor_quality: float | None,
) -> None:
    found = health(
        temperature_c=temperature_c,
        vibration_g=vibration_g,
        power_percent=power_percent,
        audio_level=audio_level,
        sensor_quality=sensor_quality,
        device_type="freezer",
        status="online",
    )
    assert found.score is None or 0 <= found.score <= 100
    assert all(0 <= term.points <= term.of for term in found.terms)


def test_bands_and_the_status_of_single_sensors_are_the_old_ones() -> None:
    assert [band(score) for score in (80, 79.9, 60, 59.9)] == ["healthy", "warning", "warning", "critical"]
    expected = {
        -26: "warning",
        -25: "normal",
        -15: "normal",
        -14.9: "warning",
        -10: "warning",
        -9: "critical",
    }
    assert {at: sensor_status("temperature_c", at, "freezer") for at in expected} == expected
    assert sensor_status("temperature_c", 4.0, "compressor") is None
    assert [sensor_status("power_percent", at, "freezer") for at in (70, 80, 81, None)] == [
        "normal",
        "warning",
        "critical",
        None,
    ]
