"""What no log line and no error report may hold: secrets, and what names a person."""

import re
from typing import Any

REMOVED = "[removed]"

_SECRET = re.compile(
    r"(?<=://)[^/\s@]+(?=@)"  # user and password of an address
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]+"  # JSON web token
    r"|\bsc[td]_[\w-]+"  # our tokens and keys of nodes
    r"|(?i:\b(?:set-cookie|cookie|(?:proxy-)?authorization)\b[\"']?\s*[:=]\s*)[^\r\n]+"
    r"|(?i:\b(?:bearer|basic)\s+)\S+"
    r"|(?i:\w*(?:passw(?:or)?d|passphrase|secret|token)[\"']?\s*[:=]\s*)(?:\"[^\"\r\n]*\"|'[^'\r\n]*'|[^\s,;&]+)"
    r"|\$argon2\w*\$\S+"
    r"|[\w.+-]+@[\w-]+\.[\w.]+"  # mail
    r"|\b01\d-?\d{3,4}-?\d{4}\b"  # Korean mobile telephone
)
_SECRET_NAME = re.compile(r"(?i)passw(or)?d|passphrase|secret|token|authorization|cookie")
"""Fields whose value goes whatever it looks like, unless it is a number: an id, a count."""
_ROWS = re.compile(r"(?s)\bDETAIL:.*|\[parameters: .*")
"""What PostgreSQL and SQLAlchemy repeat of the row that was refused."""


def masked(text: str) -> str:
    """The text without secrets and personal data."""
    return _SECRET.sub(REMOVED, _ROWS.sub(REMOVED, text))


def masked_within(value: Any) -> Any:
    """The value with every text in it masked, through lists and dictionaries, and fields of secret names."""
    match value:
        case str():
            return masked(value)
        case dict():
            return {key: _masked_field(str(key), each) for key, each in value.items()}
        case list() | tuple():
            return [masked_within(each) for each in value]
        case None | int() | float():
            return value
        case _:  # the renderer would write its text
            return masked(str(value))


def _masked_field(name: str, value: Any) -> Any:
    if _SECRET_NAME.search(name) and not isinstance(value, None | int | float):
        return REMOVED
    return masked_within(value)
