"""What one group commit does: who sent it, when it was, whether it is a measurement, and storing it once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import InvalidInputError, SignalCraftError
from signalcraft.fleet.admission import Caller, admit
from signalcraft.fleet.queries import KnownDevice
from signalcraft.telemetry import presence, rollups, write_queries
from signalcraft.telemetry.batches import Batch, join
from signalcraft.telemetry.clocks import get_clocks
from signalcraft.telemetry.columns import ABSENT, Columns
from signalcraft.telemetry.live import get_live
from signalcraft.telemetry.quality import UNITS_IN_G, judge
from signalcraft.telemetry.stuck import get_runs
from signalcraft.telemetry.thresholds import watching
from signalcraft.telemetry.times import FUTURE_LIMIT, microseconds

HOOKS: tuple[Callable[[Session, Columns], None], ...] = (rollups.mark, presence.note, watching.watch)
"""What else happens in the transaction to readings that are new."""

_REFUSED = 0
"""In the place of the number of a device that is not let in; PostgreSQL counts from 1."""


@dataclass(frozen=True)
class Submission:
    """Readings that came together, and who each of `batch.names` is, in that order."""

    batch: Batch
    callers: Sequence[Caller]


@dataclass(frozen=True)
class Outcome:
    """What became of a submission's readings.

    stored, duplicates : how many are new, and how many were there already.
    refused : why a reading was not taken, by its place in the batch.
    """

    stored: int
    duplicates: int
    refused: Mapping[int, SignalCraftError] = field(default_factory=dict)


def record(session: Session, submissions: Sequence[Submission]) -> list[Outcome]:
    """Store what all of them sent; a reading that is there already (device and time) is left as it is."""
    received_at = utc_now()
    batch, owner, callers = _joined(submissions)
    admitted = admit(session, callers, now=received_at)
    devices = [None if isinstance(device, SignalCraftError) else device for device in admitted]
    ids = np.array([device.id if device else _REFUSED for device in devices], np.int32)
    scales = np.array([UNITS_IN_G[device.vibration_unit] if device else 1.0 for device in devices])
    device = ids[batch.name]
    measured_at_us = _placed(session, batch, device, received_at)
    misplaced = measured_at_us > microseconds(received_at + FUTURE_LIMIT)
    taken = (device != _REFUSED) & ~misplaced
    rows = _distinct(device, measured_at_us, taken)
    fields, quality = judge(batch.fields[rows], scales[batch.name[rows]], batch.quality[rows])
    columns = Columns(
        received_at=received_at,
        device=device[rows],
        measured_at_us=measured_at_us[rows],
        fields=fields,
        quality=quality,
        extra=batch.extra[rows],
        boot=batch.boot[rows],
        sequence=batch.sequence[rows],
    )
    new = _store(session, get_runs().marked(columns), [device for device in devices if device])
    stored = np.bincount(owner[rows[new]], minlength=len(submissions))
    duplicates = np.bincount(owner[taken], minlength=len(submissions)) - stored
    refused = _refused(batch, owner, admitted, np.flatnonzero(~taken).tolist())
    return [
        Outcome(*counts, refused.get(place, {}))
        for place, counts in enumerate(zip(stored.tolist(), duplicates.tolist(), strict=True))
    ]


def _store(session: Session, columns: Columns, devices: Sequence[KnownDevice]) -> NDArray[np.bool_]:
    """Insert what is new, with all that follows from it; which rows these are."""
    if not len(columns):
        return np.zeros(0, np.bool_)
    new = write_queries.insert_new(session, columns)
    if new.any():
        fresh = columns if new.all() else columns.take(new)
        for hook in HOOKS:
            hook(session, fresh)
        after_commit(session, lambda: get_live().note(fresh, devices))
    return new


def _joined(submissions: Sequence[Submission]) -> tuple[Batch, NDArray[np.int32], list[Caller]]:
    """All rows under each other, each row's submission, and the callers that `Batch.name` now points to."""
    callers = [caller for submission in submissions for caller in submission.callers]
    batches = [submission.batch for submission in submissions]
    owner = np.repeat(np.arange(len(batches), dtype=np.int32), [len(batch) for batch in batches])
    return join(batches), owner, callers


def _placed(
    session: Session, batch: Batch, device: NDArray[np.int32], received_at: datetime
) -> NDArray[np.int64]:
    """When each was measured, in microseconds since 1970; by the uptime of nodes that have no clock."""
    without = (batch.measured_at_us == ABSENT) & (device != _REFUSED)
    if not without.any():
        return batch.measured_at_us
    placed = batch.measured_at_us.copy()
    placed[without] = get_clocks().place(
        session, device[without], batch.boot[without], batch.uptime_us[without], received_at
    )
    return placed


def _distinct(
    device: NDArray[np.int32], measured_at_us: NDArray[np.int64], taken: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """The rows to take by device and time, which is the order of the index; the first of each key."""
    order = np.lexsort((measured_at_us, device))
    order = order[taken[order]]
    key_changes = np.ones(len(order), np.bool_)
    key_changes[1:] = (np.diff(device[order]) != 0) | (np.diff(measured_at_us[order]) != 0)
    rows: NDArray[np.intp] = order[key_changes]
    return rows


def _refused(
    batch: Batch,
    owner: NDArray[np.int32],
    admitted: Sequence[KnownDevice | SignalCraftError],
    rows: Sequence[int],
) -> dict[int, dict[int, SignalCraftError]]:
    """Why these rows are not taken, by submission and place in its batch."""
    refused: dict[int, dict[int, SignalCraftError]] = {}
    for row in rows:
        answer = admitted[batch.name[row]]
        error = answer if isinstance(answer, SignalCraftError) else _from_the_future()
        submission = int(owner[row])
        refused.setdefault(submission, {})[row - int(owner.searchsorted(submission))] = error
    return refused


def _from_the_future() -> SignalCraftError:
    return InvalidInputError("By its uptime this would be more than a day in the future.", field="uptime_ms")
