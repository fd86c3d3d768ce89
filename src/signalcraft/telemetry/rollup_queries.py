"""All SQL of the roll-ups."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import insert
from sqlalchemy.orm import Session

from signalcraft.telemetry.models import RollupMark

Level = Literal["minute", "hour", "day"]


def add_marks(
    session: Session, level: Literal["minute", "hour"], device: NDArray[Any], minute: NDArray[np.int64]
) -> None:
    """One row for all of them: a row each would cost as much as a third of storing the readings."""
    session.execute(
        insert(RollupMark.__table__),  # type: ignore[arg-type]
        {"level": level, "device_ids": device.tolist(), "minutes": minute.tolist()},
    )
