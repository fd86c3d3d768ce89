"""The one statement that stores readings: columns in, which of them are new out."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.telemetry.columns import FIELDS, Columns
from signalcraft.telemetry.times import moment_of

_INT4, _INT8, _FLOAT4, _TIMESTAMPTZ, _JSONB = 23, 20, 700, 1184, 3802
"""Numbers of PostgreSQL's types, the same in every server (catalog/pg_type.dat)."""
_POSTGRES_EPOCH_US = 946_684_800_000_000
"""2000-01-01, where PostgreSQL counts microseconds from."""

_NUMBERS = ", ".join(f"nullif({field}, 'NaN')" for field in FIELDS)
_ARRAYS = ", ".join(
    [
        "CAST(:device AS int4[])",
        "CAST(:measured_at AS timestamptz[])",
        *(f"CAST(:{field} AS float4[])" for field in FIELDS),
        "CAST(:quality AS jsonb[])",
        "CAST(:extra AS jsonb[])",
    ]
)
_INSERT = text(
    f"""
    INSERT INTO readings (device_id, measured_at, received_at, {", ".join(FIELDS)}, quality, extra)
    SELECT device_id, measured_at, :received_at, {_NUMBERS}, quality, extra
      FROM unnest({_ARRAYS}) AS sent(device_id, measured_at, {", ".join(FIELDS)}, quality, extra)
    ON CONFLICT DO NOTHING
    """  # noqa: S608  # names of our own columns
)
_OURS = text(
    """
    SELECT sent.place
      FROM unnest(CAST(:device AS int4[]), CAST(:measured_at AS timestamptz[])) WITH ORDINALITY
           AS sent(device_id, measured_at, place)
      JOIN readings USING (device_id, measured_at)
     WHERE readings.received_at = :received_at AND readings.measured_at BETWEEN :first AND :last
    """
)


class BinaryArray(bytes):
    """An array as PostgreSQL reads it from the network; the statement's CAST says of what."""


class _BinaryArrayDumper(Dumper):
    """Hand the bytes over as they are. A list would be written element by element, in Python."""

    format = Format.BINARY

    def dump(self, obj: Buffer) -> Buffer:
        return obj


psycopg.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def insert_new(session: Session, columns: Columns) -> NDArray[np.bool_]:
    """Insert the readings whose key is not there yet; a mask of those that were not."""
    keys: dict[str, Any] = {
        "device": _array(_INT4, columns.device.astype(">i4")),
        "measured_at": _array(_TIMESTAMPTZ, (columns.measured_at_us - _POSTGRES_EPOCH_US).astype(">i8")),
        "received_at": columns.received_at,
    }
    numbers = {
        field: _array(_FLOAT4, columns.fields[:, place].astype(">f4")) for place, field in enumerate(FIELDS)
    }
    documents = {"quality": _documents(columns.quality), "extra": _documents(columns.extra)}
    done = session.execute(_INSERT, keys | numbers | documents)
    if done.rowcount == len(columns):  # type: ignore[attr-defined]  # an INSERT's result is a cursor's
        return np.ones(len(columns), np.bool_)
    return _stored_now(session, columns, keys)


def _stored_now(session: Session, columns: Columns, keys: dict[str, Any]) -> NDArray[np.bool_]:
    """Which of the rows were stored just now. RETURNING would cost every group what few of them need.

    Those that were there before bear an earlier `received_at`.
    """
    span = {
        "first": moment_of(int(columns.measured_at_us.min())),
        "last": moment_of(int(columns.measured_at_us.max())),
    }
    places = session.scalars(_OURS, keys | span).all()
    new = np.zeros(len(columns), np.bool_)
    new[np.array(places, np.intp) - 1] = True
    return new


def _array(element_type: int, values: NDArray[Any]) -> BinaryArray:
    """One dimension, no NULL; each element behind its length (backend/utils/adt/arrayfuncs.c)."""
    elements = np.empty(len(values), [("length", ">i4"), ("value", values.dtype)])
    elements["length"] = values.itemsize
    elements["value"] = values
    return BinaryArray(_head(element_type, len(values), has_null=False) + elements.tobytes())


def _documents(values: NDArray[np.object_]) -> BinaryArray:
    """The same of jsonb: NULL for None, otherwise the format's version and the text."""
    return BinaryArray(_head(_JSONB, len(values), has_null=True) + b"".join(map(_document, values)))


_NULL = (-1).to_bytes(4, "big", signed=True)


def _document(value: object) -> bytes:
    if value is None:
        return _NULL
    document = b"\x01" + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return len(document).to_bytes(4, "big") + document


def _head(element_type: int, length: int, *, has_null: bool) -> bytes:
    numbers: Sequence[int] = (1, int(has_null), element_type, length, 1)
    return b"".join(number.to_bytes(4, "big") for number in numbers)
