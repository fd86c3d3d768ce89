"""Many numbers out of PostgreSQL into numpy, without a Python object for each.

The server puts each column into one array and sends that as it is (`array_send`): a header, then each value
with its length in front. Columns without NULL have one form, so that the bytes are a numpy array already.
Queries say `coalesce(column, 'NaN')`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

_HEADER_BYTES = 20
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
    found = [_column(data, kind) for data, (_, kind) in zip(sent, columns, strict=True) if data is not None]
    native = np.dtype([(name, np.dtype(_TYPES[kind]).newbyteorder("=")) for name, kind in columns])
    rows = np.empty(len(found[0]) if found else 0, native)
    for (name, _), column in zip(columns, found, strict=bool(found)):
        rows[name] = column
    return rows


def _column(data: bytes, kind: str) -> NDArray[Any]:
    value = np.dtype([("length", ">i4"), ("value", _TYPES[kind])])
    values = np.frombuffer(data, value, offset=_HEADER_BYTES)["value"]
    return values + _EPOCH_2000_US if kind == "timestamptz" else values
