"""Where what is recorded comes from: bound once at the edge of each request."""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class Origin:
    """The request at hand. It is one object, changed in place, so that a thread that works for the request
    and the task that waits for it speak of the same."""

    address: str | None = None
    request_id: str | None = None
    token_id: int | None = None


_origin: ContextVar[Origin | None] = ContextVar("audit_origin", default=None)


def begin(*, address: str | None, request_id: str | None) -> None:
    """A request begins; what the one before it said is forgotten."""
    _origin.set(Origin(address, request_id))


def by_token(token_id: int | None) -> None:
    """The request carries this API token."""
    if (at_hand := _origin.get()) is not None:
        at_hand.token_id = token_id


def current() -> Origin:
    """The request at hand; outside of requests (tasks, commands) there is nothing to say."""
    return _origin.get() or Origin()
