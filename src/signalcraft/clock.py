"""The only clock. All times are UTC and carry their zone."""

from datetime import UTC, datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""Where microseconds are counted from; added as a `timedelta`, they lose nothing to a float."""

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""No reading is older than the first ESP32; earlier times are a clock that was never set."""


def utc_now() -> datetime:
    """The present moment in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 with Z, as the API writes every time."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
