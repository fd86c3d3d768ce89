"""What is known of a machine at the moment of a clip."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from people import FleetFixture
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.moments import Moment, moment

AT = datetime.now(UTC).replace(microsecond=0)


def measure(fleet: FleetFixture, seconds: float, **values: Any) -> None:
    at = AT + timedelta(seconds=seconds)
    with unit_of_work() as session:
        session.add(Reading(device_id=fleet.device.id, measured_at=at, received_at=at, **values))


def ask(fleet: FleetFixture) -> Moment:
    with unit_of_work() as session:
        return moment(session, [fleet.device], AT)


def test_the_nearest_value_counts_and_the_slope_is_that_of_the_minutes_before(fleet: FleetFixture) -> None:
    for minute in range(-9, 1):
        measure(fleet, 60 * minute, temperature_c=-18.0 + 0.5 * minute, power_percent=50.0 + minute)
    measure(fleet, 30, power_percent=99.0)  # not known yet when the clip was heard
    found = ask(fleet)
    assert found.temperature_c == pytest.approx(-18.0)
    assert found.temperature_slope_c_per_min == pytest.approx(0.5)
    assert found.power_percent == pytest.approx(50.0)
    assert found.vibration_g is None


def test_old_values_and_too_few_of_them_say_nothing(fleet: FleetFixture) -> None:
    measure(fleet, -120, temperature_c=-18.0, power_percent=50.0)
    measure(fleet, 0, vibration_x=0.0, vibration_y=0.0, vibration_z=1.0)
    assert ask(fleet) == Moment()


def test_gravity_is_not_vibration_whatever_the_unit(fleet: FleetFixture) -> None:
    for second in range(10):
        measure(fleet, -second, vibration_x=0.3, vibration_y=0.0, vibration_z=1.0 + 0.04 * (-1) ** second)
    assert ask(fleet).vibration_g == pytest.approx(0.04)


def test_vibration_sent_without_gravity_is_taken_as_it_is(fleet: FleetFixture) -> None:
    measure(fleet, 0, vibration_x=0.03, vibration_y=0.04, vibration_z=0.0)
    assert ask(fleet).vibration_g == pytest.approx(0.05)
