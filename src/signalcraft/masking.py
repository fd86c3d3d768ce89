"""What no log line and no error report may hold: secrets, and what names a person."""

import re
from typing import Any

REMOVED = "[removed]"

_SECRET = re.compile(
    r"(?<=://)[^/\s@]+(?=@)"  # user and password of an address
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # JSON web token
    r"|\bsc[td]_[\w-]+"  # our tokens and keys of nodes
    r"|(?i:\bbearer\s+)\S+"
    r"|\$argon2\w*\$\S+"
    r"|[\w.+-]+@[\w-]+\.[\w.]+"  # mail
    r"|\b01\d-?\d{3,4}-?\d{4}\b"  # Korean mobile telephone
)
_ROWS = re.compile(r"(?s)\bDETAIL:.*|\[parameters: .*")
"""What PostgreSQL and SQLAlchemy repeat of the row that was refused."""


def masked(text: str) -> str:
    """The text without secrets and personal data."""
    return _SECRET.sub(REMOVED, _ROWS.sub(REMOVED, text))


def masked_within(value: Any) -> Any:
    """The value with every text in it masked, through lists and dictionaries."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: masked_within(each) for key, each in value.items()}
        case list() | tuple():
            return [masked_within(each) for each in value]
        case _:
            return value
