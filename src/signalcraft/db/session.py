"""The unit of work: one transaction a request or task, committed at the edge, effects after the commit.

Application code never commits. What must happen because of a commit (queueing a task, waking the event
readers) is registered with `after_commit` and is dropped when the transaction rolls back.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from sqlalchemy.orm import Session

from signalcraft.db.engine import get_engine

log = structlog.stdlib.get_logger(__name__)

_EFFECTS = "signalcraft.after_commit"
_BEFORE = "signalcraft.before_commit"


def after_commit(session: Session, effect: Callable[[], None]) -> None:
    """Run `effect` once the session's transaction is committed; never if it is not.

    An effect is a hint that something durable is there (a queue message, a wake-up). If it fails the
    failure is logged and the sweeper does the work from the rows.
    """
    session.info.setdefault(_EFFECTS, []).append(effect)


def before_commit(session: Session, step: Callable[[Session], None]) -> None:
    """Run `step` last in the transaction, after all the application's own statements."""
    session.info.setdefault(_BEFORE, []).append(step)


@contextmanager
def unit_of_work() -> Iterator[Session]:
    """A session whose transaction commits when the block ends and rolls back when it raises."""
    session = Session(get_engine(), expire_on_commit=False)
    try:
        yield session
        for step in session.info.pop(_BEFORE, []):
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
