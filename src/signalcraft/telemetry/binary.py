"""Many numbers out of PostgreSQL into numpy, without a Python object for each: COPY in binary.

A row whose columns all have a fixed width and are never NULL has one form, so that the whole answer is an
array already. Queries for it say `coalesce(column, 'NaN')`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

_HEADER_BYTES = 19
_TRAILER_BYTES = 2
_EPOCH_2000_US = 946_684_800_000_000
"""PostgreSQL counts microseconds from 2000."""

_TYPES: Mapping[str, str] = {
    "int4": ">i4",
    "float4": ">f4",
    "bool": "?",
    "timestamptz": ">i8",
}


def fetch(
    session: Session, query: str, parameters: Mapping[str, Any], columns: Sequence[tuple[str, str]]
) -> NDArray[np.void]:
    """The rows of a query as a structured array.

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
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101  # a connection in use has one
    with (
        connection.cursor() as cursor,
        cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", parameters) as copy,
    ):
        data = bytearray().join(copy)
    count = (len(data) - _HEADER_BYTES - _TRAILER_BYTES) // row.itemsize
    rows = np.frombuffer(data, row, count=count, offset=_HEADER_BYTES)
    for name, kind in columns:
        if kind == "timestamptz":
            rows[name] += _EPOCH_2000_US
    return rows
