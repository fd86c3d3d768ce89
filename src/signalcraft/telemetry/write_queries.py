"""The one statement that stores readings: columns in, which of them are new out."""

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import text
from sqlalchemy.orm import Session

from signalcraft.telemetry.binary import BinaryArray, array, array_of_bytes
from signalcraft.telemetry.columns import FIELDS, Columns
from signalcraft.telemetry.times import moment_of

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


def insert_new(session: Session, columns: Columns) -> NDArray[np.bool_]:
    """Insert the readings whose key is not there yet; a mask of those that were not."""
    keys: dict[str, Any] = {
        "device": array("int4", columns.device),
        "measured_at": array("timestamptz", columns.measured_at_us),
        "received_at": columns.received_at,
    }
    numbers = {field: array("float4", columns.fields[:, place]) for place, field in enumerate(FIELDS)}
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


def _documents(values: NDArray[np.object_]) -> BinaryArray:
    return array_of_bytes("jsonb", [_document(value) for value in values])


def _document(value: object) -> bytes | None:
    """The format's version and the text."""
    if value is None:
        return None
    return b"\x01" + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
