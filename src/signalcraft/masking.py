"""What no log line and no error report may hold: secrets, and what names a person."""

import re
from functools import lru_cache
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

_MARKS = (
    "@", "01", "eyj", "sct_", "scd_", "cookie", "authorization", "bearer", "basic", "passw", "passphrase",
    "secret", "token", "$argon2", "detail:", "[parameters: ",
)  # fmt: skip
"""One of these stands, in lower case, in whatever the patterns above find. Most texts of a log hold none, and
to look for these takes a twentieth of the time: masking was most of what a line cost."""


def masked(text: str) -> str:
    """The text without secrets and personal data."""
    if text.isascii():  # other letters may count as these
        lower = text.lower()
        for mark in _MARKS:
            if mark in lower:
                break
        else:
            return text
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


@lru_cache(maxsize=1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def _masked_field(name: str, value: Any) -> Any:
    if _is_secret(name) and not isinstance(value, None | int | float):
        return REMOVED
    return masked_within(value)
