"""Recording and partitions, on the real database."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import Engine, text

from measured import send
from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.service import see_device
from signalcraft.telemetry import partitions
from signalcraft.telemetry.recording import Outcome

START = datetime(2026, 3, 1, tzinfo=UTC)


def seconds(count: int, start: datetime = START) -> list[datetime]:
    return [start + timedelta(seconds=number) for number in range(count)]


def test_a_batch_sent_again_adds_only_what_is_new(fleet: FleetFixture) -> None:
    name = fleet.device.device_id
    assert send(name, seconds(100), temperature_c=-18.0) == Outcome(stored=100, duplicates=0)
    assert send(name, seconds(120), temperature_c=-17.0) == Outcome(stored=20, duplicates=100)


def test_a_missing_day_is_made_and_takes_over_its_rows(fleet: FleetFixture, owner_engine: Engine) -> None:
    today = date(2021, 5, 10)
    noon = datetime(2021, 5, 10, 12, tzinfo=UTC)
    send(fleet.device.device_id, seconds(3, noon), temperature_c=-18.0)

    def rows_in(table: str) -> int | None:
        with owner_engine.connect() as connection:
            statement = f"SELECT count(*) FROM {table} WHERE measured_at >= :noon"  # noqa: S608
            return connection.scalar(text(statement), {"noon": noon})

    assert rows_in("readings_default") == 3
    with unit_of_work() as session:
        created = partitions.ensure(session, today=today)
    assert len(created) == 9
    assert (rows_in("readings_default"), rows_in("readings_20210510"), rows_in("readings")) == (0, 3, 3)
    with unit_of_work() as session:
        assert partitions.ensure(session, today=today) == []
        plan = session.scalars(
            text("EXPLAIN SELECT * FROM readings WHERE device_id = 1 AND measured_at = '2021-05-10 12:00+00'")
        ).all()
        assert "readings_20210510" in "\n".join(plan)
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
