"""Roll-ups say what the readings say, whoever writes, counts or dies meanwhile."""

import random
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from measured import roll_all, send
from people import FleetFixture, make_fleet
from signalcraft.clock import EARLIEST
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry import aggregates, rollups, sketches
from signalcraft.telemetry.models import ROLLED_FIELDS, DeviceGravity

NOON = datetime(2026, 11, 3, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def rows(statement: str, **parameters: Any) -> Sequence[Any]:
    with unit_of_work() as session:
        return session.execute(text(statement), parameters).all()


def rolled(level: str, columns: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows(f"SELECT {columns} FROM readings_{level} ORDER BY device_id, at")]  # noqa: S608


def assert_right() -> None:
    """Every level against the readings themselves."""
    vibration = "sqrt(vibration_x ^ 2 + vibration_y ^ 2 + vibration_z ^ 2)"
    sources = dict(
        zip(ROLLED_FIELDS, ("temperature_c", vibration, "power_percent", "audio_level"), strict=True)
    )
    told = ["readings", *(f"{f}_{s}" for f in sources for s in ("n", "min", "max", "sum", "squares"))]
    counted = [
        "count(*)",
        *(
            f"{function}({source}{power})"
            for source in sources.values()
            for function, power in (
                ("count", ""),
                ("min", ""),
                ("max", ""),
                ("sum", "::float8"),
                ("sum", "::float8 ^ 2"),
            )
        ),
    ]
    for level in ("minute", "hour", "day"):
        brute = rows(
            f"SELECT device_id, date_trunc('{level}', measured_at), {', '.join(counted)} FROM readings "  # noqa: S608
            "GROUP BY 1, 2 ORDER BY 1, 2"
        )
        found = rolled(level, f"device_id, at, {', '.join(told)}")
        assert [row[:3] for row in found] == [tuple(row[:3]) for row in brute], level
        for mine, theirs in zip(found, brute, strict=True):
            assert numbers(mine[3:]) == pytest.approx(numbers(theirs[3:]), rel=1e-6, nan_ok=True), level
    assert rows("SELECT count(*) FROM rollup_marks") == [(0,)]


def numbers(row: Sequence[Any]) -> list[float]:
    return [np.nan if value is None else value for value in row]


def no_gravity(*fleets: FleetFixture) -> None:
    """Their firmware removes it."""
    with unit_of_work() as session:
        session.add_all(
            DeviceGravity(device_id=one.device.id, since=EARLIEST, x=0.0, y=0.0, z=0.0) for one in fleets
        )


def send_some(name: str, rng: random.Random) -> None:
    """Late, early, twice, over an hour's and a day's end, some without this or that sensor."""
    start = rng.choice((0, 0, 3_000, 40_000)) + rng.randrange(900)
    count = rng.randrange(1, 60)
    values = [rng.choice((float("nan"), -127.0, rng.uniform(-25, 5))) for _ in range(count)]
    send(
        name,
        [at(start + rng.randrange(120) * 7) for _ in range(count)],
        temperature_c=values,
        power_percent=rng.uniform(0, 100),
        **{f"vibration_{axis}": [rng.uniform(-1, 1) for _ in range(count)] for axis in "xyz"},
    )


@pytest.mark.parametrize("seed", range(3))
def test_whoever_writes_and_dies_meanwhile(fleet: FleetFixture, seed: int) -> None:
    other = make_fleet("Another shop", "ESP32_MIC_0002")
    no_gravity(fleet, other)
    done = threading.Event()
    failures: list[BaseException] = []

    def write(number: int) -> None:
        rng = random.Random(100 * seed + number)
        try:
            for _ in range(25):
                send_some(rng.choice((fleet, other)).device.device_id, rng)
        except BaseException as error:
            failures.append(error)

    def roll(number: int) -> None:
        rng = random.Random(1000 * seed + number)
        while not done.is_set():
            try:
                with unit_of_work() as session:
                    session.execute(text("SET LOCAL lock_timeout = '2s'"))
                    session.execute(text("UPDATE rollup_marks SET noted_at = noted_at - interval '1 hour'"))
                    rollups.roll(session, rng.choice(("minute", "hour")))
                    if rng.random() < 0.3:
                        raise KeyboardInterrupt  # killed just before the commit
            except KeyboardInterrupt:
                pass

    rollers = [threading.Thread(target=roll, args=(number,)) for number in range(2)]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(3)]
    for thread in (*rollers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in rollers:
        thread.join()
    assert failures == []
    roll_all()
    assert_right()


def test_a_minute_that_is_not_over_is_left_until_it_is(fleet: FleetFixture) -> None:
    send(fleet.device.device_id, [at(0), at(1)], temperature_c=-18.0)
    with unit_of_work() as session:
        assert not rollups.roll(session, "minute")
    assert rolled("minute", "readings") == []
    roll_all()
    assert rolled("minute", "readings, minutes, late") == [(2, 1, 2)]


def test_a_note_of_what_was_removed_since_holds_nothing_up(fleet: FleetFixture) -> None:
    send(fleet.device.device_id, [at(0)], temperature_c=-18.0)
    with unit_of_work() as session:
        session.execute(text("UPDATE rollup_marks SET noted_at = noted_at - interval '1 hour'"))
        rollups.roll(session, "minute")
    assert rows("SELECT level FROM rollup_marks") == [("hour",)]
    with unit_of_work() as session:
        session.execute(text("DELETE FROM readings_minute"))
    roll_all()
    assert rows("SELECT count(*) FROM rollup_marks") == [(0,)]


def test_gravity_is_learned_and_taken_away(fleet: FleetFixture) -> None:
    shaking = np.tile([0.05, -0.05], 30)
    send(
        fleet.device.device_id,
        [at(second) for second in range(60)],
        vibration_x=0.6,
        vibration_y=shaking,
        vibration_z=0.8,
    )
    roll_all()
    [(count, least, greatest)] = rolled("minute", "vibration_g_n, vibration_g_min, vibration_g_max")
    assert (count, least, greatest) == (60, pytest.approx(0.05, rel=1e-3), pytest.approx(0.05, rel=1e-3))


def test_a_node_mounted_anew_is_noticed(fleet: FleetFixture) -> None:
    name = fleet.device.device_id
    still = {"vibration_x": 0.0, "vibration_y": 0.0, "vibration_z": 1.0}
    send(name, [at(second) for second in range(0, 3600, 20)], **still)
    roll_all()
    turned = {"vibration_x": 1.0, "vibration_y": 0.0, "vibration_z": 0.0}
    send(name, [at(3600 + second) for second in range(0, 3600, 20)], **turned)
    roll_all()
    assert rolled("hour", "vibration_g_max") == [(0.0,), (0.0,)]


def test_metres_are_recognised(fleet: FleetFixture) -> None:
    """Nothing rests at 9.8 g: a node of the old firmware sends m/s², which nobody had set."""
    swing = 9.80665 + 0.0980665 * np.tile([1, -1], 30)
    send(
        fleet.device.device_id,
        [at(second) for second in range(60)],
        vibration_x=0.0,
        vibration_y=0.0,
        vibration_z=swing,
    )
    roll_all()
    assert rows("SELECT vibration_unit FROM devices WHERE id = :id", id=fleet.device.id) == [("m/s2",)]
    assert rolled("day", "vibration_g_max") == [(pytest.approx(0.01, rel=1e-3),)]


def test_readings_recorded_before_there_were_marks_are_taken_in(fleet: FleetFixture) -> None:
    send(fleet.device.device_id, [at(5), at(90)], temperature_c=-18.0)
    with unit_of_work() as session:
        session.execute(text("DELETE FROM rollup_marks"))
        session.execute(text("INSERT INTO rollup_backlog (day) VALUES (:day)"), {"day": NOON.date()})
    roll_all()
    assert_right()


def test_what_comes_after_its_minute_was_dropped_is_added(fleet: FleetFixture) -> None:
    name = fleet.device.device_id
    send(name, [at(1), at(2)], temperature_c=[-20.0, -10.0])
    roll_all()
    with unit_of_work() as session:
        session.execute(text("INSERT INTO kept_since VALUES ('raw', :before)"), {"before": at(86_400)})
        session.execute(text("DELETE FROM readings"))
    send(name, [at(3)], temperature_c=-30.0)
    roll_all()
    roll_all()
    columns = "readings, temperature_c_min, temperature_c_max, temperature_c_sum"
    assert [rolled(level, columns) for level in ("minute", "hour", "day")] == 3 * [[(3, -30.0, -10.0, -60.0)]]
    assert rows("SELECT count(*) FROM readings") == [(0,)]


values = st.lists(st.one_of(st.just(np.nan), st.floats(0, 100, width=32)), min_size=1, max_size=40)


def of(values: Sequence[float], places: Sequence[int]) -> aggregates.Aggregates:
    table = np.tile(np.array(values, np.float64)[:, np.newaxis], 4)
    count = len(values)
    return aggregates.of_readings(
        np.ones(count, np.int64),
        np.array(places, np.int64) * 1_000_000,
        values=table,
        axes=np.full((count, 3), np.nan),
        flawed=np.zeros(count, np.bool_),
        late=np.zeros(count, np.bool_),
    )


@given(values, st.randoms())
@settings(max_examples=60, deadline=None)
def test_percentiles_of_what_was_added_up_are_near_the_true_ones(
    numbers: list[float], rng: random.Random
) -> None:
    places = [rng.randrange(86_400) for _ in numbers]
    day = of(numbers, places).by(aggregates.HOUR_US).by(aggregates.DAY_US)
    known = np.array([number for number in numbers if not np.isnan(number)])
    for place, scale in enumerate(sketches.SCALES):
        [sketch] = day.sketches()[place]
        if not len(known):
            assert sketch is None
            continue
        assert sketch is not None
        for fraction in (0.0, 0.05, 0.5, 0.95, 1.0):
            found = sketches.percentile(sketch, scale, fraction, lowest=known.min(), highest=known.max())
            true = np.quantile(known, fraction, method="inverted_cdf")
            assert found == pytest.approx(true, rel=0.051, abs=0.51 if place in (0, 2) else 1.0)
