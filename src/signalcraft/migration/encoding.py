"""Rows as PostgreSQL's binary COPY wants them, built by NumPy for all rows of one layout at once.

A million rows a second leave here; a loop over values would make fifty thousand. The same bytes come back
when the rows are read with COPY again, so one checksum serves both sides.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_NULL = b"\xff\xff\xff\xff"
_FEW = 32
"""Rows of one layout below which a plain loop is quicker."""

_LAYOUTS = 64
"""Layouts of a window that are worth a matrix: lengths of device ids, sensors that had nothing to say."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Fixed:
    """Numbers of one width: big-endian values, and where there is none."""

    values: NDArray[np.generic]
    null: Mask | None = None


@dataclass(frozen=True)
class Bytes:
    """Text, JSON or bytea: the bytes themselves, None for NULL."""

    values: Sequence[bytes | bytearray | None]
    joined: bytes | None = None
    """All values one after the other, where somebody has joined them already."""


@dataclass(frozen=True)
class Encoded:
    """Rows one after the other, without header and trailer."""

    data: bytes
    ends: NDArray[np.int64]
    """Where each row ends in `data`."""

    def first(self, rows: int) -> bytes:
        """The bytes of the first `rows` rows."""
        return self.data[: int(self.ends[rows - 1])] if rows else b""

    def after(self, rows: int) -> bytes:
        """The bytes of the rows that follow them."""
        return self.data[int(self.ends[rows - 1]) :] if rows else self.data


def encode(columns: Sequence[Fixed | Bytes], rows: int) -> Encoded:
    """Encode `rows` rows of these columns."""
    if rows == 0:
        return Encoded(b"", np.zeros(0, np.int64))
    lengths = np.empty((len(columns), rows), np.int64)
    for place, column in enumerate(columns):
        lengths[place] = _lengths(column, rows)
    widths = 2 + 4 * len(columns) + np.maximum(lengths, 0).sum(axis=0)
    ends = np.cumsum(widths)
    common = (lengths == lengths[:, :1]).all(axis=0)
    if common.all():
        return Encoded(_block(columns, lengths, None).tobytes(), ends)
    parts: list[bytes] = [b""] * rows
    for members in _layouts(lengths):
        if len(members) < _FEW:
            for row in members.tolist():
                parts[row] = _row(columns, lengths, row)
            continue
        block = _block(columns, lengths, members)
        width, data = block.shape[1], block.tobytes()
        for start, end in _runs(members):
            parts[int(members[start])] = data[start * width : end * width]
    return Encoded(b"".join(parts), ends)


def _lengths(column: Fixed | Bytes, rows: int) -> NDArray[np.int64]:
    """Length of each value in bytes, -1 for NULL."""
    if isinstance(column, Bytes):
        if None in column.values:
            return np.fromiter((-1 if v is None else len(v) for v in column.values), np.int64, rows)
        return np.fromiter(map(len, column.values), np.int64, rows)  # type: ignore[arg-type]
    size = np.full(rows, column.values.dtype.itemsize, np.int64)
    if column.null is not None:
        size[column.null] = -1
    return size


def _layouts(lengths: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Rows by layout: all values of a group's rows have the same lengths. The commonest few come first."""
    groups: list[NDArray[np.int64]] = []
    left = np.arange(lengths.shape[1])
    for _ in range(_LAYOUTS):
        if not len(left):
            return groups
        same = (lengths[:, left] == lengths[:, left[:1]]).all(axis=0)
        groups.append(left[same])
        left = left[~same]
    return [*groups, *(left[n : n + 1] for n in range(len(left)))]


def _runs(members: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Stretches of rows that follow each other: [start, end) within the group."""
    breaks = (np.flatnonzero(np.diff(members) != 1) + 1).tolist()
    return list(zip([0, *breaks], [*breaks, len(members)], strict=True))


def _block(
    columns: Sequence[Fixed | Bytes], lengths: NDArray[np.int64], members: NDArray[np.int64] | None
) -> NDArray[np.uint8]:
    """The rows of one layout (None: all rows) as a matrix of bytes."""
    layout = lengths[:, 0 if members is None else members[0]]
    rows = lengths.shape[1] if members is None else len(members)
    block = np.empty((rows, 2 + 4 * len(columns) + int(np.maximum(layout, 0).sum())), np.uint8)
    block[:, :2] = np.frombuffer(len(columns).to_bytes(2, "big"), np.uint8)
    at = 2
    for column, length in zip(columns, layout.tolist(), strict=True):
        block[:, at : at + 4] = np.frombuffer(int(length).to_bytes(4, "big", signed=True), np.uint8)
        at += 4
        if length <= 0:
            continue
        if isinstance(column, Fixed):
            values = column.values if members is None else column.values[members]
            raw = np.ascontiguousarray(values).view(np.uint8)
        else:
            raw = np.frombuffer(_joined(column, members), np.uint8)
        block[:, at : at + length] = raw.reshape(rows, length)
        at += length
    return block


def _joined(column: Bytes, members: NDArray[np.int64] | None) -> bytes:
    if members is None:
        return b"".join(column.values) if column.joined is None else column.joined  # type: ignore[arg-type]
    return b"".join([column.values[row] for row in members.tolist()])


def _row(columns: Sequence[Fixed | Bytes], lengths: NDArray[np.int64], row: int) -> bytes:
    parts = [len(columns).to_bytes(2, "big")]
    for column, length in zip(columns, lengths[:, row].tolist(), strict=True):
        if length < 0:
            parts.append(_NULL)
            continue
        parts.append(length.to_bytes(4, "big"))
        if isinstance(column, Fixed):
            parts.append(column.values[row : row + 1].tobytes())  # a scalar would be in the host's byte order
        else:
            parts.append(bytes(column.values[row] or b""))
    return b"".join(parts)
