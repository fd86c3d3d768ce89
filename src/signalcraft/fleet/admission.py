"""Which nodes are let in, and as whom: asked once for all messages that are stored together."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from signalcraft.errors import SignalCraftError
from signalcraft.fleet import queries
from signalcraft.fleet.models import Device
from signalcraft.fleet.service import note_seen, see_device


@dataclass(frozen=True)
class Caller:
    """Who a message says it is from: the node's name, the key it showed, the address it came from."""

    device_id: str
    key: str | None
    address: str | None


def admit(session: Session, callers: Sequence[Caller], *, now: datetime) -> list[Device | SignalCraftError]:
    """The device of each caller, or why it is refused; in the order of the callers."""
    known = queries.devices_named(session, {caller.device_id for caller in callers})
    admitted: list[Device | SignalCraftError] = []
    for caller in callers:
        device = known.get(caller.device_id)
        if device is not None:
            note_seen(device, address=caller.address, now=now)
            admitted.append(device)
            continue
        try:
            admitted.append(see_device(session, caller.device_id, address=caller.address, now=now))
        except SignalCraftError as error:
            admitted.append(error)
    return admitted
