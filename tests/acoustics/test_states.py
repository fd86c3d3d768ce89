"""A machine is only compared with its own behaviour in the same state."""

from datetime import timedelta

import numpy as np
import pytest
from hearing import RATE, hear, hum
from sqlalchemy import func, select

from people import FleetFixture
from signalcraft.acoustics import baselines
from signalcraft.acoustics.learning.models import Baseline, StateModel
from signalcraft.alarms.models import Alarm
from signalcraft.clock import utc_now
from signalcraft.dashboards import queries as dashboards
from signalcraft.db.session import unit_of_work
from signalcraft.realtime.models import OutboxEvent
from signalcraft.telemetry.models import Reading

pytestmark = pytest.mark.usefixtures("quick_learners")


def standing(seed: int) -> bytes:
    """A shop without the machine."""
    noise = np.random.default_rng(seed).normal(0, 0.004, 2 * RATE)
    return (noise * 32767).astype("<i2").tobytes()


def test_standing_clips_are_told_apart_and_neither_learned_nor_judged(fleet: FleetFixture) -> None:
    begin = utc_now() - timedelta(days=1)
    heard = []
    for number in range(34):
        runs = number % 3 > 0
        sound = hum(number) if runs else standing(number)
        at = begin + number * timedelta(minutes=5)
        heard.append((runs, hear(fleet.device, sound, measured_at=at)))
    with unit_of_work() as session:
        baseline = session.scalars(select(Baseline)).one()
        progress = baselines.progress(session, [fleet.machine.id])[fleet.machine.id]
        [newest] = dashboards.latest_analyses(session, [fleet.machine.id]).values()
        told = session.scalars(
            select(OutboxEvent.payload)
            .where(OutboxEvent.type == "analysis.finished")
            .order_by(OutboxEvent.id.desc())
        ).first()
        assert session.scalar(select(func.count()).select_from(StateModel)) == 1
        assert session.scalar(select(func.count()).select_from(Alarm)) == 0
    assert (baseline.run_state, baseline.clips, progress["state"]) == ("running", 20, "ready")
    ran = [found for runs, found in heard if runs]
    stood = [found for runs, found in heard if not runs]
    assert {found.verdict for found in ran[-2:]} <= {"normal", "anomalous"}, "judged, one way or the other"
    assert {found.run_state for found in stood[-4:]} == {"off"}
    last = stood[-1]
    assert (last.verdict, last.score, last.decision) == ("learning", None, None)
    assert last.summary is not None
    assert "stood still" in last.summary["en"]
    # The newest clip is of the standing machine; its light is that of the machine that is known.
    assert newest["run_state"] == "off"
    assert told is not None
    assert (told["light"], told["baseline"]["state"]) == ("green", "ready")


def test_what_the_sensors_said_is_kept_with_the_result(fleet: FleetFixture) -> None:
    at = utc_now()
    with unit_of_work() as session:
        session.add(Reading(device_id=fleet.device.id, measured_at=at, received_at=at, power_percent=56.0))
    found = hear(fleet.device, hum(1), measured_at=at)
    assert found.surroundings == {"power_percent": 56.0}
    assert found.state_version == "runstate-1"
