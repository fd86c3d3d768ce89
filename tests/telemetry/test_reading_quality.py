"""Which numbers count as measurements."""

import pytest

from signalcraft.telemetry.quality import assess


@pytest.mark.parametrize(
    ("field", "value", "unit", "kept", "reason"),
    [
        ("temperature_c", -18.5, "g", -18.5, None),
        ("temperature_c", -127.0, "g", None, "sensor_disconnected"),
        ("temperature_c", 85.0, "g", None, "power_on_value"),
        ("temperature_c", 84.9375, "g", 84.9375, None),
        ("temperature_c", 125.1, "g", None, "out_of_range"),
        ("vibration_z", 16.1, "g", None, "out_of_range"),
        ("vibration_z", 16.1, "m/s2", 16.1, None),
        ("vibration_z", 158.0, "m/s2", None, "out_of_range"),
        ("power_percent", -0.1, "g", None, "out_of_range"),
        ("audio_level", 0.0, "g", 0.0, None),
        ("vibration_x", 1e-300, "g", 0.0, None),  # a `real` column refuses it
    ],
)
def test_values_and_flaws(
    field: str, value: float, unit: str, kept: float | None, reason: str | None
) -> None:
    values, flaws = assess({field: value}, vibration_unit=unit)
    assert values[field] == kept
    assert flaws == ({} if reason is None else {field: {"code": "bad", "reason": reason, "raw": value}})


def test_what_was_not_sent_has_no_flaw() -> None:
    values, flaws = assess({"temperature_c": None}, vibration_unit="g", unreadable={"power_percent": "ovf"})
    assert set(values.values()) == {None}
    assert flaws == {"power_percent": {"code": "bad", "reason": "unreadable_number", "raw": "ovf"}}
