"""Charts: no peak lost, no gap hidden, whatever level they are read from."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from measured import roll_all, send
from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.fleet.models import Device
from signalcraft.telemetry import resolution
from signalcraft.telemetry.schemas import Series
from signalcraft.telemetry.series import series

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def seconds(count: int, step: float = 1.0) -> list[datetime]:
    return [START + timedelta(seconds=number * step) for number in range(count)]


def chart(fleet: FleetFixture, span: timedelta, points: int, *, start: datetime = START) -> Series:
    with unit_of_work() as session:
        device = session.get_one(Device, fleet.device.id)
        return series(session, [device], start=start, end=start + span, points=points)


def rolled_until_now() -> None:
    roll_all()
    with unit_of_work() as session:
        session.execute(text("UPDATE rollup_progress SET noted_before = now()"))


def test_few_readings_come_as_they_are(fleet: FleetFixture) -> None:
    send(fleet.device.device_id, seconds(50), temperature_c=np.arange(50) / -2, audio_level=0.1)
    found = chart(fleet, timedelta(minutes=1), 100)
    assert (found.count, found.reduced, found.level) == (50, False, "raw")
    assert found.measured_at[:2] == [START.timestamp() * 1000, START.timestamp() * 1000 + 1000]
    assert found.fields["temperature_c"][:3] == [0.0, -0.5, -1.0]
    assert found.fields["audio_level"][0] == 0.1
    assert found.fields["power_percent"] == [None] * 50


@pytest.mark.parametrize(
    ("span", "level"),
    [(timedelta(hours=1), "raw"), (timedelta(hours=12), "minute"), (timedelta(days=20), "hour"),
     (timedelta(days=390), "day")],
)  # fmt: skip
def test_a_peak_of_one_second_is_seen_in_an_hour_and_in_a_year(
    fleet: FleetFixture, span: timedelta, level: str
) -> None:
    values = np.full(3600, -18.0)
    values[1234] = 120.0
    send(fleet.device.device_id, seconds(3600), temperature_c=values)
    rolled_until_now()
    found = chart(fleet, span, 400)
    assert (found.level, found.count, found.reduced) == (level, 3600, True)
    assert len(found.measured_at) <= 400
    assert found.measured_at == sorted(found.measured_at)
    assert {len(column) for column in found.fields.values()} == {len(found.measured_at)}
    peak = found.fields["temperature_c"].index(120.0)
    assert (
        abs(found.measured_at[peak] - (START.timestamp() + 1234) * 1000) <= span.total_seconds() * 1000 / 200
    )


def test_the_last_minutes_of_a_year_are_there_before_they_are_counted(fleet: FleetFixture) -> None:
    now = utc_now()
    send(fleet.device.device_id, [now - 3 * HOUR, now - 2 * HOUR], temperature_c=-18.0)
    rolled_until_now()
    send(fleet.device.device_id, [now], temperature_c=99.0)
    found = chart(fleet, timedelta(days=365), 2400, start=now - timedelta(days=365))
    assert (found.level, found.count) == ("hour", 3)
    assert found.fields["temperature_c"][-1] == 99.0


def test_where_nothing_came_the_line_breaks(fleet: FleetFixture) -> None:
    moments = [moment for moment in seconds(1200) if not 300 <= (moment - START).total_seconds() < 600]
    send(fleet.device.device_id, moments, temperature_c=-18.0)
    raw = chart(fleet, timedelta(seconds=1200), 2000)
    assert (raw.reduced, raw.fields["temperature_c"].count(None)) == (False, 1)
    reduced = chart(fleet, timedelta(seconds=1200), 200)
    assert reduced.fields["temperature_c"].count(None) == 2
    rolled_until_now()
    minutes = chart(fleet, timedelta(hours=10), 1000)
    assert (minutes.level, minutes.fields["temperature_c"].count(None)) == ("minute", 0), "no 5 minutes"


def test_late_readings_are_counted(fleet: FleetFixture) -> None:
    send(fleet.device.device_id, seconds(10), temperature_c=-18.0)
    assert chart(fleet, HOUR, 1000).late == 10
    now = utc_now()
    send(fleet.device.device_id, [now], temperature_c=-18.0)
    assert chart(fleet, HOUR, 1000, start=now).late == 0


@pytest.mark.parametrize(("unit", "one_g"), [("g", 1.0), ("m/s2", 9.80665)])
def test_vibration_is_without_gravity_in_g(fleet: FleetFixture, unit: str, one_g: float) -> None:
    with unit_of_work() as session:
        session.get_one(Device, fleet.device.id).vibration_unit = unit
    swing = np.tile([0.05, -0.05], 30)
    axes = {"vibration_x": swing * one_g, "vibration_y": 0.6 * one_g, "vibration_z": 0.8 * one_g}
    send(fleet.device.device_id, seconds(60), **axes)
    for _ in range(2):  # told by the readings alone, then by what was learned
        found = chart(fleet, timedelta(minutes=1), 100)
        assert found.fields["vibration_g"] == pytest.approx([0.05] * 60, rel=1e-3)
        roll_all()


NOW = datetime(2026, 11, 25, tzinfo=UTC)
days = st.floats(-700, 40)
old_days = st.integers(-700, -2)


@given(days, days, old_days, old_days, st.integers(1, 10**7))
def test_a_chart_is_put_together_without_gap_or_overlap(
    one_end: float, other_end: float, raw: int, minute: int, step_s: int
) -> None:
    start, end = (NOW + timedelta(days=day) for day in sorted((one_end, other_end)))
    if start == end:
        return
    kept = {"raw": NOW + timedelta(days=raw), "minute": NOW + timedelta(days=min(raw, minute))}
    pieces = resolution.plan(
        start,
        end,
        step=timedelta(seconds=step_s),
        now=NOW,
        kept_since=kept,
        progress={"minute": NOW, "hour": NOW - HOUR},
    )
    assert (pieces[0].start, pieces[-1].end) == (start, end)
    for before, after in pairwise(pieces):
        assert before.end == after.start
        assert before.level != after.level
    for piece in pieces:
        assert piece.level not in kept or piece.start >= kept[piece.level], "dropped"
        assert piece.level == "raw" or piece.end <= NOW, "not counted yet"
