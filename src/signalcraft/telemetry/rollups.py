"""Minutes, hours and days kept right whenever readings come, in any order, without counting all anew.

The transaction that stores readings also notes which minutes of which devices they fall into. The worker
takes such notes away and, in the same transaction, counts exactly those minutes again from the readings, and
later the hours and days around them. Whatever is killed in between: either the note is still there, or its
minute is right.
"""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from signalcraft.telemetry import rollup_queries as queries
from signalcraft.telemetry.columns import Columns

MINUTE_US = 60_000_000


def mark(session: Session, columns: Columns) -> None:
    """Note the minutes that these new readings fall into; in the transaction that stores them."""
    device, minute = distinct(columns.device, columns.measured_at_us // MINUTE_US)
    queries.add_marks(session, "minute", device, minute)


def distinct(
    device: NDArray[np.integer], moment: NDArray[np.int64]
) -> tuple[NDArray[np.integer], NDArray[np.int64]]:
    """The different pairs, by device, then moment."""
    order = np.lexsort((moment, device))
    device, moment = device[order], moment[order]
    first = np.ones(len(device), np.bool_)
    first[1:] = (device[1:] != device[:-1]) | (moment[1:] != moment[:-1])
    return device[first], moment[first]
