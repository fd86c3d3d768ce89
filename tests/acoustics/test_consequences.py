"""What adds up over clips: a fault that is small, a door that stays open, and what a person has ended."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hearing import fetch, hear, hum, teach
from sqlalchemy import select, update

from people import FleetFixture, Person
from signalcraft.acoustics import judgement
from signalcraft.acoustics import surroundings as around
from signalcraft.acoustics.learning import fitting, labels, queries, states
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.learning.schemas import LabelIn
from signalcraft.alarms.models import Alarm
from signalcraft.anomaly import decision, runstate
from signalcraft.anomaly.surroundings import Surroundings
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.fleet.models import Device

pytestmark = pytest.mark.usefixtures("quick_learners")


class Odd:
    """An assessment of the detector's, as strange as is wanted."""

    def __init__(self, found: Any, surprise: float) -> None:
        self.score, self.limit, self.ratio = surprise, 3.0, surprise / 3.0
        self.tail_probability, self.grave = 10**-surprise, False
        self.verdict = "anomalous" if self.ratio > 1 else "normal"
        self.tail_interval, self.scorers = found.tail_interval, found.scorers


@pytest.fixture
def strange(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Put a surprise in, and clips that are judged are as strange as the newest one."""
    wanted: list[float] = []
    assess = fitting.Loaded.assess
    monkeypatch.setattr(
        judgement.Loaded, "assess", lambda self, features: Odd(assess(self, features), wanted[-1])
    )
    return wanted


def trust(device: Device) -> None:
    """Let its baseline count as one of many clips, without hearing them."""
    with unit_of_work() as session:
        session.execute(
            update(Baseline).where(Baseline.machine_id == device.machine_id).values(clips=decision.SURE_CLIPS)
        )


def open_alarms() -> list[Alarm]:
    with unit_of_work() as session:
        return list(session.scalars(select(Alarm).where(Alarm.state != "cleared")))


def test_clips_that_are_merely_unusual_add_up(
    fleet: FleetFixture, owner: Person, strange: list[float]
) -> None:
    teach(fleet.device)
    trust(fleet.device)
    strange.append(1.9)
    for number in range(7):
        found = hear(fleet.device, hum(100 + number))
        assert (found.verdict, open_alarms()) == ("normal", [])
    assert found.learnable is False, "what comes before an alarm may be its beginning"
    found = hear(fleet.device, hum(200))
    [alarm] = open_alarms()
    assert (alarm.severity, alarm.analysis_id) == ("high", found.id)
    assert (found.verdict, found.condition) == ("anomalous", alarm.condition)
    assert found.summary == alarm.summary
    assert found.explanation is not None
    assert found.explanation["scorers"]
    assert found.decision is not None
    assert found.decision["sum"] == 6.5

    # A person ends it: what was heard until then says nothing more.
    with unit_of_work() as session:
        labels.add(session, owner.principal, found.id, LabelIn(verdict="fixed"))
    for number in range(3):
        hear(fleet.device, hum(300 + number))
        assert open_alarms() == []
    for number in range(5):
        hear(fleet.device, hum(400 + number))
    assert len(open_alarms()) == 1


def test_what_was_dismissed_does_not_add_up_again(
    fleet: FleetFixture, owner: Person, strange: list[float]
) -> None:
    teach(fleet.device)
    trust(fleet.device)
    strange.append(1.9)
    for number in range(8):
        found = hear(fleet.device, hum(100 + number))
    with unit_of_work() as session:
        labels.add(session, owner.principal, found.id, LabelIn(verdict="dismiss"))
    strange.append(2.6)
    for number in range(12):
        again = hear(fleet.device, hum(200 + number))
    assert (open_alarms(), again.learnable) == ([], True)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Says whether clips are of an open door, and how fast it gets warm."""
    told: dict[str, Any] = {"state": "running", "slope": None}
    monkeypatch.setattr(
        states,
        "estimate",
        lambda model, features, known: runstate.StateEstimate(told["state"], 1.0, {told["state"]: 1.0}, {}),
    )
    monkeypatch.setattr(
        around, "at_clip", lambda *_, **__: Surroundings(temperature_slope_c_per_min=told["slope"])
    )
    return told


@pytest.mark.parametrize(("slope", "severity"), [(None, "medium"), (0.2, "high")])
def test_a_door_left_open_is_told_and_ends(
    fleet: FleetFixture, door: dict[str, Any], slope: float | None, severity: str
) -> None:
    begin = utc_now() - timedelta(days=1)
    teach(fleet.device, begin=begin - timedelta(hours=4))

    def heard(state: str, minute: int) -> None:
        door["state"] = state
        hear(fleet.device, hum(minute), measured_at=begin + timedelta(minutes=minute))

    door["slope"] = slope
    for minute in (0, 5):
        heard("door_open", minute)  # customers
    for minute in (10, 15):
        heard("running", minute)
    assert open_alarms() == []
    for minute in (100, 105, 110, 115, 120):
        assert open_alarms() == []
        heard("door_open", minute)
    [alarm] = open_alarms()
    assert (alarm.condition, alarm.severity) == ("door_open", severity)
    assert "half hour" in alarm.summary["en"]
    assert 120 not in learned_minutes(fleet, begin)
    for minute in (125, 130, 135):
        assert len(open_alarms()) == 1
        heard("running", minute)
    assert open_alarms() == []


def learned_minutes(fleet: FleetFixture, begin: datetime) -> set[int]:
    """When clips were heard that run states may be learned from."""
    with unit_of_work() as session:
        rows = queries.clips_of_node(session, fleet.machine.id, feature_version=FEATURES, limit=1000)
    return {round((row.heard_at - begin).total_seconds() / 60) for row in rows}


def test_clips_that_are_unusual_to_a_young_baseline_do_not_add_up(
    fleet: FleetFixture, strange: list[float]
) -> None:
    teach(fleet.device)
    strange.append(2.9)
    for number in range(8):
        hear(fleet.device, hum(100 + number))
    assert open_alarms() == []
    strange.append(3.1)  # over the limit of a single clip: beyond any doubt
    for number in range(4):
        hear(fleet.device, hum(200 + number))
    assert [alarm.severity for alarm in open_alarms()] == ["high"]


def test_a_raised_clip_is_still_anomalous_when_it_is_fetched(
    fleet: FleetFixture, strange: list[float]
) -> None:
    teach(fleet.device)
    trust(fleet.device)
    strange.append(2.9)
    found = [hear(fleet.device, hum(100 + number)) for number in range(4)]
    assert [fetch(one.id).verdict for one in found] == ["normal"] * 3 + ["anomalous"]
