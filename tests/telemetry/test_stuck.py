"""Sensors that repeat themselves."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from signalcraft.telemetry.batches import objects
from signalcraft.telemetry.columns import FIELDS, Columns
from signalcraft.telemetry.stuck import MIN_READINGS, Runs


def columns(device: list[int], seconds: list[float], field: str, values: list[float]) -> Columns:
    rows = len(device)
    fields = np.full((rows, len(FIELDS)), np.nan, np.float32)
    fields[:, FIELDS.index(field)] = values
    return Columns(
        received_at=datetime(2026, 11, 1, tzinfo=UTC),
        device=np.array(device, np.int32),
        measured_at_us=np.array([round(1e6 * (1 + second)) for second in seconds], np.int64),
        fields=fields,
        quality=objects([None] * rows),
        extra=objects([None] * rows),
        boot=np.full(rows, -1, np.int64),
        sequence=np.full(rows, -1, np.int64),
    )


def stuck(runs: Runs, *args: Any) -> list[int]:
    quality = runs.marked(columns(*args)).quality
    assert all(
        mark is None or mark == {args[2]: {"code": "uncertain", "reason": "stuck"}} for mark in quality
    )
    return [row for row, mark in enumerate(quality) if mark is not None]


@pytest.mark.parametrize("at_once", [1, 7, 1000])
def test_a_sensor_is_stuck_once_it_repeats_itself_for_too_long(at_once: int) -> None:
    """However the readings are grouped, and whatever another device says in between."""
    runs = Runs()
    seconds = list(range(0, 1000, 10))
    found = []
    for start in range(0, len(seconds), at_once):
        part = seconds[start : start + at_once]
        marked = stuck(
            runs,
            [5] * len(part) + [9] * len(part),
            [*part, *part],
            "audio_level",
            [80.0] * len(part) + [80.0 + second for second in part],
        )
        assert all(row < len(part) for row in marked), "only the one that repeats itself"
        found += [part[row] for row in marked]
    assert found == [second for second in seconds if second >= 600]


def test_another_value_ends_it_and_late_ones_say_nothing() -> None:
    runs = Runs()
    seconds = [float(second) for second in range(0, 700, 10)]
    assert stuck(runs, [1] * 70, seconds, "vibration_x", [0.5] * 70) == list(range(60, 70))
    assert stuck(runs, [1, 1], [5.0, 650.0], "vibration_x", [0.4, 0.4]) == []
    assert stuck(runs, [1], [710.0], "vibration_x", [0.5]) == [0]
    assert stuck(runs, [1, 1], [720.0, 730.0], "vibration_x", [0.4, 0.5]) == []


def test_a_steady_temperature_and_few_readings_are_no_fault() -> None:
    hour = [float(second) for second in range(0, 3600, 10)]
    assert stuck(Runs(), [1] * 360, hour, "temperature_c", [-18.0625] * 360) == []
    few = MIN_READINGS - 1
    assert stuck(Runs(), [1] * few, [600.0 * n for n in range(few)], "audio_level", [1.0] * few) == []
    assert stuck(Runs(), [1] * 100, [60.0 * n for n in range(100)], "power_percent", [0.0] * 100) == []
