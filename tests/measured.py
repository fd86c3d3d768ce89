"""Readings that tests have stored through the write path, and roll-ups made of them at once."""

from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sqlalchemy import text

from signalcraft.db.session import unit_of_work
from signalcraft.fleet.admission import Caller
from signalcraft.telemetry import recording, rollups
from signalcraft.telemetry.batches import Batch, objects
from signalcraft.telemetry.columns import ABSENT, FIELDS
from signalcraft.telemetry.recording import Outcome, Submission


def send(device_id: str, moments: list[datetime] | list[int], **fields: ArrayLike) -> Outcome:
    """Store readings of a device at these moments (or microseconds since 1970); fields as in `Reading`."""
    count = len(moments)
    at_us = [m if isinstance(m, int) else round(m.timestamp() * 1e6) for m in moments]
    values = np.full((count, len(FIELDS)), np.nan)
    for name, column in fields.items():
        values[:, FIELDS.index(name)] = column
    absent = np.full(count, ABSENT, np.int64)
    batch = Batch(
        names=(device_id,),
        name=np.zeros(count, np.int32),
        measured_at_us=np.array(at_us, np.int64),
        boot=absent,
        sequence=absent,
        uptime_us=absent,
        fields=values,
        quality=objects([None] * count),
        extra=objects([None] * count),
    )
    with unit_of_work() as session:
        [outcome] = recording.record(session, [Submission(batch, [Caller(device_id, None, None)])])
    return outcome


def roll_all() -> None:
    """Work off every note, also those that are not due for some minutes yet."""
    while any([_roll("minute"), _roll("hour")]):
        pass


def _roll(level: Literal["minute", "hour"]) -> bool:
    with unit_of_work() as session:
        session.execute(text("UPDATE rollup_marks SET noted_at = noted_at - interval '1 hour'"))
        return rollups.roll(session, level)
