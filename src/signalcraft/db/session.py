"""The unit of work: one transaction a request or task, committed at the edge, effects after the commit.

Application code never commits. What must happen because of a commit (queueing a task, waking the event
readers) is registered with `after_commit` and is dropped when the transaction rolls back.
"""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from operator import itemgetter
from time import monotonic, sleep
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from signalcraft.db import failures
from signalcraft.db.engine import get_engine, get_look_engine
from signalcraft.db.limits import limits
from signalcraft.settings import get_settings

log = structlog.stdlib.get_logger(__name__)

Result = TypeVar("Result")

_FIRST_PAUSE_SECONDS = 0.02
_LONGEST_PAUSE_SECONDS = 0.5

_EFFECTS = "signalcraft.after_commit"
_BEFORE = "signalcraft.before_commit"


def after_commit(session: Session, effect: Callable[[], None]) -> None:
    """Run `effect` once the session's transaction is committed; never if it is not.

    An effect is a hint that something durable is there (a queue message, a wake-up). If it fails the
    failure is logged and the sweeper does the work from the rows.
    """
    session.info.setdefault(_EFFECTS, []).append(effect)


def before_commit(session: Session, step: Callable[[Session], None], *, turn: int) -> None:
    """Run `step` last in the transaction, after all the application's own statements.

    Such a step takes a lock that everybody wants; `turn` puts those locks in one order, so that no two
    transactions wait for each other.
    """
    session.info.setdefault(_BEFORE, []).append((turn, step))


def repeated(work: Callable[[Session], Result]) -> Result:
    """Do `work` in a unit of work, and again where a conflict, a restart or a fail-over undid it.

    Only for work that may be done twice (a natural key, a row that is final once): where the connection
    breaks during the commit nobody knows whether it was done. It gives up after the patience of this kind of
    process.
    """
    deadline = monotonic() + limits(get_settings()).patience_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            with unit_of_work() as session:
                return work(session)
        except DBAPIError as error:
            # Not all at the same moment: two that have met in a conflict would meet again.
            wait = pause * random.uniform(0.5, 1.5)  # noqa: S311
            if not failures.allows_repetition(error) or monotonic() + wait > deadline:
                raise
            log.warning("work_repeated", reason=failures.reason(error))
        sleep(wait)
        pause = min(pause * 2, _LONGEST_PAUSE_SECONDS)


def look(work: Callable[[Connection], Result]) -> Result:
    """Do `work` on a connection whose statements are transactions of their own, at half the cost of a unit.

    Only for work that may be done twice: nobody has asked before whether the connection is still good, and
    where it was not, the work is done on a new one.
    """
    try:
        with get_look_engine().connect() as connection:
            return work(connection)
    except DBAPIError as error:
        if not failures.allows_repetition(error):
            raise
    with get_look_engine().connect() as connection:
        return work(connection)


@contextmanager
def unit_of_work(engine: Engine | None = None) -> Iterator[Session]:
    """A session whose transaction commits when the block ends and rolls back when it raises."""
    session = Session(engine or get_engine(), expire_on_commit=False)
    try:
        yield session
        for _, step in sorted(session.info.pop(_BEFORE, []), key=itemgetter(0)):
            step(session)
        session.commit()
    except BaseException:
        session.rollback()
        session.close()
        raise
    session.close()
    for effect in session.info.pop(_EFFECTS, []):
        try:
            effect()
        except Exception:
            log.exception("after_commit_failed")
