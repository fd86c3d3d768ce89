"""Many numbers from numpy into PostgreSQL and back, without a Python object for each.

A column goes over as one array in the form of the server's own `array_send` and `array_recv`: a header,
then each value with its length in front. Columns without NULL have one form, so that the bytes are a numpy
array already. Queries say `coalesce(column, 'NaN')` of what they read, `nullif(column, 'NaN')` of what they
write.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy.orm import Session

_HEADER_BYTES = 20
_EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000."""

_TYPES: Mapping[str, str] = {
    "int4": ">i4",
    "int8": ">i8",
    "float4": ">f4",
    "float8": ">f8",
    "bool": "?",
    "timestamptz": ">i8",
    "bytea": "O",
}
_NUMBERS: Mapping[str, int] = {
    "bool": 16, "bytea": 17, "int8": 20, "int4": 23, "float4": 700, "float8": 701, "timestamptz": 1184,
    "jsonb": 3802,
}  # fmt: skip
"""Of PostgreSQL's types, the same in every server (catalog/pg_type.dat)."""
_NULL = (-1).to_bytes(4, "big", signed=True)


class BinaryArray(bytes):
    """An array as PostgreSQL reads it from the network; the statement's CAST says of what."""


class _BinaryArrayDumper(Dumper):
    """Hand the bytes over as they are. A list would be written element by element, in Python."""

    format = Format.BINARY

    def dump(self, obj: Buffer) -> Buffer:
        return obj


psycopg.adapters.register_dumper(BinaryArray, _BinaryArrayDumper)


def array(kind: str, values: NDArray[Any]) -> BinaryArray:
    """One dimension of a type of `_TYPES`, no NULL; moments are microseconds since 1970."""
    if kind == "timestamptz":
        values = values - _EPOCH_2000_US
    elements = np.empty(len(values), [("length", ">i4"), ("value", _TYPES[kind])])
    elements["length"] = elements.dtype["value"].itemsize
    elements["value"] = values
    return BinaryArray(_head(kind, len(values), has_null=False) + elements.tobytes())


def array_of_bytes(kind: str, values: Sequence[bytes | None]) -> BinaryArray:
    """The same of `bytea` or `jsonb` (with its version in front); NULL for None."""
    return BinaryArray(_head(kind, len(values), has_null=True) + b"".join(_elements(values)))


def _elements(values: Iterable[bytes | None]) -> Iterable[bytes]:
    for value in values:
        if value is None:
            yield _NULL
        else:
            yield len(value).to_bytes(4, "big")
            yield value


def _head(kind: str, length: int, *, has_null: bool) -> bytes:
    """See `array_recv` (backend/utils/adt/arrayfuncs.c)."""
    numbers: Sequence[int] = (1, int(has_null), _NUMBERS[kind], length, 1)
    return b"".join(number.to_bytes(4, "big") for number in numbers)


def fetch(
    session: Session, query: str, parameters: Mapping[str, Any], columns: Sequence[tuple[str, str]]
) -> NDArray[np.void]:
    """The rows of a query as a structured array in the byte order of this machine.

    Parameters
    ----------
    query : SQL with `%(name)s` in place of parameters.
    columns : name and type (of `_TYPES`) of each column that the query gives; a `timestamptz` arrives as
        microseconds since 1970.
    """
    places = [f"c{place}" for place in range(len(columns))]
    arrays = ", ".join(f"array_send(array_agg({place}))" for place in places)
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101  # a connection in use has one
    with connection.cursor(binary=True) as cursor:
        statement = f"SELECT {arrays} FROM ({query}) AS found ({', '.join(places)})"  # noqa: S608
        sent = cursor.execute(statement, parameters).fetchone()
    found = [numbers(data, kind) for data, (_, kind) in zip(sent, columns, strict=True) if data is not None]
    native = np.dtype([(name, np.dtype(_TYPES[kind]).newbyteorder("=")) for name, kind in columns])
    rows = np.empty(len(found[0]) if found else 0, native)
    for (name, _), column in zip(columns, found, strict=bool(found)):
        rows[name] = column
    return rows


def numbers(data: bytes, kind: str) -> NDArray[Any]:
    """What `array_send` gave of an array of a type of `_TYPES` without NULL; moments as in `array`."""
    if kind == "bytea":
        return _split(data)
    value = np.dtype([("length", ">i4"), ("value", _TYPES[kind])])
    values = np.frombuffer(data, value, offset=_HEADER_BYTES)["value"]
    return values + _EPOCH_2000_US if kind == "timestamptz" else values


def _split(data: bytes) -> NDArray[np.object_]:
    found, at = [], _HEADER_BYTES
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], "big")
        found.append(data[start:at])
    return np.array(found, np.object_)
