"""Many numbers out of PostgreSQL into numpy, without a Python object for each: COPY in binary.

A row whose columns all have a fixed width and are never NULL has one form, so that the whole answer is an
array already. Queries for it say `coalesce(column, 'NaN')`.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

_HEADER_BYTES = 19
_EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000."""

_TYPES: Mapping[str, str] = {
    "int4": ">i4",
    "int8": ">i8",
    "float4": ">f4",
    "float8": ">f8",
    "bool": "?",
    "timestamptz": ">i8",
}


def stream(
    session: Session, query: str, parameters: Mapping[str, Any], columns: Sequence[tuple[str, str]]
) -> Iterator[NDArray[np.void]]:
    """The rows of a query in portions, as structured arrays.

    Parameters
    ----------
    query : SQL with `%(name)s` in place of parameters.
    columns : name and type (of `_TYPES`) of each column that the query gives; a `timestamptz` arrives as
        microseconds since 1970.
    """
    form = [("fields", ">i2")]
    for name, kind in columns:
        form += [(f"{name}.length", ">i4"), (name, _TYPES[kind])]
    row = np.dtype(form)
    moments = [name for name, kind in columns if kind == "timestamptz"]
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101  # a connection in use has one
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", parameters) as copy,
    ):
        yield from _portions(copy, row, moments)


def fetch(
    session: Session, query: str, parameters: Mapping[str, Any], columns: Sequence[tuple[str, str]]
) -> NDArray[np.void]:
    """All rows of a query at once; see `stream`."""
    portions = list(stream(session, query, parameters, columns))
    if portions:
        return np.concatenate(portions)
    return np.empty(0, np.dtype([(name, _TYPES[kind]) for name, kind in columns]))


PORTION_BYTES = 4 * 1024 * 1024


def _portions(copy: Any, row: np.dtype[np.void], moments: Sequence[str]) -> Iterator[NDArray[np.void]]:
    pending = bytearray()
    skipped = False
    for block in copy:
        pending += block
        if not skipped:
            if len(pending) < _HEADER_BYTES:
                continue
            del pending[:_HEADER_BYTES]
            skipped = True
        if len(pending) >= PORTION_BYTES:
            yield _rows(pending, row, moments)
            del pending[: len(pending) // row.itemsize * row.itemsize]
    if len(pending) >= row.itemsize:
        yield _rows(pending, row, moments)


def _rows(data: bytearray, row: np.dtype[np.void], moments: Sequence[str]) -> NDArray[np.void]:
    rows = np.frombuffer(bytes(data), row, count=len(data) // row.itemsize)
    if moments:
        rows = rows.copy()
        for name in moments:
            rows[name] += _EPOCH_2000_US
    return rows
