"""Baselines and heads: learned, lent, tried on past clips, and decided about by a rule or a person."""

from datetime import timedelta

import numpy as np
import pytest
from hearing import fetch, hear, hum, teach
from numpy.typing import NDArray
from sqlalchemy import select, update

from people import FleetFixture, Person, make_fleet, make_person
from signalcraft.acoustics.learning import decisions, fitting, heads, labels, queries, refitting, trials
from signalcraft.acoustics.learning.models import Baseline, Head
from signalcraft.acoustics.learning.schemas import DecisionIn, LabelIn
from signalcraft.acoustics.models import Analysis, Clip
from signalcraft.acoustics.queries import lock_machine
from signalcraft.anomaly import drift
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.dsp.features import CURRENT as FEATURES
from signalcraft.errors import ConflictError, ForbiddenError
from signalcraft.fleet.models import Machine

pytestmark = pytest.mark.usefixtures("quick_learners")


def all_baselines() -> list[Baseline]:
    with unit_of_work() as session:
        return list(session.scalars(select(Baseline).order_by(Baseline.id)))


def test_a_new_machine_is_judged_by_what_its_model_sounds_like(fleet: FleetFixture) -> None:
    others = [make_fleet(f"Shop {name}", f"ESP32_{name}") for name in ("A", "B")]
    with unit_of_work() as session:
        session.execute(update(Machine).values(model="Cool 300"))
    for place, other in enumerate(others):
        teach(other.device, first=100 * place)
    found = hear(fleet.device, hum(500))
    assert found.verdict == "normal"
    [lent] = [one for one in all_baselines() if one.machine_id == fleet.machine.id]
    assert (lent.kind, lent.status, lent.clips) == ("model", "active", 40)
    assert "clips" not in lent.made_from, "people of one shop must not hear another's"
    assert found.nearest_clip_id is None
    for seed in range(20):
        hear(fleet.device, hum(seed))
    mine = [one for one in all_baselines() if one.machine_id == fleet.machine.id]
    assert [(one.kind, one.status) for one in mine] == [("model", "retired"), ("own", "active")]


def test_drift_is_followed_once_a_day_when_there_are_new_clips(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    teach(fleet.device, begin=utc_now() - timedelta(days=2))
    # After 20 of them the baseline has grown once; what is unusual is not learned.
    for seed in range(30 + refitting.NEW_CLIPS):
        hear(fleet.device, hum(100 + seed), measured_at=utc_now() - timedelta(minutes=60 - seed))
    before = len(all_baselines())
    assert refitting.refit_due() == 0, "it is not a day old"
    assert refitting.refit_due(utc_now() + refitting.AGE) == 0, (
        "what might come of the new clips is not known"
    )
    settled = utc_now() + drift.SETTLING
    with monkeypatch.context() as wary:
        wary.setattr(queries, "newest_sum", lambda *_: drift.WARY)
        assert refitting.refit_due(settled) == 0
    assert refitting.refit_due(settled) == 1
    newest = all_baselines()[-1]
    assert len(all_baselines()) == before + 1
    assert newest.figures is not None
    assert newest.figures["healthy_clips"] >= refitting.NEW_CLIPS
    with unit_of_work() as session:
        session.execute(update(Baseline).values(created_at=utc_now() - timedelta(days=5)))
    assert refitting.refit_due() == 0, "nothing new was heard"


def test_the_rule_lets_a_baseline_judge_that_finds_as_much_and_is_as_quiet() -> None:
    def figures(healthy: tuple[float, float], faults: tuple[float | None, float | None]) -> dict[str, object]:
        return {
            "healthy_over_limit": dict(zip(("old", "new"), healthy, strict=True)),
            "faults_found": dict(zip(("old", "new"), faults, strict=True)),
        }

    assert trials.baseline_may_judge(figures((0.01, 0.02), (0.9, 0.9)))
    assert trials.baseline_may_judge(figures((0.30, 0.01), (None, None)))
    assert not trials.baseline_may_judge(figures((0.01, 0.05), (0.9, 1.0)))
    assert not trials.baseline_may_judge(figures((0.01, 0.0), (0.9, 0.8)))


def test_a_baseline_that_would_miss_a_fault_waits_for_a_person(fleet: FleetFixture, owner: Person) -> None:
    """Somebody called the whining clips a fault; then whining clips were learned all the same."""
    technician = make_person("technician", shops={fleet.shop.id: "technician"})
    teach(fleet.device, begin=utc_now() - timedelta(days=2))
    fault = hear(fleet.device, hum(900, extra=0.02))
    assert fault.verdict == "anomalous"
    with unit_of_work() as session:
        labels.add(session, owner.principal, fault.id, LabelIn(verdict="correct", condition="friction"))
    for seed in range(20):
        hear(fleet.device, hum(200 + seed, extra=0.02))
    with unit_of_work() as session:
        session.execute(update(Analysis).where(Analysis.id != fault.id).values(learnable=True))
        refitted = refitting.refit(session, lock_machine(session, fleet.machine.id), "running")
    assert refitted is not None
    assert refitted.figures is not None
    assert refitted.figures["faults_found"]["old"] == 1.0
    assert refitted.status == "shadow"
    assert fetch(fault.id).baseline_id != refitted.id
    promote = DecisionIn(decision="promote", reason="it is the new fan")
    with unit_of_work() as session:
        with pytest.raises(ForbiddenError):
            decisions.decide_baseline(session, owner.principal, refitted.id, promote)
        decided = decisions.decide_baseline(session, technician.principal, refitted.id, promote)
        with pytest.raises(ConflictError):
            decisions.decide_baseline(session, technician.principal, refitted.id, promote)
    assert decided.decision is not None
    assert (decided.status, decided.decision["person"]) == ("active", "technician")
    assert [one.status for one in all_baselines()][-2:] == ["retired", "active"]
    assert hear(fleet.device, hum(950, extra=0.02)).baseline_id == refitted.id


@pytest.fixture
def three_machines(owner: Person, fleet: FleetFixture) -> list[int]:
    """Machines with a baseline each, the same one."""
    teach(fleet.device)
    with unit_of_work() as session:
        known = session.scalars(select(Baseline)).one()
        made = [known.machine_id]
        for name in ("two", "three"):
            machine = Machine(name=name, shop_id=fleet.shop.id)
            session.add(machine)
            session.flush()
            made.append(machine.id)
            session.add(
                Baseline(
                    machine_id=machine.id,
                    version=1,
                    features=known.features,
                    detector=known.detector,
                    arrays=known.arrays,
                    clips=known.clips,
                    made_from={},
                )
            )
    return made


def judged(machine_id: int, baseline_id: int, features: NDArray[np.float64]) -> Analysis:
    now = utc_now()
    with unit_of_work() as session:
        clip = Clip(
            machine_id=machine_id,
            source="node",
            received_at=now,
            object_key=f"clips/{np.random.default_rng().integers(2**60)}",
            media_type="audio/flac",
            size_bytes=1,
            sha256=b"x",
        )
        session.add(clip)
        session.flush()
        analysis = Analysis(
            clip_id=clip.id,
            machine_id=machine_id,
            heard_at=now,
            claimable_at=now,
            state="done",
            verdict="anomalous",
            run_state="running",
            condition="unknown_anomaly",
            feature_version=FEATURES,
            features=features.tolist(),
            baseline_id=baseline_id,
        )
        session.add(analysis)
    return analysis


def test_a_head_is_trained_on_labels_tried_and_gets_a_say(
    three_machines: list[int], fleet: FleetFixture, owner: Person, admin: Person
) -> None:
    with unit_of_work() as session:
        known = {one.machine_id: one for one in session.scalars(select(Baseline))}
        fitted = fitting.load(known[three_machines[0]]).fitted
    rng = np.random.default_rng(1)
    half = len(fitted.centre) // 2
    for number in range(30):
        machine_id = three_machines[number % 3]
        is_friction = bool(number // 3 % 2)
        change = np.zeros(len(fitted.centre))
        change[slice(0, half) if is_friction else slice(half, None)] = 8.0
        features = fitted.centre + fitted.scale * (change + rng.normal(0, 1, change.size))
        result = judged(machine_id, known[machine_id].id, features)
        condition = "friction" if is_friction else "fan_fault"
        with unit_of_work() as session:
            labels.add(session, owner.principal, result.id, LabelIn(verdict="correct", condition=condition))
    shares: list[float] = []
    with unit_of_work() as session:
        outcome = heads.train(session, shares.append)
    assert shares == sorted(shares)
    assert outcome["status"] == "active", "by rule: 30 labels of 3 machines, better than physics alone"
    with unit_of_work() as session:
        head = session.scalars(select(Head)).one()
        assert head.figures["grouped_by_machine"]
        assert head.figures["accuracy"]["new"] > 0.9
        assert head.figures["past"]["clips"] == 30
        used = heads.in_use(session)
        assert used is not None
        assert used[0] == head.id
    with unit_of_work() as session:
        again = heads.train(session, shares.append)
        assert again["version"] == 2
        with pytest.raises(ForbiddenError):
            decisions.decide_head(session, owner.principal, head.id, DecisionIn(decision="promote"))
        former = decisions.decide_head(session, admin.principal, head.id, DecisionIn(decision="promote"))
    assert (former.status, former.version) == ("active", 1)
