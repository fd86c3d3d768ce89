"""Work that a conflict undid is done again; what must not be done twice is not."""

import threading
from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.orm import Session

from signalcraft.db import failures
from signalcraft.db.session import after_commit, repeated, unit_of_work
from signalcraft.fleet.models import Shop


def make_shops() -> tuple[int, int]:
    with unit_of_work() as session:
        shops = [Shop(name="a"), Shop(name="b")]
        session.add_all(shops)
        session.flush()
        return shops[0].id, shops[1].id


def rename(session: Session, shop_id: int) -> None:
    session.execute(text("UPDATE shops SET name = name || '!' WHERE id = :id"), {"id": shop_id})


def names() -> list[str]:
    with unit_of_work() as session:
        return list(session.scalars(text("SELECT name FROM shops ORDER BY id")))


def test_two_that_lock_each_other_out_both_finish(database: None) -> None:
    first, second = make_shops()
    met = threading.Barrier(2)
    effects: list[str] = []
    attempts: list[str] = []

    def worker(name: str, order: tuple[int, int]) -> Callable[[Session], None]:
        def work(session: Session) -> None:
            attempts.append(name)
            after_commit(session, lambda: effects.append(name))
            rename(session, order[0])
            if attempts.count(name) == 1:
                met.wait(10)
            rename(session, order[1])

        return work

    threads = [
        threading.Thread(target=repeated, args=(worker("there", (first, second)),)),
        threading.Thread(target=repeated, args=(worker("back", (second, first)),)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert names() == ["a!!", "b!!"]
    assert len(attempts) == 3  # the deadlock's victim came again
    assert sorted(effects) == ["back", "there"]  # what was undone had no effect


def test_a_serialisation_failure_is_repeated(database: None) -> None:
    first, _ = make_shops()
    attempts = []

    def work(session: Session) -> None:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        session.scalar(text("SELECT name FROM shops WHERE id = :id"), {"id": first})
        attempts.append(1)
        if len(attempts) == 1:
            with unit_of_work() as other:
                rename(other, first)
        rename(session, first)

    repeated(work)
    assert len(attempts) == 2
    assert names()[0] == "a!!"


def test_what_was_too_slow_or_wrong_is_not_repeated(database: None) -> None:
    for statement in ("SELECT pg_sleep(5)", "SELECT 1/0"):
        attempts = []

        def work(session: Session, statement: str = statement, attempts: list[int] = attempts) -> None:
            attempts.append(1)
            session.execute(text("SET LOCAL statement_timeout = '20ms'"))
            session.execute(text(statement))

        with pytest.raises(DBAPIError):
            repeated(work)
        assert len(attempts) == 1


def test_a_server_that_has_become_a_replica_is_away(database: None) -> None:
    """Writing to it fails with 25006, which SQLAlchemy does not count among the operational errors."""

    def write_there() -> None:
        with unit_of_work() as session:
            session.execute(text("SET TRANSACTION READ ONLY"))
            rename(session, 1)

    with pytest.raises(DBAPIError) as caught:
        write_there()
    assert not isinstance(caught.value, OperationalError)
    assert failures.passes(caught.value)
    assert failures.allows_repetition(caught.value)
    assert caught.value.connection_invalidated  # the next attempt connects anew, to the new server


def test_answers_that_nobody_asked_for_are_an_outage() -> None:
    """What psycopg says when PgBouncer reports a crash in the middle of its own commit: no SQLSTATE."""
    confused = psycopg.InternalError("received 2 results from command 'COMMIT'")
    error = InternalError("COMMIT", {}, confused)
    assert failures.passes(error)
    assert failures.allows_repetition(error)
    assert not failures.passes(InternalError("SELECT", {}, psycopg.errors.DataCorrupted("broken page")))
