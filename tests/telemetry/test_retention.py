"""Old readings go, what they said stays, and nobody waits for it."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from measured import roll_all, send
from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry import partitions, retention

OLD = (utc_now() - timedelta(days=45)).replace(hour=12, minute=0, second=0, microsecond=0)
ANCIENT = (utc_now() - timedelta(days=900)).replace(hour=12, minute=0, second=0, microsecond=0)
OLD_TABLE, ANCIENT_MONTH = f"readings_{OLD:%Y%m%d}", f"readings_minute_{ANCIENT:%Y%m}"


@pytest.fixture
def old_tables(fleet: FleetFixture, owner_engine: Engine) -> Iterator[None]:
    with unit_of_work() as session:
        made = partitions.ensure_days(session, [OLD.date()])
        made += partitions.ensure_months(session, today=ANCIENT.date())
    yield
    with owner_engine.begin() as connection:
        connection.execute(text("TRUNCATE readings, readings_minute"))
        for name in made:
            connection.execute(text(f"DROP TABLE IF EXISTS {name}"))


def count(table: str) -> int:
    with unit_of_work() as session:
        return int(session.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608


def test_old_readings_go_and_their_hours_stay(fleet: FleetFixture, old_tables: None) -> None:
    name = fleet.device.device_id
    for start in (OLD, ANCIENT, utc_now().replace(second=0)):  # three in one minute
        send(name, [start + timedelta(seconds=second) for second in range(3)], temperature_c=-18.0)
    roll_all()
    assert {OLD_TABLE, ANCIENT_MONTH} <= set(retention.drop_old())
    assert [count(f"readings{level}") for level in ("", "_minute", "_hour", "_day")] == [3, 2, 3, 3]
    # What comes later still is added where there is a place for it.
    send(name, [OLD + timedelta(seconds=9), ANCIENT + timedelta(seconds=9)], temperature_c=-20.0)
    roll_all()
    roll_all()
    assert count("readings") == 3
    with unit_of_work() as session:
        hours = session.execute(
            text("SELECT readings, temperature_c_min FROM readings_hour ORDER BY at LIMIT 2")
        ).all()
    assert [tuple(hour) for hour in hours] == [(4, -20.0), (4, -20.0)]


def test_what_is_not_rolled_up_is_not_dropped(fleet: FleetFixture, old_tables: None) -> None:
    send(fleet.device.device_id, [OLD], temperature_c=-18.0)
    assert OLD_TABLE not in retention.drop_old()
    assert count("readings") == 1
    roll_all()
    assert OLD_TABLE in retention.drop_old()


def test_writers_are_not_held_up(
    fleet: FleetFixture, old_tables: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long query keeps the table from being dropped; those who come after it must not queue behind."""
    monkeypatch.setattr(retention, "PAUSE_SECONDS", 0.05)
    slowest = 0.0
    with get_engine().connect() as reader:
        reader.execute(text("SELECT count(*) FROM readings"))  # holds its lock until the transaction ends
        dropper = threading.Thread(target=retention.drop_old)
        dropper.start()
        for second in range(40):
            begun = datetime.now(UTC)
            send(fleet.device.device_id, [utc_now() + timedelta(seconds=second)], temperature_c=-18.0)
            slowest = max(slowest, (datetime.now(UTC) - begun).total_seconds())
        assert dropper.is_alive()
        assert OLD_TABLE in dict(_days())
    dropper.join()
    assert OLD_TABLE not in dict(_days())
    assert count("readings") == 40
    assert slowest < 1.0


def _days() -> list[tuple[str, object]]:
    with unit_of_work() as session:
        return [(name, day) for name, day in partitions.days_there(session)]


def test_what_was_over_long_ago_is_forgotten(fleet: FleetFixture) -> None:
    excursion = (
        "INSERT INTO threshold_excursions (device_id, name, field, severity, limit_value, since, "
        "confirmed_at, value, ended_at) VALUES "
        "(:device, 'temperature_high', 'temperature_c', 'high', 0, :since, :since, 1, :over)"
    )
    command = (
        "INSERT INTO device_commands (device_id, kind, body, state, created_at, expires_at, finished_at) "
        "VALUES (:device, 'restart', '{}', :state, :since, :since, :over)"
    )
    with unit_of_work() as session:
        for days, over in ((100, True), (80, True), (120, False)):
            since = utc_now() - timedelta(days=days)
            values = {"device": fleet.device.id, "since": since, "over": since if over else None}
            session.execute(text(excursion), values)
            session.execute(text(command), values | {"state": "acknowledged" if over else "queued"})
        assert retention.forget_old_records(session) == 2
    assert [count("threshold_excursions"), count("device_commands")] == [2, 2]
