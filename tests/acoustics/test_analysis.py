"""From a node's sound to a diagnosis and an alarm: once, whatever dies on the way."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from time import monotonic, sleep
from uuid import UUID

import numpy as np
import pytest
from hearing import RATE, fetch, hear, hum, raise_alarm, receive, teach
from obstore.store import LocalStore
from pydantic import SecretStr
from sqlalchemy import func, select, update

from people import FleetFixture, Person
from signalcraft.acoustics import analysis as analyses
from signalcraft.acoustics import queries, reception, tasks
from signalcraft.acoustics.learning.models import Baseline
from signalcraft.acoustics.models import Analysis, Clip, ClipFragment
from signalcraft.alarms import service as alarms
from signalcraft.alarms.models import Alarm, AlarmTransition
from signalcraft.anomaly import decision
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.errors import InvalidInputError, UnavailableError
from signalcraft.queue import make_celery
from signalcraft.realtime.connection import get_redis
from signalcraft.realtime.models import OutboxEvent
from signalcraft.settings import Settings, get_settings
from signalcraft.storage import objects


def count(table: type, *conditions: object) -> int:
    with unit_of_work() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0  # type: ignore[arg-type]


def test_a_machine_learns_then_an_anomaly_raises_one_alarm_that_normal_sound_clears(
    fleet: FleetFixture, owner: Person
) -> None:
    teach(fleet.device)
    assert count(Baseline) == 1
    assert hear(fleet.device, hum(1000)).verdict == "normal"
    assert count(Alarm) == 0

    found = hear(fleet.device, hum(1001, extra=0.3))
    assert (found.verdict, found.grave, found.learnable) == ("anomalous", True, False)
    assert found.baseline_id is not None
    low, high = found.explanation["bands"][0]["low_hz"], found.explanation["bands"][0]["high_hz"]  # type: ignore[index]
    assert low < 3000 < high
    assert count(Alarm) == 0, "one clip alone wakes nobody"
    hear(fleet.device, hum(1002, extra=0.3))
    assert count(Alarm) == 1, "the next one says it too"
    hear(fleet.device, hum(1003, extra=0.3))
    with unit_of_work() as session:
        alarm = session.scalars(select(Alarm)).one()
        assert (alarm.severity, alarm.count, alarm.state) == ("critical", 2, "active_unacknowledged")
        acknowledged = alarms.acknowledge(session, owner.principal, alarm.id, comment="on my way")
    assert acknowledged.acknowledged_by == owner.username

    normal = 0
    while count(Alarm, Alarm.state == "cleared") == 0:
        assert normal < 12
        hear(fleet.device, hum(2000 + normal))
        normal += 1
    assert normal > decision.CLEAR_AFTER
    with unit_of_work() as session:
        kinds = session.scalars(select(AlarmTransition.kind).order_by(AlarmTransition.id)).all()
        told = session.scalars(select(OutboxEvent.type).where(OutboxEvent.type.like("alarm.%"))).all()
    assert kinds == ["raised", "acknowledged", "cleared"]
    assert sorted(told) == ["alarm.acknowledged", "alarm.cleared", "alarm.raised"]


def test_what_is_heard_while_an_alarm_is_open_is_never_learned(fleet: FleetFixture) -> None:
    teach(fleet.device)
    raise_alarm(fleet.device)
    assert hear(fleet.device, hum(1000)).learnable is False


def test_a_clip_much_shorter_than_those_learned_is_not_judged(fleet: FleetFixture) -> None:
    """What is loud or quiet at times depends on how long one listens: it would look like a fault."""
    for number in range(get_settings().baseline_clips):
        hear(fleet.device, hum(number, seconds=3.0))
    told = hear(fleet.device, hum(900, seconds=1.2))
    assert told.verdict == "not_assessable"
    assert told.reasons == ["shorter"]
    assert told.summary is not None
    assert "shorter" in told.summary["en"]
    assert not told.learnable


def test_a_second_worker_changes_nothing(fleet: FleetFixture) -> None:
    first = hear(fleet.device, hum(1))
    analyses.work_on(first.id, redelivered=True)
    assert fetch(first.id).attempts == 1
    assert count(OutboxEvent, OutboxEvent.type == "analysis.finished") == 1


def test_two_workers_at_once_show_one_result(fleet: FleetFixture) -> None:
    """The first one was taken for dead while it still worked: both finish, one result counts."""
    received = receive(fleet.device, hum(1))
    assert received.analysis_id is not None
    with unit_of_work() as session:
        claimed = queries.claim(
            session, received.analysis_id, now=utc_now(), lease=timedelta(seconds=1), redelivered=False
        )
    assert claimed is not None
    analysis, clip = claimed
    heard = analyses.hear(analysis, clip)
    analyses.work_on(received.analysis_id, redelivered=True)
    with unit_of_work() as session:
        analyses.finish(session, received.analysis_id, clip, heard)
    assert count(OutboxEvent, OutboxEvent.type == "analysis.finished") == 1


def test_a_clip_whose_worker_or_queue_died_is_queued_again(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = receive(fleet.device, hum(1))
    queued: list[UUID] = []
    monkeypatch.setattr(
        reception, "queue_message", lambda session, analysis_id, request: queued.append(analysis_id)
    )
    tasks.sweep()
    assert queued == []
    with unit_of_work() as session:
        session.execute(
            update(Analysis).values(state="scoring", claimable_at=utc_now() - timedelta(seconds=1))
        )
    tasks.sweep()
    assert queued == [received.analysis_id]
    tasks.sweep()
    assert queued == [received.analysis_id]
    # Put off by a clock that was two hours ahead, until it was set back.
    with unit_of_work() as session:
        session.execute(update(Analysis).values(claimable_at=utc_now() + timedelta(hours=2)))
    tasks.sweep()
    tasks.sweep()
    assert queued == [received.analysis_id] * 2


@pytest.mark.parametrize(
    ("pcm", "reason"),
    [
        (bytes(2 * RATE * 2), "silent"),
        (hum(1, seconds=0.5), "too_short"),
        (np.tile(np.array([32767] * 40 + [-32768] * 40, "<i2"), RATE * 2 // 80).tobytes(), "clipped"),
    ],
)
def test_a_clip_that_cannot_be_judged_is_kept_and_says_why(
    fleet: FleetFixture, pcm: bytes, reason: str
) -> None:
    found = hear(fleet.device, pcm)
    assert (found.state, found.verdict) == ("done", "not_assessable")
    assert found.reasons is not None
    assert reason in found.reasons
    assert found.summary is not None
    assert found.summary["ko"]
    assert not found.learnable


def test_fragments_of_old_firmware_are_joined_and_heard_without_their_joints(fleet: FleetFixture) -> None:
    sound = hum(1, seconds=10.048)
    fragments = [sound[i : i + 2048] for i in range(0, len(sound), 2048)]
    states = [receive(fleet.device, fragment).state for fragment in fragments]
    assert states == ["collecting"] * 156 + ["queued"]
    assert count(ClipFragment) == 0
    with unit_of_work() as session:
        clip = session.scalars(select(Clip)).one()
    assert clip.segment_samples == 1024
    assert clip.duration_s == pytest.approx(10.048)


def test_waiting_fragments_become_a_clip_in_the_end(fleet: FleetFixture) -> None:
    for i in range(20):
        receive(fleet.device, hum(i, seconds=0.064))
    tasks.join_waiting_fragments()
    assert count(Clip) == 0
    with unit_of_work() as session:
        session.execute(update(ClipFragment).values(received_at=utc_now() - timedelta(hours=1)))
    tasks.join_waiting_fragments()
    assert (count(Clip), count(ClipFragment)) == (1, 0)


def test_a_clip_sent_again_with_its_time_is_the_same_clip(fleet: FleetFixture) -> None:
    moment = utc_now()
    first = receive(fleet.device, hum(1), measured_at=moment)
    again = receive(fleet.device, hum(1), measured_at=moment)
    assert first.clip_id == again.clip_id
    assert count(Analysis) == 1


def test_sound_comes_back_bit_for_bit(fleet: FleetFixture) -> None:
    pcm = hum(1)
    receive(fleet.device, pcm)
    with unit_of_work() as session:
        key = session.scalars(select(Clip.object_key)).one()
    samples = analyses.dsp.decode(objects.get(key), max_duration_s=60).samples
    assert (np.round(samples * 32768).astype("<i2").tobytes()) == pcm


def test_sound_without_a_row_is_removed(fleet: FleetFixture) -> None:
    long_ago = utc_now() - timedelta(hours=3)
    objects.put(f"clips/{long_ago:%Y/%m/%d/%H}/orphan.flac", b"x")
    receive(fleet.device, hum(1))
    tasks.sweep_objects()
    assert not objects.keys_under(f"clips/{long_ago:%Y/%m/%d/%H}")
    with unit_of_work() as session:
        assert objects.get(session.scalars(select(Clip.object_key)).one())


def test_bad_sound_stores_nothing(fleet: FleetFixture, admin: Person) -> None:
    with pytest.raises(InvalidInputError) as odd:
        receive(fleet.device, b"\x00" * 3201)
    assert odd.value.field == "body"
    with unit_of_work() as session, pytest.raises(InvalidInputError) as text:
        reception.receive_upload(session, admin.principal, b"not sound at all" * 50, machine=None)
    assert text.value.field == "audio"
    assert (count(Clip), count(Analysis), count(ClipFragment)) == (0, 0, 0)


def test_urgent_clips_go_ahead_in_the_queue(fleet: FleetFixture) -> None:
    for number, priority in enumerate(("normal", "high", "urgent")):
        with unit_of_work() as session:
            reception.receive_node_clip(
                session,
                fleet.device,
                hum(number),
                sample_rate_hz=RATE,
                bits_per_sample=16,
                measured_at=None,
                priority=priority,  # type: ignore[arg-type]
            )
    waiting = {key: get_redis().llen(key) for key in get_redis().keys("tasks-*")}
    assert waiting == {"tasks-blue": 1, "tasks-blue\x06\x163": 1, "tasks-blue\x06\x166": 1}


def test_a_clip_that_takes_its_worker_down_each_time_is_given_up(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = receive(fleet.device, hum(1))
    assert received.analysis_id is not None

    def crash(*_: object) -> None:
        raise RuntimeError("the worker is gone")

    monkeypatch.setattr(analyses, "hear", crash)
    for _ in range(queries.MAX_ATTEMPTS):
        with pytest.raises(RuntimeError):
            analyses.work_on(received.analysis_id, redelivered=True)
    analyses.work_on(received.analysis_id, redelivered=True)
    with unit_of_work() as session:
        session.execute(update(Analysis).values(claimable_at=utc_now() - timedelta(seconds=1)))
    tasks.sweep()
    tasks.sweep()
    found = fetch(received.analysis_id)
    assert (found.state, found.reasons, found.attempts) == ("failed", ["gave_up"], queries.MAX_ATTEMPTS)
    assert count(OutboxEvent, OutboxEvent.type == "analysis.finished") == 1


def test_a_clip_sent_again_before_it_was_answered_is_the_same_clip(fleet: FleetFixture) -> None:
    moment = utc_now()
    with ThreadPoolExecutor(1) as node:
        with unit_of_work() as session:
            first = reception.receive_node_clip(
                session, fleet.device, hum(1), sample_rate_hz=RATE, bits_per_sample=16, measured_at=moment
            )
            again = node.submit(receive, fleet.device, hum(1), measured_at=moment)
            sleep(0.5)  # until it waits for us
        assert again.result(10).clip_id == first.clip_id
    assert (count(Clip), count(Analysis)) == (1, 1)


def test_the_sound_of_a_large_fleet_is_looked_up_at_once(database: None) -> None:
    """More keys than a statement may have parameters: an hour of a thousand nodes."""
    with unit_of_work() as session:
        assert queries.known_object_keys(session, [f"clips/{i}" for i in range(70_000)]) == set()


def test_a_file_that_a_person_compares_with_a_machine_has_no_say_in_its_alarms(
    fleet: FleetFixture, owner: Person
) -> None:
    teach(fleet.device)
    raise_alarm(fleet.device)
    assert count(Alarm, Alarm.state != "cleared") == 1
    for seed in range(3):
        pcm = hum(1000 + seed)
        with unit_of_work() as session:
            upload, _ = reception.receive_upload(
                session,
                owner.principal,
                analyses.dsp.encode_flac(pcm, sample_rate_hz=RATE),
                machine=fleet.machine,
            )
        analyses.work_on(upload.id, redelivered=False)
        assert fetch(upload.id).verdict == "normal"
    hear(fleet.device, hum(2000))
    assert count(Alarm, Alarm.state == "cleared") == 0


def test_an_upload_is_not_kept_waiting_while_redis_is_away(settings: Settings, fleet: FleetFixture) -> None:
    make_celery(settings.model_copy(update={"redis_url": SecretStr("redis://127.0.0.1:1/0")}))
    try:
        started = monotonic()
        received = receive(fleet.device, hum(1))
        assert monotonic() - started < 2
    finally:
        make_celery(settings)
    assert received.analysis_id is not None
    assert fetch(received.analysis_id).state == "queued"


def test_while_the_store_is_away_a_clip_waits_and_loses_no_attempt(
    fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    received = receive(fleet.device, hum(1))
    assert received.analysis_id is not None
    with monkeypatch.context() as away:
        away.setattr(objects, "_store", lambda: LocalStore("/proc/self/fdinfo"))
        with pytest.raises(UnavailableError):
            objects.put("clips/x", b"x")
        away.setattr(objects, "get", lambda key: objects.put(key, b""))
        for _ in range(2 * queries.MAX_ATTEMPTS):
            analyses.work_on(received.analysis_id, redelivered=True)
    waiting = fetch(received.analysis_id)
    assert (waiting.state, waiting.attempts) == ("queued", 0)
    analyses.work_on(received.analysis_id, redelivered=False)
    assert fetch(received.analysis_id).state == "done"
