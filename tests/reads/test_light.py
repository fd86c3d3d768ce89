"""The table of the traffic light."""

from datetime import UTC, datetime, timedelta

import pytest

from signalcraft.fleet.light import device_status, machine_light, machine_signal, shop_light

HEALTHY = {"alarm_severity": None, "device_status": "online", "verdict": "normal", "baseline_ready": True}


@pytest.mark.parametrize(
    ("changes", "light"),
    [
        ({}, "green"),
        ({"alarm_severity": "critical"}, "red"),
        ({"alarm_severity": "high"}, "red"),
        ({"alarm_severity": "medium"}, "yellow"),
        ({"alarm_severity": "low"}, "yellow"),
        ({"alarm_severity": "critical", "device_status": "offline"}, "red"),
        ({"alarm_severity": "low", "device_status": "offline"}, "yellow"),
        ({"device_status": None}, "grey"),
        ({"device_status": "offline"}, "grey"),
        ({"device_status": "offline", "verdict": "anomalous"}, "grey"),
        ({"device_status": "offline", "baseline_ready": False}, "grey"),
        ({"device_status": "late"}, "yellow"),
        ({"verdict": "anomalous"}, "yellow"),
        ({"verdict": "not_assessable"}, "yellow"),
        ({"baseline_ready": False, "verdict": "learning"}, "blue"),
        ({"baseline_ready": False, "verdict": None}, "blue"),
        ({"baseline_ready": False, "device_status": "late"}, "yellow"),
    ],
)
def test_machine_light(changes: dict[str, object], light: str) -> None:
    facts = HEALTHY | changes
    signal = machine_signal(**facts)  # type: ignore[arg-type]
    assert signal.light == light == machine_light(**facts)  # type: ignore[arg-type]
    assert signal.reason["ko"] != signal.reason["en"] != ""


def test_silence_of_a_node_in_three_words() -> None:
    now = datetime(2026, 8, 1, tzinfo=UTC)
    words = [device_status(now - timedelta(seconds=seconds), now) for seconds in (-1, 90, 91, 300, 301)]
    assert words == ["online", "online", "late", "late", "offline"]


def test_a_shop_shows_its_worst_machine() -> None:
    assert shop_light(["green", "blue", "red", "grey"]) == "red"
    assert shop_light(["green", "grey"]) == "grey"
    assert shop_light([]) == "grey"
