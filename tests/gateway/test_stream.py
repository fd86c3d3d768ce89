"""The event stream: who sees what, and that a client that comes back misses nothing."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from time import monotonic
from typing import Any, TypeVar

import pytest
import redis
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.testclient import TestClient

from people import FleetFixture, Person, bearer
from signalcraft.accounts.access_changes import announce_change
from signalcraft.clock import utc_now
from signalcraft.db.session import unit_of_work
from signalcraft.gateway.feed import BLOCK_SECONDS, Feed, Subscriber
from signalcraft.gateway.stream import event_stream
from signalcraft.observability import draining
from signalcraft.realtime import queries
from signalcraft.realtime.connection import get_redis
from signalcraft.realtime.publish import emit, publish_readings, watched_machines
from signalcraft.settings import Settings

Result = TypeVar("Result")

SILENT_SECONDS = 6


def write(name: str, shop_id: int | None, user_id: int | None = None) -> None:
    with unit_of_work() as session:
        emit(session, "test", {"name": name}, shop_id=shop_id, user_id=user_id)


def decoded(chunk: bytes) -> tuple[int | None, dict[str, object]]:
    fields = dict(line.split(": ", 1) for line in chunk.decode().splitlines() if ": " in line)
    return int(fields["id"]) if "id" in fields else None, json.loads(fields["data"])


def run(scenario: Coroutine[Any, Any, Result]) -> Result:
    """Run it in a thread of its own: the browser tests keep an event loop in this one."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, scenario).result()


async def take(stream: AsyncIterator[bytes], count: int) -> list[tuple[int | None, dict[str, object]]]:
    events: list[tuple[int | None, dict[str, object]]] = []
    async with asyncio.timeout(10):
        async for chunk in stream:
            if b"data: " in chunk:
                events.append(decoded(chunk))
            if len(events) == count:
                break
    return events


def names(events: list[tuple[int | None, dict[str, object]]]) -> list[object]:
    return [data["name"] for _, data in events if data["type"] == "test"]


def test_a_client_that_comes_back_gets_what_it_missed_once_and_in_order(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    shop = fleet.shop.id
    for i in range(5):
        write(f"before {i}", shop)

    async def scenario() -> list[tuple[int | None, dict[str, object]]]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=2, machine_id=None
            )
            async with aclosing(stream):
                events = await take(stream, 2)
                await asyncio.to_thread(write, "during", shop)
                await asyncio.to_thread(get_redis().flushall)
                await asyncio.to_thread(write, "after the flush", shop)
                return events + await take(stream, 4)

    events = run(scenario())
    assert names(events) == ["before 2", "before 3", "before 4", "during", "after the flush"]
    assert [event_id for event_id, _ in events if event_id] == [3, 4, 5, 6, 7]


def test_events_come_while_redis_takes_connections_and_says_nothing(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    async def scenario() -> tuple[list[object], float]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=None, machine_id=None
            )
            async with aclosing(stream):
                await take(stream, 1)
                await asyncio.to_thread(get_redis().client_pause, SILENT_SECONDS * 1000)
                began = monotonic()
                await asyncio.sleep(
                    1.5 * BLOCK_SECONDS
                )  # until the reader waits for an answer that never comes
                await asyncio.to_thread(write, "meanwhile", fleet.shop.id)
                return names(await take(stream, 1)), monotonic() - began

    came, waited = run(scenario())
    while True:  # nor does it take the word that it may go on
        with suppress(redis.TimeoutError):
            get_redis().ping()
            break
    assert came == ["meanwhile"]
    assert waited < SILENT_SECONDS - 0.5


def change_rights(person: Person) -> None:
    with unit_of_work() as session:
        announce_change(session, person.principal.user_id)


def test_a_stream_ends_when_its_person_s_rights_change_and_nobody_else_s(
    settings: Settings, fleet: FleetFixture, owner: Person, stranger: Person
) -> None:
    async def scenario() -> tuple[int, list[object]]:
        async with Feed().running() as feed:
            mine, other = (
                event_stream(
                    feed, person.principal, settings, asked_at=utc_now(), last_event_id=None, machine_id=None
                )
                for person in (owner, stranger)
            )
            async with aclosing(mine), aclosing(other):
                await take(mine, 1)
                await take(other, 1)
                await asyncio.to_thread(change_rights, owner)
                await asyncio.to_thread(write, "afterwards", fleet.shop.id, stranger.principal.user_id)
                rest = [decoded(chunk) async for chunk in mine if b"data: " in chunk]
                return len(names(rest)), names(await take(other, 1))

    assert run(scenario()) == (0, ["afterwards"])


def test_a_stream_does_not_open_with_rights_that_changed_while_it_was_asked_for(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    asked_at = utc_now()
    change_rights(owner)

    async def scenario() -> list[bytes]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, owner.principal, settings, asked_at=asked_at, last_event_id=0, machine_id=None
            )
            async with asyncio.timeout(10):
                return [chunk async for chunk in stream]

    assert run(scenario()) == []


def test_people_see_their_shops_and_their_own_uploads_only(
    settings: Settings, fleet: FleetFixture, owner: Person, stranger: Person, admin: Person
) -> None:
    write("unclaimed", None)
    write("of the shop", fleet.shop.id)
    write("own upload", None, stranger.principal.user_id)
    write("end", fleet.shop.id, stranger.principal.user_id)

    async def seen_by(person: Person) -> list[object]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, person.principal, settings, asked_at=utc_now(), last_event_id=0, machine_id=None
            )
            collected: list[object] = []
            async with aclosing(stream):
                while "end" not in collected:
                    collected += names(await take(stream, 1))
        return collected

    assert run(seen_by(owner)) == ["of the shop", "end"]
    assert run(seen_by(stranger)) == ["own upload", "end"]
    assert run(seen_by(admin)) == ["unclaimed", "of the shop", "own upload", "end"]


def test_a_client_that_was_away_too_long_is_told_to_reload(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    for i in range(4):
        write(str(i), fleet.shop.id)
    with unit_of_work() as session:
        queries.drop_events_older_than(session, -1)

    async def scenario() -> list[object]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=1, machine_id=None
            )
            async with aclosing(stream):
                return [data["type"] for _, data in await take(stream, 2)]

    assert run(scenario()) == ["connected", "reset"]


def test_a_watched_machine_sends_its_readings(settings: Settings, fleet: FleetFixture, owner: Person) -> None:
    def publish() -> None:
        assert watched_machines() == {fleet.machine.id}
        publish_readings([(fleet.machine.id, {"temperature_c": -19.5})])

    async def scenario() -> tuple[int | None, dict[str, object]]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed,
                owner.principal,
                settings,
                asked_at=utc_now(),
                last_event_id=None,
                machine_id=fleet.machine.id,
            )
            async with aclosing(stream):
                await take(stream, 1)
                await asyncio.to_thread(publish)
                return (await take(stream, 1))[0]

    event_id, data = run(scenario())
    assert event_id is None
    assert data == {"type": "reading", "temperature_c": -19.5}


@pytest.mark.parametrize("path", ["/api/notifications/stream", "/api/notifications", "/api/alarms"])
def test_without_sign_in_there_is_nothing(gateway_client: TestClient, path: str) -> None:
    answer = gateway_client.get(path)
    assert answer.status_code == 401
    assert answer.json()["success"] is False


def test_a_client_that_leaves_before_anything_happened_misses_nothing(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    write("before", fleet.shop.id)

    async def scenario() -> list[object]:
        async with Feed().running() as feed:
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=None, machine_id=None
            )
            async with aclosing(stream):
                [(position, _)] = await take(stream, 1)
            await asyncio.to_thread(write, "while away", fleet.shop.id)
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=position, machine_id=None
            )
            async with aclosing(stream):
                return names(await take(stream, 2))

    assert run(scenario()) == ["while away"]


def test_who_is_told_to_reload_is_told_so_once(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    write("before", fleet.shop.id)

    async def scenario() -> list[object]:
        async with Feed().running() as feed:
            of_another_database = 1000
            stream = event_stream(
                feed,
                owner.principal,
                settings,
                asked_at=utc_now(),
                last_event_id=of_another_database,
                machine_id=None,
            )
            async with aclosing(stream):
                _, (position, reset) = await take(stream, 2)
            stream = event_stream(
                feed, owner.principal, settings, asked_at=utc_now(), last_event_id=position, machine_id=None
            )
            async with aclosing(stream):
                await asyncio.to_thread(write, "after", fleet.shop.id)
                again = await take(stream, 2)
            return [reset["type"], *(data["type"] for _, data in again)]

    assert run(scenario()) == ["reset", "connected", "test"]


def test_a_client_that_leaves_while_redis_is_slow_is_forgotten(
    settings: Settings, fleet: FleetFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def slow(*_: object) -> None:
        await asyncio.sleep(3)

    async def scenario() -> tuple[int, int]:
        async with Feed().running() as feed:
            monkeypatch.setattr(feed._readings, "subscribe", slow)
            subscription = feed.subscribed(Subscriber(lambda _: True, lambda _: False, fleet.machine.id))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(1), subscription:
                    pass
            return len(feed._subscribers), len(feed._watched)

    assert run(scenario()) == (0, 0)


@pytest.mark.parametrize(
    "error", [OperationalError("SELECT", {}, Exception("gone")), PoolTimeoutError("full")]
)
def test_while_the_database_is_away_people_are_asked_to_come_again(
    gateway_client: TestClient, admin: Person, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    headers = bearer(gateway_client, admin)

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("signalcraft.gateway.access.authenticate", fail)
    answer = gateway_client.get("/api/auth/verify", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
    assert int(answer.headers["Retry-After"]) > 0


def test_streams_of_a_stopping_process_end_one_after_the_other_and_resume_without_loss_or_doubles(
    settings: Settings, fleet: FleetFixture, owner: Person
) -> None:
    shop, count = fleet.shop.id, 12
    stopping = False
    ended: list[float] = []

    def opened(feed: Feed, last_event_id: int) -> AsyncIterator[bytes]:
        return event_stream(
            feed,
            owner.principal,
            settings,
            asked_at=utc_now(),
            last_event_id=last_event_id,
            machine_id=None,
        )

    async def follow_to_the_end(feed: Feed) -> list[tuple[int | None, dict[str, object]]]:
        events = [decoded(chunk) async for chunk in opened(feed, 1) if b"data: " in chunk]
        ended.append(asyncio.get_running_loop().time())
        return events

    async def scenario() -> list[list[object]]:
        nonlocal stopping
        async with Feed().running() as feed, asyncio.timeout(30):
            followers = [asyncio.create_task(follow_to_the_end(feed)) for _ in range(count)]
            await asyncio.sleep(1)
            stopping = True
            while not any(follower.done() for follower in followers):
                await asyncio.sleep(0.05)
            await asyncio.to_thread(write, "while they leave", shop)
            before = await asyncio.gather(*followers)
        stopping = False
        await asyncio.to_thread(write, "after they left", shop)
        async with Feed().running() as feed:
            seen = []
            for events in before:
                newest = max([1, *(number for number, _ in events if number is not None)])
                missing = 3 - len(names(events))
                async with aclosing(opened(feed, newest)) as stream:
                    seen.append(names(events) + names(await take(stream, 1 + missing)))
        return seen

    write("old", shop)
    write("before", shop)
    draining.watch(lambda: stopping)
    try:
        seen = run(scenario())
    finally:
        draining.watch(lambda: False)
    assert seen == [["before", "while they leave", "after they left"]] * count
    assert 2 < max(ended) - min(ended) < 5
