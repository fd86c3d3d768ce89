"""Event numbers follow the order of commits, without gaps, whatever happens meanwhile."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from signalcraft.db.session import unit_of_work
from signalcraft.realtime import queries
from signalcraft.realtime.connection import get_redis
from signalcraft.realtime.publish import STREAM, emit


def write(name: str, *, fail: bool = False) -> None:
    with unit_of_work() as session:
        emit(session, "test", {"name": name}, shop_id=1)
        if fail:
            raise RuntimeError(name)


def numbers() -> list[int]:
    with unit_of_work() as session:
        return [event.id for event in queries.events_after(session, 0, 10_000)]


def test_a_rollback_leaves_no_gap(database: None) -> None:
    write("a")
    with pytest.raises(RuntimeError):
        write("b", fail=True)
    write("c")
    assert numbers() == [1, 2]


def test_a_reader_never_sees_a_number_below_one_it_has_seen(database: None) -> None:
    """Writers commit concurrently while a reader polls: what it collects must be 1, 2, 3 … in order."""
    seen: list[int] = []
    done = threading.Event()

    def read() -> None:
        while not (done.is_set() and len(seen) >= 200):
            with unit_of_work() as session:
                seen.extend(event.id for event in queries.events_after(session, seen[-1] if seen else 0, 50))

    reader = threading.Thread(target=read)
    reader.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, (str(i) for i in range(200))))
    done.set()
    reader.join(20)
    assert seen == list(range(1, 201))


def test_the_stream_carries_the_same_numbers(database: None) -> None:
    write("a")
    write("b")
    assert [entry for entry, _ in get_redis().xrange(STREAM)] == ["1-1", "2-1"]


def test_a_commit_survives_the_absence_of_redis(database: None, monkeypatch: pytest.MonkeyPatch) -> None:
    unreachable = redis.Redis(port=1, socket_connect_timeout=0.2)
    monkeypatch.setattr("signalcraft.realtime.publish.get_redis", lambda: unreachable)
    write("a")
    assert numbers() == [1]
