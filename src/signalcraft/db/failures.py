"""Which of the database's errors pass by themselves, and which of them allow the same work again."""

from sqlalchemy.exc import DBAPIError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

_CONFLICTS = {"40001", "40P01"}  # serialisation failure, deadlock
_READ_ONLY = "25006"
"""The server we write to has become a replica: our connection leads to the old one after a fail-over."""
_ENDED = {_READ_ONLY, "57P01", "57P02", "57P03", "25P03", "25P04"}
"""The server shuts down, crashed, starts up; it ended an idle or a long transaction."""


def sqlstate(error: DBAPIError) -> str:
    """PostgreSQL's code of the error; empty where the connection broke before there was one."""
    return getattr(error.orig, "sqlstate", None) or ""


def reason(error: Exception) -> str:
    """What happened, in one line for the log."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    words = (str(error.orig).strip().splitlines() or [""])[0]
    return f"{type(error.orig).__name__} {sqlstate(error)}: {words}"


def passes(error: Exception) -> bool:
    """Whether the same request may well succeed later: the database is away, busy or in conflict."""
    if isinstance(error, OperationalError | PoolTimeoutError):
        return True
    return isinstance(error, DBAPIError) and ends_connection(error)


def allows_repetition(error: Exception) -> bool:
    """Whether work that may be done twice is worth doing again at once.

    Not what was too slow (statement or lock timeout, a full pool): it would be as slow again.
    """
    if not isinstance(error, DBAPIError):
        return False
    code = sqlstate(error)
    if code in _CONFLICTS or ends_connection(error):
        return True
    return isinstance(error, OperationalError) and (not code or code.startswith("08"))


def ends_connection(error: DBAPIError) -> bool:
    """Whether the connection, and those made before it, lead to a server that is no longer the one.

    An internal error without a code is the driver's own: it got answers to questions that it had not asked,
    as from PgBouncer when the server behind it crashes.
    """
    code = sqlstate(error)
    return code in _ENDED or (not code and isinstance(error, InternalError))
