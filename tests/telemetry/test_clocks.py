"""Nodes without a clock: their counts become times that stay."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from people import FleetFixture
from signalcraft.db.session import unit_of_work
from signalcraft.telemetry import clocks
from signalcraft.telemetry.clocks import Clocks

BOOTED = datetime(2026, 11, 1, 12, tzinfo=UTC)


def place(
    clock: Clocks,
    fleet: FleetFixture,
    uptimes_s: list[float],
    *,
    received_s: float,
    boot: int = 7,
    sent_s: float | None = None,
) -> list[float]:
    """Seconds since BOOTED at which the messages were measured."""
    count = len(uptimes_s)
    with unit_of_work() as session:
        measured = clock.place(
            session,
            np.full(count, fleet.device.id, np.int32),
            np.full(count, boot, np.int64),
            np.array([round(uptime * 1e6) for uptime in uptimes_s], np.int64),
            BOOTED + timedelta(seconds=received_s),
            sent_us=None if sent_s is None else np.full(count, round(sent_s * 1e6), np.int64),
        )
    return [float(moment) / 1e6 - BOOTED.timestamp() for moment in measured]


def test_a_message_sent_again_has_the_same_time_also_in_another_process(fleet: FleetFixture) -> None:
    clock = Clocks()
    first = place(clock, fleet, [10.0, 11.0], received_s=11.2)
    assert first == pytest.approx([10.2, 11.2])
    assert place(clock, fleet, [10.0], received_s=500.0) == first[:1]
    assert place(Clocks(), fleet, [11.0, 10.0], received_s=9_000.0) == first[::-1]


def test_each_start_has_a_time_of_its_own(fleet: FleetFixture) -> None:
    clock = Clocks()
    place(clock, fleet, [5000.0], received_s=5000.0, boot=7)
    assert place(clock, fleet, [3.0], received_s=5100.0, boot=8) == pytest.approx([5100.0])


def test_a_start_without_a_name_is_known_by_its_moment(fleet: FleetFixture) -> None:
    clock = Clocks()
    place(clock, fleet, [100.0], received_s=100.0, boot=clocks.UNNAMED)
    assert place(clock, fleet, [130.0], received_s=131.5, boot=clocks.UNNAMED) == pytest.approx([130.0])
    restarted = place(clock, fleet, [2.0], received_s=400.0, boot=clocks.UNNAMED)
    assert restarted == pytest.approx([400.0])
    assert place(Clocks(), fleet, [3.0], received_s=401.5, boot=clocks.UNNAMED) == pytest.approx([401.0])


def test_what_lay_in_a_buffer_misleads_only_who_is_not_told_when_it_was_sent(fleet: FleetFixture) -> None:
    told = place(Clocks(), fleet, [100.0, 200.0], received_s=10_000.0, boot=1, sent_s=10_000.0)
    assert told == pytest.approx([100.0, 200.0])
    clock = Clocks()
    assert place(clock, fleet, [100.0], received_s=10_000.0, boot=2) == pytest.approx([10_000.0])
    place(clock, fleet, [10_001.0], received_s=10_001.0, boot=2)  # would be from the future: learned
    later = 10_001.0 + clocks.AHEAD_US / 1e6 + 1
    assert place(clock, fleet, [later], received_s=later, boot=2) == pytest.approx([later])
    again = place(Clocks(), fleet, [100.0, 10_001.0], received_s=20_000.0, boot=2)
    assert again == pytest.approx([10_000.0, 19_901.0]), "what may have been stored keeps its time"


def test_a_slow_crystal_is_noticed_and_followed(fleet: FleetFixture) -> None:
    """A crystal that loses a thousandth: after hours the times are still right to a few seconds."""
    clock, slow = Clocks(), 1 / 1.001
    errors = [
        place(clock, fleet, [second * slow], received_s=second)[0] - second for second in range(1, 40_000, 60)
    ]
    assert -9.0 < min(errors) <= max(errors) < 0.5  # without learning the last would be 40 s wrong
    with unit_of_work() as session:
        drift = session.connection().exec_driver_sql("SELECT drift_ppm FROM device_boots").scalar_one()
    assert drift == pytest.approx(1000, rel=0.3)


def test_millis_begins_anew_after_fifty_days(fleet: FleetFixture) -> None:
    clock = Clocks()
    wrap = 2**32 / 1000
    assert place(clock, fleet, [wrap - 5], received_s=wrap - 5) == pytest.approx([wrap - 5])
    assert place(clock, fleet, [7.0], received_s=wrap + 7) == pytest.approx([wrap + 7])
