"""The audit log: append-only, chained in the order of commits, and it says where it was touched."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from signalcraft.audit import origin, service
from signalcraft.audit.chain import Head, Verdict
from signalcraft.audit.queries import Wanted
from signalcraft.db.session import unit_of_work
from signalcraft.realtime.publish import emit


def write(count: int, **more: object) -> None:
    for number in range(count):
        with unit_of_work() as session:
            service.record(
                session, "thing.done", user_id=7, detail={"number": number, "글": 'é\n"\\'}, **more
            )


def verdict(*expected: Head) -> Verdict:
    with unit_of_work() as session:
        return service.verify(session, expected)


def forge(owner_engine: Engine, statement: str) -> None:
    """What somebody with the owner's password can do."""
    with owner_engine.begin() as connection:
        connection.execute(text("ALTER TABLE audit_records DISABLE TRIGGER USER"))
        connection.execute(text(statement))
        connection.execute(text("ALTER TABLE audit_records ENABLE TRIGGER USER"))


@pytest.mark.usefixtures("database")
def test_an_untouched_chain_is_valid_and_says_who_where_and_by_which_request() -> None:
    origin.begin(address="192.0.2.7", request_id="request-1")
    origin.by_token(5)
    with unit_of_work() as session:
        service.record(session, "thing.done", user_id=7, subject="thing:1", shop_id=3, detail={"a": 1.5})
        service.record(session, "thing.undone", user_id=None)
    origin.begin(address=None, request_id=None)
    assert verdict().records == 2
    assert verdict().flaw is None
    with unit_of_work() as session:
        second, first = service.newest(session, Wanted(), limit=10)
    assert (first.id, first.action, first.token_id, first.request_id) == (1, "thing.done", 5, "request-1")
    assert first.particulars == '{"address": "192.0.2.7", "detail": {"a": 1.5}}'
    assert (second.id, second.user_id, second.shop_id) == (2, None, None)


@pytest.mark.parametrize(
    ("statement", "broken", "flaw"),
    [
        ("UPDATE audit_records SET user_id = 8 WHERE id = 3", 3, "was changed"),
        ("UPDATE audit_records SET at = at + interval '1 us' WHERE id = 2", 2, "was changed"),
        ("UPDATE audit_records SET shop_id = 1 WHERE id = 4", 4, "was changed"),
        ("UPDATE audit_records SET particulars = '{}' WHERE id = 2", 2, "particulars were changed"),
        ("UPDATE audit_records SET particulars = NULL WHERE id = 2", 2, "taken out"),
        ("UPDATE audit_records SET hash = sha256('x') WHERE id = 1", 1, "was changed"),
        ("DELETE FROM audit_records WHERE id = 1", 1, "is missing"),
        ("DELETE FROM audit_records WHERE id = 3", 3, "is missing"),
        ("DELETE FROM audit_records WHERE id > 2", 3, "at the end"),
        ("DELETE FROM audit_records", 1, "at the end"),
    ],
)
@pytest.mark.usefixtures("database")
def test_the_first_broken_record_is_named(
    owner_engine: Engine, statement: str, broken: int, flaw: str
) -> None:
    write(4)
    forge(owner_engine, statement)
    found = verdict()
    assert found.broken_id == broken
    assert flaw in (found.flaw or "")


@pytest.mark.usefixtures("database")
def test_who_has_noted_a_head_notices_that_the_whole_chain_was_written_anew(owner_engine: Engine) -> None:
    write(3)
    noted = verdict().head
    with owner_engine.begin() as connection:
        connection.execute(text("TRUNCATE audit_records, audit_head"))
    write(5)
    assert verdict().flaw is None
    rewritten = verdict(noted)
    assert (rewritten.broken_id, "rewritten" in (rewritten.flaw or "")) == (3, True)
    with owner_engine.begin() as connection:
        connection.execute(text("TRUNCATE audit_records, audit_head"))
    write(2)
    assert verdict(Head.parse(str(noted))).broken_id == 3


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit_records SET user_id = 8",
        "UPDATE audit_records SET particulars = NULL, salt = NULL",
        "DELETE FROM audit_records",
        "TRUNCATE audit_records",
        "UPDATE audit_head SET last_id = 0",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head (id, last_id, last_hash) VALUES (1, 0, '')",
    ],
)
@pytest.mark.usefixtures("database")
def test_the_application_can_change_nothing(statement: str) -> None:
    write(1)
    with pytest.raises(DBAPIError, match="permission denied"), unit_of_work() as session:
        session.execute(text(statement))


@pytest.mark.usefixtures("database")
def test_not_even_the_owner_changes_a_record_by_mistake(owner_engine: Engine) -> None:
    write(1)
    for statement in ("UPDATE audit_records SET action = 'x'", "DELETE FROM audit_records"):
        with pytest.raises(DBAPIError, match="append-only"), owner_engine.begin() as connection:
            connection.execute(text(statement))


@pytest.mark.usefixtures("database")
def test_a_forged_number_or_hash_is_overwritten_by_the_database() -> None:
    write(1)
    with unit_of_work() as session:
        session.execute(
            text(
                "INSERT INTO audit_records (id, at, action, particulars, salt, seal, hash)"
                " VALUES (99, now(), 'forged', '{}', '', '', '')"
            )
        )
    assert (verdict().records, verdict().flaw) == (2, None)


@pytest.mark.usefixtures("database")
def test_the_chain_stays_valid_when_a_person_is_forgotten() -> None:
    write(2)
    with unit_of_work() as session:
        service.record(session, "sign_in.failed", user_id=None, detail={"login": "Min@Example.com"})
        service.record(session, "sign_in.failed", user_id=None, detail={"login": "somebody else"})
    with unit_of_work() as session:
        service.forget_person(session, 7, ["min@example.com"])
    found = verdict()
    assert (found.records, found.erased, found.flaw) == (4, 3, None)


@pytest.mark.usefixtures("database")
def test_writers_at_once_make_one_chain_and_do_not_wait_for_each_other_for_ever() -> None:
    """Half of them write an event as well, in either order: both counters are locked in one order."""

    def audited_first() -> None:
        for _ in range(10):
            with unit_of_work() as session:
                service.record(session, "thing.done", user_id=1)
                emit(session, "thing.changed", {}, shop_id=None)

    def event_first() -> None:
        for _ in range(10):
            with unit_of_work() as session:
                emit(session, "thing.changed", {}, shop_id=None)
                service.record(session, "thing.done", user_id=2)

    _at_once([audited_first, event_first] * 3)
    assert (verdict().records, verdict().flaw) == (60, None)


@pytest.mark.usefixtures("database")
def test_what_is_rolled_back_leaves_no_gap() -> None:
    write(1)

    def failing() -> None:
        with unit_of_work() as session:
            service.record(session, "thing.done", user_id=1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing()
    write(1)
    assert (verdict().records, verdict().flaw) == (2, None)


def _at_once(works: list[Callable[[], None]]) -> None:
    failures: list[BaseException] = []

    def run(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
