"""When something was measured, as the many senders write it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator, WithJsonSchema

from signalcraft.clock import EARLIEST, utc_now

FUTURE_LIMIT = timedelta(days=1)
"""A clock may be set to the wrong zone; beyond a day it was never set."""
MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138, so a number from here on is milliseconds (JavaScript's clock)."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def parse_moment(value: object) -> datetime:
    """A moment from epoch seconds, epoch milliseconds, or ISO 8601 with a zone.

    Raises
    ------
    ValueError
        It is none of these, lies before 2000 (a `millis()` count does), or more than a day ahead.
    """
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, str):
        moment = _from_text(value.strip())
    elif isinstance(value, int | float) and not isinstance(value, bool):
        moment = _from_epoch(float(value))
    else:
        raise ValueError("a time is epoch seconds or ISO 8601 text")
    if moment.tzinfo is None:
        raise ValueError("the time needs a zone, such as Z or +09:00")
    if moment < EARLIEST:
        raise ValueError("the time is before 2000: the sender's clock was never set")
    if moment > utc_now() + FUTURE_LIMIT:
        raise ValueError("the time is more than a day in the future")
    return moment.astimezone(UTC)


def moment_of(microseconds: int) -> datetime:
    """The moment of so many microseconds since 1970."""
    return _EPOCH + timedelta(microseconds=microseconds)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _from_text(text: str) -> datetime:
    try:
        return _from_epoch(float(text))
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("the time is neither epoch seconds nor ISO 8601") from None


def _from_epoch(seconds: float) -> datetime:
    if not 0 <= seconds <= 1e14:  # also refuses nan; a datetime ends at the year 9999
        raise ValueError("the time is before 1970 or not a number")
    return datetime.fromtimestamp(seconds / 1000 if seconds >= MILLISECONDS_FROM else seconds, UTC)


Moment = Annotated[
    datetime,
    BeforeValidator(parse_moment),
    WithJsonSchema(
        {
            "anyOf": [{"type": "number"}, {"type": "string", "format": "date-time"}],
            "description": "Epoch seconds or milliseconds, or ISO 8601 with a zone.",
        }
    ),
]
"""A field or header that holds such a moment."""
