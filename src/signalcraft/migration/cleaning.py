"""What the old values mean: times, booleans, numbers, JSON and text as schema.md found them.

Each function gives the value, or None and a word for what is wrong; nothing is guessed silently.
"""

import ast
import json
import math
import re
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from signalcraft.migration.archive import Value

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECONDS_FROM = 1e11
"""As seconds this is the year 5138."""
PLAUSIBLE_FROM = 1_600_000_000.0
"""2020-09-13: the first ESP32 of this project is younger. What is smaller counts since the node's start."""
PLAUSIBLE_UNTIL = float(1 << 31)
"""2038-01-19: the old server's and firmware's 32-bit clocks end here."""

_TRUE = frozenset({"1", "true", "yes", "y", "on", "t", "2"})
_FALSE = frozenset({"0", "false", "no", "n", "off", "f", ""})
_DATE = re.compile(r"^(\d{4})[./-](\d{1,2})[./-](\d{1,2})$")


@dataclass(frozen=True)
class Cleaned:
    """A value and, where it is not what stood there, why."""

    value: Any
    flaw: str | None = None


def text(value: Value) -> Cleaned:
    """Text in NFC; mojibake (UTF-8 read as Latin-1) and CP949 are put right and named."""
    if value is None:
        return Cleaned(None)
    if isinstance(value, int | float):
        return Cleaned(repr(value), "number_as_text")
    try:
        decoded, flaw = value.decode(), None
    except UnicodeDecodeError:
        try:
            decoded, flaw = value.decode("cp949"), "was_cp949"
        except UnicodeDecodeError:
            return Cleaned(None, "not_text")
    if "\x00" in decoded:
        return Cleaned(decoded.replace("\x00", ""), "nul_removed")
    if any("\x80" <= letter <= "\xff" for letter in decoded):
        repaired = _without_mojibake(decoded)
        if repaired != decoded:
            decoded, flaw = repaired, "was_mojibake"
    composed = unicodedata.normalize("NFC", decoded)
    return Cleaned(composed, flaw or ("was_nfd" if composed != decoded else None))


def line(value: Value) -> str | None:
    """Text without space around it; None where nothing is left."""
    cleaned = text(value).value
    return (cleaned.strip() or None) if cleaned is not None else None


def number(value: Value) -> Cleaned:
    """A finite number; NumPy scalars that were stored as 8 bytes too."""
    if value is None:
        return Cleaned(None)
    if isinstance(value, int | float):
        return Cleaned(value) if math.isfinite(value) else Cleaned(None, "not_finite")
    if isinstance(value, bytes):
        return _numpy_scalar(value)
    written = bytes(value).decode("utf-8", "replace").strip()
    try:
        parsed = float(written.removesuffix("%"))
    except ValueError:
        return Cleaned(None, "not_a_number")
    return Cleaned(parsed, "number_as_text") if math.isfinite(parsed) else Cleaned(None, "not_finite")


def boolean(value: Value) -> Cleaned:
    """True or False from 0/1, words, form values, and numpy.bool_ stored as one byte."""
    if value is None:
        return Cleaned(None)
    if isinstance(value, bytes):
        return (
            Cleaned(value == b"\x01", "numpy_bool")
            if value in {b"\x00", b"\x01"}
            else Cleaned(None, "not_boolean")
        )
    if isinstance(value, int | float):
        return Cleaned(bool(value), None if value in {0, 1} else "not_0_or_1")
    word = bytes(value).decode("utf-8", "replace").strip().lower()
    if word in _TRUE | _FALSE:
        return Cleaned(word in _TRUE, "boolean_as_text")
    return Cleaned(None, "not_boolean")


def document(value: Value) -> Cleaned:
    """JSON, also doubly encoded, as a Python literal, or with NaN (which becomes null); else the text."""
    if value is None:
        return Cleaned(None)
    written = text(value).value
    if written is None:
        return Cleaned(None, "not_text")
    if not written.strip():
        return Cleaned(None, "empty")
    flaw = None
    try:
        parsed = json.loads(written, parse_constant=lambda _: None)
        flaw = "nan_token" if re.search(r"\b(NaN|-?Infinity)\b", written) else None
        if isinstance(parsed, str):
            parsed, flaw = json.loads(parsed, parse_constant=lambda _: None), "double_encoded"
    except (ValueError, RecursionError):
        try:
            parsed, flaw = ast.literal_eval(written), "python_literal"
            json.dumps(parsed, allow_nan=False)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            return Cleaned(written, "not_json")
    return Cleaned(without_nul(parsed), flaw)


def moment(value: Value, zone: tzinfo) -> Cleaned:
    """A time in UTC from epoch seconds or milliseconds, SQL text, ISO text; naive text is of `zone`.

    Milliseconds since a node's start, zero, and years before 2020 or after 2037 are no times.
    """
    if value is None:
        return Cleaned(None)
    if isinstance(value, int | float):
        return _from_epoch(float(value))
    written = bytes(value).decode("utf-8", "replace").strip()
    if not written:
        return Cleaned(None, "empty")
    try:
        return _from_epoch(float(written))
    except ValueError:
        pass
    flaw = None
    if dotted := _DATE.match(written):
        written, flaw = "-".join(part.zfill(2) for part in dotted.groups()), "date_only"
    try:
        parsed = datetime.fromisoformat(written)
    except ValueError:
        return Cleaned(None, "not_a_time")
    if parsed.tzinfo is None:
        parsed = parsed.replace(tzinfo=zone)
    return Cleaned(parsed.astimezone(UTC), flaw)


def utc_text(value: Value) -> Cleaned:
    """SQLite's own CURRENT_TIMESTAMP is UTC by definition, whatever zone the server had."""
    return moment(value, UTC)


def without_nul(value: Any) -> Any:
    """JSON that PostgreSQL's jsonb takes: no NUL, no surrogate halves, keys as text."""
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {str(without_nul(str(key))): without_nul(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [without_nul(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def microseconds(when: datetime) -> int:
    """Microseconds since 1970."""
    return (when - EPOCH) // timedelta(microseconds=1)


def _from_epoch(seconds: float) -> Cleaned:
    if math.isfinite(seconds) and seconds >= MILLISECONDS_FROM:
        seconds, flaw = seconds / 1000, "milliseconds"
    else:
        flaw = None
    if not PLAUSIBLE_FROM <= seconds < PLAUSIBLE_UNTIL:
        return Cleaned(None, "not_plausible")
    return Cleaned(EPOCH + timedelta(microseconds=round(seconds * 1e6)), flaw)


def _numpy_scalar(value: bytes) -> Cleaned:
    """numpy.float64 and numpy.int64 lie in the file as their 8 little-endian bytes."""
    if len(value) != 8:
        return Cleaned(None, "not_a_number")
    (real,) = struct.unpack("<d", value)
    (whole,) = struct.unpack("<q", value)
    # Small integers are denormal as floats, and the floats that sensors give are huge as integers.
    if abs(whole) < 1 << 32:
        return Cleaned(whole, "numpy_scalar")
    return Cleaned(real, "numpy_scalar") if math.isfinite(real) else Cleaned(None, "not_finite")


def _without_mojibake(value: str) -> str:
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
