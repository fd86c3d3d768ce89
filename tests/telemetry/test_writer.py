"""The writer: requests share commits, wait in a bounded queue, and none spoils another."""

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import timedelta
from threading import Barrier, Event, Thread
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from people import FleetFixture
from signalcraft.clock import utc_now
from signalcraft.db.engine import get_engine
from signalcraft.db.session import unit_of_work
from signalcraft.errors import ForbiddenError, UnavailableError
from signalcraft.fleet.admission import Caller
from signalcraft.fleet.models import Device, Machine
from signalcraft.telemetry import recording
from signalcraft.telemetry.batches import Batch, join, of_reading
from signalcraft.telemetry.columns import Columns
from signalcraft.telemetry.models import Reading
from signalcraft.telemetry.recording import Outcome
from signalcraft.telemetry.schemas import ReadingIn
from signalcraft.telemetry.writer import Writer

START = utc_now().replace(microsecond=0) - timedelta(hours=1)


def readings(name: str, *places: int) -> Batch:
    return join(
        [
            of_reading(name, ReadingIn(START + timedelta(seconds=place), {"temperature_c": -18.0 - place}))
            for place in places
        ]
    )


def submit(writer: Writer, batch: Batch) -> "Future[Outcome]":
    return writer.submit(batch, [Caller(name, None, None) for name in batch.names])


@pytest.fixture
def commits(fleet: FleetFixture) -> Any:
    """How many transactions have ended well since the test began."""
    seen: list[None] = []

    def count(_connection: object) -> None:
        seen.append(None)

    event.listen(get_engine(), "commit", count)
    yield seen
    event.remove(get_engine(), "commit", count)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The first group is under way until `held.set()`."""
    go_on, begun = Event(), Event()

    def wait(_session: Session, _columns: Columns) -> None:
        begun.set()
        assert go_on.wait(10)

    monkeypatch.setattr(recording, "HOOKS", (wait,))
    go_on.begun = begun  # type: ignore[attr-defined]
    yield go_on
    go_on.set()


def test_few_readings_are_in_the_next_commit_however_many_batches_wait(
    held: Any, fleet: FleetFixture, commits: Sequence[None]
) -> None:
    writer, name = Writer(group_rows=200), fleet.device.device_id
    batch = 120
    futures = [submit(writer, readings(name, *range(batch)))]
    assert held.begun.wait(10)
    futures += [
        submit(writer, readings(name, *range(start, start + batch)))
        for start in range(batch, 8 * batch, batch)
    ]
    committed_at_first = len(commits)
    before: list[int] = []
    single = submit(writer, readings(name, -1))
    single.add_done_callback(lambda _: before.append(len(commits) - committed_at_first))
    held.set()
    for future in [*futures, single]:
        assert future.result(10).stored
    assert before == [2]


def test_what_comes_during_a_commit_is_in_the_next_one_together(
    held: Any, fleet: FleetFixture, commits: Sequence[None]
) -> None:
    writer, name = Writer(), fleet.device.device_id
    first = submit(writer, readings(name, 0))
    assert held.begun.wait(10)
    others = [submit(writer, readings(name, place, place + 1)) for place in range(1, 40, 2)]
    assert not any(future.done() for future in [first, *others])
    held.set()
    assert [future.result(10).stored for future in [first, *others]] == [1] + [2] * 20
    assert len(commits) == 2


def test_each_submission_is_told_what_became_of_its_own(fleet: FleetFixture) -> None:
    writer, name = Writer(), fleet.device.device_id
    assert submit(writer, readings(name, 0, 1)).result(10) == Outcome(2, 0, {})
    assert submit(writer, readings(name, 1, 2, 2)).result(10) == Outcome(1, 2, {})


def test_a_device_that_is_not_let_in_takes_nobody_with_it(
    held: Any, fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def admit(session: Session, callers: Sequence[Caller], **_: Any) -> list[Any]:
        devices = {device.device_id: device for device in session.scalars(select(Device))}
        return [devices.get(caller.device_id) or ForbiddenError("no") for caller in callers]

    monkeypatch.setattr(recording, "admit", admit)
    writer, name = Writer(), fleet.device.device_id
    first = submit(writer, readings(name, 0))
    assert held.begun.wait(10)
    mixed = submit(writer, join([readings("STRANGER", 1), readings(name, 1), readings("STRANGER", 2)]))
    good = submit(writer, readings(name, 2))
    held.set()
    assert (first.result(10).stored, good.result(10).stored) == (1, 1)
    outcome = mixed.result(10)
    assert (outcome.stored, sorted(outcome.refused)) == (1, [0, 2])


def test_a_full_queue_refuses_at_once_and_takes_again_when_it_is_emptier(
    held: Any, fleet: FleetFixture
) -> None:
    writer, name = Writer(queued_rows=3), fleet.device.device_id
    first = submit(writer, readings(name, 0))
    assert held.begun.wait(10)
    waiting = submit(writer, readings(name, 1, 2, 3))
    with pytest.raises(UnavailableError) as refused:
        submit(writer, readings(name, 4))
    assert int(refused.value.headers["Retry-After"]) > 0
    held.set()
    assert (first.result(10).stored, waiting.result(10).stored) == (1, 3)
    assert submit(writer, readings(name, 4)).result(10).stored == 1


def test_one_that_spoils_the_group_spoils_only_itself(
    held: Any, fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer, name = Writer(), fleet.device.device_id
    first = submit(writer, readings(name, 0))
    assert held.begun.wait(10)
    bad = of_reading(name, ReadingIn(START + timedelta(seconds=1), extra={"text": "\0"}))
    spoiled, good = submit(writer, bad), submit(writer, readings(name, 2))
    held.set()
    assert (first.result(10).stored, good.result(10).stored) == (1, 1)
    assert spoiled.exception(10) is not None


def test_two_processes_that_store_the_same_store_it_once(fleet: FleetFixture) -> None:
    names = [fleet.device.device_id, "NODE_B"]
    both, together = [Writer(), Writer()], Barrier(2)
    stored: list[int] = []

    def send(writer: Writer) -> None:
        for round_ in range(10):
            places = range(round_ * 50, round_ * 50 + 50)
            batch = join([readings(name, *places) for name in names])
            together.wait(10)
            stored.append(submit(writer, batch).result(20).stored)

    threads = [Thread(target=send, args=(writer,)) for writer in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with unit_of_work() as session:
        assert session.scalar(select(func.count()).select_from(Reading)) == 1000
        assert session.scalar(select(func.count()).select_from(Machine)) == 2
    assert sum(stored) == 1000


def test_values_arrive_as_they_were_sent(fleet: FleetFixture) -> None:
    sent = ReadingIn(
        START,
        {"temperature_c": -18.25, "vibration_x": 0.5, "audio_level": 200.0},
        extra={"mfcc": [1.5, None], "장소": "서울"},
    )
    assert submit(Writer(), of_reading(fleet.device.device_id, sent)).result(10).stored == 1
    with unit_of_work() as session:
        row = session.scalars(select(Reading)).one()
    assert (row.measured_at, row.temperature_c, row.vibration_x, row.vibration_y) == (
        START,
        -18.25,
        0.5,
        None,
    )
    assert (row.quality, row.extra) == (None, {"mfcc": [1.5, None], "장소": "서울"})
    assert np.isclose(row.audio_level or 0, 200.0)
