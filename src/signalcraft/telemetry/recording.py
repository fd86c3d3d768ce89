"""What one group commit does: who sent it, when it was, whether it is a measurement, and storing it once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.clock import utc_now
from signalcraft.db.session import after_commit
from signalcraft.errors import SignalCraftError
from signalcraft.fleet.admission import Caller, admit
from signalcraft.fleet.models import Device
from signalcraft.telemetry import write_queries
from signalcraft.telemetry.batches import Batch, join
from signalcraft.telemetry.columns import Columns
from signalcraft.telemetry.live import get_live
from signalcraft.telemetry.quality import UNITS_IN_G, judge

HOOKS: tuple[Callable[[Session, Columns], None], ...] = ()
"""What else happens in the transaction to readings that are new."""

_REFUSED = 0
"""In the place of the number of a device that is not let in; PostgreSQL counts from 1."""


@dataclass(frozen=True)
class Submission:
    """One request's readings, and what its sender showed."""

    batch: Batch
    key: str | None
    address: str | None


@dataclass(frozen=True)
class Outcome:
    """What became of a submission's readings.

    stored, duplicates : how many are new, and how many were there already.
    refused : why a device was not let in, by its name.
    """

    stored: int
    duplicates: int
    refused: Mapping[str, SignalCraftError] = field(default_factory=dict)


def record(session: Session, submissions: Sequence[Submission]) -> list[Outcome]:
    """Store what all of them sent; a reading that is there already (device and time) is left as it is."""
    received_at = utc_now()
    batch, owner, callers = _joined(submissions)
    admitted = admit(session, callers, now=received_at)
    devices = [device if isinstance(device, Device) else None for device in admitted]
    ids = np.array([device.id if device else _REFUSED for device in devices], np.int32)
    scales = np.array([UNITS_IN_G[device.vibration_unit] if device else 1.0 for device in devices])
    device = ids[batch.name]
    rows = _distinct(device, batch.measured_at_us)
    fields, quality = judge(batch.fields[rows], scales[batch.name[rows]], batch.quality[rows])
    columns = Columns(
        received_at=received_at,
        device=device[rows],
        measured_at_us=batch.measured_at_us[rows],
        fields=fields,
        quality=quality,
        extra=batch.extra[rows],
        boot=batch.boot[rows],
        sequence=batch.sequence[rows],
    )
    new = write_queries.insert_new(session, columns)
    if new.any():
        fresh = columns.take(new)
        for hook in HOOKS:
            hook(session, fresh)
        after_commit(session, lambda: get_live().note(fresh, [device for device in devices if device]))
    admitted_rows = np.bincount(owner[device != _REFUSED], minlength=len(submissions))
    stored = np.bincount(owner[rows[new]], minlength=len(submissions))
    return _outcomes(submissions, admitted, stored.tolist(), (admitted_rows - stored).tolist())


def _joined(submissions: Sequence[Submission]) -> tuple[Batch, NDArray[np.int32], list[Caller]]:
    """All rows under each other, each row's submission, and the callers that `Batch.name` now points to."""
    callers = [
        Caller(name, submission.key, submission.address)
        for submission in submissions
        for name in submission.batch.names
    ]
    batches = [submission.batch for submission in submissions]
    owner = np.repeat(np.arange(len(batches), dtype=np.int32), [len(batch) for batch in batches])
    return join(batches), owner, callers


def _distinct(device: NDArray[np.int32], measured_at_us: NDArray[np.int64]) -> NDArray[np.intp]:
    """Rows of admitted devices by device and time, the first of each key: the order of the index."""
    order = np.lexsort((measured_at_us, device))
    order = order[device[order] != _REFUSED]
    key_changes = np.ones(len(order), np.bool_)
    key_changes[1:] = (np.diff(device[order]) != 0) | (np.diff(measured_at_us[order]) != 0)
    rows: NDArray[np.intp] = order[key_changes]
    return rows


def _outcomes(
    submissions: Sequence[Submission],
    admitted: Sequence[Device | SignalCraftError],
    stored: Sequence[int],
    duplicates: Sequence[int],
) -> list[Outcome]:
    outcomes, callers = [], iter(admitted)
    for place, submission in enumerate(submissions):
        refused = {
            name: answer
            for name, answer in zip(submission.batch.names, callers, strict=False)
            if isinstance(answer, SignalCraftError)
        }
        outcomes.append(Outcome(stored[place], duplicates[place], refused))
    return outcomes
