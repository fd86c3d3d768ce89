"""Recording, charts and partitions, on the real database."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.fleet.service import see_device
from signalcraft.telemetry import partitions, service
from signalcraft.telemetry.schemas import ReadingIn

START = datetime(2026, 3, 1, tzinfo=UTC)


def record(device: Device, count: int, value: Callable[[int], float], *, start: datetime = START) -> int:
    readings = [
        ReadingIn(
            start + timedelta(seconds=number),
            {"temperature_c": value(number), "vibration_x": 3.0, "vibration_y": 0.0, "vibration_z": 4.0},
        )
        for number in range(count)
    ]
    with unit_of_work() as session:
        return service.record(session, device, readings)


def test_a_batch_sent_again_adds_only_what_is_new(fleet: FleetFixture) -> None:
    assert record(fleet.device, 100, float) == 100
    assert record(fleet.device, 120, float) == 20


def test_few_readings_come_as_they_are(fleet: FleetFixture) -> None:
    record(fleet.device, 50, lambda number: -number / 2)
    with unit_of_work() as session:
        series = service.series(
            session, [fleet.device], start=START, end=START + timedelta(minutes=1), points=100
        )
    assert (series.count, series.reduced) == (50, False)
    assert series.measured_at[:2] == [START.timestamp() * 1000, START.timestamp() * 1000 + 1000]
    assert series.fields["temperature_c"][:3] == [0.0, -0.5, -1.0]
    assert series.fields["vibration_g"][0] == pytest.approx(5.0)
    assert series.fields["power_percent"] == [None] * 50


def test_many_readings_keep_every_peak(fleet: FleetFixture) -> None:
    record(fleet.device, 2000, lambda number: 120.0 if number == 1234 else -18.0)
    with unit_of_work() as session:
        series = service.series(
            session, [fleet.device], start=START, end=START + timedelta(seconds=2000), points=100
        )
    assert (series.count, series.reduced, len(series.measured_at)) == (2000, True, 100)
    assert series.measured_at == sorted(series.measured_at)
    peak = series.fields["temperature_c"].index(120.0)
    assert abs(series.measured_at[peak] - (START.timestamp() + 1234) * 1000) < 40_000
    assert {len(column) for column in series.fields.values()} == {100}


def test_gravity_in_metres_counts_as_g(fleet: FleetFixture) -> None:
    with unit_of_work() as session:
        device = session.get_one(Device, fleet.device.id)
        device.vibration_unit = "m/s2"
    record(device, 1, float)
    with unit_of_work() as session:
        series = service.series(session, [device], start=START, end=START + timedelta(seconds=1), points=10)
    assert series.fields["vibration_g"] == [pytest.approx(5.0 / 9.80665)]


def test_a_missing_day_is_made_and_takes_over_its_rows(fleet: FleetFixture, owner_engine: Engine) -> None:
    today = date(2031, 5, 10)
    noon = datetime(2031, 5, 10, 12, tzinfo=UTC)
    record(fleet.device, 3, float, start=noon)

    def rows_in(table: str) -> int | None:
        with owner_engine.connect() as connection:
            statement = f"SELECT count(*) FROM {table} WHERE measured_at >= :noon"  # noqa: S608
            return connection.scalar(text(statement), {"noon": noon})

    assert rows_in("readings_default") == 3
    with unit_of_work() as session:
        created = partitions.ensure(session, today=today)
    assert len(created) == 9
    assert (rows_in("readings_default"), rows_in("readings_20310510"), rows_in("readings")) == (0, 3, 3)
    with unit_of_work() as session:
        assert partitions.ensure(session, today=today) == []
        plan = session.scalars(
            text("EXPLAIN SELECT * FROM readings WHERE device_id = 1 AND measured_at = '2031-05-10 12:00+00'")
        ).all()
        assert "readings_20310510" in "\n".join(plan)
    with owner_engine.begin() as connection:
        connection.execute(text("DELETE FROM readings"))
        for name in created:
            connection.execute(text(f"DROP TABLE {name}"))


def test_a_new_device_heard_by_many_threads_at_once_is_one_device(database: None) -> None:
    def hear(_: int) -> int:
        with unit_of_work() as session:
            return see_device(session, "EAGER", address="192.0.2.7", now=utc_now()).id

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(hear, range(8)))) == 1
    with unit_of_work() as session:
        assert session.scalar(text("SELECT count(*) FROM machines")) == 1
