"""Text as it comes in: normalised, free of control characters, of bounded length."""

import re
import unicodedata
from datetime import datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

_CONTROLS = r"\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
"""Control characters, line separators, and what turns the direction of writing around to deceive."""
ONE_LINE = f"^[^{_CONTROLS}]*$"
SEVERAL_LINES = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]*$"


def normalised(value: object) -> object:
    """Text in Unicode's composed form (NFC), so that what looks the same is the same; the rest as it is."""
    return unicodedata.normalize("NFC", value) if isinstance(value, str) else value


Normalised = BeforeValidator(normalised)
"""For `Annotated`: normalise before the constraints are checked."""


def trimmed(value: object) -> object:
    """Without what people type around a text by accident; a control character there is still refused."""
    return value.strip(" \t\r\n") if isinstance(value, str) else value


Trimmed = BeforeValidator(trimmed)

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=ONE_LINE), Trimmed, Normalised]
"""What people call something: one line."""

Comment = Annotated[str, StringConstraints(max_length=1000, pattern=SEVERAL_LINES), Trimmed, Normalised]
"""What people say about something: up to a screenful, in several lines."""

_ISO_8601 = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}")


def _written_out(value: object) -> object:
    """Pydantic would take a bare number for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO_8601.match(value)):
        return value
    raise ValueError("a time with its zone is expected, like 2026-11-25T09:00:00+09:00")


IsoMoment = Annotated[AwareDatetime, BeforeValidator(_written_out)]
"""A time that a person or a program names: ISO 8601 with a zone. Nodes have `telemetry.times.Moment`."""

RowId = Annotated[int, Field(ge=1, le=2**53 - 1)]
"""The number of a row in a path or a query; up to what every JSON reader keeps exactly."""


def _whole(value: object) -> object:
    """JSON knows one kind of number: 7.0 is 7."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(_whole)
"""For `Annotated[int, Field(…, strict=True), Whole]`: last, or the schema loses the range."""

StrictRowId = Annotated[int, Field(ge=1, le=2**53 - 1, strict=True), BeforeValidator(_whole)]
"""The number of a row in a JSON document: a number, not a text of digits, not true."""

StrictFlag = Annotated[bool, Field(strict=True)]
"""True or false in a JSON document: not 1, not "yes"."""
