"""The table of the traffic light."""

from datetime import UTC, datetime, timedelta

import pytest

from signalcraft.dashboards.light import Condition, device_status, machine_light, shop_light


def condition(**changes: object) -> Condition:
    healthy: dict[str, object] = {
        "severity": None,
        "device": "online",
        "has_data": True,
        "verdict": "normal",
        "learning": False,
    }
    return Condition(**(healthy | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "light"),
    [
        ({}, "green"),
        ({"severity": "critical"}, "red"),
        ({"severity": "high"}, "red"),
        ({"severity": "medium"}, "yellow"),
        ({"severity": "low"}, "yellow"),
        ({"severity": "critical", "device": "offline"}, "red"),
        ({"severity": "low", "device": "offline"}, "yellow"),
        ({"device": "offline"}, "grey"),
        ({"device": "offline", "verdict": "anomalous"}, "grey"),
        ({"device": "offline", "learning": True, "verdict": "learning"}, "grey"),
        ({"device": "late"}, "yellow"),
        ({"verdict": "anomalous"}, "yellow"),
        ({"verdict": "not_assessable"}, "yellow"),
        ({"learning": True, "verdict": "learning"}, "blue"),
        ({"learning": True, "verdict": None}, "blue"),
        ({"learning": True, "verdict": "learning", "device": "late"}, "yellow"),
        ({"has_data": False, "verdict": None, "learning": True}, "grey"),
        ({"device": None}, "green"),
        ({"verdict": None}, "grey"),
    ],
)
def test_machine_light(changes: dict[str, object], light: str) -> None:
    signal = machine_light(condition(**changes))
    assert signal.light == light
    assert set(signal.reason) == {"ko", "en"}


def test_silence_of_a_node_in_three_words() -> None:
    now = datetime(2026, 8, 1, tzinfo=UTC)
    words = [device_status(now - timedelta(seconds=seconds), now) for seconds in (-1, 90, 91, 300, 301)]
    assert words == ["online", "online", "late", "late", "offline"]


def test_a_shop_shows_its_worst_machine() -> None:
    assert shop_light(["green", "blue", "red", "grey"]) == "red"
    assert shop_light(["green", "grey"]) == "grey"
    assert shop_light([]) == "grey"
