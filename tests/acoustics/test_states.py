"""A machine is only compared with its own behaviour in the same state."""

from datetime import timedelta

import numpy as np
import pytest
from hearing import RATE, hear, hum, teach
from sqlalchemy import func, select

from people import FleetFixture
from signalcraft.acoustics import baselines
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import states
from signalcraft.acoustics.learning.models import Baseline, StateModel
from signalcraft.alarms.models import Alarm
from signalcraft.anomaly import decision, operation, runstate, runstate_cues
from signalcraft.anomaly.surroundings import Surroundings
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


def test_short_runs_between_clips_are_seen_in_the_current(fleet: FleetFixture) -> None:
    """Runs of two minutes every five: from clips five minutes apart nothing could be told of them."""
    at = utc_now()
    with unit_of_work() as session:
        for step in range(2 * 120):
            moment = at - timedelta(seconds=30 * step)
            power = 60.0 if step % 10 < 4 else 4.0
            session.add(
                Reading(
                    device_id=fleet.device.id, measured_at=moment, received_at=moment, power_percent=power
                )
            )
    with unit_of_work() as session:
        unknown = around.at_clip(session, fleet.machine.id, at)
        known = around.at_clip(session, fleet.machine.id, at, runs_above=30.0)
    assert (unknown.starts_per_hour, unknown.duty) == (None, None)
    assert known.starts_per_hour == pytest.approx(12, rel=0.05)
    assert known.run_s == pytest.approx(120, rel=0.1)
    assert known.duty == pytest.approx(0.4, rel=0.05)


def test_what_the_sensors_said_is_kept_with_the_result(fleet: FleetFixture) -> None:
    at = utc_now()
    with unit_of_work() as session:
        session.add(Reading(device_id=fleet.device.id, measured_at=at, received_at=at, power_percent=56.0))
    found = hear(fleet.device, hum(1), measured_at=at)
    assert found.surroundings == {"power_percent": 56.0}
    assert found.state_version == "runstate-1"


def test_what_cannot_be_heard_is_told_by_the_sensors_if_it_lasts(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine that starts every three minutes sounds well each time."""
    begin = utc_now() - timedelta(days=1)
    usual = Surroundings(starts_per_hour=3.0, run_s=600.0, duty=0.5, previous_state="running")
    monkeypatch.setattr(around, "at_clip", lambda *_, **__: usual)
    teach(fleet.device, begin=begin)
    often = Surroundings(starts_per_hour=20.0, run_s=60.0, duty=0.35, previous_state="running")
    monkeypatch.setattr(around, "at_clip", lambda *_, **__: often)
    for number in range(6):
        at = begin + timedelta(hours=3, minutes=5 * number)
        assert hear(fleet.device, hum(100 + number), measured_at=at).condition == "short_cycling"
    with unit_of_work() as session:
        alarm = session.scalars(select(Alarm)).one()
    assert (alarm.condition, alarm.severity, alarm.count) == ("short_cycling", "medium", 3)
    assert alarm.summary["en"].startswith("Starts too often: ")
    monkeypatch.undo()
    for number in range(decision.CLEAR_AFTER):
        hear(fleet.device, hum(200 + number), measured_at=begin + timedelta(hours=5, minutes=number))
    with unit_of_work() as session:
        assert session.scalar(select(Alarm.state)) == "cleared"


def test_starts_counted_from_clips_as_far_apart_as_the_runs_are_a_lower_bound() -> None:
    told = [(300.0 * place, "running" if place % 2 else "off") for place in range(24)]
    known = around.from_cycles(runstate.cycles(told))
    assert known["starts_per_hour"] == pytest.approx(6, rel=0.1)
    assert known["run_s"] is None
    assert operation.may_start_too_often(known["starts_per_hour"])
    assert not operation.may_start_too_often(2.5)
    assert not operation.may_start_too_often(None)


def test_a_machine_that_was_heard_to_defrost_is_not_forgotten_to(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its newest clips may hold too few defrosts to be told apart from running."""
    teach(fleet.device)
    unheard = np.full((runstate_cues.N_CUES, 2), np.nan)
    for n_gas, kept in ((3, 3), (0, 3), (4, 4)):
        heard = runstate.StateModel(unheard, unheard, unheard, 20, 0, n_gas)
        monkeypatch.setattr(runstate, "learn", lambda *_, heard=heard: heard)
        with unit_of_work() as session:
            made = states.learn(session, fleet.machine.id)
        assert made is not None
        assert runstate.StateModel.from_bytes(made.arrays).n_gas == kept
